/**
 * SYNTHETIC runs for the tests of the report: numbers from a seeded generator, not measurements of anything. Nothing here may be
 * shipped or quoted as a result; the machine's name says so in every report that is built from it.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { type Cell, type CellKey, type Check, cellId, type Machine, type Outcome, type Run, SCHEMA_VERSION } from "../../harness/schema.ts";
import { seededRandom } from "../../reports/statistics.ts";

export interface SyntheticRun {
  readonly run: Run;
  readonly machine: Machine;
  readonly cells: readonly Cell[];
  readonly checks: readonly Check[] | null;
}

const MODELS: readonly (readonly [suite: string, model: string, sizes: readonly string[], base: number])[] = [
  ["micro", "scalar-chain", ["n100", "n1000", "n10000"], 4e4],
  ["dense", "logistic", ["small", "large"], 3e5],
  ["dense", "mlp", ["small", "medium", "large"], 9e5],
  ["sequence", "lstm", ["t8", "t32"], 5e6],
  ["structured", "gmm", ["d2-k5", "d10-k25"], 2e6],
];
const COST: Readonly<Record<string, number>> = { tape: 4.6, graph: 2.5, "program-transform": 2.2 };
const FEATURES = ["loops", "recursion", "closures", "jumps", "higher-order-derivatives", "rejections"];

/** One reading around `centre`, with the small upward skew of a timer. */
function reading(random: () => number, centre: number): number {
  return Math.round(centre * (1 + 0.03 * random() + (random() < 0.06 ? 0.3 * random() : 0)));
}

function interval(samples: readonly number[]): { median: number; lo: number; hi: number } {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (q: number) => sorted[Math.floor(q * (sorted.length - 1))] ?? 0;
  return { median: at(0.5), lo: at(0.35), hi: at(0.65) };
}

/** A completed cell with made-up samples; deterministic in the key. */
export function syntheticCell(cell: CellKey, base: number, rounds = 24): Cell {
  const random = seededRandom(`synthetic ${cellId(cell)}`);
  const cost = (COST[cell.engine] ?? 3) * (0.85 + 0.3 * random());
  const times = (centre: number) => Array.from({ length: rounds }, () => reading(random, centre));
  const samples = { value: times(base), gradient: times(base * cost), handwritten: times(base * 1.9) };
  const nodes = cell.engine === "tape" ? { tapeNodes: 4180 } : { irNodes: cell.engine === "graph" ? 214 : 173 };
  return {
    schema: SCHEMA_VERSION,
    cell,
    outcome: { kind: "ok" },
    verified: { value: 1.2e-16, gradient: 3.4e-9 },
    phases: { load: 4.2, ...(cell.engine === "tape" ? {} : { trace: 1.1, transform: 2.3, compile: 18.4 }), firstCall: 7.7 },
    value: interval(samples.value),
    gradient: interval(samples.gradient),
    handwritten: interval(samples.handwritten),
    samples,
    host: { nsPerOp: cell.engine === "tape" ? 310 : 22, nsPerStep: base / 8 },
    counts: { ops: 96, kernels: 31, launches: 31, syncs: 1, ...nodes },
    memory: { peakBytes: 6_291_456, savedBytes: 1_048_576 },
  };
}

export function syntheticMachine(): Machine {
  return {
    cpu: "SYNTHETIC machine, numbers are made up",
    cores: 8,
    threads: 8,
    memoryBytes: 34_359_738_368,
    governor: "performance",
    loadAverage: [0.1, 0.2, 0.2],
    os: "linux",
    kernel: "6.0.0-synthetic",
    node: "v20.0.0",
    v8: "11.3",
    gpu: { name: "SYNTHETIC GPU", driver: "0.0", clocks: "unlocked" },
    libraries: { openblas: "0.0.0-synthetic" },
  };
}

export function syntheticPlan(
  engines: readonly string[],
  devices: readonly (readonly [string, "f32" | "f64"])[],
): { key: CellKey; base: number }[] {
  return MODELS.flatMap(([suite, model, sizes, base]) =>
    sizes.flatMap((size, k) =>
      devices.flatMap(([device, dtype], d) =>
        engines.map((engine) => ({ key: { suite, model, size, engine, device, dtype }, base: (base * 6 ** k * (d + 1)) / 2 })),
      ),
    ),
  );
}

export function syntheticRunRecord(plan: readonly CellKey[], finished = true): Run {
  return {
    schema: SCHEMA_VERSION,
    name: "synthetic-example",
    command: ["bench", "all"],
    seed: 7,
    commit: "0123456789abcdef0123456789abcdef01234567",
    quick: false,
    plan: [...plan],
    started: "2018-12-07T09:00:00.000Z",
    finished: finished ? "2018-12-07T09:21:30.000Z" : null,
  };
}

/** Three engines, two devices and dtypes, every kind of failure, and three cells without a record. */
export function fullRun(): SyntheticRun {
  const plan = syntheticPlan(
    ["tape", "graph", "program-transform"],
    [
      ["wasm", "f32"],
      ["native", "f64"],
    ],
  );
  const failures: Readonly<Record<string, Outcome>> = {
    "sequence/lstm/t32/graph/wasm/f32": { kind: "unsupported", reason: "a symbolic value is used as a loop count at lstm.ts:31; use scan" },
    "sequence/lstm/t32/tape/wasm/f32": { kind: "timeout", reason: "60 s were not enough" },
    "dense/mlp/large/tape/native/f64": { kind: "out-of-memory", reason: "the pool asked for 5.2 GiB of 4 GiB" },
    "dense/logistic/large/graph/native/f64": { kind: "wrong-gradient", reason: "off by 0.12 at w[3]; the limit is 1e-6" },
    "structured/gmm/d2-k5/program-transform/native/f64": { kind: "error", reason: "RuntimeError: unreachable\n  at wasm-function[12]" },
  };
  const unrecorded = new Set(plan.slice(-3).map(({ key }) => cellId(key)));
  const cells = plan.flatMap(({ key, base }): Cell[] => {
    const id = cellId(key);
    if (unrecorded.has(id)) return [];
    const outcome = failures[id];
    if (outcome) return [{ schema: SCHEMA_VERSION, cell: key, outcome }];
    const cell = syntheticCell(key, base);
    if (key.model !== "gmm") return [cell];
    const { handwritten: _, samples, ...rest } = cell;
    return [{ ...rest, ...(samples ? { samples: { value: samples.value, gradient: samples.gradient } } : {}) }];
  });
  return { run: syntheticRunRecord(plan.map((p) => p.key)), machine: syntheticMachine(), cells, checks: syntheticChecks() };
}

function syntheticChecks(): Check[] {
  const random = seededRandom("synthetic checks");
  const engines = ["tape", "graph", "program-transform"];
  return FEATURES.flatMap((feature) =>
    engines.flatMap((engine) =>
      Array.from({ length: 6 }, (_, i): Check => {
        const base = { case: `${feature}/case_${i}`, engine, device: "wasm", dtype: "f64" as const };
        const luck = random();
        if (engine === "graph" && luck < 0.5)
          return { ...base, status: "refused", worst: null, checks: {}, message: "not in the subset; use cond", line: 3 };
        if (engine === "tape" && luck < 0.04) return { ...base, status: "fail", worst: 0.4, checks: { value: 0, vjp: 0.4 } };
        if (luck > 0.97) return { ...base, status: "error", worst: null, checks: {}, message: "internal error: no rule" };
        return { ...base, status: "pass", worst: 2e-12, checks: { value: 1e-16, vjp: 2e-12 } };
      }),
    ),
  );
}

export async function writeRun(folder: string, { run, machine, cells, checks }: SyntheticRun): Promise<string> {
  const lines = (records: readonly unknown[]) => records.map((r) => `${JSON.stringify(r)}\n`).join("");
  await mkdir(folder, { recursive: true });
  await writeFile(join(folder, "run.json"), JSON.stringify(run));
  await writeFile(join(folder, "machine.json"), JSON.stringify(machine));
  await writeFile(join(folder, "cells.jsonl"), lines(cells));
  if (checks !== null) await writeFile(join(folder, "generality.jsonl"), lines(checks));
  return folder;
}
