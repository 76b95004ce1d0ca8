/**
 * `bench verify`: correctness only. Models are checked against central differences and their hand-written gradients, reference
 * cases against the values they carry. One line a check, and a summary by engine at the end.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import type { FloatDType } from "../core/base/dtype.ts";
import { BenchError } from "../core/base/errors.ts";
import type { DeviceName } from "../core/device/device.ts";
import type { EngineName } from "../engines/engine.ts";
import { selectModels } from "../harness/discover.ts";
import { onInterrupt } from "../harness/interrupt.ts";
import { planCells } from "../harness/plan.ts";
import { createProgress, wantsColour } from "../harness/progress.ts";
import { childEntry } from "../harness/root.ts";
import { shippedCases, verifying } from "../harness/run.ts";
import { runChecks } from "../harness/run-checks.ts";
import { runPlan } from "../harness/run-plan.ts";
import type { Cell, Check } from "../harness/schema.ts";
import type { CommandMaker, Context } from "./command.ts";
import { EXIT } from "./failure.ts";
import { addCommonOptions, type CommonOptions, chosenDevices, chosenEngines, refusePeers } from "./options.ts";

interface VerifyOptions extends CommonOptions {
  readonly cases?: readonly string[];
}

const TIMEOUT_MS = 120_000;

export const verifyCommand: CommandMaker = (context) =>
  addCommonOptions(
    new Command("verify")
      .description("correctness only: models and reference cases against their oracles")
      .argument("[model...]", "names of models, or paths of model files (all, and the shipped cases, where absent)")
      .option(
        "--cases <path>",
        "a reference file, or a folder of them (repeatable); models are verified only where named",
        (path: string, before?: string[]) => [...(before ?? []), path],
      ),
  ).action((models: string[], options: VerifyOptions) => verify(models, options, context));

async function verify(models: readonly string[], options: VerifyOptions, { output, finish }: Context): Promise<void> {
  refusePeers(options.peer);
  const paths = (options.cases ?? []).map((path) => {
    if (!existsSync(path)) throw new BenchError("usage", `no reference file or folder ${path}`);
    return resolve(path);
  });
  const engines = chosenEngines(options.engine);
  const devices = chosenDevices(options.device, "auto");
  const tally = new Tally(engines);
  const report = (check: Check): void => {
    tally.add(check);
    if (options.json) output.json(check);
    else output.text(`${describeCheck(check)}\n`);
  };
  const interruption = onInterrupt();
  const shared = { engines, devices, options, report, signal: interruption.signal };
  try {
    if (models.length > 0 || paths.length === 0) await verifyModels(models, shared);
    if (paths.length > 0) await verifyCases(paths, shared);
    else if (models.length === 0) await verifyCases([shippedCases], shared);
  } finally {
    interruption.dispose();
  }
  if (options.json) output.json({ summary: tally.counts });
  else
    for (const [engine, counts] of Object.entries(tally.counts))
      output.text(`${engine}: ${STATUSES.map((status) => `${counts[status]} ${status}`).join(", ")}\n`);
  finish(tally.exitCode);
}

interface Shared {
  readonly engines: readonly EngineName[];
  readonly devices: readonly DeviceName[];
  readonly options: VerifyOptions;
  readonly report: (check: Check) => void;
  readonly signal: AbortSignal;
}

async function verifyModels(words: readonly string[], { engines, devices, options, report, signal }: Shared): Promise<void> {
  const cells = planCells(selectModels(words), { engines, devices, dtypes: options.dtype, quick: true });
  const stream = process.stderr;
  const progress =
    options.progress && stream.isTTY === true ? createProgress({ stream, redraw: true, colour: wantsColour(stream) }) : SILENT;
  await runPlan({
    cells,
    sampling: verifying(options.seed),
    entry: childEntry("child"),
    timeoutMs: timeoutOf(options),
    signal,
    progress,
    isDone: () => false,
    onCell: (cell) => report(checkOf(cell)),
  });
}

/** Where there is no progress line, the checks themselves are the progress. */
const SILENT = { start: () => {}, end: () => {}, note: () => {}, close: () => {} };

async function verifyCases(paths: readonly string[], { engines, devices, options, report, signal }: Shared): Promise<void> {
  const dtypes: FloatDType[] = [...(options.dtype ?? ["f64" as const])];
  await runChecks(
    { paths: [...paths], engines: [...engines], devices: [...devices], dtypes },
    { entry: childEntry("checks-child"), timeoutMs: timeoutOf(options), signal, onCheck: report },
  );
}

function timeoutOf(options: VerifyOptions): number {
  return options.timeout === undefined ? TIMEOUT_MS : options.timeout * 1000;
}

const STATUSES = ["pass", "fail", "refused", "error", "skipped"] as const;
type Counts = Record<Check["status"], number>;

/** Counts by engine and status; what the command's exit status follows from. */
export class Tally {
  readonly counts: Record<string, Counts> = {};

  constructor(engines: readonly string[]) {
    for (const engine of engines) this.counts[engine] = { pass: 0, fail: 0, refused: 0, error: 0, skipped: 0 };
  }

  add(check: Check): void {
    this.counts[check.engine] ??= { pass: 0, fail: 0, refused: 0, error: 0, skipped: 0 };
    (this.counts[check.engine] as Counts)[check.status]++;
  }

  get exitCode(): number {
    return Object.values(this.counts).some(({ fail, error }) => fail + error > 0) ? EXIT.checkFailed : EXIT.ok;
  }
}

/** The record of a verified cell as a check: a model's gradient is its vjp with cotangent 1. */
function checkOf({ cell, outcome, verified }: Cell): Check {
  const status: Record<Cell["outcome"]["kind"], Check["status"]> = {
    ok: "pass",
    "wrong-gradient": "fail",
    unsupported: "refused",
    error: "error",
    timeout: "error",
    "out-of-memory": "error",
    "not-run": "skipped",
  };
  return {
    case: `models/${cell.suite}/${cell.model}/${cell.size}`,
    engine: cell.engine,
    device: cell.device,
    dtype: cell.dtype,
    status: status[outcome.kind],
    worst: verified ? Math.max(verified.value, verified.gradient) : null,
    checks: verified ? { value: verified.value, vjp: verified.gradient } : {},
    ...(outcome.reason === undefined ? {} : { message: outcome.reason }),
  };
}

function describeCheck(check: Check): string {
  const worst = check.worst === null ? "" : `  ${check.worst.toExponential(1)}`;
  const message = check.message === undefined ? "" : `  ${check.message.split("\n", 1)[0]}`;
  return `${check.status.padEnd(7)}  ${check.case}  ${check.engine}/${check.device}/${check.dtype}${worst}${message}`;
}
