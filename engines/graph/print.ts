/** Graphs as text: a node a line, graphs of branches and loops indented below theirs. */
import { constantOf, type Graph, graphsIn, type Node, type Output } from "./graph.ts";
import { showType } from "./type.ts";
import { allGraphs, inOrder } from "./walk.ts";

export function printGraph(graph: Graph): string {
  const names = new Map<Output, string>();
  const lines: string[] = [];
  const name = (v: Output): string => {
    const known = constantOf(v);
    if (known !== undefined) return String(known);
    let text = names.get(v);
    if (text === undefined) {
      text = `%${names.size}`;
      names.set(v, text);
    }
    return text;
  };
  const list = (vs: readonly Output[]) => vs.map(name).join(", ");
  const typed = (vs: readonly Output[]) => vs.map((v) => `${name(v)}: ${showType(v.type)}`).join(", ");
  const describe = (n: Node): string => {
    const { operation } = n;
    if (operation.op === "apply") {
      const { primitive, params } = operation;
      return `${primitive.name}(${list(n.inputs)})${params === undefined ? "" : ` ${JSON.stringify(params)}`}`;
    }
    if (operation.op === "call") return `call ${operation.callee.graph.name}(${list(n.inputs)})`;
    return `${operation.op}(${list(n.inputs)}${n.captures.length === 0 ? "" : `; ${list(n.captures)}`})`;
  };
  const block = (g: Graph, title: string, indent: string) => {
    const own = [...g.parameters, ...g.captured];
    lines.push(`${indent}${title}(${typed(own)})`);
    for (const n of inOrder(g.results)) {
      if (n.op === "parameter" || n.outputs.every((o) => constantOf(o) !== undefined)) continue;
      lines.push(`${indent}  ${typed(n.outputs)} = ${describe(n)}`);
      for (const inner of graphsIn(n)) block(inner, inner.name, `${indent}    `);
    }
    lines.push(`${indent}  give ${list(g.results)}`);
  };
  block(graph, graph.name, "");
  for (const g of allGraphs(graph)) if (g.types !== undefined) block(g, `function ${g.name}`, "");
  return lines.join("\n");
}
