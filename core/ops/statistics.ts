/** Composite reductions: means, moments, norms and products. */
import { normalizeAxes, normalizeAxis } from "../base/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/traced.ts";
import { avalOf, valueOps as v } from "../tensor/values.ts";
import { numeric } from "./options.ts";

type Axes = readonly number[] | null;

function axesOf(x: Value, axes: Axes): { axes: number[]; count: number } {
  const { shape } = avalOf(x);
  const normal = normalizeAxes(axes, shape.length);
  return { axes: normal, count: normal.reduce((n, a) => n * (shape[a] as number), 1) };
}

/** The mean, NaN of no elements. */
export function mean(x: Tensor, axes?: Axes, keepdims?: boolean): Tensor;
export function mean(x: Value, axes: Axes = null, keepdims = false): Value {
  const over = axesOf(x, axes);
  return v.mul(v.sum(x, over.axes, keepdims), 1 / over.count);
}

/** Variance with divisor N - correction: NaN or infinite where that is not positive. */
export function variance(x: Tensor, axes?: Axes, keepdims?: boolean, correction?: number): Tensor;
export function variance(x: Value, axes: Axes = null, keepdims = false, correction = 0): Value {
  const over = axesOf(x, axes);
  const centred = v.sub(x, v.mul(v.sum(x, over.axes, true), 1 / over.count));
  return v.mul(v.sum(v.square(centred), over.axes, keepdims), 1 / Math.max(0, over.count - correction));
}

/** The root of the variance; its derivative where all elements are equal is 0. */
export function std(x: Tensor, axes?: Axes, keepdims?: boolean, correction?: number): Tensor {
  return rootOf(variance(x, axes, keepdims, correction), (y) => v.sqrt(y)) as Tensor;
}

/** A root has no derivative at 0: its argument is replaced there by 1, its value by 0. */
function rootOf(x: Value, root: (x: Value) => Value): Value {
  const zero = v.eq(x, 0);
  return v.where(zero, 0, root(v.where(zero, 1, x)));
}

/** The p-norm over axes, p > 0, the largest size for p = Infinity; its derivative at the zero vector is 0. */
export function norm(x: Tensor, p?: number, axes?: Axes, keepdims?: boolean): Tensor;
export function norm(x: Value, p = 2, axes: Axes = null, keepdims = false): Value {
  numeric("norm", "p", p, p > 0, "positive, Infinity included");
  const over = axesOf(x, axes).axes;
  if (p === Number.POSITIVE_INFINITY) return v.reduceMax(v.abs(x), over, keepdims);
  if (p === 1) return v.sum(v.abs(x), over, keepdims);
  const powers = v.sum(p === 2 ? v.square(x) : v.pow(v.abs(x), p), over, keepdims);
  return rootOf(powers, (y) => (p === 2 ? v.sqrt(y) : v.pow(y, 1 / p)));
}

/**
 * Product over axes, by halving: log2(n) elementwise products, so derivatives of any order are right with zeros in the data and
 * cost O(n).
 */
export function prod(x: Tensor, axes?: Axes, keepdims?: boolean): Tensor;
export function prod(x: Value, axes: Axes = null, keepdims = false): Value {
  const { shape } = avalOf(x);
  const over = axesOf(x, axes);
  const kept = shape.map((_, i) => i).filter((i) => !over.axes.includes(i));
  const rows = kept.map((i) => shape[i] as number);
  let y = v.reshape(v.transpose(x, [...kept, ...over.axes]), [rows.reduce((n, d) => n * d, 1), over.count]);
  let length = over.count;
  const r = avalOf(y).shape[0] as number;
  if (length === 0) y = v.pad(y, [0, 0], [0, 1], [0, 0], 1);
  while (length > 1) {
    const half = length >> 1;
    const product = v.mul(v.slice(y, [0, 0], [r, half], [1, 1]), v.slice(y, [0, half], [r, 2 * half], [1, 1]));
    y = length % 2 === 0 ? product : v.concat([product, v.slice(y, [0, 2 * half], [r, length], [1, 1])], 1);
    length = half + (length % 2);
  }
  return v.reshape(y, keepdims ? shape.map((d, i) => (over.axes.includes(i) ? 1 : d)) : rows);
}

/** Inclusive cumulative sum along axis. */
export function cumsum(x: Tensor, axis: number): Tensor;
export function cumsum(x: Value, axis: number): Value {
  return v.cumsum(x, normalizeAxis(axis, avalOf(x).shape.length), false);
}

/**
 * Inclusive cumulative product along axis, by doubling: after step s each element is the product of the last 2^s. log2(n)
 * elementwise products, so that derivatives of any order are right with zeros in the data.
 */
export function cumprod(x: Tensor, axis: number): Tensor;
export function cumprod(x: Value, axis: number): Value {
  const { shape } = avalOf(x);
  const a = normalizeAxis(axis, shape.length);
  const length = shape[a] as number;
  const edge = (n: number) => shape.map((_, i) => (i === a ? n : 0));
  const ones = shape.map(() => 1);
  let y = x;
  for (let reach = 1; reach < length; reach *= 2) {
    const earlier = v.slice(
      y,
      edge(0),
      shape.map((d, i) => (i === a ? length - reach : d)),
      ones,
    );
    y = v.mul(y, v.pad(earlier, edge(reach), edge(0), edge(0), 1));
  }
  return y;
}
