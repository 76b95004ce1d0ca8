/** Newton's iteration for the square root, for an engine that builds graphs: the loop is whileLoop. */
import { gt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number): number {
  return whileLoop(
    (y) => gt(Math.abs(y * y - x), 1e-5),
    (y) => (y + x / y) / 2,
    0 * x + 1,
  );
}
