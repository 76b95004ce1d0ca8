/** The tensor core as a side: the operations of a workload one by one, on one device. */
import type { Device } from "../../core/device/device.ts";
import { createTensor, scope, type Tensor } from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { clock, type Side } from "./side.ts";
import { fill, sampled, type Workload } from "./workloads.ts";

export class Eager implements Side {
  readonly name: string;
  private readonly device: Device;
  private inputs: readonly Tensor[] = [];
  private run = () => {};

  constructor(device: Device) {
    this.name = `${device.name}, eager`;
    this.device = device;
  }

  async prepare(workload: Workload): Promise<number[][]> {
    useDevice(this.device);
    this.inputs = workload.inputs.map((spec, i) => createTensor(fill(spec, i), spec.shape, "f32"));
    const { inputs } = this;
    this.run = () => scope(() => void workload.run(...inputs));
    return scope(() => workload.run(...inputs).map((y) => sampled(y.toArray())));
  }

  async time(calls: number): Promise<number> {
    useDevice(this.device);
    return clock(this.run, () => this.device.sync(), calls);
  }

  async finish(): Promise<void> {
    for (const x of this.inputs) x.dispose();
    this.inputs = [];
  }
}
