/** A branch on a value inside a counted loop, for an engine that builds graphs: the decision is cond. */
import { cond, gt } from "../../../../core/ops.ts";

export function f(x: number, k: number): number {
  let y = x;
  for (let i = 0; i < k; i++) {
    const before = y;
    y = cond(
      gt(before, 0.5),
      () => 1.1 * before + Math.sin(before),
      () => before ** 2 + 0.3 * x + 0.2,
    );
  }
  return y;
}
