/** Reductions over axes, and the row programs built on them (softmax and its relatives), each one kernel. */
import { type Aval, aval, showAval } from "../base/aval.ts";
import { type DType, isFloat } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { type Shape, stridesOf } from "../base/shape.ts";
import type { ReduceOp, Reduction } from "../kernel/kernel.ts";
import { describeLaunch } from "../kernel/lower.ts";
import { binary, compare, constant, type Expr, load, reduced, select, unary } from "../kernel/scalar-expr.ts";
import type { Primitive } from "../primitive.ts";

/** Axes are normalised: sorted, distinct, in [0, rank). */
export interface ReduceParams {
  readonly axes: readonly number[];
  readonly keepdims: boolean;
}

export interface AxisParams {
  readonly axis: number;
}

/** The shape after folding `axes`. */
export function reducedShape(shape: Shape, { axes, keepdims }: ReduceParams): number[] {
  return keepdims ? shape.map((d, i) => (axes.includes(i) ? 1 : d)) : shape.filter((_, i) => !axes.includes(i));
}

/**
 * Iteration space of a reduction of `x`: kept axes first, folded axes last; strides of x and of the result along them. Folding
 * no axes folds single elements: an axis of length one says so to the kernel.
 */
function reductionSpace(x: Aval, axes: readonly number[]): { extents: number[]; reduced: number; from: number[]; to: number[] } {
  const kept = x.shape.map((_, i) => i).filter((i) => !axes.includes(i));
  const order = [...kept, ...axes];
  const strides = stridesOf(x.shape);
  const keptStrides = stridesOf(kept.map((i) => x.shape[i] as number));
  const none = axes.length === 0;
  return {
    extents: [...order.map((i) => x.shape[i] as number), ...(none ? [1] : [])],
    reduced: none ? 1 : axes.length,
    from: [...order.map((i) => strides[i] as number), ...(none ? [1] : [])],
    to: [...keptStrides, ...axes.map(() => 0), ...(none ? [0] : [])],
  };
}

const needsFloat = (name: string, x: Aval) => {
  if (!isFloat(x.dtype))
    throw mismatch(`${name} needs a floating-point tensor, but was given ${showAval(x)}`, "convert with cast(x, dtype)");
};

function nonEmpty(name: string, x: Aval, axes: readonly number[]): void {
  if (axes.some((a) => x.shape[a] === 0))
    throw mismatch(`${name} of ${showAval(x)} over axes [${axes.join(", ")}] folds no elements, and has no value there`);
}

/** A fold that gives one number per kept point: `result` sees the reductions in order. */
function fold(
  name: string,
  reductions: (x: Expr) => readonly Reduction[],
  result: (dtype: DType) => Expr,
  options: { float: boolean; identity: boolean; out?: DType },
): Primitive<ReduceParams> {
  return {
    name,
    arity: 1,
    scalar: undefined,
    paramsKey: (p) => `${p.axes.join(",")}${p.keepdims ? "k" : ""}`,
    inferAval([a], params) {
      const x = a as Aval;
      if (options.float) needsFloat(name, x);
      if (!options.identity) nonEmpty(name, x, params.axes);
      return aval(reducedShape(x.shape, params), options.out ?? x.dtype);
    },
    lower([a], out, { axes }) {
      const x = a as Aval;
      const space = reductionSpace(x, axes);
      return [
        describeLaunch({
          extents: space.extents,
          reduced: space.reduced,
          operands: [{ dtype: x.dtype, strides: space.from, input: 0 }],
          output: { dtype: out.dtype, strides: space.to },
          reductions: reductions(load(0, x.dtype)),
          result: result(out.dtype),
          each: "row",
        }),
      ];
    },
  };
}

const simple = (name: string, op: ReduceOp, options: { float: boolean; identity: boolean; out?: DType }) =>
  fold(
    name,
    (x) => [{ op, of: x, dtype: options.out ?? x.dtype }],
    (dtype) => reduced(0, dtype),
    options,
  );

/** max, and 0 where the maximum is infinite, so that the shift x - max has no NaN. */
const finiteMax = (dtype: DType): Expr => {
  const m = reduced(0, dtype);
  return select(compare("lt", unary("abs", m), constant(Number.POSITIVE_INFINITY, dtype)), m, constant(0, dtype));
};
const shiftedExp = (x: Expr) => unary("exp", binary("sub", x, finiteMax(x.dtype)));
const softmaxStages = (x: Expr): readonly Reduction[] => [
  { op: "max", of: x, dtype: x.dtype },
  { op: "sum", of: shiftedExp(x), dtype: x.dtype },
];
/** Of its elements a row divides one. */
const reciprocal = (x: Expr) => binary("div", constant(1, x.dtype), x);
const logSumOf = (dtype: DType) => binary("add", finiteMax(dtype), unary("log", reduced(1, dtype)));

/** A row program along one axis whose result has the shape of its input. */
function alongAxis(name: string, result: (x: Expr) => Expr): Primitive<AxisParams> {
  return {
    name,
    arity: 1,
    scalar: undefined,
    paramsKey: (p) => String(p.axis),
    inferAval([x]) {
      needsFloat(name, x as Aval);
      return x as Aval;
    },
    lower([a], out, { axis }) {
      const x = a as Aval;
      const { extents, from } = reductionSpace(x, [axis]);
      return [
        describeLaunch({
          extents,
          reduced: 1,
          operands: [{ dtype: x.dtype, strides: from, input: 0 }],
          output: { dtype: out.dtype, strides: from },
          reductions: softmaxStages(load(0, x.dtype)),
          result: result(load(0, x.dtype)),
          each: "element",
        }),
      ];
    },
  };
}

/** Inclusive cumulative sum along an axis, from its end where `reverse` is set. One pass. */
const cumsum: Primitive<AxisParams & { readonly reverse: boolean }> = {
  name: "cumsum",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => `${p.axis}${p.reverse ? "r" : ""}`,
  inferAval([a], { axis }) {
    const x = a as Aval;
    if (x.dtype === "bool" || x.shape.length === 0)
      throw mismatch(`cumsum along axis ${axis} needs numbers with an axis, but was given ${showAval(x)}`);
    return x;
  },
  lower([a], out, { axis, reverse }) {
    const x = a as Aval;
    const { extents, from } = reductionSpace(x, [axis]);
    const last = from.length - 1;
    const strides = reverse ? from.map((s, i) => (i === last ? -s : s)) : from;
    const offset = reverse ? Math.max(0, (extents[last] as number) - 1) * (from[last] as number) : 0;
    return [
      describeLaunch({
        extents,
        reduced: 1,
        operands: [{ dtype: x.dtype, strides, offset, input: 0 }],
        output: { dtype: out.dtype, strides, offset },
        reductions: [{ op: "sum", of: load(0, x.dtype), dtype: x.dtype }],
        result: reduced(0, x.dtype),
        each: "prefix",
      }),
    ];
  },
};

/**
 * Row-wise cross-entropy: logits x[..., K] and labels t[...] give -log softmax(x)[t], shape t. One kernel: maximum, sum of
 * exponentials and the label's logit in one row program. A label outside [0, K) is an error when the launch runs.
 */
const crossEntropyRows: Primitive<undefined> = {
  name: "crossEntropyRows",
  arity: 2,
  scalar: undefined,
  paramsKey: () => "",
  inferAval(inputs) {
    const [x, t] = inputs as readonly [Aval, Aval];
    needsFloat("crossEntropy", x);
    const rows = x.shape.slice(0, -1);
    if (x.shape.length === 0 || t.dtype !== "i32" || rows.length !== t.shape.length || rows.some((d, i) => d !== t.shape[i])) {
      throw mismatch(`crossEntropy needs logits [..., K] and i32 labels [...], but was given ${showAval(x)} and ${showAval(t)}`);
    }
    nonEmpty("crossEntropy", x, [x.shape.length - 1]);
    return aval(t.shape, x.dtype);
  },
  lower(inputs, out) {
    const x = inputs[0] as Aval;
    const classes = x.shape.at(-1) as number;
    const rows = out.size;
    return [
      describeLaunch({
        extents: [rows, classes],
        reduced: 1,
        operands: [
          { dtype: x.dtype, strides: [classes, 1], input: 0 },
          { dtype: "i32", strides: [1, 0], input: 1 },
          { dtype: x.dtype, strides: [classes, 0], indirect: { stride: 1, extent: classes }, input: 0 },
        ],
        output: { dtype: out.dtype, strides: [1, 0] },
        reductions: softmaxStages(load(0, x.dtype)),
        result: binary("sub", logSumOf(x.dtype), load(2, x.dtype, load(1, "i32"))),
        each: "row",
      }),
    ];
  },
};

export const reducePrimitives = {
  sum: simple("sum", "sum", { float: false, identity: true }),
  reduceMax: simple("reduceMax", "max", { float: false, identity: false }),
  reduceMin: simple("reduceMin", "min", { float: false, identity: false }),
  argmax: simple("argmax", "argmax", { float: false, identity: false, out: "i32" }),
  argmin: simple("argmin", "argmin", { float: false, identity: false, out: "i32" }),
  logsumexp: fold("logsumexp", softmaxStages, logSumOf, { float: true, identity: true }),
  softmax: alongAxis("softmax", (x) => binary("mul", shiftedExp(x), reciprocal(reduced(1, x.dtype)))),
  logSoftmax: alongAxis("logSoftmax", (x) => binary("sub", x, logSumOf(x.dtype))),
  crossEntropyRows,
  cumsum,
};
