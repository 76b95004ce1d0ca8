/** Trees: arguments and results as arrays and records whose leaves are numbers, tensors and constants. */
import { isFloat } from "../core/base/dtype.ts";
import { mismatch } from "../core/base/errors.ts";
import { showShape } from "../core/base/shape.ts";
import { conformTo } from "../core/tensor/conform.ts";
import { Tensor } from "../core/tensor/tensor.ts";
import { isNumber, Traced, type Value } from "../core/tensor/traced.ts";
import { avalOf, valueOps } from "../core/tensor/values.ts";

export function isValue(x: unknown): x is Value {
  return typeof x === "number" || x instanceof Tensor || x instanceof Traced;
}

/** Numbers and floating-point tensors can be differentiated; strings, truth values, null and index tensors are constants. */
export function isDifferentiable(x: unknown): x is Value {
  return isValue(x) && isFloat(avalOf(x).dtype);
}

/** The tree with every leaf replaced. Depth is that of the user's data structure. */
export function mapTree(tree: unknown, leaf: (x: unknown) => unknown): unknown {
  if (typeof tree !== "object" || tree === null || isValue(tree)) return leaf(tree);
  if (Array.isArray(tree)) return tree.map((x) => mapTree(x, leaf));
  // Spread first: its fields are its own, also one named `__proto__`, which an assignment would take for the prototype.
  const copy = Object.setPrototypeOf({ ...tree }, Object.getPrototypeOf(tree) as object | null) as Record<string, unknown>;
  for (const key of Object.keys(copy)) copy[key] = mapTree(copy[key], leaf);
  return copy;
}

/** Two trees of one structure, leaf by leaf. */
export function zipTree(tree: unknown, other: unknown, leaf: (x: unknown, y: unknown, path: string) => unknown, path = ""): unknown {
  if (isValue(tree) || typeof tree !== "object" || tree === null) return leaf(tree, other, path);
  if (typeof other !== "object" || other === null || Array.isArray(tree) !== Array.isArray(other) || isValue(other)) {
    throw mismatch(`structures differ at ${path === "" ? "the top" : path}: ${kindOf(tree)} and ${kindOf(other)}`);
  }
  if (Array.isArray(tree)) {
    const list = other as readonly unknown[];
    if (list.length !== tree.length)
      throw mismatch(`arrays of ${tree.length} and ${list.length} elements at ${path === "" ? "the top" : path}`);
    return tree.map((x, i) => zipTree(x, list[i], leaf, `${path}[${i}]`));
  }
  const copy: Record<string, unknown> = { ...tree };
  for (const key of Object.keys(copy)) copy[key] = zipTree(copy[key], (other as Record<string, unknown>)[key], leaf, `${path}.${key}`);
  return copy;
}

/** What a thing is, for messages. */
export function kindOf(x: unknown): string {
  if (isValue(x)) return isNumber(x) ? "a number" : `a tensor of shape ${showShape(avalOf(x).shape)}`;
  if (x === null) return "null";
  if (x === undefined) return "undefined";
  if (Array.isArray(x)) return `an array of ${x.length}`;
  if (typeof x === "object") return "a record";
  return typeof x === "string" ? "a string" : `a ${typeof x}`;
}

/** A function's result, where it is one number or a tensor of one element; `operator` is who needs that. */
export function scalarResult(y: unknown, operator: string): Value {
  if (isValue(y) && avalOf(y).size === 1) return y;
  throw mismatch(
    `${operator} needs a function whose result is one number (a scalar), and this one returned ${kindOf(y)}`,
    "return a number, or reduce a tensor with sum(...) or mean(...); for several results use vjp or jvp",
  );
}

/** No derivative, for a value of this kind. */
export function zeroLike(x: Value): Value {
  if (isNumber(x)) return 0;
  const { dtype, shape } = avalOf(x);
  return valueOps.broadcastTo(valueOps.lift(0, dtype), shape);
}

/** The cotangent of a scalar by itself. */
export function oneLike(x: Value): Value {
  return isNumber(x) ? 1 : conformTo(1, avalOf(x));
}
