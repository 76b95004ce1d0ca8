/** Indexed reading and writing. Indices are i32 tensors; one outside its axis is an error. */
import type { DType } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { normalizeAxis, showShape } from "../base/shape.ts";
import { createTensor, type Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/traced.ts";
import { avalOf, valueOps as v } from "../tensor/values.ts";
import { numeric } from "./options.ts";

const axisOf = (x: Value, axis: number) => normalizeAxis(axis, avalOf(x).shape.length);

/** out[i][j] = x[index[i][j]][j] for axis 0, and likewise for the others. */
export function gather(x: Tensor, index: Tensor, axis: number): Tensor;
export function gather(x: Value, index: Value, axis: number): Value {
  return v.gather(x, index, axisOf(x, axis));
}
/** x plus src added at index along axis; duplicates add up. */
export function scatterAdd(x: Tensor, index: Tensor, src: Tensor, axis: number): Tensor;
export function scatterAdd(x: Value, index: Value, src: Value, axis: number): Value {
  return v.scatterAdd(x, index, src, axisOf(x, axis));
}
/** x with x[index...] replaced by src along axis; of several sources at one place, their sum. */
export function scatter(x: Tensor, index: Tensor, src: Tensor, axis: number): Tensor;
export function scatter(x: Value, index: Value, src: Value, axis: number): Value {
  const a = axisOf(x, axis);
  const zeros = v.mul(v.stopGradient(x), 0);
  const hits = v.scatterAdd(zeros, index, v.add(v.mul(v.stopGradient(src), 0), 1), a);
  return v.scatterAdd(v.where(v.gt(hits, 0), 0, x), index, src, a);
}
/** Whole slices of x along axis at an index of any rank (duplicates allowed). */
export function indexSelect(x: Tensor, index: Tensor, axis: number): Tensor;
export function indexSelect(x: Value, index: Value, axis: number): Value {
  return v.indexSelect(x, index, axisOf(x, axis));
}
/** x with the slices of src added at index along axis; duplicates add up. */
export function indexAdd(x: Tensor, index: Tensor, src: Tensor, axis: number): Tensor;
export function indexAdd(x: Value, index: Value, src: Value, axis: number): Value {
  return v.indexAdd(x, index, src, axisOf(x, axis));
}
/** Rows of W[V, D] at integer ids of any shape: ids.shape + [D]. */
export function embedding(w: Tensor, ids: Tensor): Tensor {
  return indexSelect(w, ids, 0);
}
/** 1 at the place of each id along a new last axis of `depth`, 0 elsewhere; an id outside [0, depth) gives zeros. */
export function oneHot(ids: Tensor, depth: number, dtype: DType): Tensor;
export function oneHot(ids: Value, depth: number, dtype: DType): Value {
  return v.oneHot(ids, depth, dtype);
}
/** value where mask, else x. */
export function maskedFill(x: Tensor, mask: Tensor, value: number): Tensor;
export function maskedFill(x: Value, mask: Value, value: number): Value {
  return v.where(mask, value, x);
}

/** A bool constant over the last two axes of x: true where keep(row, column). */
function triangle(x: Value, keep: (row: number, column: number) => boolean): Tensor {
  const shape = avalOf(x).shape;
  if (shape.length < 2) throw mismatch(`a triangle of a tensor of shape ${showShape(shape)}, which needs two axes`);
  const [rows, columns] = shape.slice(-2) as [number, number];
  return createTensor(
    Array.from({ length: rows * columns }, (_, i) => (keep(Math.floor(i / columns), i % columns) ? 1 : 0)),
    [rows, columns],
    "bool",
  );
}
/** The lower triangle including diagonal k, zeros elsewhere. */
export function tril(x: Tensor, k = 0): Tensor {
  numeric("tril", "the diagonal", k, Number.isInteger(k), "an integer");
  return v.where(
    triangle(x, (i, j) => j - i <= k),
    x,
    0,
  ) as Tensor;
}
/** The main diagonal of a square matrix. */
export function diagPart(x: Tensor): Tensor;
export function diagPart(x: Value): Value {
  const [n, m] = avalOf(x).shape as readonly [number, number];
  if (avalOf(x).shape.length !== 2 || n !== m)
    throw mismatch(`the diagonal of a tensor of shape ${showShape(avalOf(x).shape)}, which is not a square matrix`);
  return v.slice(v.reshape(x, [n * n]), [0], [n * n], [n + 1]);
}
/** The sum of the main diagonal of a square matrix. */
export function trace(x: Tensor): Tensor {
  return v.sum(diagPart(x), [0], false) as Tensor;
}
/** The outer product of two vectors, [n, m]; operands of other ranks are read as vectors, row-major. */
export function outer(a: Tensor, b: Tensor): Tensor;
export function outer(a: Value, b: Value): Value {
  const n = avalOf(a).size;
  const m = avalOf(b).size;
  return v.mul(v.reshape(a, [n, 1]), v.reshape(b, [1, m]));
}
