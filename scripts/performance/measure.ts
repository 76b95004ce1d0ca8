/**
 * One workload on all sides: results are compared with each other before anything is timed, then the sides take turns in shuffled
 * rounds, so that a slow spell of the machine falls on all of them.
 */
import { BenchError } from "../../core/base/errors.ts";
import { shuffled } from "../../harness/statistics.ts";
import { tolerance } from "../../harness/tolerance.ts";
import { NotHere, type Side } from "./side.ts";
import type { Workload } from "./workloads.ts";

export interface Measured {
  readonly workload: Workload;
  /** Nanoseconds per call by side; position i of every side was taken in round i. */
  readonly samples: ReadonlyMap<string, readonly number[]>;
}

export interface Effort {
  /** Milliseconds that the rounds of one workload should take; at least `minRounds` are taken whatever they cost. */
  readonly budgetMs: number;
  readonly minRounds: number;
  readonly maxRounds: number;
  /** Milliseconds that one sample should last at least. */
  readonly sampleMs: number;
}

export async function measure(workload: Workload, sides: readonly Side[], effort: Effort): Promise<Measured> {
  const ready: { readonly side: Side; readonly outputs: number[][] }[] = [];
  try {
    for (const side of sides) {
      try {
        ready.push({ side, outputs: await side.prepare(workload) });
      } catch (error) {
        if (!(error instanceof NotHere)) throw error;
      }
    }
    agree(workload, ready);
    const turns: { readonly side: Side; readonly calls: number; readonly taken: number[] }[] = [];
    for (const { side } of ready) turns.push({ side, calls: await callsOf(side, effort.sampleMs), taken: [] });
    const start = performance.now();
    for (let round = 0; round < effort.maxRounds && (round < effort.minRounds || performance.now() - start < effort.budgetMs); round++)
      for (const turn of shuffled(turns, round)) turn.taken.push(await turn.side.time(turn.calls));
    return { workload, samples: new Map(turns.map((t) => [t.side.name, t.taken])) };
  } finally {
    for (const { side } of ready) await side.finish();
  }
}

/** Warms a side up, until a batch of some many calls lasts as long as a sample should. */
async function callsOf(side: Side, sampleMs: number): Promise<number> {
  let calls = 1;
  let warm = 0;
  for (;;) {
    const ms = ((await side.time(calls)) * calls) / 1e6;
    warm += ms;
    if (ms >= sampleMs && warm >= 10 * sampleMs) return calls;
    if (ms < sampleMs) calls = Math.ceil(calls * Math.min(8, Math.max(1.3, (1.2 * sampleMs) / Math.max(ms, 1e-6))));
  }
}

/** Sides that give results (a copy of memory gives none) give those of the first one, relative to its largest element. */
function agree(workload: Workload, ready: readonly { readonly side: Side; readonly outputs: number[][] }[]): void {
  const [first, ...others] = ready.filter((r) => r.outputs.length > 0);
  for (const other of others) {
    for (const [i, want] of (first as { outputs: number[][] }).outputs.entries()) {
      const got = other.outputs[i] ?? [];
      const scale = want.reduce((m, x) => Math.max(m, Math.abs(x)), Number.MIN_VALUE);
      const worst = want.reduce((w, x, j) => Math.max(w, Math.abs(x - (got[j] ?? Number.NaN)) / scale), 0);
      // Written so that a NaN fails too.
      if (!(worst <= tolerance("f32", "value")) || got.length !== want.length)
        throw new BenchError(
          "runtime",
          `${workload.title} ${workload.size}: output ${i} of ${other.side.name} differs from that of ${first?.side.name} by ${worst}`,
        );
    }
  }
}
