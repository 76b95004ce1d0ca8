/** Short circuit and or, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, gt, logicalAnd, logicalOr } from "../../../../core/ops.ts";

export function f(x: number, y: number): number {
  const isLog = logicalOr(logicalAnd(gt(x, 0), gt(y, 0)), gt(x * y, 5));
  return cond(
    isLog,
    () => x * Math.log(x + y),
    () => y * y,
  );
}
