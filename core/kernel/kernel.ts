/**
 * Kernels: one form for maps, reductions and row programs (softmax, norms). An iteration space of `rank` axes, of which the
 * last `reduced` are folded by a list of reductions, each of which may read the results of those before it; then the outputs are
 * stored, each once per point ("element") or once per outer point ("row"). A scan stores its one reduction as it goes ("prefix").
 *
 *     for outer point:                     // rank - reduced axes
 *       for each reduction r in order:     // each walks the reduced axes
 *         reduced[r] = fold(r.op, r.of at every inner point)
 *       each = "row":      out[outer] = result
 *       each = "element":  for inner point: out[outer, inner] = result
 *       each = "prefix":   as "element", but `reduced` is the fold up to and including the inner point, in row-major order
 *
 * At every point the outputs are computed before any is stored, so an output may share the memory of an operand that is read at
 * the same elements only. An expression reads an output's old content by no other way than `accumulate`.
 *
 * A kernel is generic in its extents and strides: those are in the {@link Geometry} that goes with a launch. What is fixed is
 * the access pattern of each operand per axis, so that a device can compile one kernel for many shapes.
 */
import type { DType } from "../base/dtype.ts";
import type { Expr } from "./scalar-expr.ts";

/** How an operand moves along an iteration axis: not at all (broadcast), by one element, or by a stride known at launch. */
export type Access = "fixed" | "unit" | "strided";

export interface Operand {
  readonly dtype: DType;
  /** One entry per iteration axis. */
  readonly access: readonly Access[];
  /** True when loads or the store add `at * indirect.stride`, `at` being checked against `[0, indirect.extent)`. */
  readonly indirect: boolean;
}

/** `sum` of f32 adds in f64, or in short f32 blocks whose sums are added in f64; the order is fixed, so results are reproducible. */
export type ReduceOp = "sum" | "max" | "min" | "argmax" | "argmin";

export interface Reduction {
  readonly op: ReduceOp;
  readonly of: Expr;
  /** dtype of the result: that of `of`, but i32 for argmax/argmin (the first such position in row-major order of the reduced axes). */
  readonly dtype: DType;
}

export interface Output extends Operand {
  readonly result: Expr;
  /** "row" and "prefix" need reduced axes; on these a "row" output's access is "fixed". "prefix" needs exactly one reduction, sum, max or min. */
  readonly each: "element" | "row" | "prefix";
  /** For an indirect output: the i32 position along its indirect axis. */
  readonly storeAt: Expr | undefined;
  /**
   * True: `out += result` (scatter-add, windows that overlap), points that lie at one element visited in row-major order one after the
   * other. False: `out = result`, and only indirect stores may meet.
   */
  readonly accumulate: boolean;
}

export interface Kernel {
  readonly kind: "kernel";
  readonly rank: number;
  /** How many of the last axes are reduced; 0 for a map. */
  readonly reduced: number;
  readonly operands: readonly Operand[];
  readonly reductions: readonly Reduction[];
  /** What is stored; at least one. Kernels with several outputs come from fusion (an optimiser's step, the backward of a norm). */
  readonly outputs: readonly Output[];
  /** Structural identity: two kernels with equal keys are the same program. */
  readonly key: string;
}

/** The numbers of one launch of a kernel. */
export interface Geometry {
  /** Length of each iteration axis. May contain 0: then nothing is stored, except that rows of an empty reduction are. */
  readonly extents: readonly number[];
  /** Per operand, then per output: strides in elements, one per axis (0 where "fixed", 1 where "unit"). */
  readonly strides: readonly (readonly number[])[];
  /** Per operand, then per output: start offset in elements. */
  readonly offsets: readonly number[];
  /** Per operand, then per output: for indirect ones the stride (elements) and extent of the indirect axis. */
  readonly indirect: readonly ({ readonly stride: number; readonly extent: number } | undefined)[];
}

export type KernelParts = Omit<Kernel, "key" | "kind">;

/** A kernel with its structural key. */
export function kernel(parts: KernelParts): Kernel {
  const operand = (o: Operand) => `${o.dtype}${o.indirect ? "@" : ""}${o.access.map((a) => a[0]).join("")}`;
  const key = [
    parts.rank,
    parts.reduced,
    parts.operands.map(operand).join(","),
    parts.reductions.map((r) => `${r.op}${r.dtype}#${r.of.id}`).join(","),
    parts.outputs.map((o) => `${operand(o)}${o.each}${o.accumulate ? "+" : ""}=${o.result.id}@${o.storeAt?.id ?? ""}`).join(","),
  ].join("|");
  return { ...parts, kind: "kernel", key };
}

/** True where a launch has no point to store; rows of an empty reduction are stored. */
export function storesNothing(kernel: Kernel, geometry: Geometry): boolean {
  const rows = kernel.outputs.some((o) => o.each === "row");
  return geometry.extents.slice(0, rows ? kernel.rank - kernel.reduced : kernel.rank).includes(0);
}
