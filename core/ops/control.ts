/**
 * Control flow as functions, for decisions by values. Run as it stands, a program takes one branch and turns as often as the test
 * says; an engine that builds graphs makes one node of each decision, where the statement `if` would need a value that is not known.
 */
import { mismatch } from "../base/errors.ts";
import { showShape } from "../base/shape.ts";
import { controlFlow } from "../tensor/control.ts";
import { Tensor } from "../tensor/tensor.ts";
import { innermost, Traced, type Value } from "../tensor/traced.ts";
import { avalOf, valueOps as v } from "../tensor/values.ts";

/** A truth value, or a number or tensor of one element that is true where it is not 0. */
export type Condition = boolean | number | Tensor;

function isTrue(condition: Condition | Value): boolean {
  if (typeof condition === "boolean") return condition;
  const x = innermost(condition);
  return (typeof x === "number" ? x : x.item()) !== 0;
}

/** What `consequent` gives where the condition is true, else what `otherwise` gives; both give values of one form. */
export function cond<T>(condition: Condition, consequent: () => T, otherwise: () => T): T {
  const control = controlFlow();
  if (control === undefined || !((condition as unknown) instanceof Traced)) return isTrue(condition) ? consequent() : otherwise();
  return control.cond(condition as Value, consequent, otherwise) as T;
}

/** What branch `index` gives, counted from 0; `otherwise` where there is none of that number. */
export function switchCase<T>(index: number | Tensor, branches: readonly (() => T)[], otherwise: () => T): T {
  const from = (i: number): T => {
    const branch = branches[i];
    return branch === undefined ? otherwise() : cond(v.eq(index, i) as Condition, branch, () => from(i + 1));
  };
  return from(0);
}

/** The first state of `initial`, `body(initial)`, `body(body(initial))`, ... for which `test` is false; all of one form. */
export function whileLoop<S>(test: (state: S) => Condition, body: (state: S) => S, initial: S): S {
  const control = controlFlow();
  if (control !== undefined) return control.whileLoop(test as never, body as never, initial) as S;
  let state = initial;
  while (isTrue(test(state))) state = body(state);
  return state;
}

/**
 * Turns over the rows of tensors: `[carry, y] = f(carry, row)` from the first row to the last. Gives the last carry, and the ys as
 * tensors with one row a turn. `xs` is a tensor, or arrays and records of tensors with equally many rows; so is y.
 */
export function scan<C, X, Y>(f: (carry: C, x: X) => readonly [C, Y], carry: C, xs: X): readonly [C, Y] {
  const length = rowsOf(xs);
  const control = controlFlow();
  if (control !== undefined) return control.scan(f as never, carry, xs, length) as readonly [C, Y];
  if (length === 0) throw mismatch("scan over tensors without rows", "of no turn it is not known what it would give");
  let state = carry;
  const ys: unknown[] = [];
  for (let t = 0; t < length; t++) {
    const [next, y] = f(state, mapLeaves(xs, (x) => rowOf(x, t)) as X);
    state = next;
    ys.push(y);
  }
  return [state, stacked(ys) as Y];
}

/** `f` of each row, as tensors with one row each. */
export function mapRows<X, Y>(f: (x: X) => Y, xs: X): Y {
  return scan((_: null, x: X) => [null, f(x)] as const, null, xs)[1];
}

function rowsOf(xs: unknown): number {
  const shapes: (readonly number[])[] = [];
  mapLeaves(xs, (x) => {
    shapes.push(avalOf(x).shape);
    return x;
  });
  const [rows] = shapes.map((s) => s[0]);
  if (rows === undefined || shapes.some((s) => s[0] !== rows))
    throw mismatch(`scan over ${shapes.map(showShape).join(", ") || "nothing"}`, "give tensors with equally many rows");
  return rows;
}

/** Row t, without the first axis. */
function rowOf(x: Value, t: number): Value {
  const { shape } = avalOf(x);
  const rest = shape.slice(1);
  const row = v.slice(x, [t, ...rest.map(() => 0)], [t + 1, ...rest], [1, ...rest.map(() => 1)]);
  return v.reshape(row, rest);
}

function stacked(ys: readonly unknown[]): unknown {
  const [first] = ys;
  if (isLeaf(first))
    return v.concat(
      (ys as Value[]).map((y) => v.reshape(rowed(y), [1, ...avalOf(y).shape])),
      0,
    );
  if (typeof first !== "object" || first === null) return first;
  if (Array.isArray(first)) return first.map((_, i) => stacked(ys.map((y) => (y as unknown[])[i])));
  return Object.fromEntries(Object.keys(first).map((k) => [k, stacked(ys.map((y) => (y as Record<string, unknown>)[k]))]));
}

/** Numbers become rows of float64. */
const rowed = (y: Value): Value => v.lift(y, "f64");

const isLeaf = (x: unknown): x is Value => typeof x === "number" || x instanceof Tensor || x instanceof Traced;

function mapLeaves(tree: unknown, leaf: (x: Value) => Value): unknown {
  if (isLeaf(tree)) return leaf(tree);
  if (typeof tree !== "object" || tree === null) return tree;
  if (Array.isArray(tree)) return tree.map((x) => mapLeaves(x, leaf));
  return Object.fromEntries(Object.entries(tree).map(([k, x]) => [k, mapLeaves(x, leaf)]));
}
