/**
 * What a loop counts need not be kept for the way back: the turn gives it. A carried number counts where it begins as a whole number
 * and moves by a whole number each turn, which is exact in float64; the length of an array that every turn pushes to counts too.
 */
import { type Builder, openGraph } from "../ir/build.ts";
import type { Node } from "../ir/graph.ts";
import { NUM } from "../ir/type.ts";

interface Counters {
  /** Nodes of the body, and what they are by the number of the turn. */
  readonly counters: ReadonlyMap<Node, Node>;
  /** Parameters that stand for the values with which counters begin, and those values, outside. */
  readonly starts: ReadonlyMap<Node, Node>;
}

/** `params`, `result`: of the body in `build`. `initial`: of the carried values. */
export function countersOf(build: Builder, params: readonly Node[], result: Node, initial: readonly Node[], turn: Node): Counters {
  const counters = new Map<Node, Node>();
  const starts = new Map<Node, Node>();
  for (const [i, start] of initial.entries()) {
    const param = params[i] as Node;
    const next = build.get(result, i);
    if (next.op === "arrayPush" && next.args[0] === param && start.op === "arrayOf")
      counters.set(build.arrayLength(param), build.ops.add(turn, start.args.length));
    const step = stepOf(param, next);
    if (step === undefined || !isWhole(start)) continue;
    let from: Node;
    if (start.op === "const") from = build.constant(start.value);
    else {
      from = openGraph("start", [NUM], NUM).params[0] as Node;
      starts.set(from, start);
    }
    counters.set(param, build.ops.add(build.ops.mul(turn, step), from));
  }
  return { counters, starts };
}

/** By what a carried number moves. */
function stepOf(param: Node, next: Node): number | undefined {
  if (param.type !== NUM || next.op !== "apply") return undefined;
  const { name } = next.primitive;
  if (name !== "add" && name !== "sub") return undefined;
  const [a, b] = next.args as [Node, Node];
  const by = a === param ? b : b === param && name === "add" ? a : undefined;
  if (by?.op !== "const" || !Number.isSafeInteger(by.value)) return undefined;
  return name === "add" ? (by.value as number) : -(by.value as number);
}

/** True for a number that is known to be whole. */
function isWhole(n: Node): boolean {
  if (n.op === "const") return Number.isSafeInteger(n.value);
  return n.op === "arrayLength";
}
