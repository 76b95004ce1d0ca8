/** While with two carried values, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { gt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number, y: number, z: number): number {
  const end = whileLoop(
    ({ t }) => gt(t, -0.1),
    ({ r, t }) => ({ r: r + y * t, t: t - z }),
    { r: 0, t: x },
  );
  return end.r;
}
