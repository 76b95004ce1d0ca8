/** Movement as a change of strides: the lazy form of a node that computes nothing. */
import type { ParamsOf } from "../primitive.ts";
import { primitives as p } from "../primitives/table.ts";
import { broadcast, flipped, type Lazy, reshaped, sliced, transposed } from "./lazy.ts";
import type { Node, Value } from "./program.ts";

/** How an operand is read. */
interface Reading {
  readonly lazyOf: (v: Value) => Lazy;
  /** Where some of its elements may not be read: at so many points. */
  readonly readAt: (v: Value, points: number) => Lazy;
  /** As a buffer of its own. */
  readonly buffered: (v: Value) => Lazy;
}

/** Undefined where the node moves nothing. */
export function movement(
  { primitive, params, args: [arg], aval: { shape, size } }: Node,
  { lazyOf, readAt, buffered }: Reading,
): Lazy | undefined {
  if (arg === undefined) return undefined;
  switch (primitive) {
    case p.stopGradient:
      return lazyOf(arg);
    case p.reshape:
      return reshaped(lazyOf(arg), shape) ?? reshaped(buffered(arg), shape);
    case p.transpose:
      return transposed(lazyOf(arg), (params as ParamsOf<typeof p.transpose>).perm);
    case p.broadcastTo:
      return broadcast(readAt(arg, size), shape);
    case p.slice: {
      const { start, step } = params as ParamsOf<typeof p.slice>;
      return sliced(readAt(arg, size), shape, start, step);
    }
    case p.flip:
      return flipped(lazyOf(arg), (params as ParamsOf<typeof p.flip>).axes);
    default:
      return undefined;
  }
}
