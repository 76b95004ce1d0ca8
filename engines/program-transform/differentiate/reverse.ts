/**
 * J: reverse mode as a transformation of graphs, after Pearlmutter and Siskind ("Reverse-mode AD in a functional framework: lambda
 * the ultimate backpropagator", 2008) and van Merriënboer et al. (2018). A straight line and its backpropagator are built as one
 * graph, so a primitive never makes a closure; where control flow stands between them (an arm, the turns of a loop, a call), the
 * graph is split, the forward part returns what the reverse part reads, and the reverse part is an `if`, a loop or a call of its
 * own. Adjoints of arrays that an arm or a call reads are handed in and out, so that they accumulate in place.
 *
 * Everything built here is made of nodes that this file differentiates, so derivatives of derivatives are the same walk again.
 */
import { assert } from "../../../core/base/errors.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import type { Site } from "../../../rules/rule.ts";
import { type Builder, rebuild } from "../ir/build.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { nodesOf } from "../ir/graph.ts";
import { resolveType, type Type, tangentType } from "../ir/type.ts";
import { activeNodes, type Demand, demands, differentiableArguments, isStructured, ruleAt } from "./activity.ts";
import { addCotangents, avalOfType, type Cotangent, conform, fieldsOf, isFields, materialise, onlyField } from "./cotangent.ts";
import { forwardOf, type Pullback } from "./structured.ts";

/** The result of a graph in a builder, and the adjoints of its parameters. */
export interface Joint {
  readonly result: Node;
  readonly adjoints: readonly (Cotangent | undefined)[];
}

/**
 * Builds a graph and its adjoint: the body for `args`, then the cotangents of the active arguments, given what `seed` says is the
 * cotangent of the result. `accumulators[i]` is what has been accumulated for argument i before; it is contained in its adjoint.
 */
export function joint(
  build: Builder,
  graph: Graph,
  args: readonly Node[],
  active: readonly boolean[],
  demand: Demand,
  seed: (result: Node) => Cotangent | undefined,
  accumulators: readonly (Node | undefined)[] = [],
): Joint {
  const root = graph.result as Node;
  const nodes = nodesOf(graph);
  const wanted = demands(graph, activeNodes(graph, active), demand);
  const at = new Map<Node, Node>(graph.params.map((p, i) => [p, args[i] as Node]));
  const pullbacks = new Map<Node, Pullback>();
  const { span, isDerivative } = build;
  for (const n of nodes) {
    if (at.has(n)) continue;
    const own = n.args.map((a) => at.get(a) as Node);
    const what = wanted.get(n);
    if (what === undefined || !isStructured(n)) at.set(n, rebuild(build, n, own));
    else {
      build.span = n.span;
      const mask = n.args.map((a, i) => wanted.has(a) && differentiableArguments(n).includes(i));
      const { value, pullback } = forwardOf(build, n, own, mask, what);
      at.set(n, value);
      pullbacks.set(n, pullback);
    }
  }
  const result = at.get(root) as Node;

  const cotangents = new Map<Node, Cotangent | undefined>();
  graph.params.forEach((p, i) => {
    if (accumulators[i]) cotangents.set(p, accumulators[i]);
  });
  const arrive = (n: Node, c: Cotangent | undefined) => {
    if (c !== undefined && wanted.has(n)) cotangents.set(n, addCotangents(build, cotangents.get(n), c));
  };
  build.isDerivative = true;
  arrive(root, seed(result));
  for (const n of [...nodes].reverse()) {
    const c = cotangents.get(n);
    if (c === undefined || n.op === "param") continue;
    build.span = n.span;
    if (isStructured(n)) {
      // An argument that is passed twice has accumulated once.
      const isFirst = (i: number) => n.args.indexOf(n.args[i] as Node) === i;
      const current = (i: number) => (isFirst(i) ? cotangents.get(n.args[i] as Node) : undefined);
      const pull = pullbacks.get(n);
      assert(pull, "control flow received a cotangent that was not expected");
      const contributions = pull(c, current);
      for (const { argument: i, cotangent, contains } of contributions)
        if (contains && isFirst(i)) cotangents.set(n.args[i] as Node, cotangent);
      for (const { argument: i, cotangent, contains } of contributions) if (!contains || !isFirst(i)) arrive(n.args[i] as Node, cotangent);
    } else shares(build, n, c, at, wanted, cotangents, arrive);
  }
  build.span = span;
  build.isDerivative = isDerivative;
  return { result, adjoints: graph.params.map((p) => cotangents.get(p)) };
}

type Arrive = (n: Node, c: Cotangent | undefined) => void;

/** What the arguments of a node get of its cotangent. `at` gives the primals in the builder. */
function shares(
  build: Builder,
  n: Node,
  c: Cotangent,
  at: ReadonlyMap<Node, Node>,
  wanted: ReadonlyMap<Node, Demand>,
  cotangents: Map<Node, Cotangent | undefined>,
  arrive: Arrive,
): void {
  const primal = (i: number) => at.get(n.args[i] as Node) as Node;
  const arg = (i: number) => n.args[i] as Node;
  /** The cotangent as a node, and for what has several fields per field. */
  const whole = () => materialise(build, c, at.get(n) as Node);
  switch (n.op) {
    case "apply":
      assert(!isFields(c), "the cotangent of a number or a tensor has no fields");
      for (const i of differentiableArguments(n)) {
        if (!wanted.has(arg(i))) continue;
        arrive(arg(i), share(build, n, i, c, at));
      }
      return;
    case "tuple":
      fieldsOf(build, c).forEach((f, i) => {
        arrive(arg(i), f);
      });
      return;
    case "get": {
      const type = resolveType(arg(0).type);
      assert(type.kind === "tuple", "a field of what is no tuple");
      arrive(arg(0), onlyField(n.index, type.items.length, c));
      return;
    }
    case "inject":
      arrive(arg(0), build.project(whole(), n.index));
      return;
    case "project":
      arrive(arg(0), build.inject(whole(), tangentType(arg(0).type), n.index));
      return;
    case "arrayOf":
      n.args.forEach((a, i) => {
        if (wanted.has(a)) arrive(a, build.arrayGet(whole(), build.constant(i)));
      });
      return;
    case "arrayGet": {
      const array = primal(0);
      const before = materialise(build, cotangents.get(arg(0)), array);
      cotangents.set(arg(0), build.update("arrayAdd", [before, primal(1), whole()]));
      return;
    }
    case "plus":
      arrive(arg(0), c);
      arrive(arg(1), c);
      return;
    case "arraySet":
      // The element that was overwritten gets nothing, the one that was written gets it all.
      arrive(arg(2), build.arrayGet(whole(), primal(1)));
      arrive(arg(0), build.update("arraySet", [whole(), primal(1), materialise(build, undefined, primal(2))]));
      return;
    case "arrayAdd":
      arrive(arg(2), build.arrayGet(whole(), primal(1)));
      arrive(arg(0), c);
      return;
    case "arrayPush":
      arrive(arg(1), build.arrayGet(whole(), build.arrayLength(primal(0))));
      arrive(arg(0), build.update("arrayPop", [whole()]));
      return;
    case "arrayPop": {
      const last = build.arrayGet(primal(0), build.ops.sub(build.arrayLength(primal(0)), 1));
      arrive(arg(0), build.update("arrayPush", [whole(), materialise(build, undefined, last)]));
      return;
    }
    case "arrayFill":
      arrive(arg(1), build.structure("arraySum", [whole()], tangentType(arg(1).type), 0));
      return;
    case "arraySum":
      arrive(arg(0), build.structure("arrayFill", [build.arrayLength(primal(0)), whole()], tangentType(arg(0).type), 0));
      return;
    default:
      throw new Error(`${n.op} received a cotangent`);
  }
}

/** The share of argument `i` of a primitive, by its rule. */
function share(build: Builder, n: Extract<Node, { op: "apply" }>, i: number, c: Node, at: ReadonlyMap<Node, Node>): Node {
  const rule = ruleAt(n.primitive as AnyPrimitive, i);
  assert(rule, `${n.primitive.name} has no rule for argument ${i}`);
  const given = rule.vjp(build.ops, c, siteOf(n, at));
  return conform(build, given, (n.args[i] as Node).type);
}

/** What a rule may look at, in the builder that `at` maps to. */
export function siteOf(n: Extract<Node, { op: "apply" }>, at: ReadonlyMap<Node, Node>): Site<Node> {
  return {
    params: n.params,
    in: (j) => at.get(n.args[j] as Node) as Node,
    get out() {
      return at.get(n) as Node;
    },
    inAval: (j) => avalOfType((n.args[j] as Node).type),
    outAval: avalOfType(n.type),
  };
}

/** True for adjoints that are handed in and out of control flow: those that cost more than a number to add. */
export function accumulates(type: Type): boolean {
  if (type.kind === "array" || type.kind === "union" || type.kind === "named") return true;
  return type.kind === "tuple" && type.items.some(accumulates);
}
