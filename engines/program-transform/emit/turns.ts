/** How often a loop turns, where its test compares a counter with a bound: what its stacks will hold. */
import { type LoopNode, type Node, nodesOf } from "../ir/graph.ts";

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
