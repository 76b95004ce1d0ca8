/**
 * What a case came to. Reference files only ask for what should work, so a clear refusal is reported as `refused`, and anything
 * else that is thrown as `error`; neither stops the cases that follow. A case for which the project lacks a function is `skipped`.
 */

import type { FloatDType } from "../../core/base/dtype.ts";
import { BenchError } from "../../core/base/errors.ts";
import type { Engine } from "../../engines/engine.ts";
import type { Check } from "../schema.ts";

/** Where a case runs. The device is already the current one. */
export interface Site {
  readonly engine: Engine;
  readonly dtype: FloatDType;
  /** Source to take in place of the program's own. */
  readonly adapted?: string;
}

export type Verdict = Pick<Check, "status" | "worst" | "checks" | "message" | "line">;

/** Thrown where a case cannot be tried at all; the message says what is missing. */
export class Skip extends Error {}

export function skipped(message: string): Verdict {
  return { status: "skipped", worst: null, checks: {}, message };
}

/** True for the errors that refuse a program, at a place and with a reason, rather than fail in it. */
export function isRefusal(error: unknown): error is BenchError {
  return error instanceof BenchError && (error.kind === "unsupported" || error.kind === "type" || error.kind === "syntax");
}

/** The verdict of `check`, whatever it throws. */
export function judge(check: () => Verdict): Verdict {
  try {
    return check();
  } catch (error) {
    if (error instanceof Skip) return skipped(error.message);
    const message = messageOf(error);
    const line = error instanceof BenchError ? error.span?.line : undefined;
    return { status: isRefusal(error) ? "refused" : "error", worst: null, checks: {}, message, ...(line === undefined ? {} : { line }) };
  }
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message || error.name : String(error);
}
