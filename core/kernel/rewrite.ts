/** Rewriting of scalar expressions: substitution from the leaves up, each subexpression once. */
import { binary, cast, compare, type Expr, load, operandsOf, postorder, select, unary } from "./scalar-expr.ts";

/**
 * The expressions with everything replaced for which `replacement` gives an expression, from an expression and its arguments as they
 * are after the rewrite; inside a replacement nothing is replaced again. O(size).
 */
export function rewrite(roots: readonly Expr[], replacement: (e: Expr, args: readonly Expr[]) => Expr | undefined): Expr[] {
  const done = new Map<Expr, Expr>();
  for (const e of postorder(roots)) {
    const before = operandsOf(e);
    const after = before.map((arg) => done.get(arg) as Expr);
    const given = replacement(e, after);
    if (given !== undefined) done.set(e, given);
    else done.set(e, after.every((arg, i) => arg === before[i]) ? e : withOperands(e, after));
  }
  return roots.map((r) => done.get(r) as Expr);
}

/** The operation of `e` on other arguments. */
export function withOperands(e: Expr, args: readonly Expr[]): Expr {
  const [x, y, z] = args as [Expr, Expr, Expr];
  switch (e.kind) {
    case "load":
      return load(e.operand, e.dtype, x);
    case "unary":
      return unary(e.fn, x);
    case "binary":
      return binary(e.fn, x, y);
    case "compare":
      return compare(e.fn, x, y);
    case "select":
      return select(x, y, z);
    case "cast":
      return cast(x, e.dtype);
    default:
      return e;
  }
}
