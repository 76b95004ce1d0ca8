/** Break when converged, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { ge, logicalAnd, lt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number): number {
  const end = whileLoop(
    ({ t, i }) => logicalAnd(lt(i, 100), ge(Math.abs(t), 1e-3)),
    ({ s, t, i }) => ({ s: s + t, t: (t * x) / i, i: i + 1 }),
    { s: 0, t: 1, i: 1 },
  );
  return end.s;
}
