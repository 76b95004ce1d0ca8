/**
 * Windows over images (NCHW): convolution and unfolding. A convolution is bilinear, so its two transposes are the other
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
import { constant, load } from "../kernel/scalar-expr.ts";
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

export type Image = readonly [number, number, number, number];

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

export const windowKey = (p: WindowParams) => [p.input, p.kernel, p.stride, p.dilation].map(String).join(":");

/** How many windows fit along each axis. */
export function windowsOf({ input, kernel, stride, dilation }: WindowParams): Pair {
  const along = (i: 0 | 1) => Math.max(0, Math.floor((input[i] - dilation[i] * (kernel[i] - 1) - 1) / stride[i]) + 1);
  return [along(0), along(1)];
}

export function needsImage(name: string, x: Aval, { input }: WindowParams): Image {
  if (x.shape.length !== 4 || x.shape[2] !== input[0] || x.shape[3] !== input[1])
    throw mismatch(`${name} needs an image [N, C, ${input.join(", ")}], but was given ${showAval(x)}`);
  return x.shape as Image;
}

/** Strides of the six axes [N, C, oH, oW, kH, kW] over a dense image. */
export function windowStrides(
  [, c, h, w]: Image,
  { stride, dilation }: WindowParams,
): readonly [number, number, number, number, number, number] {
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
  // Taps that are fewer than this apart fall on different pixels, whatever their windows: each block of them is one strided pass.
  lower([a], out, p) {
    const y = a as Aval;
    const zeros = describeLaunch({ extents: out.shape, operands: [], output: dense(out.dtype, out.shape), result: constant(0, out.dtype) });
    if (y.size === 0) return [zeros];
    const { kernel, stride, dilation } = p;
    const [images, channels, , , oH, oW] = y.shape as [number, number, number, number, number, number];
    const [n, c, kh, kw, oh, ow] = stridesOf(y.shape) as [number, number, number, number, number, number];
    const [xn, xc, xh, xw, th, tw] = windowStrides([images, channels, ...p.input], p);
    const apart = (axis: 0 | 1) => stride[axis] / commonDivisor(stride[axis], dilation[axis]);
    const launches = [zeros];
    for (let i = 0; i < kernel[0]; i += apart(0))
      for (let j = 0; j < kernel[1]; j += apart(1))
        launches.push(
          describeLaunch({
            extents: [images, channels, Math.min(apart(0), kernel[0] - i), Math.min(apart(1), kernel[1] - j), oH, oW],
            operands: [{ dtype: y.dtype, strides: [n, c, kh, kw, oh, ow], offset: i * kh + j * kw, input: 0 }],
            output: { dtype: out.dtype, strides: [xn, xc, th, tw, xh, xw], offset: i * th + j * tw },
            result: load(0, y.dtype),
            accumulate: true,
          }),
        );
    return launches;
  },
};

function commonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

export const windowPrimitives = { convolution, convolutionInput, convolutionWeight, unfold, fold };
