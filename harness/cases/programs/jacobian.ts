/** The Jacobian of a function of three variables, row by row with the gradient operator. */
import { exp, mul, select, sin, stack, type Tensor } from "../../../core/ops.ts";

declare function grad(f: (x: Tensor) => Tensor): (x: Tensor) => Tensor;

function component(x: Tensor, i: number): Tensor {
  const [x0, x1, x2] = [select(x, 0, 0), select(x, 0, 1), select(x, 0, 2)] as const;
  if (i === 0) return mul(x0, x1);
  if (i === 1) return mul(sin(x2), x0);
  return exp(mul(x1, x2));
}

export function f(x: Tensor): Tensor {
  const rows = [0, 1, 2].map((i) => grad((t) => component(t, i))(x));
  return stack(rows, 0);
}
