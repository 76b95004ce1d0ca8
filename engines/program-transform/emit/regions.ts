/** What the compile service has to know of graphs, to make programs of their tensor work. */
import { type Carrier, type Region, schedule } from "../../../core/compile/regions.ts";
import { type Graph, type Node, nodesOf, TensorConstant } from "../ir/graph.ts";

/** What a block emits in order. */
export type Unit = Node | Region<Node>;

const carrier: Carrier<Node, Node> = {
  needs: (n) => n.args,
  nodeOf: (n) => n,
  work: (n) =>
    n.op === "apply" && n.type.kind === "tensor" ? { primitive: n.primitive, params: n.params, args: n.args, result: n } : undefined,
  avalOf: ({ type }) => (type.kind === "tensor" ? type.aval : undefined),
  constantOf: (n) =>
    n.op === "const" && (n.value instanceof TensorConstant || typeof n.value === "number" || typeof n.value === "boolean")
      ? n.value
      : undefined,
};

/** The nodes of a graph with tensor work put together: arguments before users. O(nodes). */
export function scheduled(graph: Graph): readonly Unit[] {
  return schedule(nodesOf(graph), [graph.result as Node], carrier);
}
