/**
 * How samples are taken. Tasks that will be compared (value, gradient, hand-written gradient) take turns: each round visits them
 * all in a shuffled order and takes one sample of each, so that a slow spell of the machine falls on all of them and the ratio
 * within a round is fair. Calls are batched until a sample is long against the clock's resolution, and the device is
 * synchronised inside the clock. Each turn is one iteration of tinybench; all samples are kept and nothing is removed.
 */
import { Bench } from "tinybench";
import { median, shuffled } from "./statistics.ts";

/** One call of what is measured. It leaves nothing behind: results are freed by the task. */
export interface Task {
  readonly name: string;
  run(): void;
}

export interface SampleOptions {
  /** Milliseconds that all rounds together should take; at least `minRounds` are taken whatever they cost. */
  readonly budgetMs: number;
  readonly minRounds: number;
  readonly maxRounds: number;
  readonly seed: number;
  /** Waits for the device; called once at the end of each batch, inside the clock. */
  readonly sync: () => void;
  /** Collects garbage between rounds, outside the clock. */
  readonly collect?: (() => void) | undefined;
  /** Milliseconds, monotonic; the process's clock where absent. */
  readonly now?: (() => number) | undefined;
}

export interface Sampled {
  /** Nanoseconds per call by task name; position i of every task was taken in round i. */
  readonly samples: Readonly<Record<string, readonly number[]>>;
  /** Calls in one sample. */
  readonly batch: Readonly<Record<string, number>>;
  /** Whether the warm-up settled (two windows' medians within 2 %) before its cap. */
  readonly settled: Readonly<Record<string, boolean>>;
  readonly rounds: number;
}

/** Shortest and longest batch, in milliseconds: 100 us keeps the error of two clock readings (about 0.1 us) below 0.1 %. */
const SHORTEST_SAMPLE_MS = 0.1;
const LONGEST_BATCH_MS = 10;
/** Two successive warm-up windows whose medians differ by less end the warm-up. */
const SETTLED = 0.02;
const WINDOW_CALLS = 20;
const WINDOW_MS = 20;
/**
 * The engine of JavaScript compiles hot functions in stages, over hundreds of calls; between two stages times look steady. So
 * short work is called this often before it may count as warm; long work, where compiling the host's part hardly shows, stops at
 * the cap, which is at least this long.
 */
const WARM_UP_CALLS = 1000;
const LEAST_WARM_UP_MS = 800;

export function sampleInterleaved(tasks: readonly Task[], options: SampleOptions): Sampled {
  const now = options.now ?? ((): number => performance.now());
  const capMs = Math.max(LEAST_WARM_UP_MS, (0.3 * options.budgetMs) / tasks.length);
  const warm = tasks.map((task) => warmUp(task, capMs, options.sync, now));
  // Longer batches than the shortest let the cost of collecting a task's own garbage fall inside its samples.
  const share = options.budgetMs / (options.maxRounds * tasks.length);
  const target = Math.min(Math.max(share, SHORTEST_SAMPLE_MS), LONGEST_BATCH_MS);
  const turns = tasks.map((task, i) => {
    const calls = Math.max(1, Math.ceil(target / Math.max((warm[i] as WarmUp).perCallMs, 1e-6)));
    return new Turn(task, calls, options.sync, options.now);
  });
  const start = now();
  let rounds = 0;
  while (rounds < options.maxRounds && (rounds < options.minRounds || now() - start < options.budgetMs)) {
    options.collect?.();
    for (const turn of shuffled(turns, options.seed + rounds)) turn.take();
    rounds++;
  }
  const byName = <T>(of: (turn: Turn, i: number) => T): Record<string, T> =>
    Object.fromEntries(turns.map((turn, i) => [turn.task.name, of(turn, i)]));
  return {
    samples: byName((turn) => turn.samples),
    batch: byName((turn) => turn.calls),
    settled: byName((_, i) => (warm[i] as WarmUp).settled),
    rounds,
  };
}

/** Nanoseconds per call of one task: the median of `rounds` batches, after the same warm-up. For quantities without an interval. */
export function typicalNanoseconds(run: () => void, options: Omit<SampleOptions, "seed">): number {
  return median(sampleInterleaved([{ name: "only", run }], { ...options, seed: 0 }).samples.only ?? []);
}

interface WarmUp {
  readonly perCallMs: number;
  readonly settled: boolean;
}

/** Calls a task in windows until it is warm and the median of a window is within 2 % of the one before, or the cap is spent. */
function warmUp(task: Task, capMs: number, sync: () => void, now: () => number): WarmUp {
  const start = now();
  let calls = 0;
  let last = Number.NaN;
  for (;;) {
    const window: number[] = [];
    const windowStart = now();
    while (window.length === 0 || ((window.length < WINDOW_CALLS || now() - windowStart < WINDOW_MS) && now() - windowStart < capMs / 4)) {
      const before = now();
      task.run();
      sync();
      window.push(now() - before);
    }
    calls += window.length;
    const current = median(window);
    if (calls >= WARM_UP_CALLS && Math.abs(current - last) <= SETTLED * last) return { perCallMs: current, settled: true };
    if (now() - start >= capMs) return { perCallMs: current, settled: Math.abs(current - last) <= SETTLED * last };
    last = current;
  }
}

/** A task with its batch size and the tinybench instance that clocks it. */
class Turn {
  readonly task: Task;
  readonly calls: number;
  readonly samples: number[] = [];
  readonly #bench: Bench;

  constructor(task: Task, calls: number, sync: () => void, now: (() => number) | undefined) {
    this.task = task;
    this.calls = calls;
    this.#bench = new Bench({
      iterations: 1,
      time: 0,
      warmup: false,
      retainSamples: true,
      throws: true,
      ...(now ? { now } : { timestampProvider: "hrtimeNow" as const }),
    });
    this.#bench.add(task.name, () => {
      for (let i = 0; i < calls; i++) task.run();
      sync();
    });
  }

  take(): void {
    this.#bench.reset();
    this.#bench.runSync();
    const result = this.#bench.tasks[0]?.result;
    if (result?.state !== "completed") throw new Error(`the sample of ${this.task.name} ended as ${result?.state ?? "nothing"}`);
    for (const ms of result.latency.samples ?? []) this.samples.push((ms * 1e6) / this.calls);
  }
}
