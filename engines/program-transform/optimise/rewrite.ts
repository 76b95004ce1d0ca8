/**
 * Graphs made anew, all the graphs below one with it. A pass says what becomes of one graph, given a way to transform the arms and
 * bodies inside it; called graphs are found by name, so recursion ends.
 */
import { Builder, closeGraph, inline, newVersion, openGraph, rebuild } from "../ir/build.ts";
import { type Graph, type Node, nodesOf } from "../ir/graph.ts";

/** What becomes of a graph: one with the same parameters and result. `visit` is this pass on the graphs inside. */
export type Rewrite = (graph: Graph, visit: Visit) => Graph;

export interface Visit {
  /** An arm, or the test or body of a loop. */
  inner(graph: Graph): Graph;
  /** A graph that is called. */
  called(graph: Graph): Graph;
}

/** A pass over a graph and all below it. */
export function everywhere(root: Graph, rewrite: Rewrite): Graph {
  const inner = new Map<Graph, Graph>();
  const called = new Map<Graph, Graph>();
  const visit: Visit = {
    inner(graph) {
      let made = inner.get(graph);
      if (made === undefined) {
        made = rewrite(graph, visit);
        inner.set(graph, made);
      }
      return made;
    },
    called(graph) {
      const known = called.get(graph);
      if (known !== undefined) return known;
      const types = graph.params.map((p) => p.type);
      const open: Graph = { ...openGraph(graph.name, types, graph.resultType, graph.span), isCheckpoint: graph.isCheckpoint ?? false };
      called.set(graph, open);
      return closeGraph(open, inline(new Builder(), rewrite(graph, visit), open.params));
    },
  };
  return rewrite(root, visit);
}

/** A node with other arguments, and with the graphs inside it transformed. */
export function renew(build: Builder, n: Node, args: readonly Node[], visit: Visit): Node {
  const { span, isDerivative } = build;
  build.span = n.span;
  build.isDerivative = n.isDerivative;
  try {
    switch (n.op) {
      case "if":
        return build.if(args[0] as Node, visit.inner(n.consequent), visit.inner(n.otherwise), args.slice(1));
      case "loop":
        return build.loop(visit.inner(n.test), visit.inner(n.body), args.slice(0, n.carried), args.slice(n.carried));
      case "invoke":
        return build.invoke(visit.called(n.graph), args);
      default:
        return rebuild(build, n, args);
    }
  } finally {
    build.span = span;
    build.isDerivative = isDerivative;
  }
}

/**
 * The graph with each node as `make` gives it, or undefined to leave it to `renew`. Nodes of which nothing changes are kept, and the
 * graph itself where none does; the new graph has the parameters of the old one.
 */
export function rebuildGraph(
  graph: Graph,
  visit: Visit,
  make: (build: Builder, n: Node, at: ReadonlyMap<Node, Node>) => Node | undefined,
): Graph {
  const build = new Builder();
  const at = new Map<Node, Node>(graph.params.map((p) => [p, p]));
  for (const n of nodesOf(graph)) {
    if (at.has(n)) continue;
    const args = n.args.map((a) => at.get(a) as Node);
    const isSame = args.every((a, i) => a === n.args[i]) && isKept(n, visit);
    if (isSame) build.adopt(n);
    at.set(n, make(build, n, at) ?? (isSame ? n : renew(build, n, args, visit)));
  }
  const result = at.get(graph.result as Node) as Node;
  return result === graph.result ? graph : newVersion(graph, result);
}

/** True where the graphs inside a node stay what they are. */
function isKept(n: Node, visit: Visit): boolean {
  switch (n.op) {
    case "if":
      return visit.inner(n.consequent) === n.consequent && visit.inner(n.otherwise) === n.otherwise;
    case "loop":
      return visit.inner(n.test) === n.test && visit.inner(n.body) === n.body;
    case "invoke":
      return visit.called(n.graph) === n.graph;
    default:
      return true;
  }
}
