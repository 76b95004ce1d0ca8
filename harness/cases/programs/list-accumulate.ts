/** A list that grows in a loop and is stacked at the end. */
import { mul, sin, softmax, stack, sum, type Tensor } from "../../../core/ops.ts";

export function f(x: Tensor, n: number): Tensor {
  const list: Tensor[] = [];
  let v = x;
  for (let i = 0; i < n; i++) {
    v = mul(sin(v), 1 + 0.1 * i);
    list.push(v);
  }
  const s = stack(list, 0);
  return sum(mul(softmax(s, 0), s), [0]);
}
