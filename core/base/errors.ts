/**
 * The project's errors. Each says what happened, where (a span of the user's source, when there is one) and the way out.
 * `kind` is what the command line prints as the machine-readable reason; `Unsupported`, `TypeMismatch` and `SyntaxMistake`
 * are refusals (exit code 2), never a silent wrong number.
 */
import { type Span, showExcerpt, showSpan } from "./span.ts";

export type ErrorKind = "unsupported" | "type" | "syntax" | "runtime" | "out-of-memory" | "usage" | "environment";

export class BenchError extends Error {
  readonly kind: ErrorKind;
  /** What the user can do instead; printed on a line of its own. */
  readonly advice: string | undefined;
  /** Where in the user's source; may be filled in by whoever knows (the loader maps stack frames). */
  span: Span | undefined;

  constructor(kind: ErrorKind, message: string, options: { advice?: string | undefined; span?: Span | undefined; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "BenchError";
    this.kind = kind;
    this.advice = options.advice;
    this.span = options.span;
  }

  /** `file:line:column  message` and, below it, the line of the file with a caret, where whoever prints has it, and the advice. */
  describe(sourceLine?: string): string {
    const where = this.span ? `${showSpan(this.span)}  ` : "";
    const excerpt = this.span && sourceLine !== undefined ? `\n${showExcerpt(this.span, sourceLine)}` : "";
    return `${where}${this.message}${excerpt}${this.advice ? `\n  ${this.advice}` : ""}`;
  }
}

let lastRefusal: BenchError | undefined;

/** The program uses something that this engine cannot differentiate. */
export function unsupported(message: string, advice?: string, span?: Span): BenchError {
  lastRefusal = new BenchError("unsupported", message, { advice, span });
  return lastRefusal;
}

/**
 * The last refusal made since this was asked before. A program may catch a refusal like any error and go on, with a value whose
 * derivative is lost; whoever runs programs asks here before and after, and lets no refusal be swallowed.
 */
export function takeRefusal(): BenchError | undefined {
  const refusal = lastRefusal;
  lastRefusal = undefined;
  return refusal;
}

/** Shapes, dtypes or kinds of value do not fit. The message names both sides. */
export function mismatch(message: string, advice?: string, span?: Span): BenchError {
  return new BenchError("type", message, { advice, span });
}

/** A broken invariant of the project itself: a bug here, not a mistake of the user. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new BenchError("runtime", `internal error: ${message}`, { advice: "please report this as a bug" });
}
