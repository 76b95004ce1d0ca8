/** Reference arrays as arguments of programs: tensors of the case's dtype, i32 for indices, bool for masks. */
import type { DType, FloatDType } from "../../core/base/dtype.ts";
import { createTensor, type Tensor } from "../../core/tensor/tensor.ts";
import type { GoldenTensor } from "./formats.ts";

export function toTensor({ data, shape, dtype }: GoldenTensor, float: FloatDType): Tensor {
  const own: Record<GoldenTensor["dtype"], DType> = { f64: float, i64: "i32", bool: "bool" };
  return createTensor(data, shape, own[dtype]);
}

/** A scalar as a plain number, everything else as a tensor: how programs take their arguments. */
export function toNumberOrTensor(tensor: GoldenTensor, float: FloatDType): number | Tensor {
  return tensor.shape.length === 0 ? (tensor.data[0] as number) : toTensor(tensor, float);
}

/** A record of tensors by their names. */
export function toRecord(tensors: readonly GoldenTensor[], float: FloatDType): Record<string, Tensor> {
  return Object.fromEntries(tensors.map((t) => [t.name, toTensor(t, float)]));
}
