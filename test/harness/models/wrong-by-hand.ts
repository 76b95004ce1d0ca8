/** A model whose hand-written gradient is wrong by a factor: verification has to notice. */
import { mul, sum, type Tensor } from "../../../core/ops.ts";
import { defineModel } from "../../../suites/model.ts";

export function loss(x: Tensor, a: Tensor): Tensor {
  return sum(mul(mul(x, x), a));
}

export default defineModel<Tensor, Tensor>({
  name: "wrong-by-hand",
  summary: "a hand-written gradient that is wrong",
  sizes: { small: { n: 4 } },
  dtypes: ["f64"],
  params: (_, m) => m.tensor(m.rng.normal(4), [4]),
  batch: (_, m) => m.tensor(m.rng.normal(4), [4]),
  loss,
  handwritten: (x, a) => ({ value: sum(mul(mul(x, x), a)), gradient: mul(x, a) }),
});
