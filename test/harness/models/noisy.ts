/** A model that prints while it is loaded and run. */
import { mul, sum, type Tensor } from "../../../core/ops.ts";
import { defineModel } from "../../../suites/model.ts";

console.log("noise while loading");

export function loss(x: Tensor): Tensor {
  console.log("noise while running");
  return sum(mul(x, x));
}

export default defineModel<Tensor, null>({
  name: "noisy",
  summary: "prints on stdout",
  sizes: { small: { n: 4 } },
  params: (_, m) => m.tensor(m.rng.normal(4), [4]),
  batch: () => null,
  loss,
});
