/** Filter then sum, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, gt } from "../../../../core/ops.ts";

export function f(xs: number[], t: number): number {
  return xs.reduce(
    (a, b) =>
      a +
      cond(
        gt(b, t),
        () => b * b,
        () => 0,
      ),
    t,
  );
}
