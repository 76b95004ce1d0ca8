/**
 * The border between JavaScript numbers and tensors. `lift` makes a tensor of shape [] from a number, `item` the number of a
 * tensor of one element (which waits for the device). Numbers have the aval f64[]; the eager layer runs these two by itself.
 */
import { type Aval, aval, showAval } from "../base/aval.ts";
import type { DType } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import type { Primitive } from "../primitive.ts";

/** The aval of a JavaScript number. */
export const NUMBER: Aval = aval([], "f64");

const lift: Primitive<{ readonly dtype: DType }> = {
  name: "lift",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => p.dtype,
  inferAval: (_inputs, { dtype }) => aval([], dtype),
  lower: () => [],
};

const item: Primitive<undefined> = {
  name: "item",
  arity: 1,
  scalar: (x) => x,
  paramsKey: () => "",
  inferAval([a]) {
    const x = a as Aval;
    if (x.size !== 1)
      throw mismatch(
        `a number is wanted, but ${showAval(x)} has ${x.size} elements`,
        "reduce it first, for instance with sum(x) or mean(x)",
      );
    return NUMBER;
  },
  lower: () => [],
};

export const hostPrimitives = { lift, item };
