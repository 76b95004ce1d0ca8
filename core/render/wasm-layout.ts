/**
 * How the numbers of a launch reach a generated function. Pointers and the length of a flat map are parameters; everything else
 * (extents, strides, bounds of indices) is a block of i32 words in memory, written once when a launch is prepared and read at
 * the start of the function: the last parameter is the block's address. A part of a launch (for a thread) is a block of its own.
 */
import { sizeOf } from "../base/dtype.ts";
import type { Geometry, Kernel, Operand, Output } from "../kernel/kernel.ts";
import { type Expr, postorder } from "../kernel/scalar-expr.ts";

/** What one word of the block is. `operand` counts the outputs after the operands. */
export type Word =
  | { readonly kind: "extent"; readonly axis: number }
  /** Bytes from one point to the next along an axis. */
  | { readonly kind: "stride"; readonly operand: number; readonly axis: number }
  /** Bytes from one index to the next, and the number of indices, of an indirect operand. */
  | { readonly kind: "index-stride" | "index-extent"; readonly operand: number }
  /** The first coordinate along an axis, where coordinates are read or reported. */
  | { readonly kind: "start"; readonly axis: number }
  /** Address of the cell in which an index out of range is reported. */
  | { readonly kind: "error-cell" };

/** The operands, then the outputs. */
export function allOperands(kernel: Kernel): readonly Operand[] {
  return [...kernel.operands, ...kernel.outputs];
}

/** What is evaluated to store an output. */
export function storeRoots(output: Output): Expr[] {
  return output.storeAt ? [output.result, output.storeAt] : [output.result];
}

/** True for maps over at most one axis with nothing but "unit" and "fixed" and no coordinates: their only number is the length. */
function isFlat(kernel: Kernel): boolean {
  if (kernel.rank > 1 || kernel.reduced > 0) return false;
  return allOperands(kernel).every((o) => !o.indirect && o.access[0] !== "strided") && axesRead(kernel).length === 0;
}

/** The axes whose coordinates are read, or reported with an index out of range. */
function axesRead(kernel: Kernel): number[] {
  const axes = Array.from({ length: kernel.rank }, (_, axis) => axis);
  if (allOperands(kernel).some((o) => o.indirect)) return axes;
  const read = new Set<number>();
  const roots = [...kernel.reductions.map((r) => r.of), ...kernel.outputs.flatMap(storeRoots)];
  for (const e of postorder(roots)) if (e.kind === "index") read.add(e.axis);
  return axes.filter((axis) => read.has(axis));
}

/** The words of a kernel's block in their order; empty for flat kernels. */
export function wordsOf(kernel: Kernel): readonly Word[] {
  if (isFlat(kernel)) return [];
  const words: Word[] = [];
  for (let axis = 0; axis < kernel.rank; axis++) words.push({ kind: "extent", axis });
  for (const [operand, o] of allOperands(kernel).entries()) {
    for (let axis = 0; axis < kernel.rank; axis++) if (o.access[axis] === "strided") words.push({ kind: "stride", operand, axis });
    if (o.indirect) words.push({ kind: "index-stride", operand }, { kind: "index-extent", operand });
  }
  for (const axis of axesRead(kernel)) words.push({ kind: "start", axis });
  if (allOperands(kernel).some((o) => o.indirect)) words.push({ kind: "error-cell" });
  return words;
}

/** The values of the block of a launch, whose words are `words`, or of the part of it that begins at the point `starts`. */
export function wordValues(
  words: readonly Word[],
  operands: readonly Operand[],
  geometry: Geometry,
  starts: readonly number[],
  errorCell: number,
): number[] {
  return words.map((w) => {
    if (w.kind === "extent") return geometry.extents[w.axis] as number;
    if (w.kind === "start") return starts[w.axis] as number;
    if (w.kind === "error-cell") return errorCell;
    const size = sizeOf((operands[w.operand] as Operand).dtype);
    if (w.kind === "stride") return ((geometry.strides[w.operand] as readonly number[])[w.axis] as number) * size;
    const indirect = geometry.indirect[w.operand] as { readonly stride: number; readonly extent: number };
    return w.kind === "index-stride" ? indirect.stride * size : indirect.extent;
  });
}

/**
 * Words of a cell in which a function reports its first index out of range: word 0 the site's number plus 1 (0: none), word 1 the
 * index, then the position.
 */
export const ERROR_CELL_WORDS = 32;

/** One place in a kernel where an index is checked. */
export interface Site {
  /** The indirect operand; outputs come after the operands. */
  readonly operand: number;
  /** How many leading coordinates the position has. */
  readonly level: number;
}
