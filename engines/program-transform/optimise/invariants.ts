/**
 * What a loop computes anew in every turn though it never changes moves out of it. Only operations that cannot fail move: a loop of no
 * turns must not throw what it would not have thrown.
 *
 *     loop(i, y; k): y · exp(k)      →      e = exp(k);  loop(i, y; e): y · e
 */
import { Builder, closeGraph, openGraph } from "../ir/build.ts";
import { copyInto, makeLoop } from "../ir/extract.ts";
import { type Graph, hasControlFlow, type LoopNode, type Node, nodesOf } from "../ir/graph.ts";
import { rebuildGraph, type Visit } from "./rewrite.ts";

/** Primitives that look at values before they compute. */
const CHECKED: ReadonlySet<string> = new Set(["gather", "scatterAdd", "indexSelect", "indexAdd", "item", "lift"]);

export function invariants(graph: Graph, visit: Visit): Graph {
  if (!hasControlFlow(graph)) return graph;
  return rebuildGraph(graph, visit, (build, n, at) => {
    if (n.op !== "loop") return undefined;
    const args = n.args.map((a) => at.get(a) as Node);
    const body = visit.inner(n.body);
    const moving = movable(body, n);
    if (moving.length === 0) return makeLoop(build, visit.inner(n.test), body, args.slice(0, n.carried), args.slice(n.carried));
    const outside = copyInto(build, moving, new Map(body.params.flatMap((p, i) => (i < n.carried ? [] : [[p, args[i] as Node]]))));
    const test = widened(visit.inner(n.test), [], moving);
    const turn = widened(body, moving, moving);
    return makeLoop(build, test, turn, args.slice(0, n.carried), [...args.slice(n.carried), ...outside]);
  });
}

/** The nodes of a body that depend on invariants alone and are read by what does not. */
function movable(body: Graph, { carried }: LoopNode): Node[] {
  const fixed = new Set<Node>(body.params.slice(carried));
  const nodes = nodesOf(body);
  const found = new Set<Node>();
  for (const n of nodes) {
    if (n.op !== "apply" || CHECKED.has(n.primitive.name)) continue;
    if (n.args.every((a) => a.op === "const" || fixed.has(a))) {
      fixed.add(n);
      found.add(n);
    }
  }
  const read = new Set<Node>([body.result as Node]);
  for (const n of nodes) if (!found.has(n)) for (const a of n.args) read.add(a);
  return [...found].filter((n) => read.has(n));
}

/** The graph with further parameters, which take the place of the nodes `instead`. */
function widened(graph: Graph, instead: readonly Node[], extra: readonly Node[]): Graph {
  const open = openGraph(graph.name, [...graph.params.map((p) => p.type), ...extra.map((n) => n.type)], graph.resultType, graph.span);
  const done = new Map<Node, Node>(graph.params.map((p, i) => [p, open.params[i] as Node]));
  for (const [i, n] of instead.entries()) done.set(n, open.params[graph.params.length + i] as Node);
  const [result] = copyInto(new Builder(), [graph.result as Node], done);
  return closeGraph(open, result as Node);
}
