/**
 * Loads and stores at computed indices. The indices are checked on the host, in row-major order, before anything is read or stored, so
 * an index out of range is an error that names it; sums over elements that meet are added there too, in their fixed order.
 */
import type { Shape } from "../../base/shape.ts";
import { indexOutOfRange } from "../bounds.ts";
import type { TfTensor } from "./backend.ts";
import { broadcast } from "./broadcast.ts";
import { hostCopy } from "./memory.ts";
import { type Builder, makeTensor, type Value } from "./program.ts";
import { gather, placesOf, type Region, type Walk } from "./view.ts";

export interface At {
  readonly index: Value;
  /** How many leading axes the index depends on. */
  readonly level: number;
}

interface Indirect {
  readonly stride: number;
  readonly extent: number;
}

/** The elements at index, from the region that the walk and all indices may touch. */
export function loadAt(b: Builder, from: { walk: Walk; region: Region; indirect: Indirect }, flat: Value, { index, level }: At): Value {
  const { walk, region, indirect } = from;
  const moved = walk.extents.map((d, i) => (walk.strides[i] === 0 ? 1 : d));
  const shape = moved.map((d, i) => Math.max(d, index.shape[i] as number));
  const base = placesOf({ extents: shape, strides: walk.strides, offset: walk.offset - region.low });
  const make = ([at]: readonly TfTensor[]) => {
    const indices = hostCopy(at as TfTensor) as Int32Array;
    check(indices, shape, level, indirect.extent);
    return indices.map((i, k) => (base[k] as number) + i * indirect.stride);
  };
  return gather(b, flat, { of: [broadcast(b, index, shape)], make }, shape);
}

/** The region `old` after `x`, stretched over the walk, was stored or added, point by point. */
export function storeAt(
  b: Builder,
  into: { walk: Walk; region: Region; indirect: Indirect | undefined; accumulate: boolean; isBool: boolean },
  x: Value,
  at: At | undefined,
  old: Value,
): Value {
  const { walk, region, indirect, accumulate, isBool } = into;
  const places = placesOf({ ...walk, offset: walk.offset - region.low });
  const index = at === undefined ? [] : [broadcast(b, at.index, walk.extents)];
  return b.compute([old, x, ...index], [region.length], x.dtype, ([before, added, indices]) => {
    const target = hostCopy(before as TfTensor);
    const values = hostCopy(added as TfTensor);
    const where = indices && hostCopy(indices);
    if (where && at && indirect) check(where as Int32Array, walk.extents, at.level, indirect.extent);
    for (let i = 0; i < values.length; i++) {
      const place = (places[i] as number) + (where && indirect ? (where[i] as number) * indirect.stride : 0);
      const stored = accumulate ? (target[place] as number) + (values[i] as number) : (values[i] as number);
      target[place] = isBool ? Number(stored !== 0) : stored;
    }
    return makeTensor(b.engine, target, [region.length], x.dtype);
  });
}

function check(indices: Int32Array, shape: Shape, level: number, extent: number): void {
  const bad = indices.findIndex((i) => i < 0 || i >= extent);
  if (bad < 0) return;
  const position: number[] = [];
  let rest = bad;
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const d = shape[axis] as number;
    position.unshift(rest % d);
    rest = Math.floor(rest / d);
  }
  throw indexOutOfRange(indices[bad] as number, extent, position.slice(0, level));
}
