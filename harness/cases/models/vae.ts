/** A variational auto-encoder with one hidden layer each way and given noise: reconstruction plus divergence from the prior. */
import { add, bceWithLogits, exp, matmul, mul, square, sub, sum, type Tensor, tanh } from "../../../core/ops.ts";

type Params = { readonly [name: string]: Tensor };
type Data = { readonly x: Tensor; readonly eps: Tensor };
type Attrs = { readonly batch: number };

export function outputs(params: Params, { x, eps }: Data, _attrs: Attrs): { mu: Tensor; lv: Tensor; o: Tensor } {
  const layer = (h: Tensor, w: string, b: string) => add(matmul(h, params[w] as Tensor), params[b] as Tensor);
  const e = tanh(layer(x, "We", "be"));
  const mu = layer(e, "Wm", "bm");
  const lv = layer(e, "Ws", "bs");
  const z = add(mu, mul(exp(mul(lv, 0.5)), eps));
  const o = layer(tanh(layer(z, "Wd", "bd")), "Wo", "bo");
  return { mu, lv, o };
}

export function loss(params: Params, data: Data, attrs: Attrs): Tensor {
  const { mu, lv, o } = outputs(params, data, attrs);
  const reconstruction = bceWithLogits(o, data.x, "sum");
  const divergence = sum(sub(sub(add(lv, 1), square(mu)), exp(lv)));
  return mul(sub(reconstruction, mul(divergence, 0.5)), 1 / attrs.batch);
}
