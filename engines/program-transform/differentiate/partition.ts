/**
 * Forward and reverse part. A graph and its adjoint are built as one; what does not depend on a cotangent is the forward part, and
 * what the reverse part reads of it has to be kept: the residuals. A residual that a few cheap operations give again from what
 * the reverse part has anyway is computed again and not kept.
 */
import { primitives } from "../../../core/primitives/table.ts";
import { type Node, reachable } from "../ir/graph.ts";

export interface Partition {
  /** What the forward part has to keep. */
  readonly residuals: readonly Node[];
}

/** Operations on numbers that cost about what reading a kept number costs. */
const CHEAP: ReadonlySet<string> = new Set(
  (
    [
      "add",
      "sub",
      "mul",
      "div",
      "reciprocal",
      "sqrt",
      "neg",
      "abs",
      "sign",
      "lt",
      "le",
      "gt",
      "ge",
      "eq",
      "ne",
      "logicalNot",
      "logicalAnd",
      "logicalOr",
      "where",
      "cast",
      "lift",
    ] as const
  ).filter((name) => name in primitives),
);
/** Views of tensors, which keep another tensor alive and cost nothing. */
const VIEWS: ReadonlySet<string> = new Set(["reshape", "transpose", "broadcastTo", "lift"]);
/** So many operations are computed again at most. */
const AGAIN = 6;

/**
 * `outputs`: the adjoints. `seeds`: the parameters that only the reverse part has. `available`: nodes that it has besides (the
 * arguments of an arm, the invariants of a loop).
 */
export function partition(outputs: readonly Node[], seeds: ReadonlySet<Node>, available: ReadonlySet<Node>): Partition {
  const all = reachable(outputs);
  const reverse = new Set<Node>(seeds);
  for (const n of all) if (n.args.some((a) => reverse.has(a))) reverse.add(n);
  const wanted = new Set<Node>();
  const want = (n: Node) => {
    if (!reverse.has(n) && n.op !== "const" && !available.has(n)) wanted.add(n);
  };
  for (const n of all) if (reverse.has(n)) n.args.forEach(want);
  outputs.forEach(want);

  const kept = new Set<Node>();
  const has = (n: Node) => n.op === "const" || available.has(n) || kept.has(n);
  for (const n of [...wanted].sort((a, b) => a.id - b.id)) if (again(n, has) === undefined) kept.add(n);
  return { residuals: [...kept] };
}

/** How many operations give a node again from what is there; undefined where that is too much. */
function again(n: Node, has: (n: Node) => boolean): number | undefined {
  if (has(n)) return 0;
  const cheap =
    n.op === "tuple" ||
    n.op === "get" ||
    n.op === "arrayLength" ||
    n.op === "isCase" ||
    n.op === "project" ||
    n.op === "zeros" ||
    n.op === "arrayGet"
      ? true
      : n.op === "apply" && (n.type.kind === "tensor" ? VIEWS : CHEAP).has(n.primitive.name);
  if (!cheap) return undefined;
  let cost = 1;
  for (const a of n.args) {
    const more = again(a, has);
    if (more === undefined) return undefined;
    cost += more;
    if (cost > AGAIN) return undefined;
  }
  return cost;
}
