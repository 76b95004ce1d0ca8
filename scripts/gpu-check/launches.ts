/**
 * A plan of many small launches, put on the stream one by one or replayed as a graph: what a graph gains. A device makes a graph of a plan
 * that comes again with the same addresses, so a plan that is given other addresses every time is never one.
 */
import type { Address, Device } from "../../core/device/device.ts";
import type { PlanStep, RunnablePlan } from "../../core/device/plan.ts";
import { describeFused } from "../../core/kernel/lower.ts";
import { load, unary } from "../../core/kernel/scalar-expr.ts";
import { clock, NotHere, type Side } from "../performance/side.ts";
import { fill, sampled, type Workload } from "../performance/workloads.ts";

/** Pairs of buffers that the stream's side goes through: more than a device remembers. */
const PAIRS = 40;
export const LAUNCHES = 64;

export class PlanOfLaunches implements Side {
  readonly name: string;
  private readonly device: Device;
  private readonly isGraph: boolean;
  private plan: RunnablePlan | undefined;
  private blocks: (readonly [Address, Address])[] = [];
  private bytes = 0;
  private turn = 0;

  constructor(device: Device, isGraph: boolean) {
    this.name = isGraph ? "as a graph" : "on the stream";
    this.device = device;
    this.isGraph = isGraph;
  }

  async prepare({ key, inputs: [x] }: Workload): Promise<number[][]> {
    if (key !== "launches" || x === undefined) throw new NotHere("not a plan of launches");
    const values = fill(x, 0);
    this.bytes = values.byteLength;
    const strides = [1];
    const { kernel, geometry } = describeFused({
      extents: [values.length],
      operands: [{ dtype: "f32", strides, input: 0 }],
      outputs: [{ dtype: "f32", strides, result: unary("neg", load(0, "f32")) }],
      indexed: false,
    });
    const step = (from: number): PlanStep => ({
      launch: { kind: "kernel", kernel, geometry, inputs: [0] },
      operands: [
        { block: 1 - from, offset: 0 },
        { block: from, offset: 0 },
      ],
    });
    this.plan = this.device.preparePlan(Array.from({ length: LAUNCHES }, (_, i) => step(i % 2)));
    this.blocks = Array.from({ length: this.isGraph ? 1 : PAIRS }, () => [this.device.alloc(this.bytes), this.device.alloc(this.bytes)]);
    for (const [a] of this.blocks) this.device.upload(a, values);
    const [first] = this.blocks as [readonly [Address, Address]];
    this.plan(first);
    return [sampled(this.device.download(first[0], "f32", values.length))];
  }

  async time(calls: number): Promise<number> {
    const { plan, blocks } = this;
    const run = () => (plan as RunnablePlan)(blocks[this.turn++ % blocks.length] as readonly [Address, Address]);
    return clock(run, () => this.device.sync(), calls);
  }

  async finish(): Promise<void> {
    if (this.plan !== undefined) this.device.forget(this.plan);
    for (const pair of this.blocks) for (const block of pair) this.device.free(block, this.bytes);
    this.blocks = [];
  }
}
