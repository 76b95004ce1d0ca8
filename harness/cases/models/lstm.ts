/** A long short-term memory layer, unrolled, with a linear read-out at every step and the mean squared error. */
import { add, matmul, mseLoss, mul, select, sigmoid, split, stack, type Tensor, tanh } from "../../../core/ops.ts";

type Params = { readonly Wx: Tensor; readonly Wh: Tensor; readonly b: Tensor; readonly Wy: Tensor; readonly by: Tensor };
type Data = { readonly x: Tensor; readonly target: Tensor };
type Attrs = { readonly T: number; readonly hidden: number };

export function outputs({ Wx, Wh, b, Wy, by }: Params, { x }: Data, { T, hidden }: Attrs): { y: Tensor; h_T: Tensor; c_T: Tensor } {
  const ys: Tensor[] = [];
  // The first state is zero: the recurrent product and the forget gate's part begin with the second step.
  let h: Tensor | null = null;
  let c: Tensor | null = null;
  for (let t = 0; t < T; t++) {
    const input: Tensor = add(matmul(select(x, 0, t), Wx), b);
    const z: Tensor = h === null ? input : add(input, matmul(h, Wh));
    const [i, f, g, o] = split(z, [hidden, hidden, hidden, hidden], 1) as [Tensor, Tensor, Tensor, Tensor];
    const news: Tensor = mul(sigmoid(i), tanh(g));
    c = c === null ? news : add(mul(sigmoid(f), c), news);
    h = mul(sigmoid(o), tanh(c));
    ys.push(add(matmul(h, Wy), by));
  }
  return { y: stack(ys, 0), h_T: h as Tensor, c_T: c as Tensor };
}

export function loss(params: Params, data: Data, attrs: Attrs): Tensor {
  return mseLoss(outputs(params, data, attrs).y, data.target);
}
