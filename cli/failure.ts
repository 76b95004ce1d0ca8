/**
 * How a command ends: the exit codes, and what is printed of an error. 0 all as expected, 1 a check failed, 2 a mistake in the
 * call or a program that was refused, 3 a device or peer that is not there, 130 interrupted.
 */
import { readFileSync } from "node:fs";
import { CommanderError } from "commander";
import { BenchError } from "../core/base/errors.ts";
import type { Span } from "../core/base/span.ts";
import { Interrupted } from "../harness/interrupt.ts";
import { ReportError } from "../reports/failure.ts";

export const EXIT = { ok: 0, checkFailed: 1, refused: 2, environment: 3, interrupted: 130 } as const;

/** The machine-readable form of an error, as `bench grad` prints it: `file`, `line` and `column` are 1-based and always there. */
export interface ErrorRecord {
  readonly error: {
    readonly kind: string;
    readonly message: string;
    readonly file: string;
    readonly line: number;
    readonly column: number;
  };
}

/** The report's own error (it may import no other) as one of the project's; everything else as it is. */
function known(error: unknown): unknown {
  return error instanceof ReportError ? new BenchError(error.kind, error.message, { advice: error.advice, cause: error }) : error;
}

export function exitCodeOf(thrown: unknown): number {
  const error = known(thrown);
  if (error instanceof Interrupted) return EXIT.interrupted;
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.refused;
  if (error instanceof BenchError) return error.kind === "environment" ? EXIT.environment : EXIT.refused;
  return EXIT.checkFailed;
}

/** What a person reads: the project's own errors without a stack, all others with it. */
export function describeError(thrown: unknown): string {
  const error = known(thrown);
  if (error instanceof Interrupted) return "interrupted; finished cells are kept";
  if (error instanceof BenchError) return error.describe(sourceLine(error.span));
  if (error instanceof Error) return error.stack ?? error.message;
  return String(error);
}

/** The line that an error is in, of a file that can be read. */
function sourceLine(span: Span | undefined): string | undefined {
  if (span === undefined) return undefined;
  try {
    return readFileSync(span.file, "utf8").split("\n")[span.line - 1];
  } catch {
    return undefined;
  }
}

/** The kinds of refusal of a program; a mistake of the call that is none of them is a `runtime` one there. */
const PROGRAM_KINDS = ["unsupported", "type", "syntax", "runtime"];

/** `program` names the program where the command is about one; the error's own place is used where it has one. */
export function errorRecord(thrown: unknown, program?: string): ErrorRecord {
  const error = known(thrown);
  const kind = kindOf(error);
  const span = error instanceof BenchError ? error.span : undefined;
  const message =
    error instanceof BenchError && error.advice
      ? `${error.message}; ${error.advice}`
      : error instanceof Error
        ? error.message
        : String(error);
  return {
    error: {
      kind: program === undefined || PROGRAM_KINDS.includes(kind) ? kind : "runtime",
      message,
      file: span?.file ?? program ?? "",
      line: span?.line ?? 1,
      column: span?.column ?? 1,
    },
  };
}

function kindOf(error: unknown): string {
  if (error instanceof CommanderError) return "usage";
  if (error instanceof BenchError) return error.kind === "out-of-memory" ? "runtime" : error.kind;
  return error instanceof SyntaxError ? "syntax" : "runtime";
}
