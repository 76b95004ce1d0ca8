/** A perceptron with named activations, cross-entropy and an L2 penalty on the weights. */
import {
  add,
  crossEntropy,
  elu,
  gelu,
  matmul,
  mul,
  relu,
  sigmoid,
  silu,
  softplus,
  softsign,
  square,
  sum,
  type Tensor,
  tanh,
} from "../../../core/ops.ts";

type Params = { readonly [name: string]: Tensor };
type Data = { readonly x: Tensor; readonly t: Tensor };
type Attrs = { readonly acts: readonly string[]; readonly l2: number };

function activation(name: string, h: Tensor): Tensor {
  if (name === "tanh") return tanh(h);
  if (name === "sigmoid") return sigmoid(h);
  if (name === "relu") return relu(h);
  if (name === "gelu") return gelu(h, "none");
  if (name === "silu") return silu(h);
  if (name === "softplus") return softplus(h);
  if (name === "softsign") return softsign(h);
  if (name === "elu") return elu(h, 1);
  if (name === "linear" || name === "identity") return h;
  throw new Error(`unknown activation ${name}`);
}

export function outputs(params: Params, { x }: Data, { acts }: Attrs): { logits: Tensor } {
  let h = x;
  for (let i = 0; i < acts.length; i++) {
    h = activation(acts[i] as string, add(matmul(h, params[`W${i + 1}`] as Tensor), params[`b${i + 1}`] as Tensor));
  }
  return { logits: add(matmul(h, params.Wout as Tensor), params.bout as Tensor) };
}

export function loss(params: Params, data: Data, attrs: Attrs): Tensor {
  let penalty = sum(square(params.Wout as Tensor));
  for (let i = 0; i < attrs.acts.length; i++) penalty = add(penalty, sum(square(params[`W${i + 1}`] as Tensor)));
  return add(crossEntropy(outputs(params, data, attrs).logits, data.t), mul(penalty, attrs.l2));
}
