/**
 * Convolution on the WebAssembly device, by the matrix product that is there: one image at a time its windows are copied into
 * columns (im2col) of a matrix, which stays in the cache for the product. A product by a kernel of one tap reads the image in
 * place. The gradient of an image with stride 1 is a convolution with the kernel turned round; with a stride, the columns that the
 * product gives are added where they came from.
 */
import { type FloatDType, sizeOf } from "../../base/dtype.ts";
import type { ConvolutionLaunch, KernelLaunch, Launch, MatmulLaunch, Pair } from "../../kernel/launch.ts";
import { copyLaunch, describeLaunch } from "../../kernel/lower.ts";
import { constant, load, reduced } from "../../kernel/scalar-expr.ts";
import type { Address, Runnable } from "../device.ts";

/** What the convolutions need of their device. */
export interface Host {
  prepare(launch: Launch): Runnable;
  /** Memory for one launch: the address is good until the next call. */
  scratch(bytes: number): Address;
}

/** A product of two operands that needs `bytes` of scratch memory. */
interface Staged {
  readonly bytes: number;
  run(out: Address, a: Address, b: Address, scratch: Address): void;
}

export function prepareConvolution(host: Host, launch: ConvolutionLaunch): Runnable {
  const { bytes, run } = staged(host, launch);
  const [first, second] = launch.inputs;
  // Asked for now, so that a launch does not fail for want of memory.
  host.scratch(bytes);
  return (out, ...given) => run(out, given[first] as Address, given[second] as Address, host.scratch(bytes));
}

function staged(host: Host, launch: ConvolutionLaunch): Staged {
  const { product } = launch;
  if (product === "forward") return forward(host, launch);
  if (product === "weight") return weight(host, launch);
  const turned = turnedRound(launch);
  return turned === undefined ? inputByColumns(host, launch) : inputByTurning(host, launch, turned);
}

/** The extents of one group of one image, and of the whole operands, in elements. */
function sizes({ c, o, groups, input, output, kernel }: ConvolutionLaunch) {
  const taps = kernel[0] * kernel[1];
  const pixels = input[0] * input[1];
  const windows = output[0] * output[1];
  const channels = c / groups;
  const makes = o / groups;
  return {
    taps,
    pixels,
    windows,
    channels,
    makes,
    rows: channels * taps,
    xGroup: channels * pixels,
    yGroup: makes * windows,
    wGroup: makes * channels * taps,
  };
}

const product = (dtype: FloatDType, m: number, n: number, k: number, transposeA: boolean, transposeB: boolean): MatmulLaunch => ({
  kind: "matmul",
  dtype,
  m,
  n,
  k,
  transposeA,
  transposeB,
  batch: [{ a: 0, b: 0, c: 0 }],
  inputs: [0, 1],
});

/** True where the columns are the image itself. */
function isPointwise({ kernel, stride, padding, input, output }: ConvolutionLaunch): boolean {
  return (
    [...kernel, ...stride].every((d) => d === 1) && [...padding].every((p) => p === 0) && input[0] === output[0] && input[1] === output[1]
  );
}

interface Columns {
  /** Bytes of scratch memory. */
  readonly bytes: number;
  /** Gathers the columns of the image at `image` (one group); returns where they are. */
  run(image: Address, scratch: Address): Address;
}

/** [channels·kH·kW, oH·oW] of one group of one image. Padding is written once into a frame around the image. */
function columnsOf(host: Host, launch: ConvolutionLaunch): Columns {
  const { dtype, input, output, kernel, stride, dilation, padding } = launch;
  const { channels, rows, windows } = sizes(launch);
  if (isPointwise(launch)) return { bytes: 0, run: (image) => image };
  const size = sizeOf(dtype);
  const frame = frameOf(launch);
  const framed = padding[0] > 0 || padding[1] > 0 || frame[0] !== input[0] || frame[1] !== input[1];
  const area = frame[0] * frame[1];
  const frameBytes = framed ? align(channels * area * size) : 0;
  const zero = host.prepare(zeros(dtype, channels * area));
  const place = host.prepare(
    copyLaunch(
      [channels, ...input],
      { dtype, strides: [input[0] * input[1], input[1], 1], input: 0 },
      { dtype, strides: [area, frame[1], 1], offset: padding[0] * frame[1] + padding[1] },
    ),
  );
  const strides = [area, dilation[0] * frame[1], dilation[1], stride[0] * frame[1], stride[1]];
  const gather = host.prepare(
    copyLaunch(
      [channels, ...kernel, ...output],
      { dtype, strides, input: 0 },
      { dtype, strides: denseStrides([channels, ...kernel, ...output]) },
    ),
  );
  return {
    bytes: frameBytes + align(rows * windows * size),
    run(image, scratch) {
      const columns = scratch + frameBytes;
      if (framed) {
        zero(scratch);
        place(scratch, image);
      }
      gather(columns, framed ? scratch : image);
      return columns;
    },
  };
}

function forward(host: Host, launch: ConvolutionLaunch): Staged {
  const { dtype, n, groups } = launch;
  const { makes, windows, rows, xGroup, yGroup, wGroup } = sizes(launch);
  const size = sizeOf(dtype);
  const columns = columnsOf(host, launch);
  const multiply = host.prepare(product(dtype, makes, windows, rows, false, false));
  return {
    bytes: columns.bytes,
    run(y, x, w, scratch) {
      for (let i = 0; i < n * groups; i++)
        multiply(y + i * yGroup * size, w + (i % groups) * wGroup * size, columns.run(x + i * xGroup * size, scratch));
    },
  };
}

/** w̄ = Σ over images of ȳ · columnsᵀ: a product for each image, then one sum. */
function weight(host: Host, launch: ConvolutionLaunch): Staged {
  const { dtype, n, groups } = launch;
  const { makes, windows, rows, xGroup, yGroup, wGroup } = sizes(launch);
  const size = sizeOf(dtype);
  const columns = columnsOf(host, launch);
  const multiply = host.prepare(product(dtype, makes, rows, windows, false, true));
  const whole = groups * wGroup;
  const add = host.prepare(
    describeLaunch({
      extents: [whole, n],
      reduced: 1,
      operands: [{ dtype, strides: [1, whole], input: 0 }],
      output: { dtype, strides: [1, 0] },
      reductions: [{ op: "sum", of: load(0, dtype), dtype }],
      result: reduced(0, dtype),
      each: "row",
    }),
  );
  const partialBytes = align(n * whole * size);
  return {
    bytes: partialBytes + columns.bytes,
    run(out, x, y, scratch) {
      for (let i = 0; i < n * groups; i++)
        multiply(scratch + i * wGroup * size, y + i * yGroup * size, columns.run(x + i * xGroup * size, scratch + partialBytes));
      add(out, scratch);
    },
  };
}

/** The forward convolution of ȳ with the kernel turned round that gives x̄; undefined where there is a stride or too much padding. */
function turnedRound(launch: ConvolutionLaunch): ConvolutionLaunch | undefined {
  const { c, o, input, output, kernel, stride, dilation, padding } = launch;
  const edge = (i: 0 | 1) => dilation[i] * (kernel[i] - 1) - padding[i];
  if (stride[0] !== 1 || stride[1] !== 1 || edge(0) < 0 || edge(1) < 0) return undefined;
  return { ...launch, product: "forward", c: o, o: c, input: output, output: input, padding: [edge(0), edge(1)], inputs: [0, 1] };
}

function inputByTurning(host: Host, launch: ConvolutionLaunch, turned: ConvolutionLaunch): Staged {
  const { dtype, groups } = launch;
  const { channels, makes, taps, wGroup } = sizes(launch);
  // [group, make, channel, tap] → [group, channel, make, tap reversed].
  const extents = [groups, channels, makes, taps];
  const from = { dtype, strides: [wGroup, taps, channels * taps, -1], offset: taps - 1, input: 0 };
  const turn = host.prepare(copyLaunch(extents, from, { dtype, strides: denseStrides(extents) }));
  const bytes = align(groups * wGroup * sizeOf(dtype));
  const convolve = forward(host, turned);
  return {
    bytes: bytes + convolve.bytes,
    run(x, y, w, scratch) {
      turn(scratch, w);
      convolve.run(x, y, scratch, scratch + bytes);
    },
  };
}

/** The columns that the product gives, added where {@link columnsOf} takes them from. */
function inputByColumns(host: Host, launch: ConvolutionLaunch): Staged {
  const { dtype, n, groups, input, output, kernel, stride, dilation, padding } = launch;
  const { channels, makes, windows, rows, xGroup, yGroup, wGroup } = sizes(launch);
  const size = sizeOf(dtype);
  const multiply = host.prepare(product(dtype, rows, windows, makes, true, false));
  const frame = frameOf(launch);
  const area = frame[0] * frame[1];
  const zero = host.prepare(zeros(dtype, channels * area));
  const extents = [channels, ...kernel, ...output];
  const scatter = host.prepare(
    describeLaunch({
      extents,
      operands: [{ dtype, strides: denseStrides(extents), input: 0 }],
      output: { dtype, strides: [area, dilation[0] * frame[1], dilation[1], stride[0] * frame[1], stride[1]] },
      result: load(0, dtype),
      accumulate: true,
    }),
  );
  const inside = { dtype, strides: [area, frame[1], 1], offset: padding[0] * frame[1] + padding[1], input: 0 };
  const crop = host.prepare(copyLaunch([channels, ...input], inside, { dtype, strides: denseStrides([channels, ...input]) }));
  const frameBytes = align(channels * area * size);
  return {
    bytes: frameBytes + align(rows * windows * size),
    run(x, y, w, scratch) {
      const columns = scratch + frameBytes;
      for (let i = 0; i < n * groups; i++) {
        multiply(columns, w + (i % groups) * wGroup * size, y + i * yGroup * size);
        zero(scratch);
        scatter(scratch, columns);
        crop(x + i * xGroup * size, scratch);
      }
    },
  };
}

/** The image with its padding, large enough for every window. */
function frameOf({ input, output, kernel, stride, dilation, padding }: ConvolutionLaunch): Pair {
  const reach = (i: 0 | 1) => Math.max(input[i] + padding[i], (output[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1);
  return [reach(0), reach(1)];
}

function zeros(dtype: FloatDType, length: number): KernelLaunch {
  return describeLaunch({ extents: [length], operands: [], output: { dtype, strides: [1] }, result: constant(0, dtype) });
}

function denseStrides(extents: readonly number[]): number[] {
  const strides = extents.map(() => 1);
  for (let i = extents.length - 2; i >= 0; i--) strides[i] = (strides[i + 1] as number) * (extents[i + 1] as number);
  return strides;
}

function align(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}
