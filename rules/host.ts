/** Crossing between JavaScript numbers and tensors: `lift` and `item` are each other's transpose. */
import type { DType } from "../core/base/dtype.ts";
import { inputs, linear } from "./rule.ts";

export const hostRules = {
  lift: inputs<{ readonly dtype: DType }>(
    linear(
      (op, t, s) => op.lift(t, s.params.dtype),
      (op, ct) => op.item(ct),
    ),
  ),
  item: inputs<undefined>(
    linear(
      (op, t) => op.item(t),
      (op, ct, s) => op.reshape(op.lift(ct, s.inAval(0).dtype), s.inAval(0).shape),
    ),
  ),
};
