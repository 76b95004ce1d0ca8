/**
 * Scopes: who frees tensors. A scope owns every tensor that is made inside it and frees them when it ends, but for those in its
 * result and those that were kept, which pass to the scope around it. Without a scope a tensor lives until `release`.
 */
import { Tensor } from "./tensor.ts";
import { Traced } from "./traced.ts";

/** What a scope can own: tensors, and the tapes of derivative operators that return a function. */
export interface Owned {
  /** Depth of the scope that holds one reference; 0 for none. */
  owner: number;
  release(): void;
}

/** A function carries what it needs alive under this key, so that a scope that returns it keeps that too. */
export const HOLDS = Symbol("holds");

const owned: Owned[] = [];
let depth = 0;

/** Gives one reference to the innermost scope, if there is one. */
export function own(thing: Owned): void {
  thing.owner = depth;
  if (depth > 0) owned.push(thing);
}

/** Opens a frame by hand; hot paths use this pair instead of `scope`. */
export function openFrame(): number {
  depth++;
  return owned.length;
}

/** Closes the frame: frees what it owns, except what `results` holds, which passes to the frame around it. */
export function closeFrame(mark: number, ...results: readonly unknown[]): void {
  const closing = depth--;
  if (owned.length === mark) return;
  let kept: Owned[] | undefined;
  const keep = (t: Owned) => {
    if (t.owner !== closing) return;
    t.owner = depth;
    if (depth === 0) return;
    if (kept === undefined) kept = [t];
    else kept.push(t);
  };
  for (let i = 0; i < results.length; i++) eachOwned(results[i], keep);
  for (let i = owned.length - 1; i >= mark; i--) {
    const t = owned[i] as Owned;
    // What frames inside own that an exception left open goes with this one.
    if (t.owner < closing) continue;
    t.owner = 0;
    t.release();
  }
  owned.length = mark;
  if (kept !== undefined) for (const t of kept) owned.push(t);
}

/**
 * Runs `body` and frees what it made, except the tensors in its result (a tensor, a traced value, or arrays and records of
 * them) and those given to `keep`. Exceptions free everything.
 */
export function scope<T>(body: (keep: <U>(value: U) => U) => T): T {
  const mark = openFrame();
  const level = depth;
  const results: unknown[] = [];
  const keep = <U>(value: U): U => {
    results.push(value);
    return value;
  };
  let closed = false;
  try {
    const result = body(keep);
    results.push(result);
    closed = true;
    closeFrame(mark, ...results);
    return result;
  } finally {
    if (!closed) {
      depth = level;
      closeFrame(mark);
    }
  }
}

/**
 * Who frees what the turns of a loop make: a turn's tensors when it ends, but for those that it gives to the next turn or that are
 * kept for good, and those that it was given when the next turn was given others. So a loop holds as much as one turn does.
 */
export class Turns {
  private mark = 0;
  /** What the turn before this one made and gave to it. */
  private given = new Set<Owned>();

  begin(): void {
    this.mark = openFrame();
  }

  /** After a turn that came to its end. `next` is what the next one reads, `kept` what others hold from now on. */
  end(next: readonly unknown[], kept: readonly unknown[]): void {
    const before = this.given;
    const now = new Set<Owned>();
    eachInside(next, (t) => {
      if (t.owner === depth || before.has(t)) now.add(t);
    });
    closeFrame(this.mark, next, kept);
    if (before.size > 0 || now.size > 0)
      eachInside(kept, (t) => {
        now.delete(t);
        before.delete(t);
      });
    for (const t of before) {
      if (now.has(t) || t.owner === 0) continue;
      t.owner = 0;
      t.release();
    }
    this.given = now;
  }

  /** After a turn that ended with its test. */
  leave(): void {
    closeFrame(this.mark);
  }
}

/** Visits everything that a scope may own in a result: inside traced values, functions, arrays and records. */
export function eachOwned(value: unknown, visit: (t: Owned) => void): void {
  if (value instanceof Tensor) visit(value);
  else if (Array.isArray(value) && value.every(isTensor)) for (const t of value) visit(t);
  else if (typeof value !== "object" ? typeof value === "function" : value !== null) eachInside(value as object, visit);
}

const isTensor = (x: unknown): x is Tensor => x instanceof Tensor;

function eachInside(value: object, visit: (t: Owned) => void): void {
  const work: unknown[] = [value];
  const seen = new Set<unknown>();
  while (work.length > 0) {
    const v = work.pop();
    if ((typeof v !== "object" && typeof v !== "function") || v === null || seen.has(v)) continue;
    seen.add(v);
    if (v instanceof Tensor) visit(v);
    else if (v instanceof Traced) work.push(...v.parts());
    else if (typeof v === "function") {
      const held = (v as { [HOLDS]?: Owned })[HOLDS];
      if (held !== undefined) visit(held);
    } else if (Array.isArray(v)) for (const x of v) work.push(x);
    else if (Object.getPrototypeOf(v) === Object.prototype || Object.getPrototypeOf(v) === null) work.push(...Object.values(v));
  }
}
