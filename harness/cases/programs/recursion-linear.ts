/** Linear recursion on a counter. */
import { add, mul, sin, type Tensor } from "../../../core/ops.ts";

function step(n: number, x: Tensor): Tensor {
  if (n === 0) return x;
  return add(mul(sin(step(n - 1, x)), x), 0.1 * n);
}

export function f(x: Tensor, n: number): Tensor {
  return step(n, x);
}
