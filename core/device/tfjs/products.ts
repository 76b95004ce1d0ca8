/**
 * Matrix products and convolutions by the kernels that tfjs has for them. Images are turned to channels-last on the way in and back on
 * the way out. The gradient of a kernel is a convolution in which images and channels change places, stride and dilation likewise;
 * the gradient of an image is that of a convolution without dilation, by a kernel with zeros between its taps.
 */
import { elementCount } from "../../base/shape.ts";
import type { ConvolutionLaunch, MatmulLaunch, Pair } from "../../kernel/launch.ts";
import { fill } from "./broadcast.ts";
import type { Builder, Value } from "./program.ts";
import type { Region } from "./view.ts";
import { gather, padTo, slice, transpose } from "./view.ts";

/** Multiplications of a product that take as long as slicing its operands out of a batch. */
const WORTH_A_SLICE = 8192;

/** A region of the operand a (0) or b (1) of a product, flat. */
type Operand = (which: 0 | 1, region: Region) => Value;

/**
 * The products of a batch, flat, in the order of their places: C must be dense. The WebAssembly backend is fast at one product of
 * matrices as they lie only (twenty times as fast as at one with a transpose, eight times as at a batch), so it is given no other.
 */
export function buildMatmul(b: Builder, launch: MatmulLaunch, operand: Operand, isPlain: boolean): Value {
  const { m, n, k, transposeA, transposeB, batch } = launch;
  const size = batch.length * m * n;
  if (k === 0 || size === 0) return fill(b, 0, [size], "float32");
  const x = matrices(
    b,
    operand,
    0,
    batch.map((at) => at.a),
    transposeA ? [k, m] : [m, k],
  );
  const y = matrices(
    b,
    operand,
    1,
    batch.map((at) => at.b),
    transposeB ? [n, k] : [k, n],
  );
  const turn = (v: Value) => transpose(b, v, [0, 2, 1]);
  const p = transposeA && isPlain ? turn(x) : x;
  const q = transposeB && isPlain ? turn(y) : y;
  const attributes = { transposeA: transposeA && !isPlain, transposeB: transposeB && !isPlain };
  const count = Math.max(p.shape[0] as number, q.shape[0] as number);
  const multiplied = (a: Value, c: Value, of: number) => b.kernel("BatchMatMul", { a, b: c }, attributes, [of, m, n], "float32");
  const one = (v: Value, i: number) => (v.shape[0] === 1 ? v : slice(b, v, [1, ...v.shape.slice(1)], [i, 0, 0]));
  const apart = isPlain && count > 1 && m * n * k >= WORTH_A_SLICE;
  const parts = apart ? Array.from({ length: count }, (_, i) => multiplied(one(p, i), one(q, i), 1)) : [multiplied(p, q, count)];
  const product = apart ? b.kernel("Concat", parts, { axis: 0 }, [count, m, n], "float32") : (parts[0] as Value);
  const all =
    count === batch.length ? product : b.kernel("Tile", { x: product }, { reps: [batch.length, 1, 1] }, [batch.length, m, n], "float32");
  return b.reshape(all, [size]);
}

/** The matrices at these places: one where they are all the same, each where they follow one another, else gathered. */
function matrices(b: Builder, operand: Operand, which: 0 | 1, places: readonly number[], [rows, columns]: Pair): Value {
  const size = rows * columns;
  const low = Math.min(...places);
  const region = { low, length: Math.max(...places) - low + size };
  const flat = operand(which, region);
  if (region.length === size) return b.reshape(flat, [1, rows, columns]);
  if (places.every((place, i) => place === low + i * size)) return b.reshape(flat, [places.length, rows, columns]);
  const starts = places.map((place) => place - low);
  const table = new Int32Array(places.length * size);
  for (const [i, place] of starts.entries()) for (let j = 0; j < size; j++) table[i * size + j] = place + j;
  const shape = [places.length, rows, columns];
  return gather(b, flat, table, shape);
}

/** One of the products of a convolution, flat. */
export function buildConvolution(b: Builder, launch: ConvolutionLaunch, operand: Operand): Value {
  const { product, n, groups, c, o, input, output, kernel } = launch;
  const shapes = { x: [n, c, ...input], w: [o, c / groups, ...kernel], y: [n, o, ...output] };
  const [first, second, result] =
    product === "forward"
      ? [shapes.x, shapes.w, shapes.y]
      : product === "input"
        ? [shapes.y, shapes.w, shapes.x]
        : [shapes.x, shapes.y, shapes.w];
  const size = elementCount(result);
  if (size === 0 || elementCount(first) === 0 || elementCount(second) === 0) return fill(b, 0, [size], "float32");
  const whole = (which: 0 | 1, shape: readonly number[]) => b.reshape(operand(which, { low: 0, length: elementCount(shape) }), shape);
  const [p, q] = [whole(0, first), whole(1, second)];
  const parts = Array.from({ length: groups }, (_, g) => {
    const own = (v: Value, axis: 0 | 1) => groupOf(b, v, axis, g, groups);
    if (product === "forward") return forward(b, launch, own(p, 1), own(q, 0));
    if (product === "input") return gradientOfInput(b, launch, own(p, 1), own(q, 0));
    return gradientOfKernel(b, launch, own(p, 1), own(q, 1));
  });
  const axis = product === "weight" ? 0 : 1;
  const joined = groups === 1 ? (parts[0] as Value) : b.kernel("Concat", parts, { axis }, result, "float32");
  return b.reshape(joined, [size]);
}

function groupOf(b: Builder, v: Value, axis: 0 | 1, group: number, groups: number): Value {
  const length = (v.shape[axis] as number) / groups;
  const at = (d: number) => v.shape.map((full, i) => (i === axis ? d : full));
  return slice(
    b,
    v,
    at(length),
    v.shape.map((_, i) => (i === axis ? group * length : 0)),
  );
}

/** How many rows or columns windows reach over: from the first element of the first to the last of the last. */
const reach = (windows: number, stride: number, taps: number, dilation: number) => (windows - 1) * stride + (taps - 1) * dilation + 1;

/** [images, channels, h, w] with zeros before, and as many after or as few as windows reach over. */
function fitted(b: Builder, x: Value, padding: Pair, reached: Pair): Value {
  const [n, c, h, w] = x.shape as [number, number, number, number];
  const high = [reached[0] - h - padding[0], reached[1] - w - padding[1]] as const;
  const padded = padTo(b, x, [
    [0, 0],
    [0, 0],
    [padding[0], Math.max(0, high[0])],
    [padding[1], Math.max(0, high[1])],
  ]);
  return slice(b, padded, [n, c, ...reached]);
}

const LAST = [0, 2, 3, 1];
const FIRST = [0, 3, 1, 2];

/** Windows of x without padding, all in sight: x[n, c, h, w] ∗ w[o, c, kh, kw] → [n, o, oh, ow]. */
function convolved(b: Builder, x: Value, w: Value, output: Pair, stride: Pair, dilation: Pair): Value {
  const attributes = { strides: stride, pad: "valid", dataFormat: "NHWC", dilations: dilation, dimRoundingMode: "floor" };
  const images = transpose(b, x, LAST);
  const filter = transpose(b, w, [2, 3, 1, 0]);
  const shape = [x.shape[0] as number, ...output, w.shape[0] as number];
  return transpose(b, b.kernel("Conv2D", { x: images, filter }, attributes, shape, "float32"), FIRST);
}

function windowReach({ output, stride, kernel, dilation }: ConvolutionLaunch): Pair {
  const along = (i: 0 | 1) => reach(output[i], stride[i], kernel[i], dilation[i]);
  return [along(0), along(1)];
}

function forward(b: Builder, launch: ConvolutionLaunch, x: Value, w: Value): Value {
  const { padding, output, stride, dilation } = launch;
  return convolved(b, fitted(b, x, padding, windowReach(launch)), w, output, stride, dilation);
}

/** w̄[o, c] = Σ over images of x[·, c] ∗ ȳ[·, o]: images are what is summed over, and a step of the kernel is a step of the dilation. */
function gradientOfKernel(b: Builder, launch: ConvolutionLaunch, x: Value, y: Value): Value {
  const { padding, kernel, stride, dilation } = launch;
  const turned = [1, 0, 2, 3];
  const images = transpose(b, fitted(b, x, padding, windowReach(launch)), turned);
  return transpose(b, convolved(b, images, transpose(b, y, turned), kernel, dilation, stride), turned);
}

/** x̄ over all that the windows reach over, of which the image is a part; what no window meets is zero. */
function gradientOfInput(b: Builder, launch: ConvolutionLaunch, y: Value, w: Value): Value {
  const { padding, input, kernel, stride, dilation, n } = launch;
  const c = w.shape[1] as number;
  const spread = spreadTaps(b, w, kernel, dilation);
  const [h, width] = windowReach(launch);
  const inputShape = [n, h, width, c];
  const attributes = { strides: stride, pad: "valid", dataFormat: "NHWC", dimRoundingMode: "floor", inputShape };
  const dy = transpose(b, y, LAST);
  const filter = transpose(b, spread, [2, 3, 1, 0]);
  const whole = transpose(b, b.kernel("Conv2DBackpropInput", { dy, filter }, attributes, inputShape, "float32"), FIRST);
  const seen = padTo(b, whole, [
    [0, 0],
    [0, 0],
    [0, Math.max(0, padding[0] + input[0] - h)],
    [0, Math.max(0, padding[1] + input[1] - width)],
  ]);
  return slice(b, seen, [n, c, ...input], [0, 0, ...padding]);
}

/** Zeros between the taps, so that they are neighbours of a larger kernel. */
function spreadTaps(b: Builder, w: Value, kernel: Pair, dilation: Pair): Value {
  if (dilation[0] === 1 && dilation[1] === 1) return w;
  const [o, c] = w.shape as [number, number];
  const [kh, kw] = kernel;
  const [dh, dw] = dilation;
  const apart = padTo(b, b.reshape(w, [o * c, kh, 1, kw, 1]), [
    [0, 0],
    [0, 0],
    [0, dh - 1],
    [0, 0],
    [0, dw - 1],
  ]);
  const full = slice(b, b.reshape(apart, [o * c, kh * dh, kw * dw]), [o * c, (kh - 1) * dh + 1, (kw - 1) * dw + 1]);
  return b.reshape(full, [o, c, (kh - 1) * dh + 1, (kw - 1) * dw + 1]);
}
