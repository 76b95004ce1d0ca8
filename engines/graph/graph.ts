/**
 * The dataflow graph: nodes that are applied to outputs of other nodes. Control flow is functional: an `if` and a `while` are nodes
 * that hold graphs of their own, and what those take from around them are the node's captures. There are no switches, merges or
 * frames, so a graph is differentiated, rewritten and run by walking nodes in the order of their inputs.
 *
 *     if(c; captures…)            outputs = results of one branch; the parameters of both are the captures
 *     while(state…; captures…)    outputs = the state when `test` says no; parameters of test and body are state, then captures
 *     call(arguments…)            outputs = results of a function, which is a graph that takes nothing from around it and may call itself
 *
 * An output is a traced value, so models run on outputs as they run on numbers and tensors, and every operation adds a node to the
 * graph that is being built. Graphs only grow: derivatives add nodes, and outputs to nodes that there are.
 */
import type { Aval } from "../../core/base/aval.ts";
import type { DType, TypedArray } from "../../core/base/dtype.ts";
import { assert, type BenchError, unsupported } from "../../core/base/errors.ts";
import type { Shape } from "../../core/base/shape.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { Tensor } from "../../core/tensor/tensor.ts";
import { Traced, type Value } from "../../core/tensor/traced.ts";
import { applied } from "./application.ts";
import { currentScope, type Origin, originOf, type Places } from "./origin.ts";
import { avalOfType, NUMBER_TYPE, showType, type Type, tensorType } from "./type.ts";

/** A tensor that is known when the graph is built; row-major. */
export interface TensorConstant {
  readonly aval: Aval;
  readonly data: TypedArray;
}

/** What a node does. */
export type Operation =
  | { readonly op: "parameter" }
  | { readonly op: "constant"; readonly value: number | TensorConstant }
  /** `isDerivative`: differentiation put it there, and no program can tell the sign of its zeros. */
  | { readonly op: "apply"; readonly primitive: AnyPrimitive; readonly params: unknown; readonly isDerivative: boolean }
  /** The same value under another name: what a derivative is taken by. */
  | { readonly op: "identity" }
  | { readonly op: "if"; readonly consequent: Graph; readonly otherwise: Graph }
  | { readonly op: "while"; readonly test: Graph; readonly body: Graph }
  /** A list without elements; below it there are zeros, any number of them. */
  | { readonly op: "emptyList" }
  | { readonly op: "push" }
  /** The list without its last element, and that element. */
  | { readonly op: "pop" }
  /** Sums of elements, from the last to the first. */
  | { readonly op: "addLists" }
  /** A tensor as the list of its rows, so that the first (`reversed`) or the last one is popped first; and the other way. */
  | { readonly op: "unstack"; readonly reversed: boolean }
  | { readonly op: "stack"; readonly reversed: boolean }
  /** Sums of matrix products of the elements of two equally long lists; what passes make of products in loops. */
  | { readonly op: "sumProducts"; readonly transposeA: boolean; readonly transposeB: boolean }
  /**
   * Values with a derivative of their own: the inputs are `arguments` values and then as many as there are outputs, which are these;
   * `pullback` gives cotangents of the arguments from those of the outputs.
   */
  | { readonly op: "custom"; readonly arguments: number; readonly pullback: Graph }
  /** The first input, where the second is not zero; an error elsewhere. */
  | { readonly op: "check"; readonly message: string }
  | { readonly op: "call"; readonly callee: GraphFunction }
  /** Values as a frame, and the fields of a frame: zeros where it is unset. */
  | { readonly op: "pack" }
  | { readonly op: "unpack" }
  /** Nothing: a result that the branch which has it was not taken for. */
  | { readonly op: "unset" };

/** A graph that nodes call. */
export interface GraphFunction {
  readonly graph: Graph;
  /** Of its results, known before there are any. */
  readonly types: Type[];
}

export type OpOf<K extends Operation["op"]> = Extract<Operation, { op: K }>;

/** What a node has that holds graphs. */
interface Inner {
  readonly captures: Output[];
  readonly captureOf: Map<Output, number>;
  readonly shown: Map<Output | "turns", Output>;
}

const NOTHING: readonly Output[] = [];

/** Nodes that one graph may hold. */
const MAX_NODES = 2 ** 20;

function tooLarge(): BenchError {
  return unsupported(
    `the program becomes a graph of more than ${MAX_NODES} nodes: each turn of a loop of JavaScript adds nodes of its own`,
    "write long loops as whileLoop(test, body, state) or scan(f, carry, xs) of core/ops, which are one node",
  );
}

export class Node<O extends Operation = Operation> {
  readonly graph: Graph;
  readonly operation: O;
  /** The condition of an `if`, the first state of a `while`, operands of all else. */
  readonly inputs: Output[];
  readonly outputs: Output[];
  /** The name scope that it was made in: "" or "layer/dense". */
  readonly scope = currentScope();
  /** How many nodes its graph had before. */
  readonly number: number;
  readonly origin: Origin | undefined;
  /** The last walk that came here, see `inOrder`. */
  walk = 0;
  private inner: Inner | undefined;

  constructor(graph: Graph, operation: O, inputs: readonly Output[], types: readonly Type[]) {
    this.graph = graph;
    this.operation = operation;
    this.inputs = [...inputs];
    this.outputs = types.map((t, i) => new Output(this as unknown as Node, i, t));
    this.number = graph.count++;
    this.origin = originOf(this as unknown as Node);
    if (graph.count > MAX_NODES) throw tooLarge();
  }

  get op(): O["op"] {
    return this.operation.op;
  }

  /** What the graphs inside take from around them: aligned with their `captured`. */
  get captures(): readonly Output[] {
    return this.inner?.captures ?? NOTHING;
  }

  /** Outputs that derivatives asked for, by the value inside that they show. */
  get shown(): Map<Output | "turns", Output> {
    return this.within().shown;
  }

  /** Everything that this node needs. */
  get needs(): readonly Output[] {
    return this.inner === undefined ? this.inputs : [...this.inputs, ...this.inner.captures];
  }

  /** The need at a position among all; undefined behind the last. */
  need(at: number): Output | undefined {
    const { inputs } = this;
    return at < inputs.length ? inputs[at] : this.inner?.captures[at - inputs.length];
  }

  addOutput(type: Type): Output {
    const output = new Output(this as unknown as Node, this.outputs.length, type);
    this.outputs.push(output);
    return output;
  }

  /** Makes a value of this node's graph known inside; its position among the captures. */
  capture(value: Output): number {
    const { captures, captureOf } = this.within();
    let at = captureOf.get(value);
    if (at === undefined) {
      at = captures.push(value) - 1;
      captureOf.set(value, at);
      for (const g of graphsIn(this as unknown as Node))
        g.captured.push(new Node(g, { op: "parameter" }, [], [value.type]).outputs[0] as Output);
    }
    return at;
  }

  /** Takes other values in place of those that it needs. */
  replaceNeeds(by: ReadonlyMap<Output, Output>): void {
    for (const [i, x] of this.inputs.entries()) this.inputs[i] = by.get(x) ?? x;
    if (this.inner === undefined) return;
    const { captures, captureOf } = this.inner;
    for (const [i, c] of captures.entries()) {
      const other = by.get(c);
      if (other === undefined) continue;
      captures[i] = other;
      captureOf.delete(c);
      if (!captureOf.has(other)) captureOf.set(other, i);
    }
  }

  private within(): Inner {
    this.inner ??= { captures: [], captureOf: new Map(), shown: new Map() };
    return this.inner;
  }
}

/** The graphs that a node holds. */
export function graphsIn(node: Node): readonly Graph[] {
  const { operation } = node;
  if (operation.op === "if") return [operation.consequent, operation.otherwise];
  if (operation.op === "custom") return [operation.pullback];
  return operation.op === "while" ? [operation.test, operation.body] : [];
}

export class Graph {
  readonly name: string;
  /** The node that holds this graph; none for the outermost. */
  owner: Node | undefined;
  /** Arguments, or the state of a loop. */
  readonly parameters: Output[] = [];
  readonly captured: Output[] = [];
  private readonly positions = new Map<Output, number>();
  readonly results: Output[] = [];
  /** Nodes that were ever added. */
  count = 0;
  /** Of a function, its types of results. */
  types: readonly Type[] | undefined;
  /** Of the outermost graph, where the user's program can be asked for the places of nodes. */
  places: Places | undefined;

  constructor(name: string) {
    this.name = name;
  }

  add<O extends Operation>(operation: O, inputs: readonly Output[], types: readonly Type[]): Node<O> {
    return new Node(this, operation, inputs, types);
  }

  parameter(type: Type): Output {
    const [p] = this.add({ op: "parameter" }, [], [type]).outputs as [Output];
    this.parameters.push(p);
    return p;
  }

  constant(value: number | TensorConstant): Output {
    const type = typeof value === "number" ? NUMBER_TYPE : tensorType(value.aval);
    return this.add({ op: "constant", value }, [], [type]).outputs[0] as Output;
  }

  /** Position of a value among the captured; undefined where it is none of them. */
  capturedAt(v: Output): number | undefined {
    for (let i = this.positions.size; i < this.captured.length; i++) this.positions.set(this.captured[i] as Output, i);
    return this.positions.get(v);
  }

  /** A value as this graph has it: what belongs to a graph around it is captured. */
  bring(value: Value): Output {
    if (typeof value === "number") return this.constant(value);
    if (value instanceof Tensor) return this.constant({ aval: value.aval, data: value.toArray() });
    assert(value instanceof Output, "a value that another engine traces meets a graph");
    if (value.node.graph === this) return value;
    const { operation } = value.node;
    if (operation.op === "constant") return this.constant(operation.value);
    const { owner } = this;
    if (owner === undefined && this.types !== undefined)
      throw unsupported(
        `the function ${this.name} uses a value of the graph around it (${showType(value.type)})`,
        "give it to the function as an argument",
      );
    if (owner === undefined)
      throw unsupported(
        "a value that was made inside a branch or the body of a loop is used outside of it",
        "let the branch or the body return it",
      );
    return this.captured[owner.capture(owner.graph.bring(value))] as Output;
  }
}

let building: Graph | undefined;

/** The graph to which operations add nodes. */
export function currentGraph(): Graph {
  if (building === undefined)
    throw unsupported(
      "an operation is applied to a value of a graph that is built to its end",
      "write it in the function that builds the graph, and return what is to be fetched",
    );
  return building;
}

/** Runs `body` with nodes going to `graph`. */
export function inside<T>(graph: Graph, body: () => T): T {
  const before = building;
  building = graph;
  try {
    return body();
  } finally {
    building = before;
  }
}

let isDerivative = false;

/** Whether nodes that are added are parts of a derivative. */
export function isDifferentiating(): boolean {
  return isDerivative;
}

/** Runs `body` with the nodes that it adds known as parts of a derivative. */
export function differentiating<T>(body: () => T): T {
  const before = isDerivative;
  isDerivative = true;
  try {
    return body();
  } finally {
    isDerivative = before;
  }
}

/** A value in a graph: one output of a node. */
export class Output extends Traced {
  /** Below every other engine: a graph holds what they compute. */
  readonly level = 0;
  readonly node: Node;
  readonly index: number;
  readonly type: Type;

  constructor(node: Node, index: number, type: Type) {
    super();
    this.node = node;
    this.index = index;
    this.type = type;
  }

  get primal(): Value {
    throw unsupported(
      `a value of the graph (${showType(this.type)}) is used as a condition, an index or a plain number, and is not known while the graph is built`,
      "write cond(c, f, g), whileLoop(test, body, state), scan(f, carry, xs) or where(c, a, b) of core/ops, with lt(a, b) and its like for c",
    );
  }

  override get isKnown(): boolean {
    return false;
  }

  override get aval(): Aval {
    return avalOfType(this.type);
  }

  override get shape(): Shape | undefined {
    return this.type.kind === "tensor" ? this.type.aval.shape : undefined;
  }

  override get dtype(): DType | undefined {
    return this.type.kind === "tensor" ? this.type.aval.dtype : undefined;
  }

  override parts(): readonly Value[] {
    return [];
  }

  interpret(primitive: AnyPrimitive, inputs: readonly Value[], params: unknown): Value {
    return applied(currentGraph(), primitive, inputs, params);
  }
}

export const typeOf = (x: Value): Type =>
  typeof x === "number" ? NUMBER_TYPE : x instanceof Output ? x.type : tensorType((x as Tensor).aval);

/** The number that an output is known to be. */
export function constantOf(x: Output | undefined): number | undefined {
  const operation = x?.node.operation;
  return operation?.op === "constant" && typeof operation.value === "number" ? operation.value : undefined;
}
