/**
 * Graphs built anew: what every pass is made of. Only what the results need is copied: of a branch the results that are read, of a loop
 * the states that reach what is read or decide when it ends. So a pass may leave things lying, and pruning is copying.
 */
import { addState, functionOf, type If, openIf, openWhile, setNext, type While } from "../control.ts";
import { Graph, type GraphFunction, graphsIn, inside, type Node, type OpOf, type Output } from "../graph.ts";
import { beginCopy, endCopy, from } from "../origin.ts";
import { inOrder } from "../walk.ts";

/** Where a node is copied to. */
export interface Place {
  /** The graph that is being built. */
  readonly to: Graph;
  /** What the results need of the old graph: of all else nothing stands in the new one. */
  readonly live: ReadonlySet<Output>;
  /** What stands there for a live value of the old graph. */
  at(old: Output): Output;
  /** Copies `results` of a graph inside the node, whose parameters and captured values are `given`. */
  copy(results: readonly Output[], given: ReadonlyMap<Output, Output>): readonly Output[];
}

/**
 * What stands for a node in the new graph, whose operands are `inputs`; undefined to copy it. Of a loop, operands that only states need
 * which are not live are undefined.
 */
export type Visit = (node: Node, inputs: readonly Output[], place: Place) => readonly (Output | undefined)[] | undefined;

/**
 * The outermost graph with parameters of the same types. Any value may be listed as a parameter, and what it is computed from is left
 * out then. O(nodes · depth of loops).
 */
export function rebuild(graph: Graph, visit: Visit = () => undefined): Graph {
  const made = new Graph(graph.name);
  const map = new Map<Output, Output>();
  from(undefined, () => {
    for (const p of graph.parameters) {
      beginCopy(p.node);
      map.set(p, made.parameter(p.type));
    }
    const live = liveOutputs(graph.results, new Set(map.keys()));
    inside(made, () => copyLive(made, graph.results, map, { visit, live, functions: { live, made: new Map() } }));
  });
  made.results.push(...graph.results.map((r) => map.get(r) as Output));
  return made;
}

/** Copies what `results` need to `to`; `map` says what stands for what, and is told of all that is copied. */
export function copyInto(to: Graph, results: readonly Output[], map: Map<Output, Output>, visit: Visit): void {
  copyLive(to, results, map, { visit, live: liveOutputs(results, new Set(map.keys())), functions: undefined });
}

interface Copying {
  readonly visit: Visit;
  readonly live: ReadonlySet<Output>;
  /** Copies of functions, with the results that are live anywhere; undefined where the functions that there are are called. */
  readonly functions: { readonly live: ReadonlySet<Output>; readonly made: Map<GraphFunction, GraphFunction> } | undefined;
}

function copyLive(to: Graph, results: readonly Output[], map: Map<Output, Output>, how: Copying): void {
  const { visit, live } = how;
  const place: Place = {
    to,
    live,
    at: (old) => map.get(old) as Output,
    copy(wanted, known) {
      const within = new Map(known);
      copyLive(to, wanted, within, { ...how, live: liveOutputs(wanted, new Set(within.keys())) });
      return wanted.map((r) => within.get(r) as Output);
    },
  };
  for (const n of inOrder(results, new Set(map.keys()))) {
    if (n.op === "parameter" || !n.outputs.some((o) => live.has(o))) continue;
    const before = beginCopy(n);
    const inputs = n.inputs.map((x) => map.get(x) as Output);
    const replaced = visit(n, inputs, place);
    if (replaced !== undefined) for (const [i, o] of n.outputs.entries()) map.set(o, replaced[i] as Output);
    else if (n.op === "custom") for (const [i, o] of n.outputs.entries()) map.set(o, map.get(customResult(n, i)) as Output);
    else if (n.op === "if") copyIf(n as If, map, how);
    else if (n.op === "while") copyWhile(n as While, map, how);
    else if (n.op === "call") copyCall(n as Node<OpOf<"call">>, to, map, how);
    else {
      const copy = to.add(
        n.operation,
        inputs,
        n.outputs.map((o) => o.type),
      );
      for (const [i, o] of n.outputs.entries()) map.set(o, copy.outputs[i] as Output);
    }
    endCopy(before);
  }
}

/** Captures of the new node for those that are live; what stands for the captured values in its graphs. */
function capture(from: Node, to: Node, live: ReadonlySet<Output>, map: ReadonlyMap<Output, Output>): Map<Output, Output> {
  const within = new Map<Output, Output>();
  const [old, made] = [graphsIn(from), graphsIn(to)];
  for (const [i, c] of from.captures.entries()) {
    if (!old.some((g) => live.has(g.captured[i] as Output))) continue;
    const at = to.capture(map.get(c) as Output);
    for (const [k, g] of old.entries()) within.set(g.captured[i] as Output, made[k]?.captured[at] as Output);
  }
  return within;
}

function copyIf(n: If, map: Map<Output, Output>, how: Copying): void {
  const { live } = how;
  const copy = openIf(map.get(n.inputs[0] as Output) as Output);
  const wanted = n.outputs.filter((o) => live.has(o) && !isPassedOn(n, o, map));
  const old = graphsIn(n as Node);
  const within = capture(n as Node, copy as Node, live, map);
  for (const [k, to] of graphsIn(copy as Node).entries()) {
    const results = wanted.map((o) => (old[k] as Graph).results[o.index] as Output);
    inside(to, () => copyLive(to, results, within, how));
    to.results.push(...results.map((r) => within.get(r) as Output));
  }
  for (const o of wanted) map.set(o, copy.addOutput(o.type));
}

/** What output i of a node with a derivative of its own is: when graphs are copied to be run, derivatives have been taken. */
function customResult(n: Node, i: number): Output {
  return n.inputs[n.inputs.length - n.outputs.length + i] as Output;
}

/** What both branches take from around them unchanged is that. */
function isPassedOn(n: If, o: Output, map: Map<Output, Output>): boolean {
  const { consequent, otherwise } = n.operation;
  const i = consequent.captured.indexOf(consequent.results[o.index] as Output);
  if (i < 0 || otherwise.captured[i] !== otherwise.results[o.index]) return false;
  map.set(o, map.get(n.captures[i] as Output) as Output);
  return true;
}

/** A call of the copy of the function, which gives the results that are live in any call of it. */
function copyCall(n: Node<OpOf<"call">>, to: Graph, map: Map<Output, Output>, how: Copying): void {
  const { callee } = n.operation;
  const { functions } = how;
  const isKept = (i: number) => functions === undefined || functions.live.has(callee.graph.results[i] as Output);
  const copy = to.add(
    { op: "call", callee: functions === undefined ? callee : functionCopy(callee, functions, how) } as const,
    n.inputs.map((x) => map.get(x) as Output),
    callee.types.filter((_, i) => isKept(i)),
  );
  let next = 0;
  for (const i of callee.types.keys()) {
    if (!isKept(i)) continue;
    const [old, made] = [n.outputs[i], copy.outputs[next++]];
    if (old !== undefined) map.set(old, made as Output);
  }
}

function functionCopy(callee: GraphFunction, functions: NonNullable<Copying["functions"]>, how: Copying): GraphFunction {
  const known = functions.made.get(callee);
  if (known !== undefined) return known;
  const results = callee.graph.results.filter((r) => functions.live.has(r));
  const made = functionOf(
    callee.graph.name,
    callee.graph.parameters.map((p) => p.type),
    results.map((r) => r.type),
  );
  functions.made.set(callee, made);
  const within = new Map(callee.graph.parameters.map((p, i) => [p, made.graph.parameters[i] as Output]));
  inside(made.graph, () => copyLive(made.graph, results, within, { ...how, live: functions.live }));
  made.graph.results.push(...results.map((r) => within.get(r) as Output));
  return made;
}

function copyWhile(n: While, map: Map<Output, Output>, how: Copying): void {
  const { live } = how;
  const copy = openWhile();
  const [old, made] = [n.operation, copy.operation];
  const added = new Map<number, Output>();
  const within = capture(n as Node, copy as Node, live, map);
  for (const [i, x] of n.inputs.entries()) {
    if (!live.has(n.outputs[i] as Output)) continue;
    const initial = map.get(x) as Output;
    if (old.body.results[i] !== old.body.parameters[i]) added.set(i, addState(copy, initial));
    else {
      // What no turn changes is no state.
      const at = copy.capture(initial);
      within.set(old.test.parameters[i] as Output, made.test.captured[at] as Output);
      within.set(old.body.parameters[i] as Output, made.body.captured[at] as Output);
      map.set(n.outputs[i] as Output, initial);
    }
  }
  for (const [k, i] of [...added.keys()].entries()) {
    within.set(old.test.parameters[i] as Output, made.test.parameters[k] as Output);
    within.set(old.body.parameters[i] as Output, made.body.parameters[k] as Output);
    map.set(n.outputs[i] as Output, copy.outputs[k] as Output);
  }
  inside(made.test, () => copyLive(made.test, old.test.results, within, how));
  made.test.results.push(...old.test.results.map((r) => within.get(r) as Output));
  const results = [...added.keys()].map((i) => old.body.results[i] as Output);
  inside(made.body, () => copyLive(made.body, results, within, how));
  for (const [k, state] of [...added.values()].entries()) setNext(copy, state, within.get(results[k] as Output) as Output);
}

/**
 * Everything that `results` need, in their graph and in those inside; what is `cut` needs nothing. Of a loop, the outputs of the states
 * that are read after it, that its test reads, or that such a state is computed from. O(nodes).
 */
export function liveOutputs(results: readonly Output[], cut?: ReadonlySet<Output>): ReadonlySet<Output> {
  const live = new Set<Output>();
  const work: Output[] = [];
  /** What a value that is given to a graph inside a node is around it. */
  const around = new Map<Output, Output>();
  const entered = new Set<Node>();
  const need = (v: Output) => {
    if (live.has(v)) return;
    live.add(v);
    if (!cut?.has(v)) work.push(v);
  };
  const enter = (n: Node) => {
    if (entered.has(n)) return;
    entered.add(n);
    for (const g of graphsIn(n)) {
      for (const [i, c] of n.captures.entries()) around.set(g.captured[i] as Output, c);
      if (n.op === "while") for (const [i, p] of g.parameters.entries()) around.set(p, n.outputs[i] as Output);
    }
    if (n.op === "while") need((n as While).operation.test.results[0] as Output);
    if (n.op === "if") need(n.inputs[0] as Output);
  };
  for (const r of results) need(r);
  for (let v = work.pop(); v !== undefined; v = work.pop()) {
    const { node: n, index } = v;
    const { operation } = n;
    switch (operation.op) {
      case "parameter": {
        const outer = around.get(v);
        if (outer !== undefined) need(outer);
        break;
      }
      case "custom":
        need(customResult(n, index));
        break;
      case "if":
        enter(n);
        for (const g of graphsIn(n)) need(g.results[index] as Output);
        break;
      case "while":
        enter(n);
        need(operation.body.results[index] as Output);
        need(n.inputs[index] as Output);
        break;
      case "call":
        // Derivatives may have given a function results that this call does not have yet, but never fewer.
        need(operation.callee.graph.results[index] as Output);
        for (const x of n.inputs) need(x);
        break;
      default:
        for (const x of n.inputs) need(x);
    }
  }
  return live;
}

/** The captured values among what a graph inside a node needs, with what stands for them around the node. */
export function capturedBy(n: Node, graph: Graph, { live, at }: Place): Map<Output, Output> {
  return new Map(
    n.captures.flatMap((c, i): [Output, Output][] => {
      const inner = graph.captured[i] as Output;
      return live.has(inner) ? [[inner, at(c)]] : [];
    }),
  );
}
