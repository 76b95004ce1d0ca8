/**
 * The fake's libraries as functions, for tests of the fake itself: the real interface, bound without the device of the project,
 * which is tested on the fake elsewhere. A call returns its status; `must` makes a test fail where that is not 0.
 */
import { Library, type NativeFunction, type NativeType, viewMemory } from "../../core/device/foreign.ts";
import type { FakeCuda } from "./fake-cuda.ts";

/** Parameters by letter: a address or handle, i 32-bit integer, l 64-bit integer, d data of a typed array, s string. */
const LETTERS: Record<string, NativeType> = { a: "address", i: "int32", l: "int64", d: "data", s: "string" };

const DRIVER = {
  cuInit: "i",
  cuDriverGetVersion: "d",
  cuDeviceGetCount: "d",
  cuDeviceGet: "di",
  cuDeviceGetAttribute: "dii",
  cuDeviceTotalMem_v2: "di",
  cuDevicePrimaryCtxRetain: "di",
  cuDevicePrimaryCtxRelease_v2: "i",
  cuCtxSetCurrent: "a",
  cuCtxSynchronize: "",
  cuGetErrorName: "id",
  cuModuleLoadData: "dd",
  cuModuleUnload: "a",
  cuModuleGetFunction: "das",
  cuFuncGetAttribute: "dia",
  cuFuncSetAttribute: "aii",
  cuOccupancyMaxActiveBlocksPerMultiprocessor: "daii",
  cuLaunchKernel: "aiiiiiiiaad",
  cuStreamCreate: "di",
  cuStreamDestroy_v2: "a",
  cuStreamSynchronize: "a",
  cuStreamQuery: "a",
  cuStreamWaitEvent: "aai",
  cuStreamBeginCapture_v2: "ai",
  cuStreamEndCapture: "ad",
  cuStreamIsCapturing: "ad",
  cuGraphInstantiateWithFlags: "dal",
  cuGraphLaunch: "aa",
  cuGraphGetNodes: "aad",
  cuGraphDestroy: "a",
  cuGraphExecDestroy: "a",
  cuEventCreate: "di",
  cuEventRecord: "aa",
  cuEventQuery: "a",
  cuEventSynchronize: "a",
  cuEventElapsedTime: "daa",
  cuEventDestroy_v2: "a",
  cuMemAlloc_v2: "dl",
  cuMemFree_v2: "a",
  cuMemAllocAsync: "dla",
  cuMemFreeAsync: "aa",
  cuMemGetInfo_v2: "dd",
  cuMemHostAlloc: "dli",
  cuMemFreeHost: "a",
  cuMemcpyHtoDAsync_v2: "adla",
  cuMemcpyDtoHAsync_v2: "dala",
  cuMemcpyDtoDAsync_v2: "aala",
  cuMemsetD8Async: "aila",
  cuMemsetD32Async: "aila",
  fakeCudaCount: "s",
} as const;

const NVRTC = {
  nvrtcVersion: "dd",
  nvrtcCreateProgram: "dssiaa",
  nvrtcCompileProgram: "aid",
  nvrtcDestroyProgram: "d",
  nvrtcGetCUBINSize: "ad",
  nvrtcGetCUBIN: "ad",
  nvrtcGetPTXSize: "ad",
  nvrtcGetPTX: "ad",
  nvrtcGetProgramLogSize: "ad",
  nvrtcGetProgramLog: "ad",
} as const;

const CUBLAS = {
  cublasCreate_v2: "d",
  cublasDestroy_v2: "a",
  cublasSetStream_v2: "aa",
  cublasSetMathMode: "ai",
  cublasSetWorkspace_v2: "aal",
  cublasSgemm_v2: "aiiiiidaiaidai",
  cublasDgemm_v2: "aiiiiidaiaidai",
  cublasSgemmStridedBatched: "aiiiiidailaildaili",
  cublasDgemmStridedBatched: "aiiiiidailaildaili",
} as const;

type Functions = Record<keyof typeof DRIVER | keyof typeof NVRTC | keyof typeof CUBLAS, NativeFunction>;

export type Argument = { readonly pointer: number } | { readonly int: number } | { readonly float: number };
export const pointer = (at: number): Argument => ({ pointer: at });
export const int = (value: number): Argument => ({ int: value });
export const float = (value: number): Argument => ({ float: value });

export interface Launch {
  readonly grid: readonly number[];
  readonly block: readonly number[];
  readonly shared?: number;
  readonly stream?: number;
  readonly arguments: readonly Argument[];
}

export class Driver {
  readonly call: Functions;
  readonly stream: number;
  private readonly libc = new Library("libc.so.6");
  private readonly malloc = this.libc.declare("malloc", "address", ["int64"]);
  private readonly out = new BigUint64Array(1);

  /** Begins as in a fresh process: nothing of an earlier driver is left, standing errors included. */
  constructor(fake: FakeCuda) {
    const bind = (path: string, table: Record<string, string>) => {
      const library = new Library(path);
      return Object.entries(table).map(([name, letters]) => {
        const result = name === "fakeCudaCount" ? "int64" : "int32";
        return [
          name,
          library.declare(
            name,
            result,
            [...letters].map((l) => LETTERS[l] as NativeType),
          ),
        ] as const;
      });
    };
    const all = [...bind(fake.cuda, DRIVER), ...bind(fake.nvrtc, NVRTC), ...bind(fake.cublas, CUBLAS)];
    this.call = Object.fromEntries(all) as Functions;
    new Library(fake.cuda).declare("fakeCudaReset", "void", [])();
    must(this.call.cuInit(0));
    this.made((out) => this.call.cuDeviceGet(out, 0));
    must(this.call.cuCtxSetCurrent(this.made((out) => this.call.cuDevicePrimaryCtxRetain(out, 0))));
    this.stream = this.newStream();
  }

  /** The handle or number that a call writes. */
  made(make: (out: BigUint64Array) => number): number {
    this.out[0] = 0n;
    must(make(this.out));
    return Number(this.out[0]);
  }

  count(what: string): number {
    return this.call.fakeCudaCount(what);
  }

  newStream(flags = 1): number {
    return this.made((out) => this.call.cuStreamCreate(out, flags));
  }

  newEvent(): number {
    return this.made((out) => this.call.cuEventCreate(out, 0));
  }

  alloc(bytes: number): number {
    return this.made((out) => this.call.cuMemAlloc_v2(out, bytes));
  }

  /** Pinned memory and its contents. */
  pinned(length: number): { readonly at: number; readonly values: Float32Array } {
    const at = this.made((out) => this.call.cuMemHostAlloc(out, length * 4, 0));
    return { at, values: new Float32Array(viewMemory(at, length * 4)) };
  }

  /** A buffer that holds these numbers. */
  put(values: Float32Array | Int32Array | Float64Array): number {
    const at = this.alloc(values.byteLength);
    must(this.call.cuMemcpyHtoDAsync_v2(at, values, values.byteLength, this.stream));
    return at;
  }

  /** What a buffer holds after all that is on the stream. */
  get<T extends Float32Array | Int32Array | Float64Array>(at: number, into: T): T {
    must(this.call.cuMemcpyDtoHAsync_v2(into, at, into.byteLength, this.stream));
    return into;
  }

  floats(at: number, length: number): Float32Array {
    return this.get(at, new Float32Array(length));
  }

  /** Compiles; the status, the log, and the image where there is one. */
  tryCompile(
    source: string,
    options: readonly string[] = ["--gpu-architecture=sm_90"],
  ): { status: number; log: string; image: Uint8Array } {
    const { call } = this;
    const program = this.made((out) => call.nvrtcCreateProgram(out, source, "test.cu", 0, 0, 0));
    const texts = BigUint64Array.from(options, (text) => this.text(text));
    const status = call.nvrtcCompileProgram(program, options.length, texts);
    const log = new Uint8Array(this.made((out) => call.nvrtcGetProgramLogSize(program, out)));
    must(call.nvrtcGetProgramLog(program, log));
    const image = new Uint8Array(status === 0 ? this.made((out) => call.nvrtcGetCUBINSize(program, out)) : 0);
    if (status === 0) must(call.nvrtcGetCUBIN(program, image));
    must(call.nvrtcDestroyProgram(BigUint64Array.of(BigInt(program))));
    return { status, log: Buffer.from(log.subarray(0, -1)).toString(), image };
  }

  /** The kernel `name` of a source. */
  kernel(source: string, name: string): number {
    const { status, log, image } = this.tryCompile(source);
    if (status !== 0) throw new Error(log);
    const module = this.made((out) => this.call.cuModuleLoadData(out, image));
    return this.made((out) => this.call.cuModuleGetFunction(out, module, name));
  }

  /** The status of a launch; parameters are packed as the driver's `extra` takes them. */
  launch(kernel: number, { grid, block, shared = 0, stream = this.stream, arguments: given }: Launch): number {
    const bytes = this.malloc(1024);
    const view = new DataView(viewMemory(bytes, 1024));
    let used = 0;
    for (const a of given) {
      const size = "pointer" in a ? 8 : 4;
      used = Math.ceil(used / size) * size;
      if ("pointer" in a) view.setBigUint64(used, BigInt(a.pointer), true);
      else if ("int" in a) view.setInt32(used, a.int, true);
      else view.setFloat32(used, a.float, true);
      used += size;
    }
    view.setBigUint64(1016, BigInt(used), true);
    const extra = BigUint64Array.of(1n, BigInt(bytes), 2n, BigInt(bytes + 1016), 0n);
    const [gx = 1, gy = 1, gz = 1] = grid;
    const [bx = 1, by = 1, bz = 1] = block;
    return this.call.cuLaunchKernel(kernel, gx, gy, gz, bx, by, bz, shared, stream, 0, extra);
  }

  sync(): number {
    return this.call.cuStreamSynchronize(this.stream);
  }

  private text(value: string): bigint {
    const bytes = Buffer.from(`${value}\0`);
    const at = this.malloc(bytes.length);
    new Uint8Array(viewMemory(at, bytes.length)).set(bytes);
    return BigInt(at);
  }
}

export function must(status: number): void {
  if (status !== 0) throw new Error(`status ${status}`);
}
