/**
 * Launches: what a lowered primitive asks of a device. Kernels with their geometry are the rule; matrix products, convolutions
 * and a few routines that are no loop nest (factorisations, sorting) are asked for by name, so that a device may answer with the
 * best it has. Operand numbers in a launch refer to the inputs of the application; every launch writes whole outputs.
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
  /**
   * What is done with each element of the product on its way to memory: a map over the axes [batch, m, n] (exactly these, not
   * merged), whose operand 0 is the product itself (its entry of `inputs` is -1 and its strides are those of C); it may be any
   * dense output of C's size and dtype. The launch's outputs are then those of this map, output 0 holding C's place.
   */
  readonly epilogue?: KernelLaunch;
}

/**
 * The three products of a two-dimensional convolution (cross-correlation, NCHW, zero padding), each linear in both operands and
 * each other's transposes. With x[N, C, H, W], w[O, C/groups, kH, kW] and y[N, O, oH, oW]:
 *
 *     forward: y = x ∗ w            inputs x, w
 *     input:   x̄ from ȳ and w      inputs ȳ, w     (also the transposed convolution)
 *     weight:  w̄ from x and ȳ      inputs x, ȳ
 */
export interface ConvolutionLaunch {
  readonly kind: "convolution";
  readonly product: "forward" | "input" | "weight";
  readonly dtype: FloatDType;
  readonly n: number;
  readonly groups: number;
  /** Channels of x and of y, all groups together. */
  readonly c: number;
  readonly o: number;
  /** [height, width] of x, of y, of the kernel; stride, dilation, and zeros before the first row and column. */
  readonly input: Pair;
  readonly output: Pair;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
  readonly padding: Pair;
  readonly inputs: readonly [number, number];
  /** Of a forward product: as {@link MatmulLaunch.epilogue}, over the axes [N, O, oH·oW] of y. It checks no index. */
  readonly epilogue?: KernelLaunch;
}

export type Pair = readonly [number, number];

/**
 * Computations over `batch` independent dense row-major blocks that are no loop nest; `routines/run.ts` is the definition. A NaN that
 * is read shows in the result, and a determinant that can be represented is not lost to overflow on the way.
 *
 *     cholesky         A[n, n] → L, lower, zeros above; only the lower triangle of A is read. Not positive definite: NaN.
 *     triangularSolve  A[n, n], B[n, columns] → X with op(A) X = B; reads one triangle of A (`lower`); op transposes (`transpose`)
 *     solve            A[n, n], B[n, columns] → X with op(A) X = B by LU with partial pivoting. Singular: inf or NaN.
 *     determinant      A[n, n] → [] ;   logDeterminant: log |det A|
 *     cofactors        A[n, n] → ∂det A/∂A [n, n], for every A; with E[n, n] as B, the derivative of the cofactors along E
 *     argsort          x[n] → i32[n], the stable order that makes x ascend (descend where `descending`); NaN comes last
 */
export interface RoutineLaunch {
  readonly kind: "routine";
  readonly routine: "cholesky" | "triangularSolve" | "solve" | "determinant" | "logDeterminant" | "cofactors" | "argsort";
  readonly dtype: FloatDType | "i32";
  readonly batch: number;
  readonly n: number;
  /** Columns of B; 0 where there is none. */
  readonly columns: number;
  readonly lower: boolean;
  readonly transpose: boolean;
  readonly descending: boolean;
  readonly inputs: readonly number[];
}

/**
 * Launches of which none needs another, as one: the device shares its threads among all of them, in one fork and join. Each gives the
 * bits that it gives alone. None checks indices.
 */
export interface TogetherLaunch {
  readonly kind: "together";
  readonly members: readonly Member[];
}

export interface Member {
  readonly launch: KernelLaunch | MatmulLaunch;
  /** For each of its operands, outputs and then inputs, the number among those of the whole: all outputs, then all inputs. */
  readonly operands: readonly number[];
}

export type Launch = KernelLaunch | MatmulLaunch | ConvolutionLaunch | RoutineLaunch | TogetherLaunch;

/** How many outputs a launch stores. */
export function outputsOf(launch: Launch): number {
  switch (launch.kind) {
    case "kernel":
      return launch.kernel.outputs.length;
    case "matmul":
    case "convolution":
      return launch.epilogue?.kernel.outputs.length ?? 1;
    case "together":
      return launch.members.reduce((n, m) => n + outputsOf(m.launch), 0);
    default:
      return 1;
  }
}

/** How many operands a launch is run with: outputs, then as many inputs as it numbers. */
export function operandsOf(launch: Launch): number {
  const largest = (numbers: readonly number[]) => numbers.reduce((a, b) => Math.max(a, b), -1);
  if (launch.kind === "together") return 1 + largest(launch.members.map((m) => largest(m.operands)));
  return outputsOf(launch) + 1 + largest([...launch.inputs, ...(epilogueOf(launch)?.inputs ?? [])]);
}

/** The launches of generated kernels that a launch consists of. */
export function kernelsOf(launch: Launch): readonly KernelLaunch[] {
  if (launch.kind === "kernel") return [launch];
  if (launch.kind === "together") return launch.members.flatMap((m) => kernelsOf(m.launch));
  const epilogue = epilogueOf(launch);
  return epilogue === undefined ? [] : [epilogue];
}

function epilogueOf(launch: Launch): KernelLaunch | undefined {
  return launch.kind === "matmul" || launch.kind === "convolution" ? launch.epilogue : undefined;
}
