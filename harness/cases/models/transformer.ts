/** A small causal transformer (pre-norm, exact gelu, tied read-out) with cross-entropy at every position. */
import { add, attention, concat, crossEntropy, embedding, gelu, layerNorm, matmul, slice, split, type Tensor } from "../../../core/ops.ts";

type Params = { readonly [name: string]: Tensor };
type Data = { readonly tokens: Tensor; readonly targets: Tensor };
type Attrs = { readonly T: number; readonly d: number; readonly heads: number; readonly layers: number };

const EPS = 1e-5;

function attend(a: Tensor, params: Params, layer: number, { d, heads }: Attrs): Tensor {
  const sizes = Array.from({ length: heads }, () => d / heads);
  const perHead = (name: string) => split(matmul(a, params[`${name}_${layer}`] as Tensor), sizes, 2);
  const [q, k, v] = [perHead("Wq"), perHead("Wk"), perHead("Wv")] as const;
  const mixed = q.map((qh, i) => attention(qh, k[i] as Tensor, v[i] as Tensor, true));
  return matmul(concat(mixed, 2), params[`Wo_${layer}`] as Tensor);
}

export function outputs(params: Params, { tokens }: Data, attrs: Attrs): { logits: Tensor } {
  const { T, d, layers } = attrs;
  const p = (name: string) => params[name] as Tensor;
  let x = add(embedding(p("E"), tokens), slice(p("Pos"), [0, 0], [T, d]));
  for (let l = 0; l < layers; l++) {
    const a = layerNorm(x, p(`g1_${l}`), p(`s1_${l}`), 1, EPS);
    x = add(x, attend(a, params, l, attrs));
    const m = layerNorm(x, p(`g2_${l}`), p(`s2_${l}`), 1, EPS);
    const hidden = gelu(add(matmul(m, p(`W1_${l}`)), p(`c1_${l}`)), "none");
    x = add(x, add(matmul(hidden, p(`W2_${l}`)), p(`c2_${l}`)));
  }
  const y = layerNorm(x, p("gf"), p("sf"), 1, EPS);
  return { logits: matmul(y, p("E"), { transposeB: true }) };
}

export function loss(params: Params, data: Data, attrs: Attrs): Tensor {
  return crossEntropy(outputs(params, data, attrs).logits, data.targets);
}
