/** Piecewise second derivative, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, lt } from "../../../../core/ops.ts";

export function f(x: number): number {
  return cond(
    lt(x, 0),
    () => x * x,
    () => x * x * x,
  );
}
