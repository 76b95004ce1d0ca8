/**
 * Plans on CUDA: the second time a plan is run with the same addresses its steps are captured into a graph, which is launched by one
 * call from then on. A step of the host divides the plan; what the driver will not capture is put on the stream step by step.
 */
import { BenchError } from "../../base/errors.ts";
import type { Address } from "../device.ts";
import type { Slot } from "../plan.ts";
import type { Company } from "./company.ts";
import { DRIVER_CONSTANTS, type Driver } from "./driver.ts";
import { notice } from "./notice.ts";
import type { Step } from "./step.ts";
import type { Stopwatch } from "./timing.ts";

/** A step whose operands are places in the plan's blocks. */
export interface PlacedStep {
  readonly step: Step;
  readonly slots: readonly Slot[];
}

/** What is done for one set of addresses; graphs are handles. */
interface Recording {
  readonly addresses: readonly Address[];
  parts: readonly (number | PlacedStep)[] | undefined;
}

/** The steps in order, as companies: the members of a launch together, each with its steps, or one step alone. */
function companies(steps: readonly PlacedStep[]): PlacedStep[][][] {
  const found: PlacedStep[][][] = [];
  let [launch, member] = [undefined as object | undefined, -1];
  for (const placed of steps) {
    const { company } = placed.step;
    if (company === undefined || company.launch !== launch) found.push([[placed]]);
    else if (company.member === member) found.at(-1)?.at(-1)?.push(placed);
    else found.at(-1)?.push([placed]);
    [launch, member] = [company?.launch, company?.member ?? -1];
  }
  return found;
}

/** Sets of addresses for which graphs are kept: outputs of one step are often the inputs of the next, in turns. */
const MOST_RECORDINGS = 8;
/** Steps that are worth a graph. */
const LEAST_STEPS = 3;

export class CudaPlan {
  private readonly driver: Driver;
  private readonly stream: number;
  private readonly steps: readonly PlacedStep[];
  private readonly used: readonly number[];
  private readonly stopwatch: Stopwatch;
  private readonly company: Company;
  private readonly scratch: Address[] = [];
  private readonly recordings = new Map<string, Recording>();
  private last: Recording | undefined;
  private isRefused: boolean;

  constructor(driver: Driver, stream: number, steps: readonly PlacedStep[], stopwatch: Stopwatch, company: Company) {
    this.stopwatch = stopwatch;
    this.company = company;
    this.driver = driver;
    this.stream = stream;
    this.steps = steps;
    this.used = [...new Set(steps.flatMap(({ slots }) => slots.map((s) => s.block)))];
    this.isRefused = steps.length < LEAST_STEPS;
  }

  run(blocks: readonly Address[]): void {
    const parts = this.isRefused || this.stopwatch.isDetailed ? undefined : this.partsFor(blocks);
    if (parts === undefined) this.enqueue(this.steps, blocks);
    else this.replay(parts, blocks);
  }

  /** What is recorded for these addresses, now if they come the second time; undefined where nothing is. */
  private partsFor(blocks: readonly Address[]): Recording["parts"] {
    const { last } = this;
    if (last?.parts !== undefined && this.used.every((b, i) => last.addresses[i] === blocks[b])) return last.parts;
    const addresses = this.used.map((b) => blocks[b] as Address);
    const key = addresses.join();
    const known = this.recordings.get(key);
    if (known === undefined) {
      this.remember(key, { addresses, parts: undefined });
      return undefined;
    }
    known.parts ??= this.record(blocks);
    this.last = known;
    return known.parts;
  }

  /** Lets go of all graphs. */
  dispose(): void {
    for (const r of this.recordings.values()) this.destroy(r);
    this.recordings.clear();
    this.last = undefined;
  }

  private enqueue(steps: readonly PlacedStep[], blocks: readonly Address[]): void {
    for (const { step, slots } of steps) this.stopwatch.run(step, this.addresses(slots, blocks));
  }

  /** Good until it is asked again. */
  private addresses(slots: readonly Slot[], blocks: readonly Address[]): readonly Address[] {
    const { scratch } = this;
    scratch.length = slots.length;
    for (let i = 0; i < slots.length; i++) {
      const { block, offset } = slots[i] as Slot;
      scratch[i] = (blocks[block] as Address) + offset;
    }
    return scratch;
  }

  /** Puts the members of one company on streams of their own, what stands alone on the main one. */
  private sideBySide(members: readonly (readonly PlacedStep[])[], blocks: readonly Address[]): void {
    const works = members.map((steps) => ({
      isFixed: steps.some(({ step }) => step.isFixed === true),
      work: (stream: number) => {
        for (const { step, slots } of steps) step.run(this.addresses(slots, blocks), stream);
      },
    }));
    const [fixed, free] = [works.filter((w) => w.isFixed), works.filter((w) => !w.isFixed)].map((list) => list.map((w) => w.work));
    if (works.length > 1 && free !== undefined && free.length > 0) this.company.run(free, fixed ?? []);
    else for (const { work } of works) work(this.stream);
  }

  private replay(parts: readonly (number | PlacedStep)[], blocks: readonly Address[]): void {
    for (const part of parts) {
      if (typeof part === "number") this.driver.call("cuGraphLaunch", part, this.stream);
      else this.enqueue([part], blocks);
    }
  }

  /** Captures the steps between those of the host; undefined where the driver refuses. */
  private record(blocks: readonly Address[]): (number | PlacedStep)[] | undefined {
    const parts: (number | PlacedStep)[] = [];
    let run: PlacedStep[] = [];
    const finish = () => {
      if (run.length > 0) parts.push(this.capture(run, blocks));
      run = [];
    };
    try {
      for (const placed of this.steps) {
        if (placed.step.isHost) {
          finish();
          parts.push(placed);
        } else run.push(placed);
      }
      finish();
      return parts;
    } catch (error) {
      this.driver.refuse();
      if (!(error instanceof BenchError)) throw error;
      for (const part of parts) if (typeof part === "number") this.driver.call("cuGraphExecDestroy", part);
      this.isRefused = true;
      notice(`a plan of ${this.steps.length} launches is put on the stream one by one, since it cannot be a graph: ${error.message}`);
      return undefined;
    }
  }

  private capture(steps: readonly PlacedStep[], blocks: readonly Address[]): number {
    const { driver, stream } = this;
    driver.call("cuStreamBeginCapture_v2", stream, DRIVER_CONSTANTS.CU_STREAM_CAPTURE_MODE_THREAD_LOCAL);
    let graph = 0;
    try {
      for (const together of companies(steps)) this.sideBySide(together, blocks);
    } finally {
      // Ends in any case, or the stream could not be used any more.
      if (driver.attempt("cuStreamEndCapture", stream, driver.cell) === 0) graph = driver.found;
    }
    if (graph === 0) throw new BenchError("runtime", "the capture of a plan was invalidated");
    try {
      driver.call("cuGraphInstantiateWithFlags", driver.cell, graph, 0);
      return driver.found;
    } finally {
      driver.call("cuGraphDestroy", graph);
    }
  }

  private remember(key: string, recording: Recording): void {
    if (this.recordings.size >= MOST_RECORDINGS) {
      const [oldest, old] = this.recordings.entries().next().value as [string, Recording];
      this.recordings.delete(oldest);
      this.destroy(old);
      if (this.last === old) this.last = undefined;
    }
    this.recordings.set(key, recording);
  }

  private destroy({ parts }: Recording): void {
    for (const part of parts ?? []) if (typeof part === "number") this.driver.call("cuGraphExecDestroy", part);
  }
}
