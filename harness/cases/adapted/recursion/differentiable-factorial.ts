/** Differentiable factorial, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { gt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number): number {
  const end = whileLoop(
    ({ n }) => gt(n, 1),
    ({ n, product }) => ({ n: n - 1, product: product * n }),
    { n: x, product: 1 },
  );
  return end.product;
}
