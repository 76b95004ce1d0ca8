/**
 * Branches on one condition are one: what they compute is then next to each other, and runs as one plan. The second may read what the
 * first gives, if not by way of something else.
 *
 *     a = if(c): f | g;  b = if(c; a): h(a) | k(a)          →      a, b = if(c): (y = f; y, h(y)) | (z = g; z, k(z))
 */
import { addResult, type If } from "../control.ts";
import { constantOf, type Graph, graphsIn, inside, type Node, type Output } from "../graph.ts";
import { allGraphs, inOrder } from "../walk.ts";
import { changeGraphs, independentOf, replaceIn } from "./loops.ts";
import { copyInto } from "./rebuild.ts";

export function mergeBranches(graph: Graph): Graph {
  // Most graphs have no such branches, and are not copied to find that out.
  if (!allGraphs(graph).some((g) => !pairsIn(g).next().done)) return graph;
  return changeGraphs(graph, (g) => {
    let isChanged = false;
    for (const [first, second] of pairsIn(g)) {
      join(first, second);
      isChanged = true;
    }
    return isChanged;
  });
}

/** Branches that can be one with an earlier one, with that; what has been given may be joined before the next is asked for. */
function* pairsIn(g: Graph): Generator<readonly [If, If]> {
  const byCondition = new Map<Output, If[]>();
  for (const n of inOrder(g.results)) {
    if (n.op !== "if" || constantOf(n.inputs[0]) !== undefined) continue;
    const condition = n.inputs[0] as Output;
    const earlier = byCondition.get(condition) ?? [];
    byCondition.set(condition, earlier);
    const first = independentOf(earlier as Node[], (e) => n.captures.filter((c) => c.node !== e)) as If | undefined;
    if (first === undefined) earlier.push(n as If);
    else yield [first, n as If];
  }
}

/** Lets `first` compute what `second` does, and all others read it there. */
function join(first: If, second: If): void {
  const { graph } = first;
  const nodes = inOrder(graph.results);
  const [a, b] = graphsIn(first as Node).map((to, k) => {
    const from = graphsIn(second as Node)[k] as Graph;
    const map = new Map(
      second.captures.map((c, i) => [
        from.captured[i] as Output,
        c.node === (first as Node) ? (to.results[c.index] as Output) : to.bring(c),
      ]),
    );
    inside(to, () => copyInto(to, from.results, map, () => undefined));
    return from.results.map((r) => map.get(r) as Output);
  }) as [Output[], Output[]];
  replaceIn(graph, nodes, new Map(second.outputs.map((o, i) => [o, addResult(first, a[i] as Output, b[i] as Output)])));
}
