/** A list of functions composed by a fold, twice over. */
import { add, exp, mul, neg, sin, type Tensor } from "../../../core/ops.ts";

type Fn = (v: Tensor) => Tensor;

const compose =
  (g: Fn, h: Fn): Fn =>
  (v) =>
    g(h(v));

export function f(x: Tensor): Tensor {
  const fs: Fn[] = [(v) => sin(v), (v) => exp(neg(v)), (v) => add(mul(v, v), 0.1)];
  const all = [...fs, ...fs].reduce(compose);
  return all(x);
}
