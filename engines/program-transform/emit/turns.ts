/** How often a loop turns, where its test compares a counter with a bound: what its stacks will hold; and where tensors of a turn go. */
import { graphsBelow, type LoopNode, type Node, nodesOf, TensorConstant } from "../ir/graph.ts";
import { resolveType, type Type } from "../ir/type.ts";

export interface Turns {
  /** The carried value that counts. */
  readonly counter: number;
  /** A parameter of the test that no turn changes, or a constant. */
  readonly bound: Node;
  readonly step: number;
  /** True where the loop also turns when the counter is at the bound. */
  readonly inclusive: boolean;
  /** True where whole numbers are counted, so that rounding cannot add a turn. */
  readonly isExact: boolean;
}

/** Direction in which each comparison lets a counter run. */
const DIRECTION: Readonly<Record<string, number>> = { lt: 1, le: 1, gt: -1, ge: -1 };

export function turnsOf({ test, body, carried, args }: LoopNode): Turns | undefined {
  const compare = test.result;
  if (compare?.op !== "apply") return undefined;
  const direction = DIRECTION[compare.primitive.name];
  const [counter, bound] = compare.args as [Node, Node];
  if (direction === undefined || counter.op !== "param" || counter.index >= carried) return undefined;
  if (bound.op !== "const" && !(bound.op === "param" && bound.index >= carried)) return undefined;
  const next = body.result?.args[counter.index];
  if (body.result?.op !== "tuple" || next?.op !== "apply") return undefined;
  const [a, by] = next.args as [Node, Node];
  if (a !== body.params[counter.index] || by?.op !== "const" || typeof by.value !== "number") return undefined;
  const step = next.primitive.name === "add" ? by.value : next.primitive.name === "sub" ? -by.value : 0;
  if (step * direction <= 0) return undefined;
  const start = args[counter.index] as Node;
  return {
    counter: counter.index,
    bound,
    step,
    inclusive: compare.primitive.name === "le" || compare.primitive.name === "ge",
    isExact: Number.isSafeInteger(step) && start.op === "const" && Number.isSafeInteger(start.value),
  };
}

/** The carried arrays that a turn pushes one value to and does nothing else with: no copy of one is ever made. */
export function stacksOf({ body, carried }: LoopNode): ReadonlySet<number> {
  const { params, result } = body;
  const stacks = new Set<number>();
  if (result?.op !== "tuple") return stacks;
  const uses = new Map<Node, number>();
  for (const n of nodesOf(body)) for (const a of n.args) uses.set(a, (uses.get(a) ?? 0) + 1);
  for (let i = 0; i < carried; i++) {
    const [next, array] = [result.args[i] as Node, params[i] as Node];
    if (next.op === "arrayPush" && next.args[0] === array && uses.get(next) === 1 && uses.get(array) === 1) stacks.add(i);
  }
  return stacks;
}

/** Where the tensors that a turn made go on to: carried values that the next turn reads, and arrays to which it pushed one value. */
export interface Held {
  readonly next: readonly number[];
  readonly stacks: readonly number[];
}

/** Of a loop whose turns make tensors; undefined where none do, or where it is not clear at once what holds them. */
export function heldBy({ test, body, carried }: LoopNode): Held | undefined {
  const makes = (n: Node) => (n.op === "apply" && n.type.kind === "tensor") || (n.op === "const" && n.value instanceof TensorConstant);
  if (![test, body].some((graph) => graphsBelow(graph).some((g) => nodesOf(g).some(makes)))) return undefined;
  const { params, result } = body;
  if (result?.op !== "tuple") return undefined;
  const next: number[] = [];
  const stacks: number[] = [];
  for (let i = 0; i < carried; i++) {
    const [to, from] = [result.args[i] as Node, params[i] as Node];
    const { type } = from;
    if (to === from && type.kind === "array") continue;
    if (type.kind === "array" && mayHoldTensors(type)) {
      if (to.op !== "arrayPush" || to.args[0] !== from) return undefined;
      stacks.push(i);
    } else if (isFlat(type)) {
      if (mayHoldTensors(type)) next.push(i);
    } else return undefined;
  }
  return { next, stacks };
}

/** Whether a value is looked through in a few steps. */
function isFlat(t: Type): boolean {
  if (t.kind === "tuple") return t.items.every(isFlat);
  if (t.kind === "union") return t.cases.every(isFlat);
  return t.kind === "tensor" || !mayHoldTensors(t);
}

function mayHoldTensors(t: Type, seen: readonly Type[] = []): boolean {
  if (seen.includes(t)) return false;
  const r = resolveType(t);
  const below = [...seen, t];
  switch (r.kind) {
    case "tensor":
      return true;
    case "tuple":
      return r.items.some((i) => mayHoldTensors(i, below));
    case "union":
      return r.cases.some((c) => mayHoldTensors(c, below));
    case "array":
      return mayHoldTensors(r.of, below);
    default:
      return false;
  }
}
