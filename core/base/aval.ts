/**
 * Aval ("abstract value"): what is known of a tensor before it exists, its shape and dtype. Avals are interned, so equality is
 * identity and `id` keys the caches of prepared launches.
 */
import { type DType, isDType } from "./dtype.ts";
import { mismatch } from "./errors.ts";
import { elementCount, type Shape } from "./shape.ts";

export interface Aval {
  readonly shape: Shape;
  readonly dtype: DType;
  /** Number of elements. */
  readonly size: number;
  /** Unique small integer of this (shape, dtype). */
  readonly id: number;
}

const interned = new Map<string, Aval>();

/** The one aval of this shape and dtype. */
export function aval(shape: Shape, dtype: DType): Aval {
  const key = `${dtype}${shape.join(",")}`;
  let a = interned.get(key);
  if (a === undefined) {
    if (!isDType(dtype)) throw mismatch(`"${dtype}" is not a dtype`, "dtypes are f32, f64, i32 and bool");
    a = Object.freeze({ shape: Object.freeze([...shape]), dtype, size: elementCount(shape), id: interned.size });
    interned.set(key, a);
  }
  return a;
}

/** `f32[2, 3]`, as printed in errors. */
export function showAval(a: Aval): string {
  return `${a.dtype}[${a.shape.join(", ")}]`;
}
