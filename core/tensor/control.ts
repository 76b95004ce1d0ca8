/**
 * Who takes control flow. A program that decides by `cond`, `whileLoop` and `scan` instead of statements runs as it stands, unless
 * an engine that builds graphs is at work: that engine is asked here, and makes a node of the decision.
 */
import type { Value } from "./traced.ts";

export interface ControlFlow {
  cond(condition: Value, consequent: () => unknown, otherwise: () => unknown): unknown;
  whileLoop(test: (state: unknown) => unknown, body: (state: unknown) => unknown, initial: unknown): unknown;
  /** `xs` holds tensors with `length` rows each; gives the last carry and the tensors of what each turn gave beside it. */
  scan(
    f: (carry: unknown, x: unknown) => readonly [unknown, unknown],
    carry: unknown,
    xs: unknown,
    length: number,
  ): readonly [unknown, unknown];
}

let current: ControlFlow | undefined;

/** The engine that takes control flow now, if there is one. */
export function controlFlow(): ControlFlow | undefined {
  return current;
}

/** Lets `control` take the control flow of what `body` runs; with undefined, it runs as it stands. */
export function withControlFlow<T>(control: ControlFlow | undefined, body: () => T): T {
  const before = current;
  current = control;
  try {
    return body();
  } finally {
    current = before;
  }
}
