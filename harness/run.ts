/**
 * A run from start to finish: opens its folder (new or resumed), measures what is left of the plan, checks the reference cases
 * that ship with the project, and closes the books. Interrupted at any moment, it keeps every finished cell and can be resumed.
 */
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { FloatDType } from "../core/base/dtype.ts";
import { BenchError } from "../core/base/errors.ts";
import type { DeviceName } from "../core/device/device.ts";
import { fusedPrimitives } from "../core/primitives/fused.ts";
import type { EngineName } from "../engines/engine.ts";
import { discoverModels, type FoundModel, selectModels } from "./discover.ts";
import { engineSize } from "./engine-size.ts";
import { commitOfProject, machineRecord } from "./machine.ts";
import { executionOrder, type PlannedCell, planCells } from "./plan.ts";
import type { Progress } from "./progress.ts";
import type { CellRequest } from "./request.ts";
import { childEntry, projectRoot } from "./root.ts";
import { runChecks } from "./run-checks.ts";
import { runPlan } from "./run-plan.ts";
import { type Cell, type CellKey, type Check, type Run, SCHEMA_VERSION } from "./schema.ts";
import { createRun, findRun, type RunStore, resumeRun } from "./store.ts";

export const resultsFolder: string = join(projectRoot, "results");

/** The reference cases that ship with the project. */
export const shippedCases: string = join(projectRoot, "test", "data", "generality");

export interface NewRun {
  /** The command line, kept in run.json. */
  readonly command: readonly string[];
  readonly models: readonly FoundModel[];
  readonly engines: readonly EngineName[];
  readonly devices: readonly DeviceName[];
  readonly dtypes?: readonly FloatDType[] | undefined;
  readonly quick: boolean;
  readonly seed: number;
  /** Folder of the run; a new one below `results` where absent. */
  readonly out?: string | undefined;
}

/** Starts a new run. */
export function openRun(options: NewRun): RunStore {
  const plan = planCells(options.models, options).map(({ key }) => key);
  if (plan.length === 0) throw new BenchError("usage", "there is nothing to run: no model, engine or device is left");
  const started = new Date();
  const name = runName(started, options.quick);
  const folder = options.out === undefined ? freshFolder(name) : resolve(options.out);
  const run: Run = {
    schema: SCHEMA_VERSION,
    name: options.out === undefined ? folder.slice(resultsFolder.length + 1) : name,
    command: [...options.command],
    seed: options.seed,
    commit: commitOfProject(),
    quick: options.quick,
    implementation: Object.fromEntries(options.engines.map((engine) => [engine, engineSize(engine)])),
    fused: { ...fusedPrimitives },
    plan,
    started: started.toISOString(),
    finished: null,
  };
  return createRun(folder, run, machineRecord());
}

/** Opens the run that the user names, to do what is left of its plan. */
export function reopenRun(nameOrPath: string): RunStore {
  return resumeRun(findRun(nameOrPath, resultsFolder));
}

export interface MeasureOptions {
  readonly progress: Progress;
  readonly signal: AbortSignal;
  /** Milliseconds for one cell. */
  readonly timeoutMs?: number | undefined;
  readonly onCell: (cell: Cell) => void;
}

/** Measures every cell of the run's plan that has no record. */
export async function measureRun(store: RunStore, options: MeasureOptions): Promise<void> {
  const { run } = store;
  const cells = executionOrder(withFiles(run), run.seed);
  await runPlan({
    cells,
    sampling: samplingFor(run.quick, run.seed, cells.length),
    entry: childEntry("child"),
    timeoutMs: options.timeoutMs ?? (run.quick ? QUICK.timeoutMs : FULL.timeoutMs),
    progress: options.progress,
    signal: options.signal,
    isDone: (id) => store.has(id),
    onCell: (cell) => {
      store.append(cell);
      options.onCell(cell);
    },
  });
}

export interface CheckOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs?: number | undefined;
  readonly onCheck: (check: Check) => void;
}

/** Runs the shipped generality cases through the run's engines, on the first of its devices, and stores the checks. False where they are not here. */
export async function checkRun(store: RunStore, options: CheckOptions): Promise<boolean> {
  if (!existsSync(shippedCases)) return false;
  const engines = unique(store.run.plan.map((cell) => cell.engine)) as EngineName[];
  const devices = unique(store.run.plan.map((cell) => cell.device)).slice(0, 1) as DeviceName[];
  const checks: Check[] = [];
  await runChecks(
    { paths: [shippedCases], engines, devices, dtypes: ["f64"] },
    {
      entry: childEntry("checks-child"),
      timeoutMs: options.timeoutMs ?? FULL.timeoutMs,
      signal: options.signal,
      onCheck: (check) => {
        checks.push(check);
        options.onCheck(check);
      },
    },
  );
  store.writeChecks(checks);
  return true;
}

/** Sampling of verification alone: nothing is timed. */
export function verifying(seed: number): Omit<CellRequest, "cell" | "file"> {
  return { mode: "verify", budgetMs: 1, minRounds: 1, maxRounds: 1, seed };
}

/** `--quick` shares this much time among its cells, so that more models mean shorter cells and not a longer run. */
const QUICK = { totalMs: 30_000, mostMs: 1500, leastMs: 60, minRounds: 5, maxRounds: 30, timeoutMs: 30_000 };
const FULL = { budgetMs: 5000, minRounds: 10, maxRounds: 100, timeoutMs: 600_000 };

export function samplingFor(quick: boolean, seed: number, cells: number): Omit<CellRequest, "cell" | "file"> {
  if (!quick) return { mode: "measure", budgetMs: FULL.budgetMs, minRounds: FULL.minRounds, maxRounds: FULL.maxRounds, seed };
  const budgetMs = Math.min(QUICK.mostMs, Math.max(QUICK.leastMs, QUICK.totalMs / Math.max(1, cells)));
  return { mode: "measure", budgetMs, minRounds: QUICK.minRounds, maxRounds: QUICK.maxRounds, seed };
}

/** The planned cells with the files of their models: those of the suites, and those that the command named by path. */
function withFiles(run: Run): PlannedCell[] {
  const discovery = discoverModels();
  const paths = run.command.filter((word) => word.endsWith(".ts") && existsSync(word));
  const found = [...discovery.models, ...(paths.length > 0 ? selectModels(paths, discovery) : [])];
  const files = new Map(found.map(({ suite, model, file }) => [modelId(suite, model.name), file]));
  return run.plan.map((key: CellKey) => {
    const file = files.get(modelId(key.suite, key.model));
    if (file === undefined)
      throw new BenchError("usage", `the model ${modelId(key.suite, key.model)} of this run is gone`, {
        advice: "bring its file back or start a new run",
      });
    return { key, file };
  });
}

function modelId(suite: string, model: string): string {
  return `${suite}/${model}`;
}

/** `20251122-204631-quick`: sorts by time. */
function runName(started: Date, quick: boolean): string {
  const stamp = started.toISOString().replace(/[-:]/g, "").replace("T", "-").slice(0, 15);
  return quick ? `${stamp}-quick` : stamp;
}

function freshFolder(name: string): string {
  for (let i = 1; ; i++) {
    const folder = join(resultsFolder, i === 1 ? name : `${name}-${i}`);
    if (!existsSync(folder)) return folder;
  }
}

function unique<T>(items: readonly T[]): T[] {
  return [...new Set(items)];
}
