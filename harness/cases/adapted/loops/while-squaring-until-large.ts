/** While squaring until large, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { lt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number): number {
  return whileLoop(
    (r) => lt(r, 100),
    (r) => r * r,
    x,
  );
}
