/**
 * A side of the comparison: one system, in this process or in a child, that makes ready a workload, gives the numbers by which its
 * results are checked, and clocks a batch of calls itself, so that talking to a child is not part of the time.
 */
import { BenchError } from "../../core/base/errors.ts";
import type { Workload } from "./workloads.ts";

export interface Side {
  readonly name: string;
  /** Makes inputs and warms up; for each output the elements that `sampled` picks. Throws `NotHere` where it has no such workload. */
  prepare(workload: Workload): Promise<number[][]>;
  /** Nanoseconds per call over a batch of `calls`, after as many that are not timed. */
  time(calls: number): Promise<number>;
  /** Frees what `prepare` made. */
  finish(): Promise<void>;
}

/** This side cannot do this workload, and why: an empty cell of the table. */
export class NotHere extends BenchError {
  constructor(reason: string) {
    super("environment", reason);
  }
}

/**
 * Clocks a synchronous call in this process, after a batch of as many calls that is not timed: for some milliseconds after a pause
 * the cores, the caches and sleeping threads are slower than afterwards, and only the state they reach is compared.
 */
export function clock(run: () => void, sync: () => void, calls: number): number {
  for (let i = 0; i < calls; i++) run();
  sync();
  const start = process.hrtime.bigint();
  for (let i = 0; i < calls; i++) run();
  sync();
  return Number(process.hrtime.bigint() - start) / calls;
}
