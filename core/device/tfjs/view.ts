/**
 * Views: how a walk through memory (extents, strides, an offset) becomes tensor operations, both ways. Where the axes nest, as they do
 * in whatever transposes, slices and broadcasts make, the region is reshaped, sliced and transposed; any other walk is a gather by a
 * table of places. Axes that do not move are of length one: broadcasting is left to whoever combines.
 */
import { assert } from "../../base/errors.ts";
import { elementCount, type Shape } from "../../base/shape.ts";
import type { TfTensor } from "./backend.ts";
import { broadcast } from "./broadcast.ts";
import { type Builder, makeTensor, type Value } from "./program.ts";

export interface Walk {
  readonly extents: readonly number[];
  readonly strides: readonly number[];
  readonly offset: number;
}

/** Elements [low, low + length) around the start that a walk touches. */
export interface Region {
  readonly low: number;
  readonly length: number;
}

/** `extent`, `stride`: of an indirect axis, whose index may have any value within. No extent is zero. */
export function regionOf({ extents, strides, offset }: Walk, indirect?: { readonly stride: number; readonly extent: number }): Region {
  let [low, high] = [offset, offset];
  const stretch = (length: number, stride: number) => {
    if (stride < 0) low += stride * (length - 1);
    else high += stride * (length - 1);
  };
  for (const [i, d] of extents.entries()) stretch(d, strides[i] as number);
  if (indirect) stretch(indirect.extent, indirect.stride);
  return { low, length: high - low + 1 };
}

/** A walk whose axes nest: in the order of their strides each steps over all of the next, by a whole number of its steps. */
interface Nest {
  /** Axes that move, from the largest stride to the smallest. */
  readonly order: readonly number[];
  /** Their extents, and the extents with the gaps; the last stands for the steps within the smallest stride. */
  readonly inner: readonly number[];
  readonly outer: readonly number[];
  readonly backwards: readonly number[];
}

function nestOf({ extents, strides }: Walk): Nest | undefined {
  const step = (axis: number) => Math.abs(strides[axis] as number);
  const order = extents
    .map((_, axis) => axis)
    .filter((axis) => (extents[axis] as number) > 1 && strides[axis] !== 0)
    .sort((a, b) => step(b) - step(a));
  const inner = order.map((axis) => extents[axis] as number);
  const outer = order.map((axis, i) => (i === 0 ? (inner[0] as number) : step(order[i - 1] as number) / step(axis)));
  const smallest = order.length === 0 ? 1 : step(order.at(-1) as number);
  if (outer.some((d, i) => !Number.isInteger(d) || d < (inner[i] as number))) return undefined;
  const backwards = order.filter((axis) => (strides[axis] as number) < 0);
  return { order, inner: [...inner, 1], outer: [...outer, smallest], backwards };
}

const hasGaps = ({ inner, outer }: Nest) => elementCount(outer) !== elementCount(inner);

const movedShape = ({ extents, strides }: Walk): number[] => extents.map((d, i) => (strides[i] === 0 ? 1 : d));

/** The elements that a walk visits, from its region; an axis that does not move is of length one. */
export function loadView(b: Builder, walk: Walk, region: Value): Value {
  const shape = movedShape(walk);
  const nest = nestOf(walk);
  if (nest === undefined || (b.isNear && (hasGaps(nest) || nest.backwards.length > 0))) {
    const places = placesOf({ ...walk, extents: shape, offset: walk.offset - regionOf(walk).low });
    return gather(b, region, places, shape);
  }
  const { order, inner, outer, backwards } = nest;
  const sorted = order.map((axis) => shape[axis] as number);
  let x = region;
  if (hasGaps(nest)) {
    const padded = padTo(b, b.reshape(x, [elementCount(region.shape)]), [[0, elementCount(outer) - elementCount(region.shape)]]);
    x = slice(b, b.reshape(padded, outer), inner);
  }
  x = b.reshape(x, sorted);
  if (backwards.length > 0) {
    const dims = backwards.map((axis) => order.indexOf(axis));
    x = b.kernel("Reverse", { x }, { dims }, sorted, x.dtype);
  }
  const perm = [...order].sort((p, q) => p - q).map((axis) => order.indexOf(axis));
  return b.reshape(transpose(b, x, perm), shape);
}

/**
 * The region of a walk after `x` was stored along it: all elements where it visits them all, else among those of `old`, which is asked
 * for then; in any shape. Undefined where the walk meets a place twice.
 */
export function storeView(b: Builder, walk: Walk, x: Value, old: () => Value): Value | undefined {
  const { low, length } = regionOf(walk);
  const full = broadcast(b, x, walk.extents);
  const nest = nestOf(walk);
  if (walk.extents.some((d, i) => d > 1 && walk.strides[i] === 0)) return undefined;
  if (nest === undefined) {
    const places = placesOf({ ...walk, offset: walk.offset - low });
    const source = Int32Array.from({ length }, (_, i) => i);
    for (const [i, place] of places.entries()) {
      if (source[place] !== place) return undefined;
      source[place] = length + i;
    }
    const both = [b.reshape(old(), [length]), b.reshape(full, [places.length])];
    const joined = b.kernel("Concat", both, { axis: 0 }, [length + places.length], x.dtype);
    return gather(b, joined, source, [length]);
  }
  const { order, inner, outer, backwards } = nest;
  const sorted = order.map((axis) => walk.extents[axis] as number);
  const moving = [...order].sort((p, q) => p - q);
  let y = b.reshape(
    full,
    moving.map((axis) => walk.extents[axis] as number),
  );
  y = transpose(
    b,
    y,
    order.map((axis) => moving.indexOf(axis)),
  );
  if (backwards.length > 0) {
    const dims = backwards.map((axis) => order.indexOf(axis));
    y = b.kernel("Reverse", { x: y }, { dims }, sorted, y.dtype);
  }
  if (!hasGaps(nest)) return y;
  const paddings = inner.map((d, i) => [0, (outer[i] as number) - d] as const);
  const spread = b.reshape(padTo(b, b.reshape(y, inner), paddings), [elementCount(outer)]);
  const written = new Uint8Array(length);
  for (const place of placesOf({ ...walk, offset: walk.offset - low })) written[place] = 1;
  const condition = b.table(written, [length], "bool");
  return b.kernel("Select", { condition, t: slice(b, spread, [length]), e: b.reshape(old(), [length]) }, {}, [length], x.dtype);
}

/** Where a walk goes, point by point in row-major order. */
export function placesOf({ extents, strides, offset }: Walk): Int32Array {
  let places = Int32Array.of(offset);
  for (const [axis, d] of extents.entries()) {
    const next = new Int32Array(places.length * d);
    const stride = strides[axis] as number;
    for (let i = 0; i < places.length; i++) for (let j = 0; j < d; j++) next[i * d + j] = (places[i] as number) + j * stride;
    places = next;
  }
  return places;
}

/** Places in a region: known beforehand, or made of tensors when they are. */
type Places = Int32Array | { readonly of: readonly Value[]; readonly make: (tensors: readonly TfTensor[]) => Int32Array };

/** A region this many times as large as what is taken of it is not copied to the host for that. */
const MOST_COPIED = 16;

/** The elements of `x` at places in row-major order of `shape`; by the host where the memory of tensors is its own. */
export function gather(b: Builder, x: Value, places: Places, shape: Shape): Value {
  const isTable = places instanceof Int32Array;
  const length = elementCount(shape);
  if (!b.isNear || elementCount(x.shape) > MOST_COPIED * length) {
    const { engine } = b;
    const indices = isTable
      ? b.table(places, shape, "int32")
      : b.compute(places.of, shape, "int32", (tensors) => makeTensor(engine, places.make(tensors), shape, "int32"));
    return b.kernel("GatherV2", { x: b.reshape(x, [elementCount(x.shape)]), indices }, { axis: 0, batchDims: 0 }, shape, x.dtype);
  }
  return b.compute(isTable ? [x] : [x, ...places.of], shape, x.dtype, ([from, ...tensors]) => {
    const at = isTable ? places : places.make(tensors);
    const source = (from as TfTensor).dataSync();
    const values = x.dtype === "float32" ? new Float32Array(length) : new Int32Array(length);
    for (let i = 0; i < length; i++) values[i] = source[at[i] as number] as number;
    return makeTensor(b.engine, values, shape, x.dtype);
  });
}

export function transpose(b: Builder, x: Value, perm: readonly number[]): Value {
  if (perm.every((axis, i) => axis === i)) return x;
  const shape = perm.map((axis) => x.shape[axis] as number);
  return b.kernel("Transpose", { x }, { perm }, shape, x.dtype);
}

/** The first elements along each axis. */
export function slice(b: Builder, x: Value, size: Shape, begin: Shape = size.map(() => 0)): Value {
  if (size.every((d, i) => d === x.shape[i])) return x;
  assert(size.length === x.shape.length, "a slice has the rank of what it is of");
  return b.kernel("Slice", { x }, { begin, size }, size, x.dtype);
}

/** Zeros before and after the elements of each axis. */
export function padTo(b: Builder, x: Value, paddings: readonly (readonly [number, number])[]): Value {
  if (paddings.every(([low, high]) => low === 0 && high === 0)) return x;
  const shape = x.shape.map((d, i) => d + (paddings[i] as [number, number])[0] + (paddings[i] as [number, number])[1]);
  return b.kernel("PadV2", { x }, { paddings, constantValue: 0 }, shape, x.dtype);
}
