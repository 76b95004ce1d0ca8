/**
 * Convolutions by cuDNN, through the functions that versions 8 and 9 share. Descriptors are set anew for every launch, so nothing is kept
 * for one. Of the algorithms only those that sum products as matrices do, always in one order: not those whose rounding is another
 * (Winograd's, Fourier's) nor those whose order is open, so that bits repeat and agree with our own kernels' as far as orders of sums do.
 * What cuDNN refuses is left to our kernels.
 */
import type { ConvolutionLaunch } from "../../kernel/launch.ts";
import { product } from "../../render/cuda-schedule.ts";
import type { Address } from "../device.ts";
import { allocateNative, type Library, viewMemory } from "../foreign.ts";
import { WORKSPACE_BYTES } from "./cublas.ts";
import { StatusLibrary } from "./status-library.ts";

const address = "address";
const int32 = "int32";
const DESCRIPTORS = [address, address, address, address, address] as const;

export const CUDNN_FUNCTIONS = {
  cudnnCreate: [address],
  cudnnSetStream: [address, address],
  cudnnCreateTensorDescriptor: [address],
  cudnnCreateFilterDescriptor: [address],
  cudnnCreateConvolutionDescriptor: [address],
  cudnnSetTensor4dDescriptor: [address, int32, int32, int32, int32, int32, int32],
  cudnnSetFilter4dDescriptor: [address, int32, int32, int32, int32, int32, int32],
  cudnnSetConvolution2dDescriptor: [address, int32, int32, int32, int32, int32, int32, int32, int32],
  cudnnSetConvolutionGroupCount: [address, int32],
  cudnnSetConvolutionMathType: [address, int32],
  cudnnGetConvolutionForwardAlgorithm_v7: [...DESCRIPTORS, int32, address, "data"],
  cudnnGetConvolutionBackwardDataAlgorithm_v7: [...DESCRIPTORS, int32, address, "data"],
  cudnnGetConvolutionBackwardFilterAlgorithm_v7: [...DESCRIPTORS, int32, address, "data"],
  cudnnGetConvolutionForwardWorkspaceSize: [...DESCRIPTORS, int32, address],
  cudnnGetConvolutionBackwardDataWorkspaceSize: [...DESCRIPTORS, int32, address],
  cudnnGetConvolutionBackwardFilterWorkspaceSize: [...DESCRIPTORS, int32, address],
  cudnnConvolutionForward: [
    ...([address, address, address, address, address, address, address, int32] as const),
    ...([address, "int64", address, address, address] as const),
  ],
  cudnnConvolutionBackwardData: [
    ...([address, address, address, address, address, address, address, int32] as const),
    ...([address, "int64", address, address, address] as const),
  ],
  cudnnConvolutionBackwardFilter: [
    ...([address, address, address, address, address, address, address, int32] as const),
    ...([address, "int64", address, address, address] as const),
  ],
} as const;

export const CUDNN_CONSTANTS = {
  CUDNN_TENSOR_NCHW: 0,
  CUDNN_DATA_FLOAT: 0,
  CUDNN_DATA_DOUBLE: 1,
  CUDNN_CROSS_CORRELATION: 1,
  CUDNN_DEFAULT_MATH: 0,
  CUDNN_FMA_MATH: 3,
  CUDNN_DETERMINISTIC: 1,
  CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM: 0,
  CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM: 1,
  CUDNN_CONVOLUTION_FWD_ALGO_GEMM: 2,
  CUDNN_CONVOLUTION_BWD_DATA_ALGO_1: 1,
  CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1: 1,
} as const;

/** cudnnConvolutionFwdAlgoPerf_t, and the same of both gradients: its size, and where its parts are. */
export const ALGO_PERF = { bytes: 48, algo: 0, status: 4, memory: 16, determinism: 24 } as const;

const C = CUDNN_CONSTANTS;
/** The names of functions, and the algorithms that may be used. */
const PRODUCTS = {
  forward: {
    name: "Forward",
    algorithms: [
      C.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM,
      C.CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM,
      C.CUDNN_CONVOLUTION_FWD_ALGO_GEMM,
    ],
  },
  input: { name: "BackwardData", algorithms: [C.CUDNN_CONVOLUTION_BWD_DATA_ALGO_1] },
  weight: { name: "BackwardFilter", algorithms: [C.CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1] },
} as const;
/** Algorithms that are asked for: more than there are. */
const ASKED = 16;

/** Puts a convolution on the stream: the result, and its operands in the launch's order. */
export type CudnnProduct = (out: Address, first: Address, second: Address) => void;

export class Cudnn {
  private readonly library: StatusLibrary<typeof CUDNN_FUNCTIONS>;
  private readonly handle: number;
  private readonly workspace: Address;
  private readonly tf32: boolean;
  private readonly x: number;
  private readonly y: number;
  private readonly w: number;
  private readonly convolution: number;
  private readonly scalars = allocateNative(32);
  private readonly cell = allocateNative(8);
  private readonly known = new WeakMap<ConvolutionLaunch, number>();
  /** What the descriptors say now. */
  private current: ConvolutionLaunch | undefined;

  /** `tf32`: products of f32 may round their operands to 10 bits behind the point. Throws where cuDNN cannot work here. */
  constructor(library: Library, stream: number, workspace: Address, tf32: boolean) {
    const advice = "with TRIGRAD_LIBCUDNN set to nothing our own kernels compute convolutions";
    this.library = new StatusLibrary(library, CUDNN_FUNCTIONS, { title: "cuDNN", describe: "cudnnGetErrorString", advice });
    this.workspace = workspace;
    this.tf32 = tf32;
    new Float32Array(viewMemory(this.scalars, 8)).set([1, 0]);
    new Float64Array(viewMemory(this.scalars + 16, 16)).set([1, 0]);
    const make = (name: "cudnnCreate" | `cudnnCreate${"Tensor" | "Filter" | "Convolution"}Descriptor`) =>
      this.library.made(this.library.function(name), name);
    this.handle = make("cudnnCreate");
    this.library.call("cudnnSetStream", this.handle, stream);
    [this.x, this.y] = [make("cudnnCreateTensorDescriptor"), make("cudnnCreateTensorDescriptor")];
    this.w = make("cudnnCreateFilterDescriptor");
    this.convolution = make("cudnnCreateConvolutionDescriptor");
  }

  /** A function that puts the convolution without its epilogue on the stream; undefined where cuDNN does not do it. */
  prepare(launch: ConvolutionLaunch): CudnnProduct | undefined {
    const algorithm = this.known.get(launch) ?? this.algorithm(launch) ?? -1;
    this.known.set(launch, algorithm);
    if (algorithm < 0) return undefined;
    const run = this.library.function(`cudnnConvolution${PRODUCTS[launch.product].name}`);
    const one = this.scalars + (launch.dtype === "f32" ? 0 : 16);
    const zero = one + (launch.dtype === "f32" ? 4 : 8);
    const { handle, workspace, convolution } = this;
    const [first, second, result] = this.descriptors(launch);
    // The gradient of the input is asked for with the weights first.
    const isTurned = launch.product === "input";
    return (out, a, b) => {
      if (!this.describe(launch)) throw new Error("cuDNN refuses a convolution that it took before");
      const [p, q] = isTurned ? [b, a] : [a, b];
      const status = run(handle, one, first, p, second, q, convolution, algorithm, workspace, WORKSPACE_BYTES, zero, result, out);
      if (status !== 0) throw this.library.failure(status, `a convolution (${launch.product})`);
    };
  }

  /** The fastest algorithm, as cuDNN thinks, of those that may be used. */
  private algorithm(launch: ConvolutionLaunch): number | undefined {
    if (!isCudnnShape(launch) || !this.describe(launch)) return undefined;
    const { name, algorithms } = PRODUCTS[launch.product];
    const [first, second, result] = this.descriptors(launch);
    const found = new Uint8Array(ASKED * ALGO_PERF.bytes);
    const words = new DataView(found.buffer);
    const ask = this.library.function(`cudnnGetConvolution${name}Algorithm_v7`);
    if (ask(this.handle, first, second, this.convolution, result, ASKED, this.cell, found) !== 0) return undefined;
    const count = new Int32Array(viewMemory(this.cell, 4))[0] as number;
    const size = this.library.function(`cudnnGetConvolution${name}WorkspaceSize`);
    for (let i = 0; i < count; i++) {
      const word = (part: number) => words.getInt32(i * ALGO_PERF.bytes + part, true);
      const algorithm = word(ALGO_PERF.algo);
      if (word(ALGO_PERF.status) !== 0 || word(ALGO_PERF.determinism) !== C.CUDNN_DETERMINISTIC) continue;
      if (!(algorithms as readonly number[]).includes(algorithm)) continue;
      // The list is of all kinds of arithmetic; this is asked about the one that is set.
      const status = size(this.handle, first, second, this.convolution, result, algorithm, this.cell);
      if (status === 0 && Number(new BigUint64Array(viewMemory(this.cell, 8))[0]) <= WORKSPACE_BYTES) return algorithm;
    }
    return undefined;
  }

  /** Of both operands and the result, in the order in which cuDNN asks for them. */
  private descriptors({ product }: ConvolutionLaunch): readonly [number, number, number] {
    const { x, y, w } = this;
    return product === "forward" ? [x, w, y] : product === "input" ? [w, y, x] : [x, y, w];
  }

  /** Sets the descriptors; false where cuDNN refuses. */
  private describe(launch: ConvolutionLaunch): boolean {
    if (this.current === launch) return true;
    this.current = undefined;
    const { n, c, o, groups, input, output, kernel, padding, stride, dilation, dtype } = launch;
    const type = dtype === "f32" ? C.CUDNN_DATA_FLOAT : C.CUDNN_DATA_DOUBLE;
    const mode = C.CUDNN_CROSS_CORRELATION;
    const math = this.tf32 && dtype === "f32" ? C.CUDNN_DEFAULT_MATH : C.CUDNN_FMA_MATH;
    const set = (name: keyof typeof CUDNN_FUNCTIONS, ...args: number[]) => this.library.function(name)(...args) === 0;
    const isSet =
      set("cudnnSetTensor4dDescriptor", this.x, C.CUDNN_TENSOR_NCHW, type, n, c, ...input) &&
      set("cudnnSetTensor4dDescriptor", this.y, C.CUDNN_TENSOR_NCHW, type, n, o, ...output) &&
      set("cudnnSetFilter4dDescriptor", this.w, type, C.CUDNN_TENSOR_NCHW, o, c / groups, ...kernel) &&
      set("cudnnSetConvolution2dDescriptor", this.convolution, ...padding, ...stride, ...dilation, mode, type) &&
      set("cudnnSetConvolutionGroupCount", this.convolution, groups) &&
      set("cudnnSetConvolutionMathType", this.convolution, math);
    if (isSet) this.current = launch;
    return isSet;
  }
}

/** True where the padding behind is that before, and numbers of elements fit 31 bits: what cuDNN's descriptors can say. */
function isCudnnShape({ n, c, o, groups, input, output, kernel, stride, dilation, padding }: ConvolutionLaunch): boolean {
  const most = 2 ** 31 - 1;
  const elements = [n * c * product(input), n * o * product(output), o * (c / groups) * product(kernel)];
  const along = (i: 0 | 1) => Math.floor((input[i] + 2 * padding[i] - (kernel[i] - 1) * dilation[i] - 1) / stride[i]) + 1;
  return elements.every((e) => e > 0 && e <= most) && along(0) === output[0] && along(1) === output[1] && padding.every((p) => p >= 0);
}
