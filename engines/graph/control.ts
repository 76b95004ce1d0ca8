/**
 * Nodes of control flow. `If` and `While` are made open and grow: a branch or a body is built by running it inside its graph, and
 * state, results and outputs may be added at any time, which is how derivatives put into a loop what they need of it.
 */
import { aval } from "../../core/base/aval.ts";
import { mismatch, unsupported } from "../../core/base/errors.ts";
import type { ControlFlow } from "../../core/tensor/control.ts";
import type { Value } from "../../core/tensor/traced.ts";
import { valueOps } from "../../core/tensor/values.ts";
import { isValue, kindOf, mapTree, zipTree } from "../trees.ts";
import { currentGraph, Graph, type GraphFunction, inside, type Node, type OpOf, type Output, typeOf } from "./graph.ts";
import { outermost } from "./origin.ts";
import { listType, sameType, showType, type Type, tensorType } from "./type.ts";

export type If = Node<OpOf<"if">>;
export type While = Node<OpOf<"while">>;

/** An `if` without results. */
export function openIf(condition: Value): If {
  const [consequent, otherwise] = [new Graph("then"), new Graph("else")];
  const graph = currentGraph();
  const node = graph.add({ op: "if", consequent, otherwise } as const, [graph.bring(valueOps.item(condition))], []);
  consequent.owner = node as Node;
  otherwise.owner = node as Node;
  return node;
}

/** Adds what the branches give, values of their graphs of one type, as an output. */
export function addResult(node: If, a: Value, b: Value): Output {
  const { consequent, otherwise } = node.operation;
  const [x, y] = [consequent.bring(a), otherwise.bring(b)];
  if (!sameType(x.type, y.type))
    throw mismatch(`the branches of cond give ${showType(x.type)} and ${showType(y.type)}`, "let both give values of one shape and dtype");
  consequent.results.push(x);
  otherwise.results.push(y);
  return node.addOutput(x.type);
}

/** A `while` without state. */
export function openWhile(): While {
  const [test, body] = [new Graph("test"), new Graph("body")];
  const node = currentGraph().add({ op: "while", test, body } as const, [], []);
  test.owner = node as Node;
  body.owner = node as Node;
  return node;
}

/** Adds a value that begins as `initial`, of the loop's graph; its parameter in the body. `setNext` says how it goes on. */
export function addState(node: While, initial: Value): Output {
  const first = node.graph.bring(initial);
  node.inputs.push(first);
  node.addOutput(first.type);
  const { test, body } = node.operation;
  test.parameters.push(test.add({ op: "parameter" }, [], [first.type]).outputs[0] as Output);
  const p = body.add({ op: "parameter" }, [], [first.type]).outputs[0] as Output;
  body.parameters.push(p);
  body.results.push(p);
  return p;
}

/** What a state becomes in a turn. */
export function setNext(node: While, state: Output, next: Value): void {
  const { body } = node.operation;
  const at = body.parameters.indexOf(state);
  const value = body.bring(next);
  if (!sameType(value.type, state.type))
    throw mismatch(
      `a state of whileLoop begins as ${showType(state.type)} and becomes ${showType(value.type)}`,
      "give it one shape and dtype from the start",
    );
  body.results[at] = value;
}

export function emptyList(of: Type): Output {
  return currentGraph().add({ op: "emptyList" }, [], [listType(of)]).outputs[0] as Output;
}

export function push(list: Value, element: Value): Output {
  const graph = currentGraph();
  const l = graph.bring(list);
  return graph.add({ op: "push" }, [l, graph.bring(element)], [l.type]).outputs[0] as Output;
}

/** The list without its last element, and that element. */
export function pop(list: Value): readonly [Output, Output] {
  const graph = currentGraph();
  const l = graph.bring(list);
  return graph.add({ op: "pop" }, [l], [l.type, elementOf(l.type)]).outputs as unknown as readonly [Output, Output];
}

/** Values as a frame of this type. */
export function pack(values: readonly Value[], type: Type): Output {
  const graph = currentGraph();
  return graph.add(
    { op: "pack" },
    values.map((v) => graph.bring(v)),
    [type],
  ).outputs[0] as Output;
}

/** The fields of a frame. */
export function unpack(frame: Value): readonly Output[] {
  const graph = currentGraph();
  const f = graph.bring(frame);
  return graph.add({ op: "unpack" }, [f], (f.type as { fields: readonly Type[] }).fields).outputs;
}

/** A function without results, which are to come. */
export function functionOf(name: string, parameters: readonly Type[], results: readonly Type[]): GraphFunction {
  const graph = new Graph(name);
  const types = [...results];
  graph.types = types;
  graph.places = outermost(currentGraph()).places;
  for (const t of parameters) graph.parameter(t);
  return { graph, types };
}

/**
 * A function in the graph, which may call itself: it is built once, with parameters of the types of `takes`, and gives values of the types
 * of `gives`, which must be known before. Derivatives go through it in both modes, to any order.
 */
export function graphFunction(
  name: string,
  takes: readonly Value[],
  gives: readonly Value[],
  f: (self: (...args: Value[]) => readonly Value[], ...args: Value[]) => readonly Value[],
): (...args: Value[]) => readonly Value[] {
  const callee = functionOf(name, takes.map(typeOf), gives.map(typeOf));
  const { graph } = callee;
  const check = (what: string, values: readonly Value[], like: readonly Type[]) => {
    const types = values.map(typeOf);
    if (types.length !== like.length || types.some((t, i) => !sameType(t, like[i] as Type)))
      throw mismatch(
        `the function ${name} ${what} ${like.map(showType).join(", ")}, and here it is ${types.map(showType).join(", ") || "nothing"}`,
      );
  };
  const self = (...args: Value[]) => {
    check("takes", args, takes.map(typeOf));
    return call(callee, args).outputs;
  };
  const results = inside(graph, () => f(self, ...graph.parameters));
  check("gives", results, gives.map(typeOf));
  graph.results.push(...inside(graph, () => results.map((r) => graph.bring(r))));
  return self;
}

/** A call in the graph that is being built. */
export function call(callee: GraphFunction, args: readonly Value[]): Node<OpOf<"call">> {
  const graph = currentGraph();
  return graph.add(
    { op: "call", callee },
    args.map((a) => graph.bring(a)),
    callee.types,
  );
}

/** Sums of lists, and of frames. */
export function addLists(a: Value, b: Value): Output {
  const graph = currentGraph();
  const [x, y] = [graph.bring(a), graph.bring(b)];
  return graph.add({ op: "addLists" }, [x, y], [x.type]).outputs[0] as Output;
}

/** The rows of a tensor as a list. */
export function unstack(x: Value, reversed: boolean): Output {
  const graph = currentGraph();
  const { shape, dtype } = typeOf(x).kind === "tensor" ? (x as Output).aval : aval([], "f64");
  return graph.add({ op: "unstack", reversed }, [graph.bring(x)], [listType(tensorType(aval(shape.slice(1), dtype)))]).outputs[0] as Output;
}

/** A list of `rows` tensors, or numbers, as one tensor. */
export function stack(list: Value, rows: number, reversed: boolean): Output {
  const graph = currentGraph();
  const l = graph.bring(list);
  const of = elementOf(l.type);
  const { shape, dtype } = of.kind === "tensor" ? of.aval : aval([], "f64");
  return graph.add({ op: "stack", reversed }, [l], [tensorType(aval([rows, ...shape], dtype))]).outputs[0] as Output;
}

function elementOf(t: Type): Type {
  return (t as { of: Type }).of;
}

/** The values in a tree, in order. */
function leavesOf(tree: unknown): Value[] {
  const leaves: Value[] = [];
  mapTree(tree, (x) => {
    if (isValue(x)) leaves.push(x);
    return x;
  });
  return leaves;
}

/** A tree of the form of another, with other values. */
function filled(form: unknown, values: readonly Value[]): unknown {
  let i = 0;
  return mapTree(form, (x) => (isValue(x) ? values[i++] : x));
}

/** Refuses trees of different form, or with different constants: what is no value cannot be chosen when the graph runs. */
function sameForm(what: string, a: unknown, b: unknown): void {
  zipTree(a, b, (x, y, path) => {
    if (isValue(x) !== isValue(y) || (!isValue(x) && x !== y))
      throw unsupported(
        `${what} ${kindOf(x)} and ${kindOf(y)}${path === "" ? "" : ` at ${path}`}, and only numbers and tensors can differ`,
        "use numbers, for instance 0 and 1, for what is decided when the graph runs",
      );
    return null;
  });
}

/** A function whose derivative is not that of what it computes: `pullback` gives the cotangent of x from that of y. */
export function customGradient(
  f: (x: unknown) => unknown,
  pullback: (ct: unknown, x: unknown, y: unknown) => unknown,
): (x: unknown) => unknown {
  return (x) => {
    const y = f(x);
    const graph = currentGraph();
    const [xs, ys] = [leavesOf(x), leavesOf(y)].map((list) => list.map((v) => graph.bring(v))) as [Output[], Output[]];
    const back = new Graph("pullback");
    const node = graph.add(
      { op: "custom", arguments: xs.length, pullback: back },
      [...xs, ...ys],
      ys.map((v) => v.type),
    );
    back.owner = node as Node;
    const cts = ys.map((v) => back.parameter(v.type));
    const given = inside(back, () => pullback(filled(y, cts), filled(x, xs), filled(y, ys)));
    const shares = leavesOf(given).map((v) => back.bring(v));
    for (const [i, v] of xs.entries())
      if (shares[i] === undefined || !sameType(shares[i].type, v.type))
        throw mismatch(
          `a pullback gives ${shares[i] === undefined ? "nothing" : showType(shares[i].type)} for an argument that is ${showType(v.type)}`,
          "let it give one cotangent for each value in x, shaped like it",
        );
    back.results.push(...shares);
    return filled(y, node.outputs);
  };
}

/** `value`, where the condition holds when it is computed; an error with this message elsewhere. */
export function check(value: Value, condition: Value, message: string): Output {
  const graph = currentGraph();
  const x = graph.bring(value);
  return graph.add({ op: "check", message }, [x, graph.bring(valueOps.item(condition))], [x.type]).outputs[0] as Output;
}

function cond(condition: Value, consequent: () => unknown, otherwise: () => unknown): unknown {
  const node = openIf(condition);
  const a = inside(node.operation.consequent, consequent);
  const b = inside(node.operation.otherwise, otherwise);
  sameForm("the branches of cond give", a, b);
  const right = leavesOf(b);
  return filled(
    a,
    leavesOf(a).map((x, i) => addResult(node, x, right[i] as Value)),
  );
}

function whileLoop(test: (state: unknown) => unknown, body: (state: unknown) => unknown, initial: unknown): unknown {
  const node = openWhile();
  const state = leavesOf(initial).map((x) => addState(node, x));
  const { operation } = node;
  inside(operation.test, () => setTest(node, test(filled(initial, operation.test.parameters))));
  const next = inside(operation.body, () => body(filled(initial, state)));
  sameForm("a state of whileLoop begins and goes on as", initial, next);
  for (const [i, x] of leavesOf(next).entries()) setNext(node, state[i] as Output, x);
  return filled(initial, node.outputs.slice(0, state.length));
}

/** What a loop asks before each turn, a value of its test graph. */
export function setTest({ operation: { test } }: While, answer: unknown): void {
  const value = typeof answer === "boolean" ? Number(answer) : answer;
  if (!isValue(value)) throw mismatch(`the test of whileLoop gives ${kindOf(value)}`, "let it compare: lt(i, n)");
  test.results.push(inside(test, () => test.bring(valueOps.item(value))));
}

function scan(
  f: (carry: unknown, x: unknown) => readonly [unknown, unknown],
  carry: unknown,
  xs: unknown,
  length: number,
): readonly [unknown, unknown] {
  const node = openWhile();
  const { test, body } = node.operation;
  const turn = addState(node, 0);
  inside(test, () => setTest(node, valueOps.lt(test.parameters[0] as Output, length)));
  inside(body, () => setNext(node, turn, valueOps.add(turn, 1)));
  const state = leavesOf(carry).map((x) => addState(node, x));
  const rows = leavesOf(xs).map((x) => addState(node, unstack(x, true)));
  const [next, y] = inside(body, () => {
    const popped = rows.map((r) => {
      const [rest, row] = pop(r);
      setNext(node, r, rest);
      return row;
    });
    return f(filled(carry, state), filled(xs, popped));
  });
  sameForm("a carry of scan begins and goes on as", carry, next);
  for (const [i, x] of leavesOf(next).entries()) setNext(node, state[i] as Output, x);
  const ys = leavesOf(y).map((given) => {
    const list = addState(
      node,
      inside(node.graph, () => emptyList(typeOf(given))),
    );
    inside(body, () => setNext(node, list, push(list, given)));
    return stack(node.outputs.at(-1) as Output, length, false);
  });
  return [filled(carry, node.outputs.slice(1, 1 + state.length)), filled(y, ys)];
}

/** Control flow of models, as nodes. */
export const control: ControlFlow = { cond, whileLoop, scan };
