/** A sum of squares up to a limit, for an engine that builds graphs: once it exceeds t, the rest adds nothing. */
import { cond, gt, item, select, type Tensor } from "../../../../core/ops.ts";

export function f(x: Tensor, t: number): number {
  let s = 0;
  for (let i = 0; i < (x.shape[0] as number); i++) {
    const before = s;
    s = cond(
      gt(before, t),
      () => before,
      () => before + item(select(x, 0, i)) ** 2,
    );
  }
  return s ** 2;
}
