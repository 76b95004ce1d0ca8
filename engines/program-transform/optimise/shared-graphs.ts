/**
 * Equal arms and bodies become one graph. Nodes that are equal are one node because the builder finds them by what they are; two
 * loops or ifs are equal where their graphs are one, so this is common subexpression elimination for control flow.
 */
import { opcodeOf } from "../../../core/primitives/table.ts";
import { type Graph, hasControlFlow, type Node, nodesOf, TensorConstant } from "../ir/graph.ts";
import { type Rewrite, rebuildGraph } from "./rewrite.ts";

/** The pass, with a memory of the graphs that it has met. */
export function sharedGraphs(): Rewrite {
  const known = new Map<string, Graph>();
  return (graph, visit) => {
    const made = hasControlFlow(graph) ? rebuildGraph(graph, visit, () => undefined) : graph;
    const key = keyOf(made);
    const same = known.get(key);
    if (same === undefined) known.set(key, made);
    return same ?? made;
  };
}

const tensors = new Map<TensorConstant, number>();

/** What a graph computes, the names of nodes left out. O(nodes). */
function keyOf(graph: Graph): string {
  const place = new Map<Node, number>(graph.params.map((p, i) => [p, i]));
  const lines = graph.params.map((p) => String(p.type.id));
  for (const n of nodesOf(graph)) {
    if (place.has(n)) continue;
    lines.push(`${operationOf(n)}:${n.type.id}(${n.args.map((a) => place.get(a)).join(",")})`);
    place.set(n, place.size);
  }
  lines.push(String(place.get(graph.result as Node)));
  return lines.join(";");
}

function operationOf(n: Node): string {
  switch (n.op) {
    case "const": {
      if (!(n.value instanceof TensorConstant))
        return Object.is(n.value, -0) ? "-0" : `${typeof n.value} ${JSON.stringify(String(n.value))}`;
      const number = tensors.get(n.value) ?? tensors.size;
      tensors.set(n.value, number);
      return `tensor ${number}`;
    }
    case "apply":
      return `${opcodeOf.get(n.primitive)} ${n.params === undefined ? "" : n.primitive.paramsKey(n.params)}`;
    case "if":
      return `if ${n.consequent.number} ${n.otherwise.number}`;
    case "loop":
      return `loop ${n.test.number} ${n.body.number} ${n.carried}`;
    case "invoke":
      return `invoke ${n.graph.number}`;
    case "param":
      return `param ${n.index}`;
    default:
      return `${n.op} ${n.index}`;
  }
}
