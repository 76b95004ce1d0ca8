/** A neural ordinary differential equation integrated with the classical fourth-order Runge-Kutta method. */
import { add, matmul, mseLoss, mul, type Tensor, tanh } from "../../../core/ops.ts";

type Params = {
  readonly y0: Tensor;
  readonly W1: Tensor;
  readonly u: Tensor;
  readonly b1: Tensor;
  readonly W2: Tensor;
  readonly b2: Tensor;
};
type Data = { readonly target: Tensor };
type Attrs = { readonly steps: number; readonly t0: number; readonly t1: number };

function slope({ W1, u, b1, W2, b2 }: Params, t: number, y: Tensor): Tensor {
  return add(matmul(tanh(add(add(matmul(y, W1), mul(u, t)), b1)), W2), b2);
}

export function outputs(params: Params, _data: Data, { steps, t0, t1 }: Attrs): { y1: Tensor } {
  const h = (t1 - t0) / steps;
  let y = params.y0;
  for (let n = 0; n < steps; n++) {
    const t = t0 + n * h;
    const k1 = slope(params, t, y);
    const k2 = slope(params, t + h / 2, add(y, mul(k1, h / 2)));
    const k3 = slope(params, t + h / 2, add(y, mul(k2, h / 2)));
    const k4 = slope(params, t + h, add(y, mul(k3, h)));
    y = add(y, mul(add(add(k1, mul(add(k2, k3), 2)), k4), h / 6));
  }
  return { y1: y };
}

export function loss(params: Params, data: Data, attrs: Attrs): Tensor {
  return mseLoss(outputs(params, data, attrs).y1, data.target);
}
