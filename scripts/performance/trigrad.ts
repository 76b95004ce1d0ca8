/** The tensor core as a side, on one device: the operations of a workload one by one, or compiled as one program. */
import { type Compiled, compile } from "../../core/compile/compile.ts";
import type { Device, DeviceName } from "../../core/device/device.ts";
import { createTensor, scope, type Tensor } from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { clock, NotHere, type Side } from "./side.ts";
import { fill, sampled, type Workload } from "./workloads.ts";

/** How the operations of a workload reach the device. */
export type Manner = "eager" | "compiled";

export class Trigrad implements Side {
  readonly name: string;
  private readonly device: Device;
  private readonly manner: Manner;
  private inputs: Tensor[] = [];
  private compiled: Compiled<readonly Tensor[]> | undefined;
  private run = () => {};

  constructor(device: Device, manner: Manner) {
    this.name = nameOf(device.name, manner);
    this.device = device;
    this.manner = manner;
  }

  async prepare(workload: Workload): Promise<number[][]> {
    if (this.manner === "compiled" && workload.eagerOnly) throw new NotHere("about the cost of a call that is not compiled");
    useDevice(this.device);
    this.inputs = workload.inputs.map((spec, i) => createTensor(fill(spec, i), spec.shape, "f32"));
    const { updates = [] } = workload;
    this.compiled = this.manner === "compiled" ? compile(workload.run, { donate: updates }) : undefined;
    const call = this.compiled ?? workload.run;
    const step = () => scope(() => call(...this.inputs));
    /** The state moves on, and all else is let go. */
    const settle = (outputs: readonly Tensor[]) => {
      for (const [i, y] of outputs.entries()) {
        const place = updates[i];
        if (place === undefined) y.dispose();
        else {
          const before = this.inputs[place] as Tensor;
          if (before.references > 0) before.dispose();
          this.inputs[place] = y;
        }
      }
    };
    this.run = () => settle(step());
    const first = step();
    const samples = first.map((y) => sampled(y.toArray()));
    settle(first);
    return samples;
  }

  async time(calls: number): Promise<number> {
    useDevice(this.device);
    return clock(this.run, () => this.device.sync(), calls);
  }

  async finish(): Promise<void> {
    this.compiled?.dispose();
    for (const x of this.inputs) x.dispose();
    this.inputs = [];
  }
}

export function nameOf(device: DeviceName, manner: Manner): string {
  return `${device}, ${manner}`;
}
