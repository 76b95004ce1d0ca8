/** How often a loop turns, where its test compares a counter with a bound: what its stacks will hold. */
import type { LoopNode, Node } from "../ir/graph.ts";

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

/** True where every turn pushes one number to the carried array. */
export function isStack({ body }: LoopNode, carried: number): boolean {
  const next = body.result?.args[carried];
  return body.result?.op === "tuple" && next?.op === "arrayPush" && next.args[0] === body.params[carried];
}
