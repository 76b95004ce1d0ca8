/**
 * Graphs as pictures: name scopes are groups, branches and loops hold theirs, what is derived stands in a group of its own, and the
 * turns of an unrolled loop in theirs. What a graph inside a node captures is not shown: readers are joined to it over the border. A
 * group of very many nodes is split by the lines of the program that they are from.
 */
import { basename } from "node:path";
import type { Span } from "../../core/base/span.ts";
import { primitives } from "../../core/primitives/table.ts";
import { type BoxTime, Drawing, type Picture } from "../picture/picture.ts";
import type { If, While } from "./control.ts";
import { constantOf, type Graph, type Node, type Output } from "./graph.ts";
import { aboutOf, builtNode, kindOf, nameOf, spanOf, writtenNode } from "./origin.ts";
import { showType } from "./type.ts";
import { allGraphs, inOrder } from "./walk.ts";

/** Nodes of one group that are shown side by side. */
const CROWD = 60;

/** Times of nodes, of a run that was measured. */
export interface Measured {
  readonly device: string;
  readonly deviceMilliseconds: number;
  timeOf(n: Node): BoxTime | undefined;
}

/** `results` are names of the results. */
export function pictureOf(graph: Graph, title: string, results: readonly string[] = [], measured?: Measured): Picture {
  const painter = new Painter(graph, measured);
  painter.graph(graph, -1);
  for (const [i, r] of graph.results.entries()) painter.result(r, results[i] ?? `result ${i}`, -1);
  for (const g of allGraphs(graph)) if (g.types !== undefined) painter.function(g);
  return painter.drawing.finish(
    title,
    measured === undefined ? undefined : { device: measured.device, milliseconds: measured.deviceMilliseconds },
  );
}

class Painter {
  readonly drawing = new Drawing();
  private readonly measured: Measured | undefined;
  /** The box that a value comes from. */
  private readonly places = new Map<Output, number>();

  private readonly whole: Graph;
  private visitOf: ReadonlyMap<Node, number> | undefined;

  constructor(whole: Graph, measured: Measured | undefined) {
    this.whole = whole;
    this.measured = measured;
  }

  /**
   * How often the line of a node had been come to before: a line is left when a node of another one is made. Lines are visited as often
   * as a loop of the program, which leaves no trace of its own, turns over them.
   */
  private get visits(): ReadonlyMap<Node, number> {
    this.visitOf ??= visitsOf(this.whole);
    return this.visitOf;
  }

  /** The nodes of a graph, in the box that holds it. */
  graph(graph: Graph, parent: number): void {
    const nodes = inOrder(graph.results).filter((n) => n.outputs.length === 0 || n.outputs.some((o) => knownNumber(o) === undefined));
    const groups = this.groupsOf(nodes, parent);
    for (const n of nodes) {
      const at = groups.get(n) as number;
      if (n.op === "parameter") this.parameter(n, at);
      else if (n.op === "if") this.if(n as If, at);
      else if (n.op === "while") this.while(n as While, at);
      else this.node(n, at);
    }
  }

  /** A graph that is called, beside what calls it. */
  function(g: Graph): void {
    const { drawing } = this;
    const own = drawing.add({ parent: -1, kind: "group", label: `function ${g.name}`, op: "function" });
    for (const [i, p] of g.parameters.entries())
      this.places.set(p, drawing.add({ parent: own, kind: "input", label: `argument ${i}`, op: "argument", type: showType(p.type) }));
    this.graph(g, own);
    for (const [i, r] of g.results.entries()) this.result(r, `result ${i}`, own);
  }

  result(value: Output, label: string, parent: number): number {
    const box = this.drawing.add({ parent, kind: "result", label, op: "result", type: showType(value.type) });
    this.join(value, box);
    return box;
  }

  private node(n: Node, parent: number): void {
    const box = this.drawing.add({ parent, kind: n.op === "constant" ? "constant" : "node", ...this.facts(n), detail: detailOf(n) });
    for (const [i, x] of n.inputs.entries()) this.join(x, box, n.op === "check" && i === 1);
    for (const o of n.outputs) this.places.set(o, box);
  }

  /** One of the outermost graph; those of others have a box already, or stand for what is captured. */
  private parameter(n: Node, parent: number): void {
    const [out] = n.outputs as [Output];
    if (this.places.has(out)) return;
    this.places.set(out, this.drawing.add({ parent, kind: "input", ...this.facts(n), label: nameOf(n) }));
  }

  private if(n: If, parent: number): void {
    const { drawing } = this;
    const own = drawing.add({ parent, kind: "group", ...this.facts(n as Node) });
    const condition = drawing.add({ parent: own, kind: "input", label: "condition", op: "condition", span: spanOf(n as Node) });
    this.join(n.inputs[0] as Output, condition, true);
    const { consequent, otherwise } = n.operation;
    for (const g of [consequent, otherwise]) {
      const side = drawing.group(own, g.name, { op: "branch" });
      for (const [i, c] of n.captures.entries()) this.alias(g.captured[i] as Output, c);
      this.graph(g, side);
    }
    for (const o of n.outputs) {
      const box = drawing.add({ parent: own, kind: "result", label: `result ${o.index}`, op: "result", type: showType(o.type) });
      for (const g of [consequent, otherwise]) this.join(g.results[o.index] as Output, box);
      drawing.edge(condition, box, "", { isControl: true });
      this.places.set(o, box);
    }
  }

  private while(n: While, parent: number): void {
    const { drawing } = this;
    const { test, body } = n.operation;
    const own = drawing.add({ parent, kind: "group", ...this.facts(n as Node) });
    const states = n.inputs.map((x, i) => {
      const box = drawing.add({ parent: own, kind: "input", label: `state ${i}`, op: "state", type: showType(x.type) });
      this.join(x, box);
      for (const g of [test, body]) this.places.set(g.parameters[i] as Output, box);
      return box;
    });
    for (const g of [test, body]) {
      for (const [i, c] of n.captures.entries()) this.alias(g.captured[i] as Output, c);
      const side = drawing.group(own, g.name, { op: g.name });
      this.graph(g, side);
      if (g === test) this.join(g.results[0] as Output, drawing.add({ parent: side, kind: "result", label: "go on?", op: "test" }), true);
    }
    for (const o of n.outputs) {
      const state = states[o.index] as number;
      const next = drawing.add({ parent: own, kind: "result", label: `next ${o.index}`, op: "next state", type: showType(o.type) });
      this.join(body.results[o.index] as Output, next);
      drawing.edge(next, state, "", { isBack: true });
      this.places.set(o, next);
    }
  }

  private alias(inner: Output, outer: Output): void {
    const at = this.places.get(outer);
    if (at !== undefined) this.places.set(inner, at);
  }

  /** An edge to a box; numbers that are known are written in boxes, and no box of their own. */
  private join(value: Output, to: number, isControl = false): void {
    const from = this.places.get(value);
    if (from !== undefined) this.drawing.edge(from, to, showType(value.type), { isControl });
  }

  private facts(n: Node) {
    const name = nameOf(n);
    return {
      name,
      label: name.slice(name.lastIndexOf("/") + 1),
      op: kindOf(n),
      type: n.outputs.map((o) => showType(o.type)).join(", "),
      span: spanOf(n),
      about: aboutOf(n),
      time: this.measured?.timeOf(n),
    };
  }

  /** The group that each node stands in. */
  private groupsOf(nodes: readonly Node[], parent: number): Map<Node, number> {
    const { drawing } = this;
    const groups = new Map<Node, number>();
    for (const n of nodes)
      groups.set(
        n,
        pathOf(n).reduce((group, label) => drawing.group(group, label), parent),
      );
    const members = grouped(nodes, (n) => groups.get(n) as number);
    for (const [at, crowd] of members) if (crowd.length > CROWD) this.byLine(crowd, at, groups);
    return groups;
  }

  /** Splits a crowd by lines, and lines that are still crowded by their visits. */
  private byLine(crowd: readonly Node[], parent: number, groups: Map<Node, number>): void {
    const { drawing } = this;
    const byLine = grouped(crowd, (n) => (n.op === "parameter" ? undefined : lineOf(spanOf(n))));
    if (byLine.size < 2) return;
    for (const [line, nodes] of byLine) {
      if (line === undefined) continue;
      const span = spanOf(nodes[0] as Node);
      const at = drawing.group(parent, line, { op: "line", span: span && { ...span, column: 1 } });
      const visits = nodes.length > CROWD ? this.visits : undefined;
      for (const n of nodes) {
        const visit = visits?.get(writtenNode(n));
        groups.set(n, visit === undefined ? at : drawing.group(at, `visit ${visit}`, { op: "visit" }));
      }
    }
  }
}

function grouped<T, K>(items: Iterable<T>, key: (x: T) => K): Map<K, T[]> {
  const groups = new Map<K, T[]>();
  for (const x of items) {
    const k = key(x);
    const group = groups.get(k);
    if (group === undefined) groups.set(k, [x]);
    else group.push(x);
  }
  return groups;
}

function visitsOf(graph: Graph): ReadonlyMap<Node, number> {
  const written = new Set(inOrder(graph.results).map(writtenNode));
  const visitOf = new Map<Node, number>();
  for (const nodes of grouped(written, (n) => n.graph).values()) {
    const visits = new Map<string, number>();
    let last: string | undefined;
    for (const n of nodes.sort((a, b) => a.number - b.number)) {
      const line = lineOf(spanOf(n));
      if (line === undefined) continue;
      if (line !== last) visits.set(line, (visits.get(line) ?? -1) + 1);
      last = line;
      visitOf.set(n, visits.get(line) as number);
    }
  }
  return visitOf;
}

function lineOf(span: Span | undefined): string | undefined {
  return span === undefined ? undefined : `${basename(span.file)}:${span.line}`;
}

/** Groups around a node within its graph. */
function pathOf(n: Node): string[] {
  const built = builtNode(n);
  const { owner } = n.graph;
  const parts: string[] = [];
  // Lists begin before the loops that fill them, which are no part of the derivative.
  if (n.op !== "emptyList" && aboutOf(n) !== undefined && (owner === undefined || aboutOf(owner) === undefined)) parts.push("gradient");
  const around = owner === undefined ? "" : writtenNode(owner).scope;
  if (n.op !== "parameter") parts.push(...scopeWithin(writtenNode(n).scope, around));
  const turn = n.origin?.turn;
  const loop = built.graph.owner;
  if (turn !== undefined && loop !== undefined) parts.push(`${kindOf(loop)}_${builtNode(loop).number}`, `turn ${turn}`);
  return parts;
}

function scopeWithin(scope: string, around: string): string[] {
  const within = scope === around ? "" : around !== "" && scope.startsWith(`${around}/`) ? scope.slice(around.length + 1) : scope;
  return within === "" ? [] : within.split("/");
}

/** The number that a value is known to be, as a number or as a tensor of it. */
function knownNumber(x: Output): number | undefined {
  const { operation, inputs } = x.node;
  const isLift = operation.op === "apply" && operation.primitive === primitives.lift;
  return constantOf(isLift ? inputs[0] : x);
}

/** Parameters of a primitive, and operands that are known numbers. */
function detailOf(n: Node): string {
  const { operation } = n;
  const known = n.inputs.map(knownNumber);
  const operands = known.some((x) => x !== undefined) ? `(${known.map((x) => (x === undefined ? "·" : String(x))).join(", ")})` : "";
  const params = operation.op === "apply" && operation.params !== undefined ? showParams(operation.params) : "";
  const message = operation.op === "check" ? operation.message : operation.op === "call" ? operation.callee.graph.name : "";
  return [operands, params, message].filter((s) => s !== "").join(" ");
}

/** `axes [0], transposeB`: without what is false. */
function showParams(params: unknown): string {
  if (typeof params !== "object" || params === null) return JSON.stringify(params);
  return Object.entries(params)
    .filter(([, v]) => v !== false && v !== undefined)
    .map(([k, v]) => (v === true ? k : `${k} ${typeof v === "string" ? v : JSON.stringify(v)}`))
    .join(", ");
}
