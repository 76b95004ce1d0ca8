/** Two hundred doublings and halvings: the gradient must take time linear in the loop, not 2^200. */
import { add, div, sum, type Tensor } from "../../../core/ops.ts";

export function f(x: Tensor): Tensor {
  let y = x;
  for (let i = 0; i < 200; i++) y = div(add(y, y), 2);
  return sum(y);
}
