#!/usr/bin/env node
/**
 * The command line: one file a command, this one dispatches, prints errors and sets the exit code. Commands are loaded when they
 * run, so that `bench grad` does not wait for the chart library.
 */
import { realpathSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { Command, CommanderError } from "commander";
import { packageFacts } from "../harness/root.ts";
import { allCommand, runCommand } from "./all.ts";
import { doctorCommand } from "./doctor.ts";
import { describeError, errorRecord, exitCodeOf } from "./failure.ts";
import { gradCommand } from "./grad.ts";
import { irCommand } from "./ir.ts";
import { listCommand } from "./list.ts";
import { claimStdout, type Output } from "./output.ts";
import { reportCommand } from "./report.ts";
import { verifyCommand } from "./verify.ts";

/** Runs one command line (without node and the script) and gives its exit code. */
export async function main(argv: readonly string[], output: Output): Promise<number> {
  let code = 0;
  const finish = (status: number): void => {
    code = status;
  };
  const program = new Command("bench")
    .description("Compares three paradigms of automatic differentiation on one tensor core.")
    .version(packageFacts().version)
    .helpCommand(false)
    .showHelpAfterError("(bench --help lists the commands)");
  for (const command of [allCommand, runCommand, listCommand, verifyCommand, gradCommand, irCommand, reportCommand, doctorCommand]) {
    program.addCommand(command({ output, finish, argv }));
  }
  for (const command of [program, ...program.commands]) {
    command.exitOverride().configureOutput({ writeOut: output.text, writeErr: (text) => process.stderr.write(text) });
  }
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    const status = exitCodeOf(error);
    // commander has printed its own message, and help and version are no errors.
    if (!(error instanceof CommanderError)) output.say(describeError(error));
    if (status !== 0 && (argv.includes("--json") || argv[0] === "grad")) output.json(errorRecord(error, programFile(argv)));
    return status;
  }
}

/** The program that a command line is about, for errors that have no place of their own. */
function programFile(argv: readonly string[]): string | undefined {
  if (argv[0] !== "grad") return undefined;
  const target = argv.slice(1).find((word) => !word.startsWith("-")) ?? "";
  return target.split("#")[0] || "bench grad";
}

/** Whether node was started on this file, in place of bench.js: by its path, or by a link that npx made to it once. */
function isEntry(): boolean {
  const script = process.argv[1];
  return script !== undefined && realpathSync(script) === fileURLToPath(import.meta.url);
}

/** Runs the command line of this process and ends it. */
export async function start(): Promise<never> {
  const output = claimStdout();
  // Devices may hold threads and handles; the work is done, so nothing is waited for.
  process.exit(await main(process.argv.slice(2), output));
}

if (isEntry()) await start();
