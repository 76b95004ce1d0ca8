/**
 * Windows over images (NCHW): convolution, unfolding and pooling. A convolution is bilinear, so its two transposes are the other
 * members of one family of three, closed under differentiation; all three take the same parameters, in which every extent is
 * stated, so that each is the exact transpose of the others whatever the rounding of strides did to a shape. Padding of unfolding
 * and pooling is the business of `pad`.
 */
import { type Aval, aval, showAval } from "../base/aval.ts";
import { type FloatDType, isFloat } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { type Shape, showShape, stridesOf } from "../base/shape.ts";
import type { ConvolutionLaunch, Pair } from "../kernel/launch.ts";
import { copyLaunch, dense, describeLaunch } from "../kernel/lower.ts";
import { binary, cast, compare, constant, type Expr, index, load, reduced, select, unary } from "../kernel/scalar-expr.ts";
import type { Primitive } from "../primitive.ts";

/** [height, width] of x, of y and of the kernel; stride, dilation, zeros before the first row and column; channel groups. */
export interface ConvolutionParams {
  readonly input: Pair;
  readonly output: Pair;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

const convolutionKey = (p: ConvolutionParams) =>
  [p.input, p.output, p.kernel, p.stride, p.padding, p.dilation, p.groups].map(String).join(":");

export type { Pair };

type Image = readonly [number, number, number, number];

function convolutionOf(
  name: string,
  product: ConvolutionLaunch["product"],
  /** Shapes of x, w and y from the shapes of the two operands. */
  shapes: (a: Shape, b: Shape, p: ConvolutionParams) => { x: Shape; w: Shape; y: Shape },
): Primitive<ConvolutionParams> {
  const dimensions = (inputs: readonly Aval[], p: ConvolutionParams) => {
    const [a, b] = inputs as readonly [Aval, Aval];
    const fail = (why: string) =>
      mismatch(`${name} of ${showAval(a)} and ${showAval(b)}: ${why}`, "shapes are x[N, C, H, W], w[O, C/groups, kH, kW], y[N, O, oH, oW]");
    if (a.dtype !== b.dtype || !isFloat(a.dtype)) throw fail("both must be f32 or both f64");
    if (a.shape.length !== 4 || b.shape.length !== 4) throw fail("both need four axes");
    const { x, w, y } = shapes(a.shape, b.shape, p) as { x: Image; w: Image; y: Image };
    if (x[1] % p.groups !== 0 || y[1] % p.groups !== 0) throw fail(`${x[1]} and ${y[1]} channels do not divide into ${p.groups} groups`);
    const operands = product === "forward" ? [x, w] : product === "input" ? [y, w] : [x, y];
    const wanted = [x, w, y].map((s, i) => ({ s, spatial: [p.input, p.kernel, p.output][i] as Pair }));
    if (w[1] * p.groups !== x[1]) throw fail(`the kernel reads ${w[1]} channels a group, and x has ${x[1]} in ${p.groups} groups`);
    if (w[0] !== y[1]) throw fail(`the kernel makes ${w[0]} channels, and y has ${y[1]}`);
    if (x[0] !== y[0]) throw fail(`batches are ${x[0]} and ${y[0]}`);
    for (const { s, spatial } of wanted)
      if (operands.includes(s) && (s[2] !== spatial[0] || s[3] !== spatial[1]))
        throw fail(`an extent of ${showShape(s)} is not ${showShape(spatial)}`);
    return { x, w, y, dtype: a.dtype as FloatDType };
  };
  return {
    name,
    arity: 2,
    scalar: undefined,
    paramsKey: convolutionKey,
    inferAval(inputs, p) {
      const { x, w, y, dtype } = dimensions(inputs, p);
      return aval(product === "forward" ? y : product === "input" ? x : w, dtype);
    },
    lower(inputs, _out, p) {
      const { x, y, dtype } = dimensions(inputs, p);
      return [{ kind: "convolution", product, dtype, n: x[0], c: x[1], o: y[1], ...p, inputs: [0, 1] }];
    },
  };
}

/** y = x ∗ w, cross-correlation. 2·N·O·oH·oW·(C/groups)·kH·kW flops. */
const convolution = convolutionOf("convolution", "forward", (x, w, p) => ({ x, w, y: [x[0] as number, w[0] as number, ...p.output] }));

/** x̄ from ȳ and w: the transpose of {@link convolution} in x, and the transposed convolution of networks. */
const convolutionInput = convolutionOf("convolutionInput", "input", (y, w, p) => ({
  x: [y[0] as number, (w[1] as number) * p.groups, ...p.input],
  w,
  y,
}));

/** w̄ from x and ȳ: the transpose of {@link convolution} in w. */
const convolutionWeight = convolutionOf("convolutionWeight", "weight", (x, y, p) => ({
  x,
  w: [y[1] as number, Math.floor((x[1] as number) / p.groups), ...p.kernel],
  y,
}));

/** Windows of an image without padding: extents of the image and of the window, distance of windows, distance within. */
export interface WindowParams {
  readonly input: Pair;
  readonly kernel: Pair;
  readonly stride: Pair;
  readonly dilation: Pair;
}

const windowKey = (p: WindowParams) => [p.input, p.kernel, p.stride, p.dilation].map(String).join(":");

/** How many windows fit along each axis. */
export function windowsOf({ input, kernel, stride, dilation }: WindowParams): Pair {
  const along = (i: 0 | 1) => Math.max(0, Math.floor((input[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1);
  return [along(0), along(1)];
}

function needsImage(name: string, x: Aval, { input }: WindowParams): Image {
  if (x.shape.length !== 4 || x.shape[2] !== input[0] || x.shape[3] !== input[1])
    throw mismatch(`${name} needs an image [N, C, ${input.join(", ")}], but was given ${showAval(x)}`);
  return x.shape as Image;
}

/** Strides of the six axes [N, C, oH, oW, kH, kW] over a dense image. */
function windowStrides([, c, h, w]: Image, { stride, dilation }: WindowParams): readonly [number, number, number, number, number, number] {
  return [c * h * w, h * w, stride[0] * w, stride[1], dilation[0] * w, dilation[1]];
}

/** x[N, C, H, W] → [N, C, kH, kW, oH, oW]: every window, copied (im2col). */
const unfold: Primitive<WindowParams> = {
  name: "unfold",
  arity: 1,
  scalar: undefined,
  paramsKey: windowKey,
  inferAval([a], p) {
    const x = a as Aval;
    const [n, c] = needsImage("unfold", x, p);
    return aval([n, c, ...p.kernel, ...windowsOf(p)], x.dtype);
  },
  lower([a], out, p) {
    const x = a as Aval;
    const [n, c, oh, ow, kh, kw] = windowStrides(x.shape as Image, p);
    return [copyLaunch(out.shape, { dtype: x.dtype, strides: [n, c, kh, kw, oh, ow], input: 0 }, dense(out.dtype, out.shape))];
  },
};

/** y[N, C, kH, kW, oH, oW] → x[N, C, H, W]: every element added where {@link unfold} took it from; its transpose (col2im). */
const fold: Primitive<WindowParams> = {
  name: "fold",
  arity: 1,
  scalar: undefined,
  paramsKey: windowKey,
  inferAval([a], p) {
    const y = a as Aval;
    const windows = windowsOf(p);
    if (y.shape.length !== 6 || [...p.kernel, ...windows].some((d, i) => d !== y.shape[i + 2]))
      throw mismatch(`fold needs [N, C, ${[...p.kernel, ...windows].join(", ")}], but was given ${showAval(y)}`);
    return aval([y.shape[0] as number, y.shape[1] as number, ...p.input], y.dtype);
  },
  // Gathering: each pixel sums the windows that hold it, so no two points store to one place.
  lower([a], out, { kernel, stride, dilation }) {
    const y = a as Aval;
    const [oH, oW] = y.shape.slice(4) as [number, number];
    if (y.size === 0)
      return [describeLaunch({ extents: out.shape, operands: [], output: dense(out.dtype, out.shape), result: constant(0, out.dtype) })];
    const [n, c, kh, kw] = stridesOf(y.shape) as number[];
    const i32 = (value: number) => constant(value, "i32");
    /** The window along one axis: (pixel - tap · dilation) / stride, where that is whole and in range. */
    const along = (axis: 0 | 1, count: number) => {
      const distance = binary("sub", index(2 + axis), binary("mul", index(4 + axis), i32(dilation[axis])));
      const window = quotient(distance, stride[axis]);
      const whole = compare("eq", binary("mul", window, i32(stride[axis])), distance);
      const inside = binary("and", compare("ge", distance, i32(0)), compare("lt", window, i32(count)));
      return { window: binary("max", i32(0), binary("min", window, i32(count - 1))), hit: binary("and", whole, inside) };
    };
    const row = along(0, oH);
    const column = along(1, oW);
    const at = binary("add", binary("mul", row.window, i32(oW)), column.window);
    return [
      describeLaunch({
        extents: [...out.shape, ...kernel],
        reduced: 2,
        operands: [
          {
            dtype: y.dtype,
            strides: [n as number, c as number, 0, 0, kh as number, kw as number],
            indirect: { stride: 1, extent: oH * oW },
            input: 0,
          },
        ],
        output: { dtype: out.dtype, strides: [...stridesOf(out.shape), 0, 0] },
        reductions: [
          { op: "sum", of: select(binary("and", row.hit, column.hit), load(0, y.dtype, at), constant(0, y.dtype)), dtype: y.dtype },
        ],
        result: reduced(0, y.dtype),
        each: "row",
        indexed: true,
      }),
    ];
  },
};

/** ⌊i / d⌋ of an i32 and a positive constant: exact in float64. */
function quotient(i: Expr, d: number): Expr {
  return d === 1 ? i : cast(unary("floor", binary("div", cast(i, "f64"), constant(d, "f64"))), "i32");
}

/** x[N, C, H, W] → i32 [N, C, oH, oW]: for each window the position h·W + w of its first maximum in row-major order. */
const argmaxWindows: Primitive<WindowParams> = {
  name: "argmaxWindows",
  arity: 1,
  scalar: undefined,
  paramsKey: windowKey,
  inferAval([a], p) {
    const [n, c] = needsImage("argmaxWindows", a as Aval, p);
    return aval([n, c, ...windowsOf(p)], "i32");
  },
  lower([a], out, p) {
    const x = a as Aval;
    const { kernel, stride, dilation } = p;
    const i32 = (value: number) => constant(value, "i32");
    const tap = reduced(0, "i32");
    const down = quotient(tap, kernel[1]);
    const across = binary("sub", tap, binary("mul", down, i32(kernel[1])));
    const place = (axis: 0 | 1, t: Expr) =>
      binary("add", binary("mul", index(2 + axis), i32(stride[axis])), binary("mul", t, i32(dilation[axis])));
    return [
      describeLaunch({
        extents: [...out.shape, ...kernel],
        reduced: 2,
        operands: [{ dtype: x.dtype, strides: windowStrides(x.shape as Image, p), input: 0 }],
        output: { dtype: "i32", strides: [...stridesOf(out.shape), 0, 0] },
        reductions: [{ op: "argmax", of: load(0, x.dtype), dtype: "i32" }],
        result: binary("add", binary("mul", place(0, down), i32(p.input[1])), place(1, across)),
        each: "row",
        indexed: true,
      }),
    ];
  },
};

export const windowPrimitives = { convolution, convolutionInput, convolutionWeight, unfold, fold, argmaxWindows };
