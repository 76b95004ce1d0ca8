/** What fusion knows of primitives: which compute each element by itself, which fold rows, and the scalar expression of the former. */
import { aval } from "../base/aval.ts";
import { assert } from "../base/errors.ts";
import { cast, type Expr } from "../kernel/scalar-expr.ts";
import type { AnyPrimitive } from "../primitive.ts";
import { primitives as p } from "../primitives/table.ts";
import { ASSEMBLED } from "./assembly.ts";
import type { Node, Value } from "./program.ts";

export const ELEMENTWISE: ReadonlySet<AnyPrimitive> = new Set(
  Object.values(p).filter((x) => (x as AnyPrimitive).scalar !== undefined && x !== p.stopGradient && x !== p.item) as AnyPrimitive[],
);
export const FOLDS: ReadonlySet<AnyPrimitive> = new Set<AnyPrimitive>(
  [p.sum, p.reduceMax, p.reduceMin, p.argmax, p.argmin, p.logsumexp, p.softmax, p.logSoftmax].map((x) => x as AnyPrimitive),
);

/** The scalar expression of an elementwise node over `load(i)`, i an argument. */
export function scalarOf(node: Node): Expr {
  const points = node.args.map((a) => aval([], a.aval.dtype));
  const [launch] = node.primitive.lower(points, aval([], node.aval.dtype), node.params);
  assert(launch?.kind === "kernel" && launch.kernel.outputs[0], `${node.primitive.name} is not elementwise`);
  return cast(launch.kernel.outputs[0].result, node.aval.dtype);
}

/** Where a node's elements are computed, in place of a buffer: inside sums down columns, or as a piece of something larger. */
export type Fate = "columns" | "piece" | undefined;

/** What becomes of all of a node's elements, where that is one thing only, so that they are computed there once. */
export function fateOf(node: Node, users: ReadonlyMap<Value, readonly Node[]>, outputs: readonly Value[]): Fate {
  let last = node;
  let only = node;
  do {
    const [user, ...more] = users.get(only) ?? [];
    if (user === undefined || more.length > 0 || outputs.includes(only)) return undefined;
    last = only;
    only = user;
  } while (ELEMENTWISE.has(only.primitive) && only.aval.shape === node.aval.shape);
  if (ASSEMBLED.has(only.primitive)) return only.args.filter((a) => a === last).length === 1 ? "piece" : undefined;
  if (!FOLDS.has(only.primitive)) return undefined;
  const { axes, axis } = only.params as { axes?: readonly number[]; axis?: number };
  const folded = axes ?? [axis as number];
  const { shape } = node.aval;
  const moving = shape.map((_, i) => i).filter((i) => shape[i] !== 1);
  const firstFolded = moving.findIndex((i) => folded.includes(i));
  return firstFolded >= 0 && moving.slice(firstFolded).some((i) => !folded.includes(i)) ? "columns" : undefined;
}
