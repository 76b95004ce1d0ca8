/** Newton square root, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { gt, whileLoop } from "../../../../core/ops.ts";

export function f(a: number): number {
  return whileLoop(
    (x) => gt(Math.abs(x * x - a), 1e-12),
    (x) => 0.5 * (x + a / x),
    a,
  );
}
