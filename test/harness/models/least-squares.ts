/** A small model with a hand-written gradient, for tests of the harness: mean squared residual of a linear map. */
import { add, matmul, mean, mul, sub, sum, type Tensor, transpose } from "../../../core/ops.ts";
import { defineModel } from "../../../suites/model.ts";

type Params = { w: Tensor; b: Tensor };
type Batch = { x: Tensor; y: Tensor };

export function loss({ w, b }: Params, { x, y }: Batch): Tensor {
  const r = sub(add(matmul(x, w), b), y);
  return mean(mul(r, r));
}

export default defineModel<Params, Batch>({
  name: "least-squares",
  summary: "mean squared residual of a linear map",
  sizes: { small: { n: 6, d: 3 }, large: { n: 40, d: 8 } },
  dtypes: ["f64"],
  params: (size, m) => ({ w: m.tensor(m.rng.normal(Number(size.d)), [Number(size.d), 1]), b: m.tensor([0.5], [1]) }),
  batch: (size, m) => ({
    x: m.tensor(m.rng.normal(Number(size.n) * Number(size.d)), [Number(size.n), Number(size.d)]),
    y: m.tensor(m.rng.normal(Number(size.n)), [Number(size.n), 1]),
  }),
  loss,
  handwritten: ({ w, b }, { x, y }) => {
    const r = sub(add(matmul(x, w), b), y);
    const ct = mul(r, 2 / (y.shape[0] ?? 1));
    return { value: mean(mul(r, r)), gradient: { w: matmul(transpose(x), ct), b: sum(ct, [0]) } };
  },
});
