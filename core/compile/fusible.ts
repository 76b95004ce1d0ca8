/** What fusion knows of primitives: which compute each element by itself, which fold rows, and the scalar expression of the former. */
import { aval } from "../base/aval.ts";
import { assert } from "../base/errors.ts";
import type { Kernel } from "../kernel/kernel.ts";
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

const scalars = new Map<string, Expr>();

/** The scalar expression of an elementwise node over `load(i)`, i an argument. */
export function scalarOf({ primitive, params, args, aval: { dtype } }: Node): Expr {
  const points = args.map((a) => aval([], a.aval.dtype));
  const key = `${primitive.name}:${params === undefined ? "" : primitive.paramsKey(params)}(${points.map((a) => a.dtype).join(",")})${dtype}`;
  let expr = scalars.get(key);
  if (expr === undefined) {
    const [launch] = primitive.lower(points, aval([], dtype), params);
    assert(launch?.kind === "kernel" && launch.kernel.outputs[0], `${primitive.name} is not elementwise`);
    expr = cast(launch.kernel.outputs[0].result, dtype);
    scalars.set(key, expr);
  }
  return expr;
}

/** The axes that a fold folds, and its kernel for one row of many. */
export function foldOf(node: Node): { readonly axes: readonly number[]; readonly kernel: Kernel } {
  const params = node.params as { axes?: readonly number[]; axis?: number };
  const canonical = params.axes ? { axes: [1], keepdims: false } : { axis: 1 };
  const a = aval([2, 3], (node.args[0] as Value).aval.dtype);
  const [launch] = node.primitive.lower([a], node.primitive.inferAval([a], canonical), canonical);
  assert(launch?.kind === "kernel", `${node.primitive.name} is not a kernel`);
  return { axes: params.axes ?? [params.axis as number], kernel: launch.kernel };
}

/** Where a node's elements are computed, in place of a buffer: inside sums down columns, or as a piece of something larger. */
export type Fate = "columns" | "piece" | undefined;

/**
 * What becomes of all of a node's elements, where that is one thing only, so that they are computed there once: of a node that one map
 * of its own shape alone reads, what becomes of that map's. `nodes`: arguments before users.
 */
export function fatesOf(nodes: readonly Node[], users: ReadonlyMap<Value, readonly Node[]>, returned: ReadonlySet<Value>): Map<Node, Fate> {
  const fates = new Map<Node, Fate>();
  for (const node of nodes.toReversed()) {
    const [user, ...more] = users.get(node) ?? [];
    if (user === undefined || more.length > 0 || returned.has(node)) continue;
    const isMap = ELEMENTWISE.has(user.primitive) && user.aval.shape === node.aval.shape;
    fates.set(node, isMap ? fates.get(user) : fateIn(user, node));
  }
  return fates;
}

/** What becomes of a node's elements in the only node that reads them. */
function fateIn(user: Node, node: Node): Fate {
  if (ASSEMBLED.has(user.primitive)) return user.args.filter((a) => a === node).length === 1 ? "piece" : undefined;
  if (!FOLDS.has(user.primitive)) return undefined;
  const { axes, axis } = user.params as { axes?: readonly number[]; axis?: number };
  const folded = axes ?? [axis as number];
  const { shape } = node.aval;
  const moving = shape.map((_, i) => i).filter((i) => shape[i] !== 1);
  const firstFolded = moving.findIndex((i) => folded.includes(i));
  return firstFolded >= 0 && moving.slice(firstFolded).some((i) => !folded.includes(i)) ? "columns" : undefined;
}
