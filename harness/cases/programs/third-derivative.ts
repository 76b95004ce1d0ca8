/** The third derivative, elementwise, by nested gradients of sums. */
import { exp, mul, sin, square, sum, type Tensor } from "../../../core/ops.ts";

declare function grad(f: (x: Tensor) => Tensor): (x: Tensor) => Tensor;

const g = (x: Tensor) => sum(mul(exp(sin(x)), square(x)));
const g1 = (x: Tensor) => sum(grad(g)(x));
const g2 = (x: Tensor) => sum(grad(g1)(x));

export function f(x: Tensor): Tensor {
  return grad(g2)(x);
}
