/**
 * Pooling: the sum of each window of an image, and the place of its maximum. A window of few elements is one expression with a load
 * for each, so that lanes run along a row of windows; a larger one is folded.
 */
import { type Aval, aval, showAval } from "../base/aval.ts";
import { mismatch } from "../base/errors.ts";
import { stridesOf } from "../base/shape.ts";
import type { KernelLaunch, Pair } from "../kernel/launch.ts";
import { type Description, dense, describeLaunch } from "../kernel/lower.ts";
import { binary, cast, compare, constant, type Expr, index, load, reduced, select, unary } from "../kernel/scalar-expr.ts";
import type { Primitive } from "../primitive.ts";
import { type Image, needsImage, type WindowParams, windowKey, windowStrides, windowsOf } from "./window.ts";

/** Windows up to this many elements are one expression. */
const FEW = 16;

const i32 = (value: number) => constant(value, "i32");

/** A launch with one load for each element of a window, in row-major order; `result` makes the window's value of them. */
function unrolled(
  x: Aval,
  out: Aval,
  p: WindowParams,
  result: (taps: readonly Expr[]) => Expr,
  parts: Partial<Description> = {},
): KernelLaunch {
  const [n, c, oh, ow, kh, kw] = windowStrides(x.shape as Image, p);
  const operands = Array.from({ length: p.kernel[0] * p.kernel[1] }, (_, t) => ({
    dtype: x.dtype,
    strides: [n, c, oh, ow],
    offset: Math.floor(t / p.kernel[1]) * kh + (t % p.kernel[1]) * kw,
    input: 0,
  }));
  return describeLaunch({
    ...parts,
    extents: out.shape,
    operands,
    output: dense(out.dtype, out.shape),
    result: result(operands.map((_, t) => load(t, x.dtype))),
  });
}

/** A launch that folds each window. */
function folded(x: Aval, out: Aval, p: WindowParams, op: "sum" | "argmax", result: Expr, parts: Partial<Description> = {}): KernelLaunch {
  return describeLaunch({
    ...parts,
    extents: [...out.shape, ...p.kernel],
    reduced: 2,
    operands: [{ dtype: x.dtype, strides: windowStrides(x.shape as Image, p), input: 0 }],
    output: { dtype: out.dtype, strides: [...stridesOf(out.shape), 0, 0] },
    reductions: [{ op, of: load(0, x.dtype), dtype: out.dtype }],
    result,
    each: "row",
  });
}

const isSmall = ({ kernel }: WindowParams) => kernel[0] * kernel[1] <= FEW;

/** x[N, C, H, W] → [N, C, oH, oW]: the sum of each window. */
const sumWindows: Primitive<WindowParams> = {
  name: "sumWindows",
  arity: 1,
  scalar: undefined,
  paramsKey: windowKey,
  inferAval([a], p) {
    const x = a as Aval;
    const [n, c] = needsImage("sumWindows", x, p);
    if (x.dtype === "bool") throw mismatch(`sumWindows needs numbers, but was given ${showAval(x)}`, "convert with cast(x, dtype)");
    return aval([n, c, ...windowsOf(p)], x.dtype);
  },
  lower([a], out, p) {
    const x = a as Aval;
    const total = (taps: readonly Expr[]) => taps.reduce((sum, tap) => binary("add", sum, tap));
    return [isSmall(p) ? unrolled(x, out, p, total) : folded(x, out, p, "sum", reduced(0, x.dtype))];
  },
};

/** Windows over an image that has been padded by `padding` on each side. */
export interface PaddedWindowParams extends WindowParams {
  readonly padding: Pair;
}

/**
 * x[N, C, H, W], padding included → i32 [N, C, oH, oW]: for each window the position h·W + w of its first maximum in row-major order,
 * a NaN being the largest of all. It never lies in the padding: where nothing beats that, it is the window's first pixel.
 */
const argmaxWindows: Primitive<PaddedWindowParams> = {
  name: "argmaxWindows",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => `${windowKey(p)}:${p.padding}`,
  inferAval([a], p) {
    const [n, c] = needsImage("argmaxWindows", a as Aval, p);
    return aval([n, c, ...windowsOf(p)], "i32");
  },
  lower([a], out, p) {
    const x = a as Aval;
    /** The row or column of the element that is `steps` taps along a window. */
    const place = (axis: 0 | 1, steps: Expr) => {
      const at = binary("add", binary("mul", index(2 + axis), i32(p.stride[axis])), binary("mul", steps, i32(p.dilation[axis])));
      const margin = p.padding[axis];
      if (margin === 0) return at;
      return binary("max", binary("min", at, i32(p.input[axis] - 1 - margin)), i32(margin));
    };
    const position = (down: Expr, across: Expr) => binary("add", binary("mul", place(0, down), i32(p.input[1])), place(1, across));
    if (isSmall(p)) return [unrolled(x, out, p, (taps) => position(...firstMaximum(taps, p.kernel[1])), { indexed: true })];
    const tap = reduced(0, "i32");
    const down = cast(unary("floor", binary("div", cast(tap, "f64"), constant(p.kernel[1], "f64"))), "i32");
    const across = binary("sub", tap, binary("mul", down, i32(p.kernel[1])));
    return [folded(x, out, p, "argmax", position(down, across), { indexed: true })];
  },
};

/** Row and column, within a window of `width` columns, of the first maximum. */
function firstMaximum(taps: readonly Expr[], width: number): [Expr, Expr] {
  let best = taps[0] as Expr;
  let [row, column] = [i32(0), i32(0)];
  for (const [t, tap] of taps.entries()) {
    if (t === 0) continue;
    const firstNaN = binary("and", compare("ne", tap, tap), compare("eq", best, best));
    const takes = binary("or", compare("gt", tap, best), firstNaN);
    best = select(takes, tap, best);
    row = select(takes, i32(Math.floor(t / width)), row);
    column = select(takes, i32(t % width), column);
  }
  return [row, column];
}

export const poolingPrimitives = { sumWindows, argmaxWindows };
