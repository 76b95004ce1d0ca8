/**
 * What has to be differentiated. A node is active when it depends on an active parameter through derivatives that exist; of the
 * active ones, those count that the result depends on likewise. Both are found before anything is built, so that control flow is
 * transformed once, with the cotangents that it can receive known.
 */
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { opcodeOf } from "../../../core/primitives/table.ts";
import { type InputRule, inputRule } from "../../../rules/rule.ts";
import { ruleOf } from "../../../rules/table.ts";
import { type Graph, type IfNode, type InvokeNode, type LoopNode, type Node, nodesOf } from "../ir/graph.ts";
import { isDifferentiable } from "./cotangent.ts";

/** Which fields of a tuple can receive a cotangent, or the whole of a value. */
export type Demand = "all" | ReadonlySet<number>;

/** The derivative of a primitive with respect to argument `i`; null: none flows. */
export function ruleAt(primitive: AnyPrimitive, i: number): InputRule | null {
  return inputRule(ruleOf[opcodeOf.get(primitive) as number] as (typeof ruleOf)[number], i);
}

/** The arguments through which derivatives flow, by what the node does. */
export function differentiableArguments(n: Node): number[] {
  switch (n.op) {
    case "apply":
      return indices(n).filter((i) => ruleAt(n.primitive, i) !== null);
    case "if":
      return indices(n).slice(1);
    case "invoke":
    case "loop":
    case "tuple":
    case "arrayOf":
    case "plus":
      return indices(n);
    case "get":
    case "inject":
    case "project":
    case "arrayGet":
    case "arrayPop":
    case "arraySum":
      return [0];
    case "arraySet":
    case "arrayAdd":
      return [0, 2];
    case "arrayPush":
      return [0, 1];
    case "arrayFill":
      return [1];
    case "const":
    case "param":
    case "isCase":
    case "arrayLength":
    case "zeros":
    case "unset":
    case "fail":
      return [];
    default:
      return n satisfies never;
  }
}

const indices = (n: Node) => n.args.map((_, i) => i);

/** The active nodes of a graph. */
export function activeNodes(graph: Graph, active: readonly boolean[]): ReadonlySet<Node> {
  const found = new Set<Node>(graph.params.filter((p, i) => active[i] && isDifferentiable(p.type)));
  for (const n of nodesOf(graph)) if (isActive(n, found)) found.add(n);
  return found;
}

function isActive(n: Node, found: ReadonlySet<Node>): boolean {
  if (!isDifferentiable(n.type)) return false;
  const mask = n.args.map((a) => found.has(a));
  if (n.op === "if") return [n.consequent, n.otherwise].some((arm) => activeNodes(arm, mask.slice(1)).has(arm.result as Node));
  if (n.op === "loop") return activeCarried(n, mask).some((a) => a);
  return differentiableArguments(n).some((i) => mask[i]);
}

/** Which carried values of a loop are active in some turn, given which arguments are before the first. */
export function activeCarried({ body, carried }: LoopNode, args: readonly boolean[]): boolean[] {
  let state = args.slice(0, carried);
  for (;;) {
    const found = activeNodes(body, [...state, ...args.slice(carried)]);
    const result = body.result as Node;
    const next = state.map((a, i) => a || (result.op === "tuple" ? found.has(result.args[i] as Node) : found.has(result)));
    const allowed = next.map((a, i) => a && isDifferentiable((body.params[i] as Node).type));
    if (allowed.every((a, i) => a === state[i])) return allowed;
    state = allowed;
  }
}

/** The nodes that have to be differentiated, with what of each can receive a cotangent. */
export function demands(graph: Graph, active: ReadonlySet<Node>, result: Demand): Map<Node, Demand> {
  const found = new Map<Node, Demand>();
  const root = graph.result as Node;
  if (active.has(root)) found.set(root, result);
  for (const n of [...nodesOf(graph)].reverse()) {
    const demand = found.get(n);
    if (demand === undefined) continue;
    for (const i of differentiableArguments(n)) {
      const a = n.args[i] as Node;
      if (!active.has(a) || (n.op === "tuple" && demand !== "all" && !demand.has(i))) continue;
      found.set(a, n.op === "get" ? joined(found.get(a), n.index) : "all");
    }
  }
  return found;
}

function joined(demand: Demand | undefined, field: number): Demand {
  return demand === "all" ? "all" : new Set([...(demand ?? []), field]);
}

/** Control flow, which is differentiated by differentiating graphs. */
export const isStructured = (n: Node): n is IfNode | LoopNode | InvokeNode => n.op === "if" || n.op === "loop" || n.op === "invoke";
