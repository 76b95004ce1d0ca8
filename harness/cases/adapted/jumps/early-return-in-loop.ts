/** Early return in loop, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, gt, le, logicalAnd, lt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number): number {
  const { a, i } = whileLoop(
    ({ a, i }) => logicalAnd(lt(i, 19), le(a, 10)),
    ({ a, i }) => ({ a: a * 1.5, i: i + 1 }),
    { a: x * 1.5, i: 0 },
  );
  return cond(
    gt(a, 10),
    () => a * a + i,
    () => -a,
  );
}
