/** Max by if, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, gt } from "../../../../core/ops.ts";

export function f(a: number, b: number): number {
  return cond(
    gt(a, b),
    () => a * a,
    () => b + b,
  );
}
