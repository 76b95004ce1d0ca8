/** How a statement ends. Arms that end differently give a mixture, by their condition. */
import type { Span } from "../../../core/base/span.ts";
import type { Node } from "../ir/graph.ts";
import type { Value } from "./value.ts";

export type Completion =
  | { readonly kind: "next" }
  | { readonly kind: "return"; readonly value: Value }
  /** To the handler of a try statement around it. */
  | { readonly kind: "throw"; readonly value: Value; readonly span?: Span | undefined }
  | { readonly kind: "break" | "continue"; readonly label: string | undefined }
  | { readonly kind: "mixed"; readonly condition: Node; readonly consequent: Completion; readonly otherwise: Completion };

export const NEXT: Completion = { kind: "next" };

/** Whether two ends, of which neither gives a value, are one. */
export function isSameEnd(a: Completion, b: Completion): boolean {
  if (a.kind === "throw" || b.kind === "throw") return a.kind === "throw" && b.kind === "throw" && a.value === b.value;
  if (a.kind === "break" || a.kind === "continue") return a.kind === b.kind && a.label === b.label;
  return a.kind === "next" && b.kind === "next";
}

/** Thrown where an arm cannot go on: a `throw` of the program, or a recursive call whose result is not known yet. */
export class Unreachable extends Error {
  readonly reason: string;
  /** By a `throw`. */
  readonly isThrown: boolean;
  /** What was thrown, where a statement of the program did it. */
  readonly value: Value | undefined;
  readonly span: Span | undefined;
  constructor(reason: string, isThrown: boolean, value?: Value, span?: Span) {
    super(reason);
    this.span = span;
    this.value = value;
    this.reason = reason;
    this.isThrown = isThrown;
  }
}
