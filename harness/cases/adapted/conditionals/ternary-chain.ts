/** Ternary chain, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, lt } from "../../../../core/ops.ts";

export function f(x: number): number {
  return cond(
    lt(x, -1),
    () => -x,
    () =>
      cond(
        lt(x, 1),
        () => x * x * x,
        () => 2 * x - 1,
      ),
  );
}
