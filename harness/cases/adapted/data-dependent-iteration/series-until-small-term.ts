/** Series until small term, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { gt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number): number {
  const end = whileLoop(
    ({ term }) => gt(Math.abs(term), 1e-15),
    ({ term, sum, k }) => ({
      term: (-term * x * x) / (2 * k * (2 * k + 1)),
      sum: sum + term,
      k: k + 1,
    }),
    { term: x, sum: 0, k: 1 },
  );
  return end.sum;
}
