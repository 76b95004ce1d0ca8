/** A while loop that carries two values past two loop invariants. */
import { add, div, matmul, mul, type Tensor, tanh } from "../../../core/ops.ts";

export function f(x: Tensor, W: Tensor, n: number): [Tensor, Tensor] {
  let h = x;
  let acc = mul(x, 0);
  let i = 0;
  while (i < n) {
    h = tanh(add(matmul(h, W), x));
    acc = add(acc, div(h, i + 1));
    i++;
  }
  return [h, acc];
}
