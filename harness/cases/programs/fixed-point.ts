/** k steps of the fixed-point iteration y = cos(x y), unrolled. */
import { cos, mul, type Tensor } from "../../../core/ops.ts";

export function f(x: Tensor, k: number): Tensor {
  let y = mul(x, 0);
  for (let i = 0; i < k; i++) y = cos(mul(x, y));
  return y;
}
