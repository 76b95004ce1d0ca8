/**
 * Broadcasting that does not depend on what a kernel does of it by itself: many kernels of the WebAssembly backend take twenty times
 * as long for operands of different shapes. A number becomes a filled tensor, float32 is multiplied by ones (which the arithmetic
 * kernels are fast at, and which changes no bit but that of a quiet NaN), the rest is tiled.
 */
import { type Shape, sameShape } from "../../base/shape.ts";
import type { TfDType } from "./backend.ts";
import type { Builder, Value } from "./program.ts";

export function fill(b: Builder, value: number, shape: Shape, dtype: TfDType): Value {
  return b.kernel("Fill", {}, { shape, value, dtype }, shape, dtype);
}

/** `x` with its axes of length one stretched to `shape`, which has the same rank. */
export function broadcast(b: Builder, x: Value, shape: Shape): Value {
  if (sameShape(x.shape, shape)) return x;
  if (x.dtype === "bool") {
    const ints = b.kernel("Cast", { x }, { dtype: "float32" }, x.shape, "float32");
    return b.kernel("NotEqual", { a: broadcast(b, ints, shape), b: fill(b, 0, shape, "float32") }, {}, shape, "bool");
  }
  if (x.constant !== undefined) return fill(b, x.constant, shape, x.dtype);
  if (x.dtype === "float32") return b.kernel("Multiply", { a: x, b: fill(b, 1, shape, "float32") }, {}, shape, "float32");
  const reps = shape.map((d, i) => (x.shape[i] === d ? 1 : d));
  return b.kernel("Tile", { x }, { reps }, shape, x.dtype);
}
