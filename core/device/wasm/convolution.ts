/**
 * Convolution on the WebAssembly device, by the matrix product that is there: one image at a time its windows are copied into
 * columns (im2col) of a matrix, which stays in the cache for the product. A product by a kernel of one tap reads the image in
 * place. The gradient of an image with stride 1 is a convolution with the kernel turned round; with a stride, the columns that the
 * product gives are added where they came from.
 */
import { type FloatDType, sizeOf } from "../../base/dtype.ts";
import { type ConvolutionLaunch, type KernelLaunch, outputsOf, type Pair } from "../../kernel/launch.ts";
import { copyLaunch, describeLaunch } from "../../kernel/lower.ts";
import { constant, load, reduced } from "../../kernel/scalar-expr.ts";
import { type CallHost, kernelCall, kernelChunks, storesNothing } from "./kernel-calls.ts";
import { type Block, type MatmulLibrary, MOST_BLOCKS, mapCall } from "./matmul.ts";
import { after, type Chunk, grouped, LAUNCH, MOST_CHUNKS, type Place, plain, THREAD, type Work } from "./work.ts";

/** What convolutions are made with. */
export interface ConvolutionHost extends CallHost {
  readonly matmul: MatmulLibrary;
}

/** One part of what is done with an image (one group of it), on places of memory: whole, or in chunks that threads share. */
interface Part {
  /** Scratch memory of a thread. */
  readonly bytes: number;
  whole(): Chunk;
  split(): readonly Chunk[];
}

/** What is done with image `i`, part after part, with `bytes` of scratch memory from `scratch`. */
interface PerImage {
  readonly bytes: number;
  parts(i: number, scratch: Place): readonly Part[];
}

/** Fewer images than this are split themselves, one after the other. */
const FEW_IMAGES = 8;
/** Elements of columns that are worth a chunk: their product costs many times more than writing them. */
const CHUNK_WORK = 4096;

export function convolutionWork(host: ConvolutionHost, launch: ConvolutionLaunch, places: readonly Place[]): Work {
  const out = places[0] as Place;
  const [first, second] = launch.inputs.map((i) => places[outputsOf(launch) + i] as Place) as [Place, Place];
  if (launch.product === "forward") return eachImage(host, launch, forward(host, launch, out, first, second, places));
  if (launch.product === "weight") return weight(host, launch, out, first, second);
  const turned = turnedRound(launch);
  if (turned === undefined) return eachImage(host, launch, inputByColumns(host, launch, out, first, second));
  return inputByTurning(host, launch, turned, out, first, second);
}

/** All images: in chunks of several with scratch memory for each thread, or one after the other by all threads together. */
function eachImage({ grain }: ConvolutionHost, launch: ConvolutionLaunch, each: PerImage, launchBytes = 0): Work {
  const { rows, windows } = sizes(launch);
  const images = Array.from({ length: launch.n * launch.groups }, (_, i) => i);
  const scratchOf = (base: number, offset: number) => images.map((i) => each.parts(i, { base, offset }));
  const productBytes = Math.max(0, ...(images.length > 0 ? each.parts(0, plain(0)) : []).map((part) => part.bytes));
  const isLarge = rows * windows >= 2 * CHUNK_WORK * grain;
  if (images.length < FEW_IMAGES && isLarge) {
    const phases = scratchOf(LAUNCH, launchBytes).flatMap((parts) => parts.map((part) => part.split()));
    return { phases, threadBytes: productBytes, launchBytes: launchBytes + each.bytes };
  }
  const most = Math.min(MOST_CHUNKS, Math.floor((images.length * rows * windows) / (CHUNK_WORK * grain)));
  const chunks = grouped(scratchOf(THREAD, productBytes), most).map(
    (group): Chunk => group.flatMap((parts) => parts.flatMap((p) => p.whole())),
  );
  return { phases: [chunks], threadBytes: productBytes + each.bytes, launchBytes };
}

/** A launch of a kernel on places (the output, then what it reads). */
function kernelPart(host: ConvolutionHost, launch: KernelLaunch, places: readonly Place[]): Part {
  const whole = () => (storesNothing(launch) ? [] : [kernelCall(host, launch, places)]);
  return { bytes: 0, whole, split: () => kernelChunks(host, launch, places) };
}

/** C = A · B, and what is done with each block of C. */
type ProductParts = (c: Place, a: Place, b: Place, then?: (block: Block) => Chunk) => Part;

function productParts({ matmul }: ConvolutionHost, ...[dtype, m, n, k, transposeA, transposeB]: ProductNumbers): ProductParts {
  const shape = { dtype, m, n, k, transposeA, transposeB };
  const whole = matmul.prepare(shape, 1);
  const split = matmul.prepare(shape, MOST_BLOCKS);
  const bytes = Math.max(0, ...[...whole.blocks, ...split.blocks].map((block) => whole.bytes(block)));
  return (c, a, b, then = () => []) => ({
    bytes,
    whole: () => whole.blocks.flatMap((block) => [whole.call(c, a, b, block), ...then(block)]),
    split: () => split.blocks.map((block) => [split.call(c, a, b, block), ...then(block)]),
  });
}

type ProductNumbers = [dtype: FloatDType, m: number, n: number, k: number, transposeA: boolean, transposeB: boolean];

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

/** True where the columns are the image itself. */
function isPointwise({ kernel, stride, padding, input, output }: ConvolutionLaunch): boolean {
  return (
    [...kernel, ...stride].every((d) => d === 1) && [...padding].every((p) => p === 0) && input[0] === output[0] && input[1] === output[1]
  );
}

interface Columns {
  /** Bytes of scratch memory. */
  readonly bytes: number;
  /** Where the columns of the image at `image` (one group) are, and what puts them there. */
  of(image: Place, scratch: Place): { readonly at: Place; readonly parts: readonly Part[] };
}

/** [channels·kH·kW, oH·oW] of one group of one image. Padding is written once into a frame around the image. */
function columnsOf(host: ConvolutionHost, launch: ConvolutionLaunch): Columns {
  const { dtype, input, output, kernel, stride, dilation, padding } = launch;
  const { channels, rows, windows } = sizes(launch);
  if (isPointwise(launch)) return { bytes: 0, of: (image) => ({ at: image, parts: [] }) };
  const size = sizeOf(dtype);
  const frame = frameOf(launch);
  const framed = padding[0] > 0 || padding[1] > 0 || frame[0] !== input[0] || frame[1] !== input[1];
  const area = frame[0] * frame[1];
  const frameBytes = framed ? align(channels * area * size) : 0;
  const zero = zeros(dtype, channels * area);
  const place = copyLaunch(
    [channels, ...input],
    { dtype, strides: [input[0] * input[1], input[1], 1], input: 0 },
    { dtype, strides: [area, frame[1], 1], offset: padding[0] * frame[1] + padding[1] },
  );
  const strides = [area, dilation[0] * frame[1], dilation[1], stride[0] * frame[1], stride[1]];
  const gather = copyLaunch(
    [channels, ...kernel, ...output],
    { dtype, strides, input: 0 },
    { dtype, strides: denseStrides([channels, ...kernel, ...output]) },
  );
  return {
    bytes: frameBytes + align(rows * windows * size),
    of(image, scratch) {
      const at = after(scratch, frameBytes);
      const framing = framed ? [kernelPart(host, zero, [scratch]), kernelPart(host, place, [scratch, image])] : [];
      return { at, parts: [...framing, kernelPart(host, gather, [at, framed ? scratch : image])] };
    },
  };
}

/** `places`: the operands of the launch, which its epilogue reads and stores. */
function forward(host: ConvolutionHost, launch: ConvolutionLaunch, y: Place, x: Place, w: Place, places: readonly Place[] = []): PerImage {
  const { dtype, groups, epilogue } = launch;
  const { makes, windows, rows, xGroup, yGroup, wGroup } = sizes(launch);
  const size = sizeOf(dtype);
  const columns = columnsOf(host, launch);
  const multiply = productParts(host, dtype, makes, windows, rows, false, false);
  return {
    bytes: columns.bytes,
    parts(i, scratch) {
      const { at, parts } = columns.of(after(x, i * xGroup * size), scratch);
      const kernel = after(w, (i % groups) * wGroup * size);
      const first = (i % groups) * makes;
      const finish = ({ rows: [from, to], columns: across }: Block): Chunk => {
        const block = { rows: [first + from, first + to] as const, columns: across };
        return epilogue === undefined ? [] : [mapCall(host, epilogue, places, y, Math.floor(i / groups), block, 0)];
      };
      return [...parts, multiply(after(y, i * yGroup * size), kernel, at, finish)];
    },
  };
}

/** w̄ = Σ over images of ȳ · columnsᵀ: a product for each image, then one sum. */
function weight(host: ConvolutionHost, launch: ConvolutionLaunch, out: Place, x: Place, y: Place): Work {
  const { dtype, n, groups } = launch;
  const { makes, windows, rows, xGroup, yGroup, wGroup } = sizes(launch);
  const size = sizeOf(dtype);
  const columns = columnsOf(host, launch);
  const whole = groups * wGroup;
  const add = describeLaunch({
    extents: [whole, n],
    reduced: 1,
    operands: [{ dtype, strides: [1, whole], input: 0 }],
    output: { dtype, strides: [1, 0] },
    reductions: [{ op: "sum", of: load(0, dtype), dtype }],
    result: reduced(0, dtype),
    each: "row",
  });
  const multiply = productParts(host, dtype, makes, rows, windows, false, true);
  const partial = { base: LAUNCH, offset: 0 };
  const products: PerImage = {
    bytes: columns.bytes,
    parts(i, scratch) {
      const { at, parts } = columns.of(after(x, i * xGroup * size), scratch);
      const c = after(partial, i * wGroup * size);
      return [...parts, multiply(c, after(y, i * yGroup * size), at)];
    },
  };
  const work = eachImage(host, launch, products, align(n * whole * size));
  return { ...work, phases: [...work.phases, kernelChunks(host, add, [out, partial])] };
}

/** The forward convolution of ȳ with the kernel turned round that gives x̄; undefined where there is a stride or too much padding. */
function turnedRound(launch: ConvolutionLaunch): ConvolutionLaunch | undefined {
  const { c, o, input, output, kernel, stride, dilation, padding } = launch;
  const edge = (i: 0 | 1) => dilation[i] * (kernel[i] - 1) - padding[i];
  if (stride[0] !== 1 || stride[1] !== 1 || edge(0) < 0 || edge(1) < 0) return undefined;
  return { ...launch, product: "forward", c: o, o: c, input: output, output: input, padding: [edge(0), edge(1)], inputs: [0, 1] };
}

function inputByTurning(host: ConvolutionHost, launch: ConvolutionLaunch, turned: ConvolutionLaunch, x: Place, y: Place, w: Place): Work {
  const { dtype, groups } = launch;
  const { channels, makes, taps, wGroup } = sizes(launch);
  // [group, make, channel, tap] → [group, channel, make, tap reversed].
  const extents = [groups, channels, makes, taps];
  const from = { dtype, strides: [wGroup, taps, channels * taps, -1], offset: taps - 1, input: 0 };
  const turn = copyLaunch(extents, from, { dtype, strides: denseStrides(extents) });
  const kernel = { base: LAUNCH, offset: 0 };
  const work = eachImage(host, turned, forward(host, turned, x, y, kernel), align(groups * wGroup * sizeOf(dtype)));
  return { ...work, phases: [kernelChunks(host, turn, [kernel, w]), ...work.phases] };
}

/** The columns that the product gives, added where {@link columnsOf} takes them from. */
function inputByColumns(host: ConvolutionHost, launch: ConvolutionLaunch, x: Place, y: Place, w: Place): PerImage {
  const { dtype, groups, input, output, kernel, stride, dilation, padding } = launch;
  const { channels, makes, windows, rows, xGroup, yGroup, wGroup } = sizes(launch);
  const size = sizeOf(dtype);
  const frame = frameOf(launch);
  const area = frame[0] * frame[1];
  const zero = zeros(dtype, channels * area);
  const extents = [channels, ...kernel, ...output];
  const scatter = describeLaunch({
    extents,
    operands: [{ dtype, strides: denseStrides(extents), input: 0 }],
    output: { dtype, strides: [area, dilation[0] * frame[1], dilation[1], stride[0] * frame[1], stride[1]] },
    result: load(0, dtype),
    accumulate: true,
  });
  const inside = { dtype, strides: [area, frame[1], 1], offset: padding[0] * frame[1] + padding[1], input: 0 };
  const crop = copyLaunch([channels, ...input], inside, { dtype, strides: denseStrides([channels, ...input]) });
  const frameBytes = align(channels * area * size);
  const multiply = productParts(host, dtype, rows, windows, makes, true, false);
  return {
    bytes: frameBytes + align(rows * windows * size),
    parts(i, scratch) {
      const columns = after(scratch, frameBytes);
      const weights = after(w, (i % groups) * wGroup * size);
      return [
        multiply(columns, weights, after(y, i * yGroup * size)),
        kernelPart(host, zero, [scratch]),
        kernelPart(host, scatter, [scratch, columns]),
        kernelPart(host, crop, [after(x, i * xGroup * size), scratch]),
      ];
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
