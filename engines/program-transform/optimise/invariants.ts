/**
 * What a loop computes anew in every turn though it never changes moves out of it. Only operations that cannot fail move: a loop of no
 * turns must not throw what it would not have thrown.
 *
 *     loop(i, y; k): y · exp(k)      →      e = exp(k);  loop(i, y; e): y · e
 */
import { Builder, closeGraph, openGraph } from "../ir/build.ts";
import { copyInto, makeLoop } from "../ir/extract.ts";
import { type Graph, hasControlFlow, type LoopNode, type Node, nodesOf } from "../ir/graph.ts";
import type { Type } from "../ir/type.ts";
import { rebuildGraph, type Visit } from "./rewrite.ts";

/** Primitives that look at values before they compute. */
const CHECKED: ReadonlySet<string> = new Set(["gather", "scatterAdd", "indexSelect", "indexAdd", "item", "lift"]);

export function invariants(graph: Graph, visit: Visit): Graph {
  if (!hasControlFlow(graph)) return graph;
  return rebuildGraph(graph, visit, (build, n, at) => {
    if (n.op !== "loop") return undefined;
    const args = n.args.map((a) => at.get(a) as Node);
    const graphs = [visit.inner(n.test), visit.inner(n.body)] as const;
    const moving = graphs.map((g) => movable(g, n)) as [Node[], Node[]];
    const outside = graphs.flatMap((g, k) => {
      const given = g.params.flatMap((p, i): [Node, Node][] => (i < n.carried ? [] : [[p, args[i] as Node]]));
      return copyInto(build, moving[k] as Node[], new Map(given));
    });
    const types = outside.map((o) => o.type);
    const test = widened(graphs[0], types, moving[0], 0);
    const body = widened(graphs[1], types, moving[1], moving[0].length);
    return makeLoop(build, test, body, args.slice(0, n.carried), [...args.slice(n.carried), ...outside]);
  });
}

/** The nodes of a test or a body that depend on invariants alone and are read by what does not. */
function movable(graph: Graph, { carried }: LoopNode): Node[] {
  const fixed = new Set<Node>(graph.params.slice(carried));
  const nodes = nodesOf(graph);
  const found = new Set<Node>();
  for (const n of nodes) {
    if (n.op === "apply" ? CHECKED.has(n.primitive.name) : n.op !== "arrayLength") continue;
    if (n.args.every((a) => a.op === "const" || fixed.has(a))) {
      fixed.add(n);
      found.add(n);
    }
  }
  const read = new Set<Node>([graph.result as Node]);
  for (const n of nodes) if (!found.has(n)) for (const a of n.args) read.add(a);
  return [...found].filter((n) => read.has(n));
}

/** The graph with further parameters of these types; those from `first` on take the place of the nodes `instead`. */
function widened(graph: Graph, types: readonly Type[], instead: readonly Node[], first: number): Graph {
  if (types.length === 0) return graph;
  const open = openGraph(graph.name, [...graph.params.map((p) => p.type), ...types], graph.resultType, graph.span);
  const done = new Map<Node, Node>(graph.params.map((p, i) => [p, open.params[i] as Node]));
  for (const [i, n] of instead.entries()) done.set(n, open.params[graph.params.length + first + i] as Node);
  const [result] = copyInto(new Builder(), [graph.result as Node], done);
  return closeGraph(open, result as Node);
}
