/** Walks over graphs: the nodes of one in the order of their inputs, the graphs inside and the functions that are called. */
import { type Graph, graphsIn, type Node, type Output } from "./graph.ts";

let walks = 0;

/**
 * The nodes of one graph that these outputs need, inputs first; what is `cut` is given, and needs nothing. O(nodes): nodes note the walk
 * that has seen them, as sets of all nodes took most of the time of passes over large graphs.
 */
export function inOrder(outputs: readonly Output[], cut?: ReadonlySet<Output>): Node[] {
  const order: Node[] = [];
  const walk = ++walks;
  const stack: Node[] = [];
  /** How many needs of each node on the stack have been looked at. */
  const looked: number[] = [];
  const enter = (o: Output) => {
    if (o.node.walk === walk || cut?.has(o)) return;
    o.node.walk = walk;
    stack.push(o.node);
    looked.push(0);
  };
  for (const o of outputs) {
    enter(o);
    for (let n = stack.at(-1); n !== undefined; n = stack.at(-1)) {
      const at = looked.length - 1;
      const next = n.need(looked[at] as number);
      if (next === undefined) {
        order.push(n);
        stack.pop();
        looked.pop();
      } else {
        looked[at] = (looked[at] as number) + 1;
        enter(next);
      }
    }
  }
  return order;
}

/** A graph, those inside, and the functions that are called, each once; what is inside of another comes after it. */
export function allGraphs(graph: Graph): Graph[] {
  const graphs = new Set([graph]);
  for (const g of graphs)
    for (const n of inOrder(g.results)) {
      const { operation } = n;
      if (operation.op === "call") graphs.add(operation.callee.graph);
      else for (const inner of graphsIn(n)) graphs.add(inner);
    }
  return [...graphs];
}

/** How many nodes compute something, in a graph, in those inside and in functions. */
export function countNodes(graph: Graph): number {
  let count = 0;
  for (const g of allGraphs(graph)) for (const n of inOrder(g.results)) if (computes(n)) count++;
  return count;
}

export function computes({ op }: Node): boolean {
  return op !== "parameter" && op !== "constant";
}
