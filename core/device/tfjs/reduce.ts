/** Folds of the rows of a matrix: sums whose error does not grow with their length, extremes and their positions. */

import { broadcast, fill } from "./broadcast.ts";
import type { Builder, Value } from "./program.ts";
import { padTo } from "./view.ts";

/** Numbers that are added one after the other; sums of more are sums of such sums, since a backend may add in f32. */
const BLOCK = 32;

/** Scans of more are left to the host, for the same reason. */
export const MAX_SCAN = 1024;

/** [rows, n] → [rows]: the sums; of bools, whether any is true. */
export function total(b: Builder, x: Value): Value {
  const [rows, n] = x.shape as [number, number];
  if (x.dtype === "bool") return extremum(b, "max", x);
  if (x.dtype === "int32" || n <= BLOCK) return b.kernel("Sum", { x }, { axis: [1], keepDims: false }, [rows], x.dtype);
  const blocks = Math.ceil(n / BLOCK);
  const padded = padTo(b, x, [
    [0, 0],
    [0, blocks * BLOCK - n],
  ]);
  return total(b, b.reshape(total(b, b.reshape(padded, [rows * blocks, BLOCK])), [rows, blocks]));
}

/** [rows, n] → [rows]; a NaN is beyond all numbers. */
export function extremum(b: Builder, op: "max" | "min", x: Value): Value {
  const [rows] = x.shape as [number, number];
  const name = op === "max" ? "Max" : "Min";
  if (x.dtype !== "bool") return b.kernel(name, { x }, { reductionIndices: [1], axis: [1], keepDims: false }, [rows], x.dtype);
  const ints = b.kernel("Cast", { x }, { dtype: "int32" }, x.shape, "int32");
  const found = extremum(b, op, ints);
  return b.kernel("NotEqual", { a: found, b: fill(b, 0, [rows], "int32") }, {}, [rows], "bool");
}

/** [rows, n] → int32 [rows]: where the first extreme is; the first NaN where there is one. */
export function arg(b: Builder, op: "argmax" | "argmin", x: Value): Value {
  const [rows] = x.shape as [number, number];
  if (x.dtype === "bool") return arg(b, op, b.kernel("Cast", { x }, { dtype: "int32" }, x.shape, "int32"));
  if (op === "argmin") {
    // -1 - x turns the order of all int32 around; -x might leave their range.
    const a = x.dtype === "int32" ? broadcast(b, b.constant(-1, 2, "int32"), x.shape) : broadcast(b, b.constant(0, 2, "float32"), x.shape);
    return arg(b, "argmax", b.kernel("Sub", { a, b: x }, {}, x.shape, x.dtype));
  }
  const place = b.kernel("ArgMax", { x }, { axis: 1 }, [rows], "int32");
  if (x.dtype === "int32") return place;
  const nans = b.kernel("Cast", { x: b.kernel("NotEqual", { a: x, b: x }, {}, x.shape, "bool") }, { dtype: "int32" }, x.shape, "int32");
  const firstNaN = b.kernel("ArgMax", { x: nans }, { axis: 1 }, [rows], "int32");
  const any = extremum(b, "max", nans);
  const condition = b.kernel("NotEqual", { a: any, b: fill(b, 0, [rows], "int32") }, {}, [rows], "bool");
  return b.kernel("Select", { condition, t: firstNaN, e: place }, {}, [rows], "int32");
}

/** The running sums over the axes from `outer` on, in row-major order. */
export function cumulate(b: Builder, x: Value, outer: number): Value {
  const rows = x.shape.slice(0, outer).reduce((n, d) => n * d, 1);
  const columns = x.shape.slice(outer).reduce((n, d) => n * d, 1);
  const flat = b.reshape(x, [rows, columns]);
  const sums = b.kernel("Cumsum", { x: flat }, { axis: 1, exclusive: false, reverse: false }, [rows, columns], x.dtype);
  return b.reshape(sums, x.shape);
}
