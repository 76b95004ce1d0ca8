/**
 * The functional IR: graphs of pure nodes. A graph is a function: parameters, and a result that reaches what it needs; there is no
 * list of statements, so code that does not reach the result does not exist, and equal nodes of a graph are one node. Control
 * flow is structured: the arms of an `if` and the two graphs of a `loop` are closed, everything they read is an argument.
 */
import type { Aval } from "../../../core/base/aval.ts";
import type { TypedArray } from "../../../core/base/dtype.ts";
import type { Span } from "../../../core/base/span.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import type { Type } from "./type.ts";

export interface Graph {
  readonly number: number;
  readonly name: string;
  readonly params: readonly Node[];
  readonly resultType: Type;
  /** Set once, when the graph is finished; until then it is being built (and may already be called: recursion). */
  result: Node | undefined;
  readonly span: Span | undefined;
  /** A call of it keeps its arguments alone for the way back, which computes it again. */
  readonly isCheckpoint?: boolean;
}

/** A tensor that is known: its numbers, on no device. */
export class TensorConstant {
  readonly aval: Aval;
  readonly data: TypedArray;
  constructor(aval: Aval, data: TypedArray) {
    this.aval = aval;
    this.data = data;
  }
}

export type Constant = number | string | boolean | null | TensorConstant;

/**
 * Operations on structures. Arrays are values: an update gives a new array, and what is emitted writes in place where the old one
 * is not read again.
 *
 *     tuple(x…)                 get(t)                 field `index`
 *     inject(x)                 as case `index` of a union;  isCase(u) → bool;  project(u) → the value of case `index`
 *     arrayOf(x…)               arrayGet(a, i)         arraySet(a, i, v)       arrayPush(a, v)       arrayPop(a): without its last
 *                               with `index` 1 where i is known to be in range
 *     arrayLength(a) → num      arrayFill(n, v)        n times v               arraySum(a): of its elements
 *     arrayAdd(a, i, v)         a with v added at i: how adjoints of arrays accumulate
 *     zeros(x)                  the zero of x's tangent type, shaped like x;  plus(a, b): the sum of two tangents
 *     unset()                   a value that is never read: what an arm returns for a residual of the other arm
 *     fail(message)             never returns
 */
export const structureOps = [
  "tuple",
  "get",
  "inject",
  "isCase",
  "project",
  "arrayOf",
  "arrayGet",
  "arraySet",
  "arrayPush",
  "arrayPop",
  "arrayLength",
  "arrayFill",
  "arraySum",
  "arrayAdd",
  "zeros",
  "plus",
  "unset",
  "fail",
] as const;
export type StructureOp = (typeof structureOps)[number];

interface Common {
  /** Increases in the order of making, so arguments have smaller ids than their uses. */
  readonly id: number;
  readonly type: Type;
  readonly args: readonly Node[];
  /** The place in the user's file that this computes; for adjoint nodes, the place of what they differentiate. */
  readonly span: Span | undefined;
  /** Made by differentiation and part of no value that the program itself computes: its last bits are free. */
  readonly isDerivative: boolean;
  /** Equal for equal nodes of one graph. */
  readonly key: string;
}

export type ParamNode = Common & { readonly op: "param"; readonly index: number };
export type ApplyNode = Common & { readonly op: "apply"; readonly primitive: AnyPrimitive; readonly params: unknown };
export type StructureNode = Common & { readonly op: StructureOp; readonly index: number };
export type IfNode = Common & { readonly op: "if"; readonly consequent: Graph; readonly otherwise: Graph };
export type LoopNode = Common & { readonly op: "loop"; readonly test: Graph; readonly body: Graph; readonly carried: number };
export type InvokeNode = Common & { readonly op: "invoke"; readonly graph: Graph };

export type Node =
  | (Common & { readonly op: "const"; readonly value: Constant })
  | ParamNode
  /** A primitive of the core on numbers (then `type` is num or bool) or tensors. */
  | ApplyNode
  | StructureNode
  /** A call of a graph. */
  | InvokeNode
  /** args: the condition, then the parameters of both arms. */
  | IfNode
  /**
   * args: the carried values, then the invariants; both graphs take all of them. `test` gives a bool, `body` the next carried
   * values as a tuple; the result is the tuple of the carried values when the test fails.
   */
  | LoopNode;

/** The nodes that results need, arguments first. Ids increase with making, so sorting them is a topological order. */
export function reachable(results: readonly Node[]): Node[] {
  const seen = new Set<Node>(results);
  const stack = [...results];
  while (stack.length > 0) {
    for (const a of (stack.pop() as Node).args) {
      if (seen.has(a)) continue;
      seen.add(a);
      stack.push(a);
    }
  }
  return [...seen].sort((a, b) => a.id - b.id);
}

const ordered = new WeakMap<Graph, readonly Node[]>();

/** The nodes of a finished graph, arguments first; found once. */
export function nodesOf(graph: Graph): readonly Node[] {
  let nodes = ordered.get(graph);
  if (nodes === undefined) {
    nodes = reachable([graph.result as Node]);
    ordered.set(graph, nodes);
  }
  return nodes;
}

const structured = new WeakMap<Graph, boolean>();

/** True where a graph holds an `if`, a loop or a call. */
export function hasControlFlow(graph: Graph): boolean {
  let found = structured.get(graph);
  if (found === undefined) {
    found = nodesOf(graph).some((n) => n.op === "if" || n.op === "loop" || n.op === "invoke");
    structured.set(graph, found);
  }
  return found;
}

/** The graphs below a finished graph, each once, itself first. */
export function graphsBelow(root: Graph): Graph[] {
  const found = new Set<Graph>([root]);
  for (const g of found) {
    if (!hasControlFlow(g)) continue;
    for (const n of nodesOf(g)) {
      if (n.op === "if") found.add(n.consequent).add(n.otherwise);
      else if (n.op === "loop") found.add(n.test).add(n.body);
      else if (n.op === "invoke") found.add(n.graph);
    }
  }
  return [...found];
}
