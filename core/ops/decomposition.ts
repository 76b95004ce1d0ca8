/** Linear systems, factors and determinants of square matrices, the last two axes; all axes before them are a batch. */
import { mismatch } from "../base/errors.ts";
import { broadcastShapes, type Shape, sameShape, showShape } from "../base/shape.ts";
import { createTensor, type Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/traced.ts";
import { avalOf, valueOps as v } from "../tensor/values.ts";
import { known, truth } from "./options.ts";

/**
 * Lower L with L Lᵀ = A, for a symmetric positive definite A[..., n, n] of which the lower triangle is read. The whole factor is NaN
 * where A is not positive definite. Its derivative treats A as symmetric: gradients are symmetric.
 */
export const cholesky = v.cholesky as (a: Tensor) => Tensor;

/**
 * det A for each matrix: A[..., n, n] → [...]. The gradient is the matrix of cofactors, for singular matrices too, and so is its
 * derivative; third and higher derivatives go through A⁻¹ and are NaN where A is singular.
 */
export const det = v.det as (a: Tensor) => Tensor;

/** log |det A| for each matrix, -Infinity where A is singular: A[..., n, n] → [...]. */
export const logabsdet = v.logabsdet as (a: Tensor) => Tensor;

/**
 * X with A X = B for A[..., n, n] and B[..., n, m], batches broadcasting. B may be a vector [n], or one vector [..., n] for each
 * matrix of A; X then has its shape. By LU with partial pivoting; inf or NaN where A is singular.
 */
export function solve(a: Tensor, b: Tensor): Tensor;
export function solve(a: Value, b: Value): Value {
  return systemOf("solve", a, b, (x, y) => v.solve(x, y, { transpose: false }));
}

/** X with op(A) X = B, as {@link solve}, reading one triangle of A (`lower`, the default, or upper); op transposes where asked. */
export function triangularSolve(a: Tensor, b: Tensor, options?: { lower?: boolean; transpose?: boolean }): Tensor;
export function triangularSolve(a: Value, b: Value, options: { lower?: boolean; transpose?: boolean } = {}): Value {
  known("triangularSolve", options, ["lower", "transpose"]);
  const { lower = true, transpose = false } = options;
  truth("triangularSolve", "lower", lower);
  truth("triangularSolve", "transpose", transpose);
  return systemOf("triangularSolve", a, b, (x, y) => v.triangularSolve(x, y, { lower, transpose }));
}

/** A⁻¹ of each matrix; inf or NaN where A is singular. To solve a system, `solve` is quicker and more accurate. */
export function inverse(a: Tensor): Tensor;
export function inverse(a: Value): Value {
  const { shape, dtype } = avalOf(a);
  const n = shape.at(-1) ?? 0;
  const identity = createTensor(
    Array.from({ length: n * n }, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
    [n, n],
    dtype,
  );
  return systemOf("inverse", a, identity, (x, y) => v.solve(x, y, { transpose: false }));
}

function systemOf(name: string, a: Value, b: Value, solved: (a: Value, b: Value) => Value): Value {
  const [sa, sb] = [avalOf(a).shape, avalOf(b).shape];
  const given = `${name} of A ${showShape(sa)} and B ${showShape(sb)}`;
  const n = sa.at(-1);
  if (sa.length < 2 || sa.at(-2) !== n) throw mismatch(`${given}: A needs square matrices [..., n, n]`);
  const perMatrix = sb.length === sa.length - 1 && sb.length > 1 && sameShape(sb, sa.slice(0, -1));
  if (perMatrix && sb.at(-2) === n)
    throw mismatch(
      `${given}: B may be a vector for each matrix, or one matrix for all`,
      "say which with expandDims(b, [-1]) or expandDims(b, [0])",
    );
  const isVector = sb.length === 1 || perMatrix;
  const columns = isVector ? v.reshape(b, [...sb, 1]) : b;
  const matrix = avalOf(columns).shape;
  if (matrix.length < 2 || matrix.at(-2) !== n)
    throw mismatch(`${given}: B needs ${n} rows, or to be a vector of ${n} (one for each matrix)`);
  const batch = broadcastShapes(sa.slice(0, -2), matrix.slice(0, -2));
  const x = solved(spread(a, [...batch, ...sa.slice(-2)]), spread(columns, [...batch, ...matrix.slice(-2)]));
  return isVector ? v.reshape(x, avalOf(x).shape.slice(0, -1)) : x;
}

const spread = (x: Value, shape: Shape): Value => (sameShape(avalOf(x).shape, shape) ? x : v.broadcastTo(x, shape));
