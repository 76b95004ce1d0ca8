/** Do while halving, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { gt, whileLoop } from "../../../../core/ops.ts";

export function f(x: number): number {
  const turn = ({ a, s }: { a: number; s: number }) => ({ a: a * 0.5, s: s + a * a });
  return whileLoop(({ a }) => gt(Math.abs(a), 0.1), turn, turn({ a: x, s: 0 })).s;
}
