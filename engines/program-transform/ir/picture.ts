/**
 * Graphs of the functional IR as pictures: arms, loops and called graphs are groups, and what they are given is joined over the border to
 * what reads it. A graph that is called again, or calls itself, is drawn where it is met first.
 */
import { showAval } from "../../../core/base/aval.ts";
import { type Box, Drawing, type Picture } from "../../picture/picture.ts";
import { type Graph, type Node, nodesOf, TensorConstant } from "./graph.ts";
import { showType } from "./type.ts";

export function pictureOf(graph: Graph, title: string): Picture {
  const painter = new Painter();
  const parameters = graph.params.map((p, i) => painter.drawing.add(input(`parameter ${i}`, -1, p)));
  const result = painter.graph(graph, -1, parameters);
  painter.join(result, painter.drawing.add({ parent: -1, kind: "result", label: "result", op: "result" }), showType(graph.resultType));
  return painter.drawing.finish(title);
}

function input(label: string, parent: number, { type, span }: Node): Omit<Box, "name"> {
  return { parent, kind: "input", label, op: label, type: showType(type), span };
}

/** The box that a value comes from; none of a known number, which is written where it is read. */
type Place = number | undefined;

class Painter {
  readonly drawing = new Drawing();
  private readonly drawn = new Set<Graph>();
  private count = 0;

  /** The nodes of a graph in the box around it; where its result comes from. Depth is that of graphs in graphs. */
  graph(g: Graph, parent: number, given: readonly Place[]): Place {
    this.drawn.add(g);
    const places = new Map<Node, Place>(g.params.map((p, i) => [p, given[i]]));
    for (const n of nodesOf(g)) {
      if (places.has(n)) continue;
      const args = n.args.map((a) => places.get(a));
      places.set(n, n.op === "const" && !(n.value instanceof TensorConstant) ? undefined : this.node(n, parent, args));
    }
    return places.get(g.result as Node);
  }

  join(from: Place, to: number, label: string, kind: { readonly isControl?: boolean; readonly isBack?: boolean } = {}): void {
    if (from !== undefined) this.drawing.edge(from, to, label, kind);
  }

  private node(n: Node, parent: number, args: readonly Place[]): number {
    const label = `${labelOf(n)}_${++this.count}`;
    const facts = {
      parent,
      label,
      op: n.op === "apply" ? n.primitive.name : n.op,
      detail: detailOf(n),
      type: showType(n.type),
      span: n.span,
    };
    if (n.op === "if") return this.if(n, facts, args);
    if (n.op === "loop") return this.loop(n, facts, args);
    if (n.op === "invoke" && !this.drawn.has(n.graph)) {
      const own = this.drawing.add({ ...facts, kind: "group", label: `${n.graph.name}_${this.count}` });
      return this.result(own, n, [this.graph(n.graph, own, args)]);
    }
    const box = this.drawing.add({ ...facts, kind: n.op === "const" ? "constant" : "node" });
    for (const [i, a] of n.args.entries()) this.join(args[i], box, showType(a.type));
    return box;
  }

  private if(n: Extract<Node, { op: "if" }>, facts: Omit<Box, "name" | "kind">, args: readonly Place[]): number {
    const { drawing } = this;
    const own = drawing.add({ ...facts, kind: "group" });
    const condition = drawing.add({ parent: own, kind: "input", label: "condition", op: "condition" });
    this.join(args[0], condition, "bool", { isControl: true });
    const sides = [n.consequent, n.otherwise].map((g, i) => {
      const side = drawing.group(own, i === 0 ? "then" : "else", { op: "branch" });
      return (
        this.graph(g, side, args.slice(1)) ??
        drawing.add({ parent: side, kind: "constant", label: showKnown(g.result as Node), op: "const" })
      );
    });
    const result = this.result(own, n, sides);
    drawing.edge(condition, result, "", { isControl: true });
    return result;
  }

  private loop(n: Extract<Node, { op: "loop" }>, facts: Omit<Box, "name" | "kind">, args: readonly Place[]): number {
    const { drawing } = this;
    const own = drawing.add({ ...facts, kind: "group" });
    const states = n.args.slice(0, n.carried).map((a, i) => {
      const state = drawing.add(input(`state ${i}`, own, a));
      this.join(args[i], state, showType(a.type));
      return state;
    });
    const given = [...states, ...args.slice(n.carried)];
    const test = drawing.group(own, "test", { op: "test" });
    const goOn = this.graph(n.test, test, given);
    this.join(goOn, drawing.add({ parent: test, kind: "result", label: "go on?", op: "test" }), "bool", { isControl: true });
    const next = this.result(own, n, [this.graph(n.body, drawing.group(own, "body", { op: "body" }), given)], "next");
    for (const state of states) drawing.edge(next, state, "", { isBack: true });
    return next;
  }

  private result(parent: number, n: Node, from: readonly Place[], label = "result"): number {
    const type = showType(n.type);
    const box = this.drawing.add({ parent, kind: "result", label, op: label, type });
    for (const f of from) this.join(f, box, type);
    return box;
  }
}

function labelOf(n: Node): string {
  if (n.op === "apply") return n.primitive.name;
  return n.op === "const" ? "tensor" : n.op;
}

function showKnown(n: Node): string {
  if (n.op !== "const") return n.op;
  return n.value instanceof TensorConstant ? showAval(n.value.aval) : (JSON.stringify(n.value) ?? String(n.value));
}

/** Parameters, and operands that are known. */
function detailOf(n: Node): string {
  if (n.op === "const") return showKnown(n);
  const isKnown = (a: Node) => a.op === "const" && !(a.value instanceof TensorConstant);
  const operands = n.args.some(isKnown) ? `(${n.args.map((a) => (isKnown(a) ? showKnown(a) : "·")).join(", ")})` : "";
  const own =
    n.op === "apply" && n.params !== undefined ? n.primitive.paramsKey(n.params) : n.op === "get" || n.op === "project" ? `${n.index}` : "";
  return [operands, own].filter((s) => s !== "").join(" ");
}
