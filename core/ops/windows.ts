/** Convolution, pooling and resampling of images, NCHW. Padding is symmetric; a pair is [height, width], a number stands for both. */
import { mismatch } from "../base/errors.ts";
import { type Shape, showShape } from "../base/shape.ts";

import type { Pair, WindowParams } from "../primitives/window.ts";
import { createTensor, type Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/traced.ts";
import { avalOf, valueOps as v } from "../tensor/values.ts";
import { known } from "./options.ts";

/** One number for both axes, or [height, width]. */
type Extent = number | readonly number[];

interface ConvolutionOptions {
  /** Distance of windows; 1. */
  readonly stride?: Extent;
  /** Zeros on both sides; 0. */
  readonly padding?: Extent;
  /** Distance of the taps of the kernel; 1. */
  readonly dilation?: Extent;
  /** Groups of channels that do not mix; 1. */
  readonly groups?: number;
}

interface TransposeOptions extends ConvolutionOptions {
  /** Rows and columns added at the end, where a stride leaves the extent open; 0. */
  readonly outputPadding?: Extent;
}

interface PoolOptions {
  /** Distance of windows; the kernel. */
  readonly stride?: Extent;
  /** Rows and columns on each side, at most half the kernel; 0. */
  readonly padding?: Extent;
  /** avgPool2d: whether padding counts in the divisor; true. */
  readonly countIncludePad?: boolean;
}

function pair(name: string, value: Extent, least: number): Pair {
  const [h, w] = typeof value === "number" ? [value, value] : value.length === 1 ? [value[0], value[0]] : value;
  const fits = (n: number | undefined): n is number => n !== undefined && Number.isInteger(n) && n >= least;
  if (!fits(h) || !fits(w) || (typeof value !== "number" && value.length > 2))
    throw mismatch(`${name} ${JSON.stringify(value)} is not an integer of at least ${least}, or [height, width] of such`);
  return [h, w];
}

function imageOf(name: string, x: Value): readonly [number, number, number, number] {
  const { shape } = avalOf(x);
  if (shape.length !== 4)
    throw mismatch(`${name} needs an image of shape [N, C, H, W], but was given ${showShape(shape)}`, "add axes with expandDims");
  return shape as readonly [number, number, number, number];
}

interface Settings {
  readonly stride: Pair;
  readonly padding: Pair;
  readonly dilation: Pair;
  readonly groups: number;
}

function settings(name: string, { stride = 1, padding = 0, dilation = 1, groups = 1 }: ConvolutionOptions): Settings {
  if (!Number.isInteger(groups) || groups < 1) throw mismatch(`${name}: groups ${groups} is not a positive integer`);
  return { stride: pair("stride", stride, 1), padding: pair("padding", padding, 0), dilation: pair("dilation", dilation, 1), groups };
}

/** Windows along each axis of a padded image. Throws where the kernel is larger than it. */
function outputOf(name: string, input: Pair, kernel: Pair, { stride, padding, dilation }: Omit<Settings, "groups">): Pair {
  if (kernel.some((d) => d < 1)) throw mismatch(`${name}: a kernel of ${kernel.join(" x ")} has no elements`);
  const along = (i: 0 | 1) => {
    const padded = input[i] + 2 * padding[i];
    const reach = dilation[i] * (kernel[i] - 1) + 1;
    if (reach > padded)
      throw mismatch(
        `${name}: a kernel of ${kernel.join(" x ")} with dilation ${dilation.join(" x ")} is larger than the image ${input.join(" x ")} with padding ${padding.join(" x ")}`,
        "pad more, or use a smaller kernel",
      );
    return Math.floor((padded - reach) / stride[i]) + 1;
  };
  return [along(0), along(1)];
}

/** y with a bias [O] added to its channels. */
function perChannel(bias: Value, y: Value): Value {
  const { shape } = avalOf(bias);
  const channels = avalOf(y).shape[1] as number;
  if (shape.length !== 1 || shape[0] !== channels)
    throw mismatch(`a bias of shape ${showShape(shape)} for ${channels} channels`, `give it the shape [${channels}]`);
  return v.add(
    y,
    v.reshape(bias, [
      channels,
      ...avalOf(y)
        .shape.slice(2)
        .map(() => 1),
    ]),
  );
}

const CONVOLUTION_OPTIONS = ["stride", "padding", "dilation", "groups"];

/** Cross-correlation of x[N, C, H, W] with w[O, C/groups, kH, kW], and a bias [O] per channel: [N, O, oH, oW]. */
export function conv2d(x: Tensor, w: Tensor, options?: ConvolutionOptions): Tensor;
export function conv2d(x: Tensor, w: Tensor, bias: Tensor, options?: ConvolutionOptions): Tensor;
export function conv2d(x: Value, w: Value, third?: Value | ConvolutionOptions, fourth: ConvolutionOptions = {}): Value {
  const { bias, options } = biasAndOptions(third, fourth);
  known("conv2d", options, CONVOLUTION_OPTIONS);
  const [, , h, width] = imageOf("conv2d", x);
  const [, , kh, kw] = imageOf("the kernel of conv2d", w);
  const s = settings("conv2d", options);
  const y = v.convolution(x, w, { ...s, input: [h, width], kernel: [kh, kw], output: outputOf("conv2d", [h, width], [kh, kw], s) });
  return bias === undefined ? y : perChannel(bias, y);
}

/** The transpose of {@link conv2d} in its image: x[N, C, H, W], w[C, O/groups, kH, kW] give [N, O, (H-1)·stride - 2·padding + …]. */
export function convTranspose2d(x: Tensor, w: Tensor, options?: TransposeOptions): Tensor;
export function convTranspose2d(x: Tensor, w: Tensor, bias: Tensor, options?: TransposeOptions): Tensor;
export function convTranspose2d(x: Value, w: Value, third?: Value | TransposeOptions, fourth: TransposeOptions = {}): Value {
  const { bias, options } = biasAndOptions<TransposeOptions>(third, fourth);
  known("convTranspose2d", options, [...CONVOLUTION_OPTIONS, "outputPadding"]);
  const [, , h, width] = imageOf("convTranspose2d", x);
  const [, , kh, kw] = imageOf("the kernel of convTranspose2d", w);
  const s = settings("convTranspose2d", options);
  const extra = pair("outputPadding", options.outputPadding ?? 0, 0);
  if (extra.some((e, i) => e >= Math.max(s.stride[i] as number, s.dilation[i] as number)) && extra.some((e) => e > 0))
    throw mismatch(
      `convTranspose2d: outputPadding ${extra.join(" x ")} must be smaller than the stride ${s.stride.join(" x ")} or the dilation`,
    );
  const kernel: Pair = [kh, kw];
  const output: Pair = [h, width];
  const along = (i: 0 | 1) => (output[i] - 1) * s.stride[i] - 2 * s.padding[i] + s.dilation[i] * (kernel[i] - 1) + 1 + extra[i];
  const input: Pair = [along(0), along(1)];
  if (input[0] < 0 || input[1] < 0)
    throw mismatch(`convTranspose2d of an image ${output.join(" x ")} has no extent left: ${input.join(" x ")}`, "use less padding");
  const y = v.convolutionInput(x, w, { ...s, input, kernel, output });
  return bias === undefined ? y : perChannel(bias, y);
}

/** As {@link conv2d} with one spatial axis: x[N, C, L], w[O, C/groups, k]. */
export function conv1d(x: Tensor, w: Tensor, options?: ConvolutionOptions): Tensor;
export function conv1d(x: Tensor, w: Tensor, bias: Tensor, options?: ConvolutionOptions): Tensor;
export function conv1d(x: Value, w: Value, third?: Value | ConvolutionOptions, fourth: ConvolutionOptions = {}): Value {
  const { bias, options } = biasAndOptions(third, fourth);
  known("conv1d", options, CONVOLUTION_OPTIONS);
  const flat = (t: Value, what: string): Value => {
    const { shape } = avalOf(t);
    if (shape.length !== 3) throw mismatch(`conv1d needs ${what} with three axes, but was given ${showShape(shape)}`);
    return v.reshape(t, [shape[0] as number, shape[1] as number, 1, shape[2] as number]);
  };
  const along = (value: Extent | undefined, other: number): readonly number[] | undefined =>
    value === undefined ? undefined : [other, ...(typeof value === "number" ? [value] : value)];
  const { stride, padding, dilation, groups } = options;
  const y = conv2d(flat(x, "x[N, C, L]") as Tensor, flat(w, "w[O, C/groups, k]") as Tensor, {
    ...(stride !== undefined && { stride: along(stride, 1) as readonly number[] }),
    ...(padding !== undefined && { padding: along(padding, 0) as readonly number[] }),
    ...(dilation !== undefined && { dilation: along(dilation, 1) as readonly number[] }),
    ...(groups !== undefined && { groups }),
  }) as Value;
  const [n, o, , l] = avalOf(y).shape as readonly [number, number, number, number];
  const line = v.reshape(y, [n, o, l]);
  return bias === undefined ? line : perChannel(bias, line);
}

function biasAndOptions<O extends ConvolutionOptions>(third: Value | O | undefined, fourth: O): { bias: Value | undefined; options: O } {
  const isValue = third !== undefined && third !== null && typeof third === "object" && "shape" in third;
  return isValue ? { bias: third as Value, options: fourth } : { bias: undefined, options: (third as O | undefined) ?? fourth };
}

function edges(x: Value, [h, w]: Pair, value: number): Value {
  if (h === 0 && w === 0) return x;
  return v.pad(x, [0, 0, h, w], [0, 0, h, w], [0, 0, 0, 0], value);
}

/** The image padded with `value`, and its windows. */
function pooled(
  name: string,
  x: Value,
  kernel: Extent,
  options: PoolOptions,
  value: number,
): { padded: Value; windows: WindowParams; output: Pair; settings: Settings } {
  known(name, options, ["stride", "padding", ...(name === "avgPool2d" ? ["countIncludePad"] : [])]);
  const [, , h, w] = imageOf(name, x);
  if (h * w === 0)
    throw mismatch(`${name} of an image ${showShape(avalOf(x).shape)}: it has no pixels, and a window of padding alone has no value`);
  const k = pair("kernel", kernel, 1);
  const s = settings(name, { stride: options.stride ?? k, ...(options.padding !== undefined && { padding: options.padding }) });
  if (s.padding.some((p, i) => 2 * p > (k[i] as number)))
    throw mismatch(`${name}: padding ${s.padding.join(" x ")} is more than half the kernel ${k.join(" x ")}`, "use less padding");
  const output = outputOf(name, [h, w], k, s);
  const padded = edges(x, s.padding, value);
  return {
    padded,
    windows: { input: [h + 2 * s.padding[0], w + 2 * s.padding[1]], kernel: k, stride: s.stride, dilation: [1, 1] },
    output,
    settings: s,
  };
}

/**
 * The maximum of each window; padding counts as -∞. The derivative goes to the first maximum of a window in row-major order, and never
 * into the padding. An image without pixels is refused.
 */
export function maxPool2d(x: Tensor, kernel: Extent, options?: PoolOptions): Tensor;
export function maxPool2d(x: Value, kernel: Extent, options: PoolOptions = {}): Value {
  const { padded, windows, output, settings: s } = pooled("maxPool2d", x, kernel, options, Number.NEGATIVE_INFINITY);
  const [n, c, h, w] = avalOf(padded).shape as readonly [number, number, number, number];
  const positions = v.reshape(v.argmaxWindows(padded, { ...windows, padding: s.padding }), [n * c, output[0] * output[1]]);
  return v.reshape(v.gather(v.reshape(padded, [n * c, h * w]), positions, 1), [n, c, ...output]);
}

/** The mean of each window; `countIncludePad` says whether padding counts in the divisor. */
export function avgPool2d(x: Tensor, kernel: Extent, options?: PoolOptions): Tensor;
export function avgPool2d(x: Value, kernel: Extent, options: PoolOptions = {}): Value {
  const { padded, windows, output, settings: s } = pooled("avgPool2d", x, kernel, options, 0);
  const sums = windowSums(padded, windows);
  const { kernel: k, stride } = windows;
  if (options.countIncludePad !== false) return v.mul(sums, 1 / (k[0] * k[1]));
  const [, , h, w] = avalOf(x).shape as readonly [number, number, number, number];
  /** How many elements of the image the windows along one axis hold. */
  const held = (i: 0 | 1, length: number) =>
    Array.from({ length: output[i] }, (_, o) => {
      const from = o * stride[i] - s.padding[i];
      return Math.min(from + k[i], length) - Math.max(from, 0);
    });
  const across = held(1, w);
  const counts = held(0, h).flatMap((rows) => across.map((columns) => rows * columns));
  return v.div(sums, createTensor(counts, output, avalOf(x).dtype));
}

/** Sums of windows; where windows are large, along columns first and then along rows, which is less work. */
function windowSums(x: Value, windows: WindowParams): Value {
  const { input, kernel, stride, dilation } = windows;
  if (kernel[0] * kernel[1] <= 16) return v.sumWindows(x, windows);
  const down = v.sumWindows(x, { input, kernel: [kernel[0], 1], stride: [stride[0], 1], dilation: [dilation[0], 1] });
  const rows = avalOf(down).shape[2] as number;
  return v.sumWindows(down, { input: [rows, input[1]], kernel: [1, kernel[1]], stride: [1, stride[1]], dilation: [1, dilation[1]] });
}

/** Every window as a column: [N, C·kH·kW, L], rows ordered c, kh, kw, columns row-major over the windows (im2col). */
export function unfold2d(x: Tensor, kernel: Extent, options?: Omit<ConvolutionOptions, "groups">): Tensor;
export function unfold2d(x: Value, kernel: Extent, options: Omit<ConvolutionOptions, "groups"> = {}): Value {
  known("unfold2d", options, CONVOLUTION_OPTIONS.slice(0, 3));
  const [n, c, h, w] = imageOf("unfold2d", x);
  const k = pair("kernel", kernel, 1);
  const s = settings("unfold2d", options);
  const output = outputOf("unfold2d", [h, w], k, s);
  const padded = edges(x, s.padding, 0);
  const columns = v.unfold(padded, {
    input: [h + 2 * s.padding[0], w + 2 * s.padding[1]],
    kernel: k,
    stride: s.stride,
    dilation: s.dilation,
  });
  return v.reshape(columns, [n, c * k[0] * k[1], output[0] * output[1]]);
}

/** Each pixel repeated `scale` times in height and width. */
export function upsampleNearest2d(x: Tensor, scale: Extent): Tensor;
export function upsampleNearest2d(x: Value, scale: Extent): Value {
  const [n, c, h, w] = imageOf("upsampleNearest2d", x);
  const [down, across] = pair("scale", scale, 1);
  const spread: Shape = [n, c, h, down, w, across];
  return v.reshape(v.broadcastTo(v.reshape(x, [n, c, h, 1, w, 1]), spread), [n, c, h * down, w * across]);
}
