/** Movement, in the forgiving form: negative axes, -1 in shapes, missing bounds. */
import { mismatch } from "../base/errors.ts";
import { elementCount, normalizeAxes, normalizeAxis, type Shape, showShape } from "../base/shape.ts";
import { createTensor, type Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/traced.ts";
import { avalOf, valueOps as v } from "../tensor/values.ts";
import { listed, numeric, oneOf } from "./options.ts";

const shapeOf = (x: Value): Shape => avalOf(x).shape;

/** Row-major reshape; one length may be -1 and is inferred. */
export function reshape(x: Tensor, shape: Shape): Tensor;
export function reshape(x: Value, shape: Shape): Value {
  listed("reshape", "the shape", shape);
  const open = shape.indexOf(-1);
  if (open < 0) return v.reshape(x, shape);
  if (shape.indexOf(-1, open + 1) > 0) throw mismatch(`reshape to ${showShape(shape)}: only one length may be -1`);
  const known = shape.reduce((n, d, i) => (i === open ? n : n * d), 1);
  const n = elementCount(shapeOf(x));
  if (known === 0 || n % known !== 0) throw mismatch(`reshape of ${showShape(shapeOf(x))} to ${showShape(shape)}: no length fits at -1`);
  return v.reshape(
    x,
    shape.map((d, i) => (i === open ? n / known : d)),
  );
}

/** Output axis i is input axis perm[i]; all axes reversed where absent. */
export function transpose(x: Tensor, perm?: readonly number[]): Tensor;
export function transpose(x: Value, perm?: readonly number[]): Value {
  const rank = shapeOf(x).length;
  if (perm !== undefined) listed("transpose", "the permutation", perm);
  const p = perm === undefined ? Array.from({ length: rank }, (_, i) => rank - 1 - i) : perm.map((a) => normalizeAxis(a, rank));
  if (p.length !== rank || new Set(p).size !== rank)
    throw mismatch(`[${perm}] is not a permutation of the axes of ${showShape(shapeOf(x))}`);
  return v.transpose(x, p);
}

/** Repeated along axes of length one and new leading axes, as NumPy broadcasts. */
export function broadcastTo(x: Tensor, shape: Shape): Tensor;
export function broadcastTo(x: Value, shape: Shape): Value {
  listed("broadcastTo", "the shape", shape);
  return v.broadcastTo(x, shape);
}

/** Drops axes of length one. */
export function squeeze(x: Tensor, axes?: readonly number[]): Tensor;
export function squeeze(x: Value, axes?: readonly number[]): Value {
  const shape = shapeOf(x);
  const drop = axes === undefined ? shape.map((_, i) => i).filter((i) => shape[i] === 1) : normalizeAxes(axes, shape.length);
  for (const a of drop) if (shape[a] !== 1) throw mismatch(`squeeze of axis ${a} of ${showShape(shape)}, whose length is ${shape[a]}`);
  return v.reshape(
    x,
    shape.filter((_, i) => !drop.includes(i)),
  );
}

/** Inserts axes of length one; positions are those in the result. */
export function expandDims(x: Tensor, axes: readonly number[]): Tensor;
export function expandDims(x: Value, axes: readonly number[]): Value {
  listed("expandDims", "the axes", axes);
  const shape = [...shapeOf(x)];
  for (const a of normalizeAxes(axes, shape.length + axes.length)) shape.splice(a, 0, 1);
  return v.reshape(x, shape);
}

type Bounds = readonly (number | null)[] | null;

/** Python's slicing per axis: null is the full range, negative positions count from the end, steps may be negative; far bounds are cut. */
export function slice(x: Tensor, start: Bounds, stop: Bounds, step?: Bounds): Tensor;
export function slice(x: Value, start: Bounds, stop: Bounds, step: Bounds = null): Value {
  const shape = shapeOf(x);
  for (const [word, b] of Object.entries({ start, stop, step })) if (b !== null) listed("slice", word, b);
  for (const b of [start, stop, step])
    if (b !== null && b.length > shape.length) throw mismatch(`slice of ${showShape(shape)} names ${b.length} axes`);
  const lo: number[] = [];
  const hi: number[] = [];
  const by: number[] = [];
  const turned: number[] = [];
  shape.forEach((d, i) => {
    const s = step?.[i] ?? 1;
    if (!Number.isInteger(s) || s === 0)
      throw mismatch(`slice step ${s} on axis ${i} of ${showShape(shape)}`, "steps are integers other than 0");
    for (const bound of [start?.[i] ?? 0, stop?.[i] ?? 0])
      if (!Number.isInteger(bound)) throw mismatch(`slice at ${bound} on axis ${i} of ${showShape(shape)}`, "bounds are integers or null");
    const at = (p: number, min: number, max: number) => Math.min(Math.max(p < 0 ? p + d : p, min), max);
    if (s > 0) {
      const from = at(start?.[i] ?? 0, 0, d);
      lo.push(from);
      hi.push(Math.max(from, at(stop?.[i] ?? d, 0, d)));
      by.push(s);
    } else {
      // Elements from, from + s, ... above `to`: the same elements upwards, then turned round.
      const from = at(start?.[i] ?? d - 1, -1, d - 1);
      const to = stop?.[i] === null || stop?.[i] === undefined ? -1 : at(stop[i] as number, -1, d - 1);
      const count = Math.max(0, Math.ceil((from - to) / -s));
      const last = count === 0 ? 0 : from + (count - 1) * s;
      lo.push(last);
      hi.push(count === 0 ? last : from + 1);
      by.push(-s);
      turned.push(i);
    }
  });
  const y = v.slice(x, lo, hi, by);
  return turned.length === 0 ? y : v.flip(y, turned);
}

/** x[i] along an axis, which is dropped. */
export function select(x: Tensor, axis: number, i: number): Tensor;
export function select(x: Value, axis: number, i: number): Value {
  const shape = shapeOf(x);
  const a = normalizeAxis(axis, shape.length);
  const at = normalizeAxis(i, shape[a] as number);
  const y = v.slice(
    x,
    shape.map((_, k) => (k === a ? at : 0)),
    shape.map((d, k) => (k === a ? at + 1 : d)),
    shape.map(() => 1),
  );
  return v.reshape(
    y,
    shape.filter((_, k) => k !== a),
  );
}

/** Elements in reverse order along axes. */
export function flip(x: Tensor, axes: readonly number[]): Tensor;
export function flip(x: Value, axes: readonly number[]): Value {
  return v.flip(x, normalizeAxes(axes, shapeOf(x).length));
}

/** Joined along an axis; the dtypes and the other axes agree. At least one tensor. */
export function concat(xs: readonly Tensor[], axis: number): Tensor;
export function concat(xs: readonly Value[], axis: number): Value {
  listed("concat", "what is joined", xs);
  if (xs.length === 0) throw mismatch("concat of no tensors");
  return v.concat(xs, normalizeAxis(axis, shapeOf(xs[0] as Value).length));
}

/** Joins along a new axis. */
export function stack(xs: readonly Tensor[], axis: number): Tensor;
export function stack(xs: readonly Value[], axis: number): Value {
  listed("stack", "what is joined", xs);
  if (xs.length === 0) throw mismatch("stack of no tensors");
  const a = normalizeAxis(axis, shapeOf(xs[0] as Value).length + 1);
  return v.concat(
    xs.map((x) => expandDims(x as Tensor, [a])),
    a,
  );
}

/** Pieces of the given sizes along an axis. */
export function split(x: Tensor, sizes: readonly number[], axis: number): Tensor[];
export function split(x: Value, sizes: readonly number[], axis: number): Value[] {
  listed("split", "the sizes", sizes);
  const shape = shapeOf(x);
  const a = normalizeAxis(axis, shape.length);
  if (sizes.some((s) => !Number.isInteger(s) || s < 0))
    throw mismatch(`split of ${showShape(shape)} in sizes [${sizes}], which are not all lengths`);
  if (sizes.reduce((n, s) => n + s, 0) !== shape[a])
    throw mismatch(`split of ${showShape(shape)} along axis ${a} in sizes [${sizes}], which do not add up to ${shape[a]}`);
  let at = 0;
  return sizes.map((size) => {
    const from = at;
    at += size;
    return v.slice(
      x,
      shape.map((_, i) => (i === a ? from : 0)),
      shape.map((d, i) => (i === a ? from + size : d)),
      shape.map(() => 1),
    );
  });
}

/**
 * Edges per axis as [before, after]: of `value` ("constant"), mirrored about the edge, which is not repeated ("reflect"; narrower than
 * the axis), or of the edge itself ("replicate").
 */
export function pad(
  x: Tensor,
  pads: readonly (readonly [number, number])[],
  mode?: "constant" | "reflect" | "replicate",
  value?: number,
): Tensor;
export function pad(
  x: Value,
  pads: readonly (readonly [number, number])[],
  mode: "constant" | "reflect" | "replicate" = "constant",
  value = 0,
): Value {
  const shape = shapeOf(x);
  oneOf("pad", "mode", mode, ["constant", "reflect", "replicate"]);
  listed("pad", "the widths", pads);
  for (const p of pads) listed("pad", "the widths of an axis", p);
  if (pads.some((p) => p.some((n) => !Number.isInteger(n) || n < 0)))
    throw mismatch(`pad of ${showShape(shape)} by ${JSON.stringify(pads)}: widths are integers of at least 0`, "use slice to take away");
  if (pads.length !== shape.length) throw mismatch(`pad of ${showShape(shape)} names ${pads.length} axes`);
  if (mode === "constant")
    return v.pad(
      x,
      pads.map((p) => p[0]),
      pads.map((p) => p[1]),
      pads.map(() => 0),
      value,
    );
  let y = x;
  pads.forEach(([before, after], axis) => {
    const d = shape[axis] as number;
    if (before === 0 && after === 0) return;
    if (d === 0) throw mismatch(`pad: ${mode} of axis ${axis} of ${showShape(shape)}, which has no edge to repeat`);
    if (mode === "reflect" && Math.max(before, after) >= d)
      throw mismatch(`reflect padding [${before}, ${after}] of an axis of length ${d}`);
    const at = Array.from({ length: before + d + after }, (_, i) => {
      const p = i - before;
      return mode === "replicate" ? Math.min(Math.max(p, 0), d - 1) : p < 0 ? -p : p >= d ? 2 * (d - 1) - p : p;
    });
    y = v.indexSelect(y, createTensor(at, [at.length], "i32"), axis);
  });
  return y;
}

/** Circular shift along an axis. */
export function roll(x: Tensor, shift: number, axis: number): Tensor;
export function roll(x: Value, shift: number, axis: number): Value {
  const shape = shapeOf(x);
  const a = normalizeAxis(axis, shape.length);
  const d = shape[a] as number;
  numeric("roll", "the shift", shift, Number.isInteger(shift), "an integer");
  const by = d === 0 ? 0 : ((shift % d) + d) % d;
  if (by === 0) return x;
  const [head, tail] = split(x as Tensor, [d - by, by], a) as [Tensor, Tensor];
  return v.concat([tail, head], a);
}

/** The whole tensor repeated reps times per axis. */
export function tile(x: Tensor, reps: readonly number[]): Tensor;
export function tile(x: Value, reps: readonly number[]): Value {
  listed("tile", "the repetitions", reps);
  const shape = shapeOf(x);
  const lead = reps.length - shape.length;
  const own = lead > 0 ? [...Array<number>(lead).fill(1), ...shape] : [...shape];
  const times = lead < 0 ? [...Array<number>(-lead).fill(1), ...reps] : [...reps];
  const spread = v.broadcastTo(
    v.reshape(
      x,
      own.flatMap((d) => [1, d]),
    ),
    own.flatMap((d, i) => [times[i] as number, d]),
  );
  return v.reshape(
    spread,
    own.map((d, i) => d * (times[i] as number)),
  );
}

/** Each element repeated n times along an axis. */
export function repeatInterleave(x: Tensor, n: number, axis: number): Tensor;
export function repeatInterleave(x: Value, n: number, axis: number): Value {
  const shape = shapeOf(x);
  const a = normalizeAxis(axis, shape.length);
  const wide = [...shape.slice(0, a + 1), n, ...shape.slice(a + 1)];
  const spread = v.broadcastTo(v.reshape(x, [...shape.slice(0, a + 1), 1, ...shape.slice(a + 1)]), wide);
  return v.reshape(
    spread,
    shape.map((d, i) => (i === a ? d * n : d)),
  );
}
