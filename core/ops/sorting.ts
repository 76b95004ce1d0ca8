/** Sorting: positions by `argsort`, values by a gather at these positions, through which derivatives flow to where values came from. */
import { mismatch } from "../base/errors.ts";
import { normalizeAxis, showShape } from "../base/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/traced.ts";
import { avalOf, valueOps as v } from "../tensor/values.ts";
import { known, truth } from "./options.ts";

/** i32 positions that sort x along an axis (the last where absent), stably; NaN comes last either way. */
export function argsort(x: Tensor, axis?: number, options?: { descending?: boolean }): Tensor;
export function argsort(x: Value, axis = -1, options: { descending?: boolean } = {}): Value {
  known("sorting", options, ["descending"]);
  const { descending = false } = options;
  truth("sorting", "descending", descending);
  const rank = avalOf(x).shape.length;
  const a = normalizeAxis(axis, rank);
  if (a === rank - 1) return v.argsort(x, descending);
  // The axis changes places with the last one, and back.
  const perm = Array.from({ length: rank }, (_, i) => (i === a ? rank - 1 : i === rank - 1 ? a : i));
  return v.transpose(v.argsort(v.transpose(x, perm), descending), perm);
}

/** x sorted along an axis (the last where absent), upwards unless `descending`; NaN comes last either way. */
export function sort(x: Tensor, axis?: number, options?: { descending?: boolean }): Tensor;
export function sort(x: Value, axis = -1, options: { descending?: boolean } = {}): Value {
  return v.gather(x, argsort(x as Tensor, axis, options), normalizeAxis(axis, avalOf(x).shape.length));
}

/** The k largest values along the last axis, in decreasing order: [..., n] → [..., k]. */
export function topk(x: Tensor, k: number): Tensor;
export function topk(x: Value, k: number): Value {
  const { shape } = avalOf(x);
  const n = shape.at(-1);
  if (n === undefined || !Number.isInteger(k) || k < 0 || k > n)
    throw mismatch(`topk of ${showShape(shape)} with k = ${k}: k is an integer from 0 to the length of the last axis`);
  const positions = v.slice(
    v.argsort(x, true),
    shape.map(() => 0),
    shape.with(-1, k),
    shape.map(() => 1),
  );
  return v.gather(x, positions, shape.length - 1);
}
