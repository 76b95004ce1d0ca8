/** Movement: reshape and transpose, broadcast, slice, pad, flip, concat. All but reshape copy; the result is always dense. */
import { type Aval, aval, showAval } from "../base/aval.ts";
import { isFloat } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { broadcastStrides, elementCount, type Shape, showShape, stridesOf } from "../base/shape.ts";
import { copyLaunch, dense, describeLaunch } from "../kernel/lower.ts";
import { constant } from "../kernel/scalar-expr.ts";
import type { Primitive } from "../primitive.ts";

/** Row-major reshape; shares storage. */
const reshape: Primitive<{ readonly shape: Shape }> = {
  name: "reshape",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => p.shape.join(","),
  inferAval([a], { shape }) {
    const x = a as Aval;
    if (elementCount(shape) !== x.size)
      throw mismatch(`reshape of ${showAval(x)} to ${showShape(shape)}: ${x.size} and ${elementCount(shape)} elements`);
    return aval(shape, x.dtype);
  },
  lower: () => [],
};

/** The value with all derivatives zero; shares storage. */
const stopGradient: Primitive<undefined> = {
  name: "stopGradient",
  arity: 1,
  scalar: (x) => x,
  paramsKey: () => "",
  inferAval: ([x]) => x as Aval,
  lower: () => [],
};

/** Output axis i is input axis perm[i]. */
const transpose: Primitive<{ readonly perm: readonly number[] }> = {
  name: "transpose",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => p.perm.join(","),
  inferAval([a], { perm }) {
    const x = a as Aval;
    return aval(
      perm.map((i) => x.shape[i] as number),
      x.dtype,
    );
  },
  lower([a], out, { perm }) {
    const x = a as Aval;
    const strides = stridesOf(x.shape);
    const from = { dtype: x.dtype, strides: perm.map((i) => strides[i] as number), input: 0 };
    return [copyLaunch(out.shape, from, dense(x.dtype, out.shape))];
  },
};

const broadcastTo: Primitive<{ readonly shape: Shape }> = {
  name: "broadcastTo",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => p.shape.join(","),
  inferAval([a], { shape }) {
    const x = a as Aval;
    const lead = shape.length - x.shape.length;
    if (lead < 0 || x.shape.some((d, i) => d !== 1 && d !== shape[i + lead]))
      throw mismatch(`${showAval(x)} does not broadcast to ${showShape(shape)}`);
    return aval(shape, x.dtype);
  },
  lower([a], out) {
    const x = a as Aval;
    return [copyLaunch(out.shape, { dtype: x.dtype, strides: broadcastStrides(x.shape, out.shape), input: 0 }, dense(x.dtype, out.shape))];
  },
};

/** Elements start, start + step, ... (below stop) of each axis; steps are positive, 0 <= start <= stop <= length. */
const slice: Primitive<{ readonly start: readonly number[]; readonly stop: readonly number[]; readonly step: readonly number[] }> = {
  name: "slice",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => `${p.start.join(",")}:${p.stop.join(",")}:${p.step.join(",")}`,
  inferAval([a], { start, stop, step }) {
    const x = a as Aval;
    const fits = [start, stop, step].every((v) => v.length === x.shape.length && v.every(Number.isInteger));
    if (!fits || x.shape.some((d, i) => (start[i] as number) < 0 || (stop[i] as number) > d || (step[i] as number) < 1)) {
      throw mismatch(`slice [${start}] to [${stop}] step [${step}] is outside ${showAval(x)}`);
    }
    return aval(
      x.shape.map((_, i) => Math.max(0, Math.ceil(((stop[i] as number) - (start[i] as number)) / (step[i] as number)))),
      x.dtype,
    );
  },
  lower([a], out, { start, step }) {
    const x = a as Aval;
    const own = stridesOf(x.shape);
    const from = {
      dtype: x.dtype,
      strides: own.map((s, i) => s * (step[i] as number)),
      offset: own.reduce((o, s, i) => o + s * (start[i] as number), 0),
      input: 0,
    };
    return [copyLaunch(out.shape, from, dense(x.dtype, out.shape))];
  },
};

/** `value` around and between the elements: low and high edge padding (not negative) and `interior` between neighbours. */
const pad: Primitive<{
  readonly low: readonly number[];
  readonly high: readonly number[];
  readonly interior: readonly number[];
  readonly value: number;
}> = {
  name: "pad",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => `${p.low.join(",")}:${p.high.join(",")}:${p.interior.join(",")}:${p.value}`,
  inferAval([a], { low, high, interior, value }) {
    const x = a as Aval;
    const fits = [low, high, interior].every((v) => v.length === x.shape.length && v.every((n) => Number.isInteger(n) && n >= 0));
    if (!isFloat(x.dtype) && (x.dtype === "bool" ? value !== 0 && value !== 1 : (value | 0) !== value))
      throw mismatch(`pad of ${showAval(x)} with ${value}, which is no ${x.dtype}`);
    if (!fits) throw mismatch(`pad low [${low}] high [${high}] interior [${interior}] does not fit ${showAval(x)}`);
    return aval(
      x.shape.map((d, i) => (low[i] as number) + (high[i] as number) + d + Math.max(0, d - 1) * (interior[i] as number)),
      x.dtype,
    );
  },
  lower([a], out, { low, interior, value }) {
    const x = a as Aval;
    const own = stridesOf(out.shape);
    const to = {
      dtype: x.dtype,
      strides: own.map((s, i) => s * ((interior[i] as number) + 1)),
      offset: own.reduce((o, s, i) => o + s * (low[i] as number), 0),
    };
    const fill = describeLaunch({ extents: out.shape, operands: [], output: dense(x.dtype, out.shape), result: constant(value, x.dtype) });
    return [fill, copyLaunch(x.shape, { ...dense(x.dtype, x.shape), input: 0 }, to)];
  },
};

const flip: Primitive<{ readonly axes: readonly number[] }> = {
  name: "flip",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => p.axes.join(","),
  inferAval: ([x]) => x as Aval,
  lower([a], out, { axes }) {
    const x = a as Aval;
    if (x.size === 0) return [copyLaunch(out.shape, { ...dense(x.dtype, x.shape), input: 0 }, dense(x.dtype, out.shape))];
    const own = stridesOf(x.shape);
    const from = {
      dtype: x.dtype,
      strides: own.map((s, i) => (axes.includes(i) ? -s : s)),
      offset: axes.reduce((o, i) => o + (own[i] as number) * ((x.shape[i] as number) - 1), 0),
      input: 0,
    };
    return [copyLaunch(out.shape, from, dense(x.dtype, out.shape))];
  },
};

/** Joins any number of tensors along an axis; all other lengths and the dtypes agree. */
const concat: Primitive<{ readonly axis: number }> = {
  name: "concat",
  arity: null,
  scalar: undefined,
  paramsKey: (p) => String(p.axis),
  inferAval(inputs, { axis }) {
    const first = inputs[0] as Aval;
    const fits = inputs.every(
      (x) =>
        x.dtype === first.dtype && x.shape.length === first.shape.length && x.shape.every((d, i) => i === axis || d === first.shape[i]),
    );
    if (!fits) throw mismatch(`concat along axis ${axis} of ${inputs.map(showAval).join(", ")}: dtypes and the other axes must agree`);
    return aval(
      first.shape.map((d, i) => (i === axis ? inputs.reduce((n, x) => n + (x.shape[axis] as number), 0) : d)),
      first.dtype,
    );
  },
  lower(inputs, out, { axis }) {
    const own = stridesOf(out.shape);
    let position = 0;
    return inputs.map((x, input) => {
      const to = { dtype: x.dtype, strides: own, offset: position * (own[axis] as number) };
      position += x.shape[axis] as number;
      return copyLaunch(x.shape, { ...dense(x.dtype, x.shape), input }, to);
    });
  },
};

export const movementPrimitives = { reshape, stopGradient, transpose, broadcastTo, slice, pad, flip, concat };
