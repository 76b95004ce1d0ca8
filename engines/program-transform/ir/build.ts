/**
 * Making nodes. A builder owns one graph under construction; equal nodes are made once (hash-consing, which is common
 * subexpression elimination by construction), and what is known at once is simplified at once: constants fold, fields of tuples
 * are taken, an `if` of a known condition is its arm.
 */
import { aval } from "../../../core/base/aval.ts";
import { assert } from "../../../core/base/errors.ts";
import type { Span } from "../../../core/base/span.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { opcodeOf, primitives } from "../../../core/primitives/table.ts";
import { weakDType } from "../../../core/tensor/eager.ts";
import { type Ops, opsOver } from "../../../core/vocabulary.ts";
import { type Constant, type Graph, type Node, nodesOf, type StructureOp, TensorConstant } from "./graph.ts";
import { simplifyApply } from "./simplify.ts";
import { arrayType, BOOL, NUM, resolveType, STR, type Type, tensorType, tupleType, UNIT } from "./type.ts";

let nodes = 0;
let graphs = 0;

/** What the caller of `node` gives. */
type Parts<T> = T extends { readonly id: number } ? Omit<T, "id" | "isDerivative" | "key"> : never;

/** The type of a constant. */
export function typeOfConstant(value: Constant): Type {
  if (value === null) return UNIT;
  if (value instanceof TensorConstant) return tensorType(value.aval);
  return typeof value === "number" ? NUM : typeof value === "boolean" ? BOOL : STR;
}

const objectIds = new WeakMap<object, number>();
let objects = 0;
/** A number that stands for an object's identity in keys. */
function identity(object: object): number {
  let id = objectIds.get(object);
  if (id === undefined) {
    id = ++objects;
    objectIds.set(object, id);
  }
  return id;
}

/** A graph whose parameters exist and whose result is to come (`closeGraph`). */
export function openGraph(name: string, params: readonly Type[], resultType: Type, span?: Span): Graph {
  return {
    number: ++graphs,
    name,
    params: params.map((type, index) => ({
      id: ++nodes,
      op: "param",
      index,
      type,
      args: [],
      span: undefined,
      isDerivative: false,
      key: "",
    })),
    result: undefined,
    resultType,
    span,
  };
}

/** Ends a graph that was opened. */
export function closeGraph(graph: Graph, result: Node): Graph {
  graph.result = result;
  return graph;
}

/** A graph of the same parameters with another result. */
export function newVersion(graph: Graph, result: Node): Graph {
  return { ...graph, number: ++graphs, result };
}

/** A finished graph from a function of its parameters. */
export function makeGraph(
  name: string,
  params: readonly Type[],
  body: (build: Builder, params: readonly Node[]) => Node,
  span?: Span,
): Graph {
  const open = openGraph(name, params, UNIT, span);
  const result = body(new Builder(), open.params);
  return { ...open, result, resultType: result.type };
}

const TRUTH: ReadonlySet<string> = new Set(["lt", "le", "gt", "ge", "eq", "ne", "logicalAnd", "logicalOr", "logicalNot"]);

export class Builder {
  private readonly made = new Map<string, Node>();
  /** The place that new nodes belong to. */
  span: Span | undefined;
  /** True while new nodes belong to a derivative. */
  isDerivative = false;
  private vocabulary: Ops<Node> | undefined;

  /** The core's vocabulary on nodes: what derivative rules compute with. */
  get ops(): Ops<Node> {
    this.vocabulary ??= opsOver<Node>((primitive, args, params) =>
      this.apply(
        primitive,
        args.map((a) => (typeof a === "number" ? this.constant(a) : a)),
        params,
      ),
    );
    return this.vocabulary;
  }

  constant(value: Constant): Node {
    const key = value instanceof TensorConstant ? `t${identity(value)}` : Object.is(value, -0) ? "c-0" : `c${typeof value}${String(value)}`;
    return this.node(key, { op: "const", value, type: typeOfConstant(value), args: [], span: this.span });
  }

  /** True for primitives whose result on numbers is a truth value. */
  isTruth(primitive: AnyPrimitive): boolean {
    return TRUTH.has(primitive.name);
  }

  /** A primitive on numbers or tensors, simplified where its value or an equal one is known. */
  apply(primitive: AnyPrimitive, args: readonly Node[], params: unknown): Node {
    const simpler = simplifyApply(this, primitive, args, params);
    if (simpler !== undefined) return simpler;
    const key = `a${opcodeOf.get(primitive)}:${params === undefined ? "" : primitive.paramsKey(params)}(${ids(args)})`;
    return (
      this.made.get(key) ??
      this.node(key, { op: "apply", primitive, params, type: typeOfApply(primitive, args, params), args, span: this.span })
    );
  }

  /** `name`: the named type that it is a value of. */
  tuple(args: readonly Node[], labels?: readonly string[], name?: Type): Node {
    const type = tupleType(
      args.map((a) => a.type),
      labels,
    );
    // A tuple of all fields of one tuple, in order, is that tuple.
    const [first] = args;
    if (first?.op === "get") {
      const whole = first.args[0] as Node;
      const fields = resolveType(whole.type);
      if (
        fields === type &&
        (name === undefined || name === whole.type) &&
        args.every((a, i) => a.op === "get" && a.index === i && a.args[0] === whole)
      )
        return whole;
    }
    return this.structure("tuple", args, name ?? type, 0, `${name?.id ?? ""}${labels === undefined ? "" : JSON.stringify(labels)}`);
  }

  /** Field `index` of a tuple. */
  get(tuple: Node, index: number): Node {
    if (tuple.op === "tuple") return tuple.args[index] as Node;
    const type = resolveType(tuple.type);
    assert(type.kind === "tuple", `field ${index} of a ${type.kind}`);
    return this.structure("get", [tuple], type.items[index] as Type, index);
  }

  /** All fields of a tuple. */
  fields(tuple: Node): Node[] {
    const type = resolveType(tuple.type);
    assert(type.kind === "tuple", `the fields of a ${type.kind}`);
    return type.items.map((_, i) => this.get(tuple, i));
  }

  inject(value: Node, union: Type, index: number): Node {
    return this.structure("inject", [value], union, index, String(union.id));
  }

  isCase(union: Node, index: number): Node {
    if (union.op === "inject") return this.constant(union.index === index);
    return this.structure("isCase", [union], BOOL, index);
  }

  /** The value of case `index`; only where the union is known to be that case. */
  project(union: Node, index: number): Node {
    if (union.op === "inject" && union.index === index) return union.args[0] as Node;
    const type = resolveType(union.type);
    assert(type.kind === "union", `case ${index} of a ${type.kind}`);
    return this.structure("project", [union], type.cases[index] as Type, index);
  }

  arrayOf(items: readonly Node[], of: Type): Node {
    const type = arrayType(of);
    return this.structure("arrayOf", items, type, 0, String(type.id));
  }

  arrayLength(array: Node): Node {
    if (array.op === "arrayOf") return this.constant(array.args.length);
    if (array.op === "arraySet" || array.op === "arrayAdd") return this.arrayLength(array.args[0] as Node);
    if (array.op === "arrayFill") return array.args[0] as Node;
    if (array.op === "zeros" || array.op === "plus") return this.arrayLength(array.args[0] as Node);
    if (array.op === "arrayPush") return this.ops.add(this.arrayLength(array.args[0] as Node), 1);
    return this.structure("arrayLength", [array], NUM, 0);
  }

  /** `isInside`: the index is known to be in range, so nothing checks it. */
  arrayGet(array: Node, index: Node, isInside = false): Node {
    const type = resolveType(array.type);
    assert(type.kind === "array", `an element of a ${type.kind}`);
    if (array.op === "arrayOf" && index.op === "const") {
      const item = array.args[index.value as number];
      if (item !== undefined) return item;
    }
    if (array.op === "arraySet" && array.args[1] === index) return array.args[2] as Node;
    return this.structure("arrayGet", [array, index], type.of, Number(isInside));
  }

  /** An update of an array that keeps its type: arraySet, arrayPush, arrayPop, arrayAdd. */
  update(op: "arraySet" | "arrayPush" | "arrayPop" | "arrayAdd", args: readonly Node[]): Node {
    const [array] = args as [Node];
    if (op === "arrayPop" && array.op === "arrayPush") return array.args[0] as Node;
    return this.structure(op, args, array.type, 0);
  }

  /** The other operations on structures, as documented in `graph.ts`. */
  structure(op: StructureOp, args: readonly Node[], type: Type, index: number, key = ""): Node {
    return this.node(`${op}${index}${key}(${ids(args)})`, { op, args, type, index, span: this.span });
  }

  unset(type: Type): Node {
    return this.structure("unset", [], type, 0, String(type.id));
  }

  invoke(graph: Graph, args: readonly Node[]): Node {
    return this.node(`g${graph.number}(${ids(args)})`, { op: "invoke", graph, args, type: graph.resultType, span: this.span });
  }

  /** `condition ? then(...args) : otherwise(...args)`. */
  if(condition: Node, then: Graph, otherwise: Graph, args: readonly Node[]): Node {
    if (condition.op === "const") return inline(this, condition.value ? then : otherwise, args);
    const type = then.result?.op === "fail" ? otherwise.resultType : then.resultType;
    const key = `if${then.number},${otherwise.number}(${ids([condition, ...args])})`;
    return this.node(key, { op: "if", consequent: then, otherwise, args: [condition, ...args], type, span: this.span });
  }

  loop(test: Graph, body: Graph, carried: readonly Node[], invariants: readonly Node[]): Node {
    const args = [...carried, ...invariants];
    const type = tupleType(carried.map((_, i) => (body.params[i] as Node).type));
    const key = `loop${test.number},${body.number}:${carried.length}(${ids(args)})`;
    return this.node(key, { op: "loop", test, body, carried: carried.length, args, type, span: this.span });
  }

  /** Takes a node of another version of the graph, whose arguments are nodes of this one: an equal node is this node from now on. */
  adopt(node: Node): void {
    if (!this.made.has(node.key)) this.made.set(node.key, node);
  }

  private node(key: string, parts: Parts<Node>): Node {
    let node = this.made.get(key);
    if (node === undefined) {
      node = { ...parts, id: ++nodes, isDerivative: this.isDerivative, key } as Node;
      this.made.set(key, node);
    } else if (node.isDerivative && !this.isDerivative) (node as { isDerivative: boolean }).isDerivative = false;
    return node;
  }
}

function ids(args: readonly Node[]): string {
  return args.map((a) => a.id).join(",");
}

/** The type of an application: num or bool on numbers, by the primitive's own inference on tensors. */
function typeOfApply(primitive: AnyPrimitive, args: readonly Node[], params: unknown): Type {
  const tensors = args.flatMap((a) => (a.type.kind === "tensor" ? [a.type] : []));
  if (tensors.length === 0 && primitive !== (primitives.lift as AnyPrimitive)) return TRUTH.has(primitive.name) ? BOOL : NUM;
  if (primitive === (primitives.item as AnyPrimitive)) return NUM;
  // The condition of `where` says nothing about the dtype of a number beside it.
  const typing =
    primitive === (primitives.where as AnyPrimitive) ? args.slice(1).flatMap((a) => (a.type.kind === "tensor" ? [a.type] : [])) : tensors;
  const avals = args.map((a) => {
    if (a.type.kind === "tensor") return a.type.aval;
    // A number whose value is not known yet stands for any of its tensors' dtype.
    return aval([], typing.length === 0 ? "f64" : weakDType(a.op === "const" ? Number(a.value) : 0, typing));
  });
  return tensorType(primitive.inferAval(avals, params));
}

/** The body of a finished graph, built anew with its parameters replaced. */
export function inline(build: Builder, graph: Graph, args: readonly Node[]): Node {
  assert(graph.result, `${graph.name} is inlined before it is finished`);
  const done = new Map<Node, Node>(graph.params.map((param, i) => [param, args[i] as Node]));
  for (const node of nodesOf(graph)) {
    if (done.has(node)) continue;
    done.set(
      node,
      rebuild(
        build,
        node,
        node.args.map((a) => done.get(a) as Node),
      ),
    );
  }
  return done.get(graph.result) as Node;
}

/** A node with other arguments, made (and simplified) by a builder. */
export function rebuild(build: Builder, node: Node, args: readonly Node[]): Node {
  const { span, isDerivative } = build;
  build.span = node.span;
  build.isDerivative = node.isDerivative;
  try {
    switch (node.op) {
      case "const":
        return build.constant(node.value);
      case "param":
        throw new Error(`parameter ${node.index} of another graph`);
      case "apply":
        return build.apply(node.primitive, args, node.params);
      case "invoke":
        return build.invoke(node.graph, args);
      case "if":
        return build.if(args[0] as Node, node.consequent, node.otherwise, args.slice(1));
      case "loop":
        return build.loop(node.test, node.body, args.slice(0, node.carried), args.slice(node.carried));
      case "tuple":
        return build.tuple(
          args,
          node.type.kind === "tuple" ? node.type.labels : undefined,
          node.type.kind === "named" ? node.type : undefined,
        );
      case "get":
        return build.get(args[0] as Node, node.index);
      case "inject":
        return build.inject(args[0] as Node, node.type, node.index);
      case "isCase":
        return build.isCase(args[0] as Node, node.index);
      case "project":
        return build.project(args[0] as Node, node.index);
      case "arrayLength":
        return build.arrayLength(args[0] as Node);
      case "arrayGet":
        return build.arrayGet(args[0] as Node, args[1] as Node, node.index === 1);
      case "arraySet":
      case "arrayPush":
      case "arrayPop":
      case "arrayAdd":
        return build.update(node.op, args);
      default:
        return build.structure(node.op, args, node.type, node.index, String(node.type.id));
    }
  } finally {
    build.span = span;
    build.isDerivative = isDerivative;
  }
}
