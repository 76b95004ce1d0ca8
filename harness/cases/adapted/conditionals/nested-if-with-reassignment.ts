/** Nested if with reassignment, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, gt, lt } from "../../../../core/ops.ts";

export function f(x: number): number {
  const a = cond(
    gt(x, 0),
    () =>
      cond(
        lt(x, 10),
        () => x * x,
        () => x,
      ),
    () => 3 * x,
  );
  return a + x;
}
