/** A derivative inside a function that is differentiated, with the outer variable captured by the inner function. */
import { add, mul, square, sum, type Tensor } from "../../../core/ops.ts";

declare function grad(f: (y: Tensor) => Tensor): (y: Tensor) => Tensor;

export function f(x: Tensor): Tensor {
  const one = add(mul(x, 0), 1);
  const inner = (y: Tensor) => sum(add(add(mul(x, y), x), mul(square(y), square(x))));
  return mul(x, grad(inner)(one));
}
