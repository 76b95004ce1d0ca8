/**
 * Loop-invariant motion: what the test or the body of a loop computes of captured values alone is computed before the loop. Only what
 * cannot fail moves, since a loop may not turn at all.
 *
 *     while(i; x): add(i, sin(x))       →      s = sin(x); while(i; s): add(i, s)
 */

import type { AnyPrimitive } from "../../../core/primitive.ts";
import { decompositionPrimitives } from "../../../core/primitives/decomposition.ts";
import { indexPrimitives } from "../../../core/primitives/index.ts";
import { type Graph, inside, type Node, type Output } from "../graph.ts";
import { rebuild } from "./rebuild.ts";

/** Those that look at the values they are given. */
const MAY_FAIL: ReadonlySet<AnyPrimitive> = new Set([
  ...Object.values(indexPrimitives),
  ...Object.values(decompositionPrimitives),
] as AnyPrimitive[]);

export function moveInvariants(graph: Graph): Graph {
  return rebuild(graph, (n, inputs, { to }) => {
    const { operation } = n;
    const { owner } = to;
    if (operation.op !== "apply" || owner?.op !== "while" || MAY_FAIL.has(operation.primitive)) return undefined;
    if (!inputs.every((x) => x.node.op === "constant" || to.capturedAt(x) !== undefined) || inputs.every((x) => x.node.op === "constant"))
      return undefined;
    const outer = inside(owner.graph, () =>
      owner.graph.add(
        operation,
        inputs.map((x) => around(owner, to, x)),
        n.outputs.map((o) => o.type),
      ),
    );
    return outer.outputs.map((o) => to.captured[owner.capture(o)]);
  });
}

/** A captured value or a constant, where the loop is. */
function around(owner: Node, body: Graph, x: Output): Output {
  return x.node.op === "constant" ? owner.graph.bring(x) : (owner.captures[body.capturedAt(x) as number] as Output);
}
