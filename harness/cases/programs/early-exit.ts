/** A sum of squares that is left as soon as it exceeds t; elements after the exit have no influence. */
import { item, select, type Tensor } from "../../../core/ops.ts";

export function f(x: Tensor, t: number): number {
  let s = 0;
  for (let i = 0; i < (x.shape[0] as number); i++) {
    s += item(select(x, 0, i)) ** 2;
    if (s > t) break;
  }
  return s ** 2;
}
