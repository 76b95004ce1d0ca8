/**
 * The CUDA driver as functions of numbers. Every call is checked: an error is told by name, with what was being done, and one that
 * leaves the context unusable is told again by every later call. Results come back through one cell of native memory.
 */
import { BenchError } from "../../base/errors.ts";
import { allocateNative, type Library, type NativeFunction, type NativeType, readText, viewMemory } from "../foreign.ts";

const address = "address";
const int32 = "int32";
const int64 = "int64";

/** Parameters of the driver's functions; pointers, handles and sizes are numbers. headers.test.ts holds them against NVIDIA's headers. */
export const DRIVER_FUNCTIONS = {
  cuInit: [int32],
  cuDriverGetVersion: [address],
  cuDeviceGetCount: [address],
  cuDeviceGet: [address, int32],
  cuDeviceGetName: [address, int32, int32],
  cuDeviceGetAttribute: [address, int32, int32],
  cuDeviceTotalMem_v2: [address, int32],
  cuDevicePrimaryCtxRetain: [address, int32],
  cuCtxSetCurrent: [address],
  cuModuleLoadData: [address, "data"],
  cuModuleGetFunction: [address, address, "string"],
  cuLaunchKernel: [address, int32, int32, int32, int32, int32, int32, int32, address, address, address],
  cuStreamCreate: [address, int32],
  cuStreamSynchronize: [address],
  cuStreamWaitEvent: [address, address, int32],
  cuStreamBeginCapture_v2: [address, int32],
  cuStreamEndCapture: [address, address],
  cuGraphInstantiateWithFlags: [address, address, int64],
  cuGraphLaunch: [address, address],
  cuGraphDestroy: [address],
  cuGraphExecDestroy: [address],
  cuEventCreate: [address, int32],
  cuEventRecord: [address, address],
  cuEventQuery: [address],
  cuEventSynchronize: [address],
  cuEventElapsedTime: [address, address, address],
  cuEventDestroy_v2: [address],
  cuMemAlloc_v2: [address, int64],
  cuMemFree_v2: [address],
  cuMemAllocAsync: [address, int64, address],
  cuMemFreeAsync: [address, address],
  cuMemGetInfo_v2: [address, address],
  cuMemHostAlloc: [address, int64, int32],
  cuMemFreeHost: [address],
  cuMemcpyHtoDAsync_v2: [address, address, int64, address],
  cuMemcpyDtoHAsync_v2: [address, address, int64, address],
  cuMemcpyDtoDAsync_v2: [address, address, int64, address],
  cuMemsetD8Async: [address, int32, int64, address],
} as const satisfies Record<string, readonly NativeType[]>;

export type DriverFunction = keyof typeof DRIVER_FUNCTIONS;

export const DRIVER_CONSTANTS = {
  CUDA_ERROR_OUT_OF_MEMORY: 2,
  CUDA_ERROR_NO_DEVICE: 100,
  CUDA_ERROR_NOT_READY: 600,
  CU_STREAM_NON_BLOCKING: 1,
  CU_EVENT_DEFAULT: 0,
  CU_EVENT_DISABLE_TIMING: 2,
  CU_STREAM_CAPTURE_MODE_THREAD_LOCAL: 1,
  CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT: 16,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR: 75,
  CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR: 76,
  CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED: 115,
} as const;

/** Errors after which nothing works in this process any more: a kernel went wrong, or the hardware did. */
export const STICKY_ERRORS = {
  CUDA_ERROR_ECC_UNCORRECTABLE: 214,
  CUDA_ERROR_ILLEGAL_ADDRESS: 700,
  CUDA_ERROR_LAUNCH_TIMEOUT: 702,
  CUDA_ERROR_CONTEXT_IS_DESTROYED: 709,
  CUDA_ERROR_ASSERT: 710,
  CUDA_ERROR_HARDWARE_STACK_ERROR: 714,
  CUDA_ERROR_ILLEGAL_INSTRUCTION: 715,
  CUDA_ERROR_MISALIGNED_ADDRESS: 716,
  CUDA_ERROR_INVALID_ADDRESS_SPACE: 717,
  CUDA_ERROR_INVALID_PC: 718,
  CUDA_ERROR_LAUNCH_FAILED: 719,
} as const;
const isSticky = (status: number) => (Object.values(STICKY_ERRORS) as number[]).includes(status);

export class Driver {
  /** Where functions put what they find. */
  readonly cell: number;
  private readonly library: Library;
  private readonly words: Uint32Array;
  private readonly declared = new Map<DriverFunction, NativeFunction>();
  private broken: string | undefined;

  constructor(library: Library) {
    this.library = library;
    this.cell = allocateNative(64);
    this.words = new Uint32Array(viewMemory(this.cell, 64));
  }

  /** The number of 64 bits in the cell. */
  get found(): number {
    return (this.words[0] as number) + (this.words[1] as number) * 4294967296;
  }

  /** The i32 in the cell. */
  get foundInteger(): number {
    return (this.words[0] as number) | 0;
  }

  /** The f32 in the cell. */
  get foundFloat(): number {
    return new Float32Array(this.words.buffer, 0, 1)[0] as number;
  }

  /** The function itself, which gives a status. */
  function(name: DriverFunction): NativeFunction {
    let f = this.declared.get(name);
    if (f === undefined) {
      f = this.library.declare(name, int32, DRIVER_FUNCTIONS[name]);
      this.declared.set(name, f);
    }
    return f;
  }

  /** Calls a function; throws where its status is an error. */
  call(name: DriverFunction, ...args: (number | string | ArrayBufferView)[]): void {
    const status = this.function(name)(...args);
    if (status !== 0) throw this.failure(status, name);
  }

  /** Calls a function whose failure the caller deals with, if it is no sticky one; returns the status. */
  attempt(name: DriverFunction, ...args: (number | string | ArrayBufferView)[]): number {
    this.refuse();
    const status = this.function(name)(...args);
    if (isSticky(status)) throw this.failure(status, name);
    return status;
  }

  /** Throws where an earlier error has left the context unusable. */
  refuse(): void {
    if (this.broken !== undefined) throw this.gone();
  }

  /** The error of a status; `what` was being done. */
  failure(status: number, what: string): BenchError {
    if (this.broken !== undefined) return this.gone();
    const text = `CUDA failed in ${what}: ${this.describe(status)}`;
    if (!isSticky(status)) return new BenchError("runtime", text);
    this.broken = text;
    return new BenchError("runtime", `${text}. A kernel that ran before may be the cause; the device cannot be used any more`, {
      advice: "start again; with CUDA_LAUNCH_BLOCKING=1 the error is told where it happens",
    });
  }

  private gone(): BenchError {
    return new BenchError("runtime", `the cuda device cannot be used any more: ${this.broken}`, { advice: "start the program again" });
  }

  private describe(status: number): string {
    const text = (name: string) => {
      const ask = this.library.declare(name, int32, [int32, address]);
      return ask(status, this.cell) === 0 ? readText(this.found, 256) : "";
    };
    return `${text("cuGetErrorName") || "unknown error"} (${status}) ${text("cuGetErrorString")}`.trim();
  }
}
