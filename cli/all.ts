/**
 * `bench all` and `bench run`: verify and measure every cell of the chosen models, check the generality cases (`all`), and write
 * the report. Finished cells are on disk at once; Ctrl-C keeps them, and --resume does the rest.
 */
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { Command } from "commander";
import { BenchError } from "../core/base/errors.ts";
import { selectModels } from "../harness/discover.ts";
import { onInterrupt } from "../harness/interrupt.ts";
import { createProgress, wantsColour } from "../harness/progress.ts";
import { checkRun, measureRun, openRun, reopenRun, shippedCases } from "../harness/run.ts";
import type { Cell, Check } from "../harness/schema.ts";
import type { RunStore } from "../harness/store.ts";
import type { CommandMaker, Context } from "./command.ts";
import { EXIT } from "./failure.ts";
import { addCommonOptions, type CommonOptions, chosenDevices, chosenEngines, refusePeers } from "./options.ts";

interface RunOptions extends CommonOptions {
  readonly quick?: boolean;
  readonly out?: string;
  readonly resume?: string;
}

export const allCommand: CommandMaker = (context) =>
  withRunOptions(new Command("all").description("every model on every engine and device: verify, measure, report")).action(
    (options: RunOptions) => runModels([], options, true, context),
  );

export const runCommand: CommandMaker = (context) =>
  withRunOptions(
    new Command("run").description("the same for the named models").argument("[model...]", "names of models, or paths of model files"),
  ).action((models: string[], options: RunOptions) => {
    if (models.length === 0 && options.resume === undefined)
      throw new BenchError("usage", "name a model", { advice: "bench list shows them; bench all runs every one" });
    return runModels(models, options, false, context);
  });

function withRunOptions(command: Command): Command {
  return addCommonOptions(command.option("--quick", "small sizes and few samples: under two minutes"))
    .option("--out <dir>", "folder of the run (results/<time> where absent)")
    .option("--resume <run>", "continue a run: cells with a record are not run again");
}

async function runModels(models: readonly string[], options: RunOptions, isAll: boolean, { output, finish, argv }: Context): Promise<void> {
  refusePeers(options.peer);
  const store = options.resume === undefined ? newRun(models, options, argv) : resumed(options.resume, models, options);
  const interruption = onInterrupt();
  const timeoutMs = options.timeout === undefined ? undefined : options.timeout * 1000;
  const progress = createProgress({ stream: process.stderr, redraw: options.progress, colour: wantsColour(process.stderr) });
  const checks: Check[] = [];
  try {
    output.say(`${store.run.plan.length} cells, ${store.cells.length} of them done; the run is ${store.folder}`);
    await measureRun(store, {
      progress,
      signal: interruption.signal,
      timeoutMs,
      onCell: (cell) => {
        if (options.json) output.json(cell);
      },
    });
    // A resumed run is finished as the command that started it.
    if (isAll || store.run.command[0] === "all") {
      const checked = await checkRun(store, {
        signal: interruption.signal,
        timeoutMs,
        onCheck: (check) => {
          checks.push(check);
          if (options.json) output.json(check);
        },
      });
      if (!checked) output.say(`generality is not checked: the reference cases are not at ${shippedCases}`);
    }
    store.finish(new Date().toISOString());
  } finally {
    interruption.dispose();
    store.close();
  }
  const { buildReport } = await import("../reports/build.ts");
  const { html } = await buildReport(store.folder);
  if (options.json) output.json({ run: store.folder, report: html });
  else output.text(`${summarise(store.cells, checks)}${html}\n`);
  finish(
    store.cells.every(isExpected) && checks.every((check) => check.status !== "fail" && check.status !== "error")
      ? EXIT.ok
      : EXIT.checkFailed,
  );
}

function newRun(words: readonly string[], options: RunOptions, argv: readonly string[]): RunStore {
  const models = selectModels(words);
  // Paths are kept absolute, so that the run can be resumed from anywhere.
  const command = argv.map((word) => (words.includes(word) && existsSync(word) ? resolve(word) : word));
  return openRun({
    command,
    models,
    engines: chosenEngines(options.engine),
    devices: chosenDevices(options.device, "every"),
    dtypes: options.dtype,
    quick: options.quick ?? false,
    seed: options.seed,
    out: options.out,
  });
}

function resumed(run: string, models: readonly string[], options: RunOptions): RunStore {
  const fixed = [
    models.length > 0 && "models",
    options.out && "--out",
    options.engine && "--engine",
    options.device && "--device",
    options.dtype && "--dtype",
  ];
  const extra = fixed.filter((name) => typeof name === "string");
  if (extra.length > 0) throw new BenchError("usage", `--resume continues a stored plan, so ${extra.join(", ")} cannot be given with it`);
  return reopenRun(run);
}

/** What the engine cannot do is an expected result; everything else but success is not. */
function isExpected(cell: Cell): boolean {
  return cell.outcome.kind === "ok" || cell.outcome.kind === "unsupported";
}

function summarise(cells: readonly Cell[], checks: readonly Check[]): string {
  const count = (labels: readonly string[]): string => {
    const counts = new Map<string, number>();
    for (const label of labels) counts.set(label, (counts.get(label) ?? 0) + 1);
    return [...counts].map(([label, n]) => `${n} ${label}`).join(", ");
  };
  const lines = [`cells: ${count(cells.map((cell) => cell.outcome.kind))}`];
  if (checks.length > 0) lines.push(`generality: ${count(checks.map((check) => check.status))}`);
  return `${lines.join("\n")}\n`;
}
