/** Sorting is a permutation: `argsort` finds it, and a gather moves the values, so that derivatives follow them by themselves. */
import { type Aval, aval, showAval } from "../base/aval.ts";
import { mismatch } from "../base/errors.ts";
import { elementCount } from "../base/shape.ts";
import type { Primitive } from "../primitive.ts";

/** i32 positions that sort the last axis stably, upwards or downwards; NaN comes last either way. */
const argsort: Primitive<{ readonly descending: boolean }> = {
  name: "argsort",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => (p.descending ? "d" : ""),
  inferAval([a]) {
    const x = a as Aval;
    if (x.shape.length === 0 || x.dtype === "bool") throw mismatch(`sorting needs numbers with an axis, but was given ${showAval(x)}`);
    return aval(x.shape, "i32");
  },
  lower([a], _out, { descending }) {
    const { shape, dtype } = a as Aval;
    const n = shape.at(-1) as number;
    const batch = elementCount(shape.slice(0, -1));
    return [
      {
        kind: "routine",
        routine: "argsort",
        dtype: dtype as Exclude<typeof dtype, "bool">,
        batch,
        n,
        columns: 0,
        lower: false,
        transpose: false,
        descending,
        inputs: [0],
      },
    ];
  },
};

export const sortingPrimitives = { argsort };
