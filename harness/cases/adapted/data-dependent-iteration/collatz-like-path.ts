/** Collatz like path, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, eq, gt, logicalAnd, lt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number): number {
  const { y, steps } = whileLoop(
    ({ y, steps }) => logicalAnd(gt(y, 1.5), lt(steps, 50)),
    ({ y, steps }) => ({
      y: cond(
        eq(Math.floor(y) % 2, 0),
        () => y / 2,
        () => 1.5 * y + 0.25 - y * 1.1,
      ),
      steps: steps + 1,
    }),
    { y: x, steps: 0 },
  );
  return y * y + steps;
}
