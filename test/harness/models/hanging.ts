/** A model whose loss never ends. */
import { sum, type Tensor } from "../../../core/ops.ts";
import { defineModel } from "../../../suites/model.ts";

export function loss(x: Tensor): Tensor {
  let turns = 0;
  while (turns >= 0) turns++;
  return sum(x);
}

export default defineModel<Tensor, null>({
  name: "hanging",
  summary: "a loss that never ends",
  sizes: { small: { n: 4 }, large: { n: 8 } },
  params: (size, m) => m.tensor(m.rng.normal(Number(size.n)), [Number(size.n)]),
  batch: () => null,
  loss,
});
