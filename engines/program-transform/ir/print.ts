/**
 * Graphs as text: one line per node, arguments by name, arms and bodies indented below the node that owns them, called graphs
 * after the one that calls them. The order and the names depend on the structure alone, so two prints can be compared.
 */
import { showAval } from "../../../core/base/aval.ts";
import { type Constant, type Graph, type Node, nodesOf, TensorConstant } from "./graph.ts";
import { showType } from "./type.ts";

export function printGraph(graph: Graph): string {
  const called = new Map<Graph, string>([[graph, graph.name]]);
  const texts: string[] = [];
  for (const g of called.keys()) texts.push(printOne(g, called, called.get(g) as string));
  return texts.join("\n\n");
}

function printOne(root: Graph, called: Map<Graph, string>, title: string): string {
  const names = new Map<Node, string>();
  const lines: string[] = [];
  let count = 0;
  const show = (n: Node) => (n.op === "const" ? showConstant(n.value) : (names.get(n) as string));
  const list = (ns: readonly Node[]) => ns.map(show).join(", ");
  const declare = (g: Graph) =>
    g.params
      .map((p) => {
        names.set(p, `p${names.size}`);
        return `${names.get(p)}: ${showType(p.type)}`;
      })
      .join(", ");
  const body = (g: Graph, indent: string): void => {
    for (const n of nodesOf(g)) {
      if (n.op === "const" || n.op === "param") continue;
      const name = `v${++count}`;
      lines.push(`${indent}${name}: ${showType(n.type)} = ${operation(n, list, called)}`);
      const parts = n.op === "if" ? [n.consequent, n.otherwise] : n.op === "loop" ? [n.test, n.body] : [];
      for (const part of parts) {
        lines.push(`${indent}  λ(${declare(part)})`);
        body(part, `${indent}    `);
      }
      names.set(n, name);
    }
    lines.push(`${indent}return ${show(g.result as Node)}`);
  };
  const head = `${title}(${declare(root)}) → ${showType(root.resultType)}`;
  body(root, "  ");
  return [head, ...lines].join("\n");
}

function operation(n: Node, list: (ns: readonly Node[]) => string, called: Map<Graph, string>): string {
  switch (n.op) {
    case "apply": {
      const params = n.params === undefined ? "" : `[${n.primitive.paramsKey(n.params)}]`;
      return `${n.primitive.name}${params}(${list(n.args)})`;
    }
    case "invoke": {
      if (!called.has(n.graph)) called.set(n.graph, `${n.graph.name}@${called.size}`);
      return `${called.get(n.graph)}(${list(n.args)})`;
    }
    case "if":
      return `if(${list(n.args)})`;
    case "loop":
      return `loop(${list(n.args.slice(0, n.carried))}; ${list(n.args.slice(n.carried))})`;
    case "get":
    case "inject":
    case "isCase":
    case "project":
      return `${n.op} ${n.index}(${list(n.args)})`;
    case "const":
    case "param":
      return n.op;
    default:
      return `${n.op}(${list(n.args)})`;
  }
}

function showConstant(value: Constant): string {
  if (value instanceof TensorConstant) return `tensor<${showAval(value.aval)}>`;
  return Object.is(value, -0) ? "-0" : (JSON.stringify(value) ?? String(value));
}
