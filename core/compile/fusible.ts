/** What fusion knows of primitives: which compute each element by itself, which fold rows, and the scalar expression of the former. */
import { aval } from "../base/aval.ts";
import { assert } from "../base/errors.ts";
import { cast, type Expr } from "../kernel/scalar-expr.ts";
import type { AnyPrimitive } from "../primitive.ts";
import { primitives as p } from "../primitives/table.ts";
import type { Node } from "./program.ts";

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
