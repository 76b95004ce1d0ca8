/** What passes over loops ask of them: where values are used, what no turn changes, and how a loop comes to keep one value of each turn. */
import { addState, emptyList, push, setNext, type While } from "../control.ts";
import { type Graph, inside, type Node, type Output } from "../graph.ts";
import { from } from "../origin.ts";
import { allGraphs, inOrder } from "../walk.ts";
import { rebuild } from "./rebuild.ts";

/**
 * A copy of the graph in which `change` may let nodes of a graph grow, inner graphs first; pruned again where it says that it did. A
 * graph in which nothing changes stays as it is.
 */
export function changeGraphs(graph: Graph, change: (g: Graph) => boolean): Graph {
  const made = rebuild(graph);
  let isChanged = false;
  for (const g of allGraphs(made).reverse()) isChanged = inside(g, () => change(g)) || isChanged;
  return isChanged ? rebuild(made) : graph;
}

/** How far it is looked whether one node needs another: beyond, it is taken to be so. */
const FAR = 1000;

/** Whether these values may be computed from an output of `n`; false only where that was seen not to be so. */
export function mayComeFrom(values: readonly Output[], n: Node): boolean {
  const seen = new Set<Node>();
  const left = values.map((v) => v.node);
  for (let at = left.pop(); at !== undefined; at = left.pop()) {
    if (at === n || seen.size === FAR) return true;
    if (seen.has(at)) continue;
    seen.add(at);
    for (const x of at.needs) left.push(x.node);
  }
  return false;
}

/** How many of those that came before, and could not be joined, are tried. */
const TRIED = 4;

/** The last of those before that `n`, by way of these values, does not need. */
export function independentOf<N extends Node>(before: readonly N[], values: (earlier: N) => readonly Output[]): N | undefined {
  return before.slice(-TRIED).find((e) => !mayComeFrom(values(e), e));
}

/** Who needs each value of a graph; a result of it is needed by undefined. O(nodes). */
export function usersIn(graph: Graph): ReadonlyMap<Output, readonly (Node | undefined)[]> {
  const users = new Map<Output, (Node | undefined)[]>();
  const use = (v: Output, by: Node | undefined) => {
    const list = users.get(v);
    if (list === undefined) users.set(v, [by]);
    else list.push(by);
  };
  for (const n of inOrder(graph.results)) for (const x of n.needs) use(x, n);
  for (const r of graph.results) use(r, undefined);
  return users;
}

/** Lets the nodes of a graph that there are now, and its results, take other values in place of these. */
export function replaceIn(graph: Graph, nodes: readonly Node[], by: ReadonlyMap<Output, Output>): void {
  for (const n of nodes) n.replaceNeeds(by);
  for (const [i, r] of graph.results.entries()) graph.results[i] = by.get(r) ?? r;
}

/** A value of the body that no turn changes, as the loop's graph has it, made there if need be; undefined for others. */
export function invariantIn({ operation: { body }, captures, graph }: While, v: Output): Output | undefined {
  const at = body.capturedAt(v);
  if (at !== undefined) return captures[at];
  const { operation, inputs } = v.node;
  if (operation.op === "constant") return graph.bring(v);
  // What constants alone are computed to is left where it is used.
  if (operation.op !== "apply" || !inputs.every((x) => x.node.op === "constant")) return undefined;
  const made = graph.add(
    operation,
    inputs.map((x) => graph.bring(x)),
    [v.type],
  );
  return made.outputs[0];
}

/** The list of what a value of the body was in each turn, as an output of the loop. */
export function keptBy(loop: While, v: Output): Output {
  const { body } = loop.operation;
  for (const [i, r] of body.results.entries()) {
    const { op, inputs } = r.node;
    if (op === "push" && inputs[0] === body.parameters[i] && inputs[1] === v && loop.inputs[i]?.node.op === "emptyList")
      return loop.outputs[i] as Output;
  }
  from(v.node.origin, () => {
    const list = addState(loop, emptyList(v.type));
    inside(body, () => setNext(loop, list, push(list, v)));
  });
  return loop.outputs.at(-1) as Output;
}

/** What `make` gives, made when it is first asked for. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
