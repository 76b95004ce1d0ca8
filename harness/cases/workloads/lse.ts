/** log Σ exp, with the maximum taken out first. */
import { add, exp, log, reduceMax, sub, sum, type Tensor } from "../../../core/ops.ts";

export function f(x: Tensor): Tensor {
  const a = reduceMax(x);
  return add(a, log(sum(exp(sub(x, a)))));
}
