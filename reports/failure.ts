/**
 * The report's one error: the stored run cannot be read, or a chart cannot be drawn as it should. It has the fields of the
 * project's own errors (what, where, the way out); it is declared here because reports may import nothing but the result schema,
 * so that a report can be rebuilt from a stored run anywhere.
 */
export class ReportError extends Error {
  readonly kind: "usage" | "runtime";
  /** What the user can do instead. */
  readonly advice: string | undefined;

  constructor(kind: "usage" | "runtime", message: string, advice?: string) {
    super(message);
    this.name = "ReportError";
    this.kind = kind;
    this.advice = advice;
  }

  /** The message and, below it, the advice. */
  describe(): string {
    return this.advice === undefined ? this.message : `${this.message}\n  ${this.advice}`;
  }
}
