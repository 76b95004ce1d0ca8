/**
 * Forward mode as a transformation of graphs: the same walk with tangents beside values. Control flow returns both, a loop carries
 * both, a called graph has one dual graph per choice of active arguments. Everything built here is differentiated by reverse.ts and
 * by this file, so forward over reverse and reverse over forward are compositions.
 */
import { assert } from "../../../core/base/errors.ts";
import { Builder, closeGraph, makeGraph, openGraph, rebuild } from "../ir/build.ts";
import { makeIf, makeLoop } from "../ir/extract.ts";
import { type Graph, type IfNode, type InvokeNode, type LoopNode, type Node, nodesOf } from "../ir/graph.ts";
import { resolveType, type Type, tangentType, tupleType, UNIT } from "../ir/type.ts";
import { activeCarried, activeNodes, differentiableArguments, isStructured, ruleAt } from "./activity.ts";
import { addCotangents, type Cotangent, conform, fieldsOf, isFields, materialise, onlyField } from "./cotangent.ts";
import { siteOf } from "./reverse.ts";

/** A value and its tangent; undefined: zero. */
export interface Dual {
  readonly value: Node;
  readonly tangent: Cotangent | undefined;
}

/** Builds a graph and its derivative along the given tangents of its arguments. */
export function dual(build: Builder, graph: Graph, args: readonly Node[], tangents: readonly (Cotangent | undefined)[]): Dual {
  const root = graph.result as Node;
  const active = activeNodes(
    graph,
    tangents.map((t) => t !== undefined),
  );
  const at = new Map<Node, Node>(graph.params.map((p, i) => [p, args[i] as Node]));
  const along = new Map<Node, Cotangent | undefined>(graph.params.map((p, i) => [p, tangents[i]]));
  const { span, isDerivative } = build;
  for (const n of nodesOf(graph)) {
    if (at.has(n)) continue;
    const own = n.args.map((a) => at.get(a) as Node);
    if (!active.has(n)) {
      at.set(n, rebuild(build, n, own));
      continue;
    }
    build.span = n.span;
    const given = n.args.map((a) => along.get(a));
    if (isStructured(n)) {
      const both = dualOf(build, n, own, given);
      at.set(n, both.value);
      along.set(n, both.tangent);
    } else {
      at.set(n, rebuild(build, n, own));
      build.isDerivative = true;
      along.set(n, push(build, n, at, given));
      build.isDerivative = isDerivative;
    }
  }
  build.span = span;
  return { value: at.get(root) as Node, tangent: along.get(root) };
}

/** The tangent of a node from those of its arguments. */
function push(build: Builder, n: Node, at: ReadonlyMap<Node, Node>, given: readonly (Cotangent | undefined)[]): Cotangent | undefined {
  const primal = (i: number) => at.get(n.args[i] as Node) as Node;
  const value = at.get(n) as Node;
  /** The tangent of an argument as a node. */
  const whole = (i: number) => materialise(build, given[i], primal(i));
  switch (n.op) {
    case "apply": {
      let sum: Cotangent | undefined;
      for (const i of differentiableArguments(n)) {
        const t = given[i];
        if (t === undefined) continue;
        assert(!isFields(t), "the tangent of a number or a tensor has no fields");
        const rule = ruleAt(n.primitive, i);
        assert(rule, `${n.primitive.name} has no rule for argument ${i}`);
        sum = addCotangents(build, sum, conform(build, rule.jvp(build.ops, t, siteOf(n, at)), n.type));
      }
      return sum;
    }
    case "tuple":
      return given.some((t) => t !== undefined) ? { fields: given } : undefined;
    case "get":
      return given[0] === undefined ? undefined : fieldsOf(build, given[0])[n.index];
    case "inject":
      return build.inject(whole(0), tangentType(n.type), n.index);
    case "project":
      return build.project(whole(0), n.index);
    case "plus":
      return addCotangents(build, given[0], given[1]);
    case "arrayOf":
      return build.arrayOf(
        n.args.map((_, i) => whole(i)),
        elementOf(tangentType(n.type)),
      );
    case "arrayGet":
      return build.arrayGet(whole(0), primal(1));
    case "arraySet":
    case "arrayAdd":
      return build.update(n.op, [whole(0), primal(1), whole(2)]);
    case "arrayPush":
      return build.update("arrayPush", [whole(0), whole(1)]);
    case "arrayPop":
      return build.update("arrayPop", [whole(0)]);
    case "arrayFill":
      return build.structure("arrayFill", [primal(0), whole(1)], tangentType(n.type), 0);
    case "arraySum":
      return build.structure("arraySum", [whole(0)], tangentType(n.type), 0);
    default:
      throw new Error(`${n.op} of type ${value.type.kind} has no tangent`);
  }
}

function elementOf(type: Type): Type {
  const t = resolveType(type);
  assert(t.kind === "array", "the elements of what is no array");
  return t.of;
}

function dualOf(build: Builder, n: IfNode | LoopNode | InvokeNode, args: readonly Node[], given: readonly (Cotangent | undefined)[]): Dual {
  switch (n.op) {
    case "if":
      return dualIf(build, n, args, given);
    case "loop":
      return dualLoop(build, n, args, given);
    case "invoke":
      return dualInvoke(build, n, args, given);
    default:
      return n satisfies never;
  }
}

/** A graph of values and tangents of the active parameters that returns the pair of value and tangent. */
function pairGraph(graph: Graph, active: readonly boolean[]): Graph {
  const types = graph.params.map((p) => p.type);
  const chosen = types.flatMap((_, i) => (active[i] ? [i] : []));
  return makeGraph(
    `${graph.name}̇`,
    [...types, ...chosen.map((i) => tangentType(types[i] as Type))],
    (b, params) => {
      const tangents = types.map((_, i) => (active[i] ? params[types.length + chosen.indexOf(i)] : undefined));
      const both = dual(b, graph, params.slice(0, types.length), tangents);
      return both.value.op === "fail" ? both.value : b.tuple([both.value, materialise(b, both.tangent, both.value)]);
    },
    graph.span,
  );
}

/** The tangents of the active arguments as nodes. */
function tangentNodes(
  build: Builder,
  args: readonly Node[],
  given: readonly (Cotangent | undefined)[],
  active: readonly boolean[],
): Node[] {
  return args.flatMap((a, i) => (active[i] ? [materialise(build, given[i], a)] : []));
}

function dualIf(build: Builder, n: IfNode, [condition, ...args]: readonly Node[], [, ...given]: readonly (Cotangent | undefined)[]): Dual {
  const active = given.map((t) => t !== undefined);
  const all = [...args, ...tangentNodes(build, args, given, active)];
  const both = makeIf(build, condition as Node, pairGraph(n.consequent, active), pairGraph(n.otherwise, active), all);
  return { value: build.get(both, 0), tangent: build.get(both, 1) };
}

function dualLoop(build: Builder, n: LoopNode, args: readonly Node[], given: readonly (Cotangent | undefined)[]): Dual {
  const { carried } = n;
  const entering = given.map((t) => t !== undefined);
  const moves = activeCarried(n, entering);
  const active = entering.map((e, i) => (i < carried ? Boolean(moves[i]) : e));
  const types = n.body.params.map((p) => p.type);
  const movers = moves.flatMap((m, i) => (m ? [i] : []));
  const pools = active.flatMap((a, i) => (a && i >= carried ? [i] : []));
  const tangentsOf = (list: readonly number[]) => list.map((i) => tangentType(types[i] as Type));
  const state = [...types.slice(0, carried), ...tangentsOf(movers)];
  const layout = [...state, ...types.slice(carried), ...tangentsOf(pools)];
  const valuesIn = (params: readonly Node[]) => [
    ...params.slice(0, carried),
    ...params.slice(state.length, state.length + types.length - carried),
  ];
  const body = makeGraph(`${n.body.name}̇`, layout, (b, params) => {
    const tangents = types.map((_, i) => {
      if (!active[i]) return undefined;
      return i < carried ? params[carried + movers.indexOf(i)] : params[state.length + types.length - carried + pools.indexOf(i)];
    });
    const both = dual(b, n.body, valuesIn(params), tangents);
    const next = both.tangent === undefined ? undefined : fieldsOf(b, both.tangent);
    const values = Array.from({ length: carried }, (_, i) => b.get(both.value, i));
    return b.tuple([...values, ...movers.map((i) => materialise(b, next?.[i], values[i] as Node))]);
  });
  const test = makeGraph(
    n.test.name,
    layout,
    (b, params) =>
      dual(
        b,
        n.test,
        valuesIn(params),
        types.map(() => undefined),
      ).value,
  );
  const tangent = (i: number) => materialise(build, given[i], args[i] as Node);
  const initial = [...args.slice(0, carried), ...movers.map(tangent)];
  const end = makeLoop(build, test, body, initial, [...args.slice(carried), ...pools.map(tangent)]);
  const value = build.tuple(Array.from({ length: carried }, (_, i) => build.get(end, i)));
  const parts = movers.map((i, k) => onlyField(i, carried, build.get(end, carried + k)));
  return { value, tangent: parts.reduce<Cotangent | undefined>((sum, part) => addCotangents(build, sum, part), undefined) };
}

const duals = new WeakMap<Graph, Map<string, Graph>>();

/** The dual of a called graph, known before its body is visited, so that recursion finds it. */
function dualGraph(graph: Graph, active: readonly boolean[]): Graph {
  const key = active.map(Number).join("");
  const known = duals.get(graph) ?? new Map<string, Graph>();
  duals.set(graph, known);
  const before = known.get(key);
  if (before !== undefined) return before;
  const types = graph.params.map((p) => p.type);
  const chosen = types.flatMap((_, i) => (active[i] ? [i] : []));
  const result = tupleType([graph.resultType, tangentType(graph.resultType)]);
  const params = [...types, ...chosen.map((i) => tangentType(types[i] as Type))];
  const open: Graph = { ...openGraph(`${graph.name}̇`, params, result, graph.span), isCheckpoint: graph.isCheckpoint ?? false };
  known.set(key, open);
  const build = new Builder();
  const tangents = types.map((_, i) => (active[i] ? open.params[types.length + chosen.indexOf(i)] : undefined));
  const both = dual(build, graph, open.params.slice(0, types.length), tangents);
  return closeGraph(open, build.tuple([both.value, materialise(build, both.tangent, both.value)]));
}

function dualInvoke(build: Builder, n: InvokeNode, args: readonly Node[], given: readonly (Cotangent | undefined)[]): Dual {
  const active = given.map((t) => t !== undefined);
  const both = build.invoke(dualGraph(n.graph, active), [...args, ...tangentNodes(build, args, given, active)]);
  return { value: build.get(both, 0), tangent: tangentType(n.type) === UNIT ? undefined : build.get(both, 1) };
}
