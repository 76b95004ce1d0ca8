/**
 * Launches: what a lowered primitive asks of a device, kernels with their geometry or a matrix product. Operand numbers in a
 * launch refer to the inputs of the primitive; every launch of one application writes to the application's one output.
 */
import type { FloatDType } from "../base/dtype.ts";
import type { Geometry, Kernel } from "./kernel.ts";

export interface KernelLaunch {
  readonly kind: "kernel";
  readonly kernel: Kernel;
  readonly geometry: Geometry;
  /** For each kernel operand, the index of the input that it reads. */
  readonly inputs: readonly number[];
}

/**
 * C[b] = op(A[b]) · op(B[b]), row-major and dense, for every b in `batch`; op transposes where the flag says so.
 * A is m×k (k×m when transposed), B is k×n (n×k when transposed), C is m×n. Where k = 0, C is zeros.
 */
export interface MatmulLaunch {
  readonly kind: "matmul";
  readonly dtype: FloatDType;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  /** Element offsets of each matrix of the batch; one entry where there is no batch. */
  readonly batch: readonly { readonly a: number; readonly b: number; readonly c: number }[];
  readonly inputs: readonly [number, number];
}

export type Launch = KernelLaunch | MatmulLaunch;
