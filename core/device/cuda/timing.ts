/**
 * Time on the GPU, by events on the stream: of a piece of work as a whole, and of each launch in it. The resolution of events is
 * about half a microsecond; an event around every launch keeps launches from overlapping and plans from being graphs, so a
 * measurement launch by launch says where time goes, and the other how much there is.
 */
import type { Address, DeviceTimes } from "../device.ts";
import { DRIVER_CONSTANTS, type Driver } from "./driver.ts";
import type { Step } from "./step.ts";

interface Recorded {
  readonly label: string;
  readonly from: number;
  readonly to: number;
}

export class Stopwatch {
  /** True while launches are recorded one by one. */
  isDetailed = false;
  private readonly driver: Driver;
  private readonly stream: number;
  private recorded: Recorded[] = [];

  constructor(driver: Driver, stream: number) {
    this.driver = driver;
    this.stream = stream;
  }

  /** Runs `work`, and `wait` for the device; times in nanoseconds. */
  measure(work: () => void, wait: () => void, isDetailed: boolean): DeviceTimes {
    this.recorded = [];
    this.isDetailed = isDetailed;
    const from = this.mark();
    try {
      const before = performance.now();
      work();
      const to = this.mark();
      const enqueued = performance.now();
      wait();
      const done = performance.now();
      const launches = this.recorded.map((r) => ({ label: r.label, device: this.between(r.from, r.to) }));
      const device = this.between(from, to);
      this.destroy(to);
      return { host: (enqueued - before) * 1e6, wait: (done - enqueued) * 1e6, device, launches };
    } finally {
      this.isDetailed = false;
      this.destroy(from);
      for (const r of this.recorded) {
        this.destroy(r.from);
        this.destroy(r.to);
      }
      this.recorded = [];
    }
  }

  /** Runs a step, between two events where launches are recorded. */
  run(step: Step, addresses: readonly Address[]): void {
    if (!this.isDetailed) {
      step.run(addresses);
      return;
    }
    const from = this.mark();
    step.run(addresses);
    this.recorded.push({ label: step.label, from, to: this.mark() });
  }

  private mark(): number {
    const { driver } = this;
    driver.call("cuEventCreate", driver.cell, DRIVER_CONSTANTS.CU_EVENT_DEFAULT);
    const event = driver.found;
    driver.call("cuEventRecord", event, this.stream);
    return event;
  }

  private between(from: number, to: number): number {
    this.driver.call("cuEventElapsedTime", this.driver.cell, from, to);
    return this.driver.foundFloat * 1e6;
  }

  private destroy(event: number): void {
    this.driver.attempt("cuEventDestroy_v2", event);
  }
}
