/**
 * Indexed reading and adding. Indices are i32 and checked against their axis when the launch runs: an index out of range is an
 * error, never a wrapped or clamped read. Additions visit sources in row-major order, so sums over duplicates are reproducible.
 */
import { type Aval, aval, showAval } from "../base/aval.ts";
import type { DType } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { elementCount, stridesOf } from "../base/shape.ts";
import { copyLaunch, dense, describeLaunch } from "../kernel/lower.ts";
import { compare, constant, index, load, select } from "../kernel/scalar-expr.ts";
import type { Primitive } from "../primitive.ts";
import type { AxisParams } from "./reduce.ts";

function needsIndices(name: string, ids: Aval): void {
  if (ids.dtype !== "i32")
    throw mismatch(`${name} needs i32 indices, but was given ${showAval(ids)}`, 'make them with createTensor(values, shape, "i32")');
}

const zeroAt = (strides: readonly number[], axis: number) => strides.map((s, i) => (i === axis ? 0 : s));

/** out[..i..] = x[..index[..i..]..] along axis; index has the rank of x and is no longer than x on the other axes. */
const gather: Primitive<AxisParams> = {
  name: "gather",
  arity: 2,
  scalar: undefined,
  paramsKey: (p) => String(p.axis),
  inferAval(inputs, { axis }) {
    const [x, ids] = inputs as readonly [Aval, Aval];
    needsIndices("gather", ids);
    if (ids.shape.length !== x.shape.length || ids.shape.some((d, i) => i !== axis && d > (x.shape[i] as number))) {
      throw mismatch(`gather along axis ${axis} of ${showAval(x)} by ${showAval(ids)}: ranks must agree and other axes must fit`);
    }
    return aval(ids.shape, x.dtype);
  },
  lower(inputs, out, { axis }) {
    const [x, ids] = inputs as readonly [Aval, Aval];
    const own = stridesOf(x.shape);
    return [
      describeLaunch({
        extents: ids.shape,
        operands: [
          {
            dtype: x.dtype,
            strides: zeroAt(own, axis),
            indirect: { stride: own[axis] as number, extent: x.shape[axis] as number },
            input: 0,
          },
          { ...dense("i32", ids.shape), input: 1 },
        ],
        output: dense(out.dtype, out.shape),
        result: load(0, x.dtype, load(1, "i32")),
      }),
    ];
  },
};

/** x plus src added at index along axis; index and src have one shape, which fits x off the axis. Duplicates add up. */
const scatterAdd: Primitive<AxisParams> = {
  name: "scatterAdd",
  arity: 3,
  scalar: undefined,
  paramsKey: (p) => String(p.axis),
  inferAval(inputs, { axis }) {
    const [x, ids, src] = inputs as readonly [Aval, Aval, Aval];
    needsIndices("scatterAdd", ids);
    const fits =
      src.dtype === x.dtype &&
      ids.shape.length === x.shape.length &&
      src.shape.length === x.shape.length &&
      ids.shape.every((d, i) => d === src.shape[i] && (i === axis || d <= (x.shape[i] as number)));
    if (!fits)
      throw mismatch(
        `scatterAdd along axis ${axis} into ${showAval(x)} of ${showAval(src)} at ${showAval(ids)}: index and source must have one shape that fits`,
      );
    return x;
  },
  lower(inputs, out, { axis }) {
    const [x, ids, src] = inputs as readonly [Aval, Aval, Aval];
    const own = stridesOf(out.shape);
    return [
      copyLaunch(x.shape, { ...dense(x.dtype, x.shape), input: 0 }, dense(x.dtype, x.shape)),
      describeLaunch({
        extents: ids.shape,
        operands: [
          { ...dense("i32", ids.shape), input: 1 },
          { ...dense(src.dtype, src.shape), input: 2 },
        ],
        output: {
          dtype: out.dtype,
          strides: zeroAt(own, axis),
          indirect: { stride: own[axis] as number, extent: out.shape[axis] as number },
        },
        result: load(1, src.dtype),
        storeAt: load(0, "i32"),
        accumulate: true,
      }),
    ];
  },
};

/** Whole slices of x along axis: shape x[:axis] + index + x[axis+1:], for an index of any rank. Embedding is axis 0. */
const indexSelect: Primitive<AxisParams> = {
  name: "indexSelect",
  arity: 2,
  scalar: undefined,
  paramsKey: (p) => String(p.axis),
  inferAval(inputs, { axis }) {
    const [x, ids] = inputs as readonly [Aval, Aval];
    needsIndices("indexSelect", ids);
    return aval([...x.shape.slice(0, axis), ...ids.shape, ...x.shape.slice(axis + 1)], x.dtype);
  },
  lower(inputs, out, { axis }) {
    const [x, ids] = inputs as readonly [Aval, Aval];
    const { outer, inner, length } = around(x, axis);
    return [
      describeLaunch({
        extents: [outer, ids.size, inner],
        operands: [
          { dtype: x.dtype, strides: [length * inner, 0, 1], indirect: { stride: inner, extent: length }, input: 0 },
          { dtype: "i32", strides: [0, 1, 0], input: 1 },
        ],
        output: { dtype: out.dtype, strides: [ids.size * inner, inner, 1] },
        result: load(0, x.dtype, load(1, "i32")),
      }),
    ];
  },
};

/** x with the slices of src added at index along axis: the adjoint of indexSelect. Duplicates add up. */
const indexAdd: Primitive<AxisParams> = {
  name: "indexAdd",
  arity: 3,
  scalar: undefined,
  paramsKey: (p) => String(p.axis),
  inferAval(inputs, { axis }) {
    const [x, ids, src] = inputs as readonly [Aval, Aval, Aval];
    needsIndices("indexAdd", ids);
    const want = aval([...x.shape.slice(0, axis), ...ids.shape, ...x.shape.slice(axis + 1)], x.dtype);
    if (src !== want)
      throw mismatch(
        `indexAdd along axis ${axis} into ${showAval(x)} at ${showAval(ids)} needs a source ${showAval(want)}, not ${showAval(src)}`,
      );
    return x;
  },
  lower(inputs, out, { axis }) {
    const [x, ids, src] = inputs as readonly [Aval, Aval, Aval];
    const { outer, inner, length } = around(x, axis);
    return [
      copyLaunch(x.shape, { ...dense(x.dtype, x.shape), input: 0 }, dense(x.dtype, x.shape)),
      describeLaunch({
        extents: [outer, ids.size, inner],
        operands: [
          { dtype: "i32", strides: [0, 1, 0], input: 1 },
          { dtype: src.dtype, strides: [ids.size * inner, inner, 1], input: 2 },
        ],
        output: { dtype: out.dtype, strides: [length * inner, 0, 1], indirect: { stride: inner, extent: length } },
        result: load(1, src.dtype),
        storeAt: load(0, "i32"),
        accumulate: true,
      }),
    ];
  },
};

function around(x: Aval, axis: number) {
  return { outer: elementCount(x.shape.slice(0, axis)), length: x.shape[axis] as number, inner: elementCount(x.shape.slice(axis + 1)) };
}

/** A new last axis of length depth that is 1 at the index and 0 elsewhere; all 0 where the index is out of range. */
const oneHot: Primitive<{ readonly depth: number; readonly dtype: DType }> = {
  name: "oneHot",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => `${p.depth}${p.dtype}`,
  inferAval([ids], { depth, dtype }) {
    needsIndices("oneHot", ids as Aval);
    return aval([...(ids as Aval).shape, depth], dtype);
  },
  lower([ids], out, { depth, dtype }) {
    const n = (ids as Aval).size;
    return [
      describeLaunch({
        extents: [n, depth],
        operands: [{ dtype: "i32", strides: [1, 0], input: 0 }],
        output: { dtype: out.dtype, strides: [depth, 1] },
        result: select(compare("eq", load(0, "i32"), index(1)), constant(1, dtype), constant(0, dtype)),
        indexed: true,
      }),
    ];
  },
};

export const indexPrimitives = { gather, scatterAdd, indexSelect, indexAdd, oneHot };
