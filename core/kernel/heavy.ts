/** Which scalar operations take more than a few instructions: what fusion does not compute twice, and vector loops do not unroll. */
import type { Expr, UnaryFn } from "./scalar-expr.ts";

/** Functions of a few instructions. */
const LIGHT: ReadonlySet<UnaryFn> = new Set(["neg", "abs", "sign", "floor", "ceil", "trunc", "round", "sqrt", "not"]);

/** True for functions that take more than a few instructions. */
export function isHeavy(e: Expr): boolean {
  if (e.kind === "unary") return !LIGHT.has(e.fn);
  return e.kind === "binary" && (e.fn === "pow" || e.fn === "atan2" || e.fn === "hypot" || e.fn === "polygamma" || e.fn === "rem");
}
