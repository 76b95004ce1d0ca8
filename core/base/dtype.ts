/**
 * Element types. Arithmetic is done in f32 and f64; i32 holds indices and labels; bool is a truth value stored as an i32
 * that is 0 or 1, so that a mask has the lanes of the numbers that it selects.
 */
export type DType = "f32" | "f64" | "i32" | "bool";
export type FloatDType = "f32" | "f64";
export type TypedArray = Float32Array | Float64Array | Int32Array;

const SIZE: Record<DType, number> = { f32: 4, f64: 8, i32: 4, bool: 4 };

/** Bytes per element. */
export function sizeOf(dtype: DType): number {
  return SIZE[dtype];
}

/** True of the four names: a model is not type-checked when it is loaded. */
export function isDType(name: string): name is DType {
  return Object.hasOwn(SIZE, name);
}

export function isFloat(dtype: DType): dtype is FloatDType {
  return dtype === "f32" || dtype === "f64";
}

/** Width order for promotion: bool < i32 < f32 < f64. */
const RANK: Record<DType, number> = { bool: 0, i32: 1, f32: 2, f64: 3 };

/** The wider of two dtypes: bool < i32 < f32 < f64. Plain JavaScript numbers are weak and never widen a tensor. */
export function promote(a: DType, b: DType): DType {
  return RANK[a] >= RANK[b] ? a : b;
}

/** An uninitialised (zeroed) host array of the dtype's storage. */
export function hostArray(dtype: DType, length: number): TypedArray {
  switch (dtype) {
    case "f32":
      return new Float32Array(length);
    case "f64":
      return new Float64Array(length);
    case "i32":
    case "bool":
      return new Int32Array(length);
    default:
      return dtype satisfies never;
  }
}
