/**
 * Sums of matrix products: one product whose inner dimension holds theirs, so that the summands are never stored. The gradient of a
 * weight that is used at every step of a recurrence, a sum over steps, becomes one product over all steps.
 *
 *     A·B + C·D   →   [A C] · [B; D]
 *
 * It adds the same terms in the order of the device's product: equal within rounding. Operands have to be put side by side, so it is
 * done where they are smaller than the summands.
 */
import type { MatmulParams } from "../primitives/linalg.ts";
import { primitives as p } from "../primitives/table.ts";
import { type Node, nodesOf, type Program, type ProgramBuilder, type Value } from "./program.ts";

/** Longer sums are made in parts. */
const MOST_TERMS = 64;

/** The rewrite for a program: of sums whose summands nothing else uses. */
export function sumsOfProducts(program: Program): (build: ProgramBuilder, node: Node, args: readonly Value[]) => Value {
  const uses = new Map<Value, number>();
  for (const v of [...program.outputs, ...nodesOf(program).flatMap((n) => n.args)]) uses.set(v, (uses.get(v) ?? 0) + 1);
  return (build, node, args) => {
    const isOnly = node.args.every((a) => uses.get(a) === 1);
    return (node.primitive === p.add && isOnly ? joined(build, node, args) : undefined) ?? build.apply(node.primitive, args, node.params);
  };
}

function joined(build: ProgramBuilder, node: Node, [left, right]: readonly Value[]): Value | undefined {
  if (!isMatrixProduct(left) || !isMatrixProduct(right) || left.aval !== node.aval || right.aval !== node.aval) return undefined;
  const [first, second] = [left.params, right.params] as [MatmulParams, MatmulParams];
  if (first.transposeA !== second.transposeA || first.transposeB !== second.transposeB) return undefined;
  const axes = [first.transposeA ? 0 : 1, first.transposeB ? 1 : 0] as const;
  const [a, b] = axes.map((axis, i) => [...piecesOf(left.args[i] as Value, axis), ...piecesOf(right.args[i] as Value, axis)]) as [
    Value[],
    Value[],
  ];
  const [m, n] = node.aval.shape as [number, number];
  const isWorthIt = a.every((piece) => (piece.aval.shape[axes[0]] as number) * (m + n) <= m * n);
  if (a.length > MOST_TERMS || a.length !== b.length || !isWorthIt) return undefined;
  return build.apply(p.matmul, [build.apply(p.concat, a, { axis: axes[0] }), build.apply(p.concat, b, { axis: axes[1] })], first);
}

function isMatrixProduct(v: Value | undefined): v is Node {
  return v?.kind === "node" && v.primitive === p.matmul && v.args.every((a) => a.aval.shape.length === 2);
}

/** What a value is the concatenation of, along an axis. */
function piecesOf(v: Value, axis: number): readonly Value[] {
  return v.kind === "node" && v.primitive === p.concat && (v.params as { readonly axis: number }).axis === axis ? v.args : [v];
}
