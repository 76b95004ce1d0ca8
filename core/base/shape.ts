/** Shapes: arrays of axis lengths, row-major. `[]` is a scalar; an axis of length 0 makes an empty tensor. */
import { mismatch } from "./errors.ts";

export type Shape = readonly number[];

/** Largest number of elements of one tensor: element offsets are 32-bit. */
export const MAX_ELEMENTS = 2 ** 31 - 1;

export function showShape(shape: Shape): string {
  return `[${shape.join(", ")}]`;
}

/** Number of elements. Throws where it exceeds {@link MAX_ELEMENTS}, or where an axis has no length that an axis can have. */
export function elementCount(shape: Shape): number {
  let n = 1;
  for (const d of shape) {
    if (!Number.isInteger(d) || d < 0 || d > MAX_ELEMENTS)
      throw mismatch(
        `${d} is not the length of an axis, in the shape ${showShape(shape)}`,
        `lengths are integers from 0 to ${MAX_ELEMENTS}`,
      );
    n *= d;
  }
  if (n > MAX_ELEMENTS) throw mismatch(`a tensor of shape ${showShape(shape)} has ${n} elements; the limit is ${MAX_ELEMENTS}`);
  return n;
}

export function sameShape(a: Shape, b: Shape): boolean {
  if (a === b) return true;
  if (a.length !== b.length) return false;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return false;
  return true;
}

/** Row-major strides in elements. */
export function stridesOf(shape: Shape): number[] {
  const strides = new Array<number>(shape.length);
  let s = 1;
  for (let i = shape.length - 1; i >= 0; i--) {
    strides[i] = s;
    s *= shape[i] as number;
  }
  return strides;
}

/** NumPy's broadcasting of two shapes, aligned at the last axis. Throws naming both shapes where they do not fit. */
export function broadcastShapes(a: Shape, b: Shape): Shape {
  if (sameShape(a, b)) return a;
  const rank = Math.max(a.length, b.length);
  const out = new Array<number>(rank);
  for (let i = 1; i <= rank; i++) {
    const x = a[a.length - i] ?? 1;
    const y = b[b.length - i] ?? 1;
    if (x !== y && x !== 1 && y !== 1)
      throw mismatch(`shapes ${showShape(a)} and ${showShape(b)} do not broadcast: axis ${-i} has ${x} and ${y}`);
    out[rank - i] = x === 1 ? y : x;
  }
  return out;
}

/** Strides (elements) with which a tensor of `shape` is read as if it had shape `target`: 0 on broadcast axes. */
export function broadcastStrides(shape: Shape, target: Shape): number[] {
  const own = stridesOf(shape);
  const lead = target.length - shape.length;
  return target.map((_, i) => (i < lead || (shape[i - lead] === 1 && target[i] !== 1) ? 0 : (own[i - lead] as number)));
}

/** An axis in `[0, rank)`, negative ones counting from the end. */
export function normalizeAxis(axis: number, rank: number): number {
  const a = axis < 0 ? axis + rank : axis;
  if (!Number.isInteger(axis) || a < 0 || a >= rank) throw mismatch(`axis ${axis} is out of range for a tensor of rank ${rank}`);
  return a;
}

/** Axes sorted and normalised; `null` means all of them. Throws on duplicates. */
export function normalizeAxes(axes: readonly number[] | null | undefined, rank: number): number[] {
  if (axes === null || axes === undefined) return Array.from({ length: rank }, (_, i) => i);
  if (!Array.isArray(axes)) throw mismatch(`axes are given as a list, not as ${JSON.stringify(axes)}`, "write [0] for the first axis");
  const out = axes.map((a) => normalizeAxis(a, rank)).sort((a, b) => a - b);
  for (let i = 1; i < out.length; i++) if (out[i] === out[i - 1]) throw mismatch(`axis ${out[i]} is named twice in [${axes.join(", ")}]`);
  return out;
}
