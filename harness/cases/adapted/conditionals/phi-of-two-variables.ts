/** Phi of two variables, for an engine that builds graphs: decisions by values are cond and whileLoop. */
import { cond, gt } from "../../../../core/ops.ts";

export function f(x: number, y: number): number {
  const [a, b] = cond(
    gt(x, y),
    () => [y * 2, x * 3] as const,
    () => [x, y] as const,
  );
  return a * a + b;
}
