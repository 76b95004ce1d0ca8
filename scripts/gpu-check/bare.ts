/**
 * What the GPU does when nothing of ours is between: a copy within its memory, cuBLAS called with pointers, launches of an empty kernel.
 * These are the sides that the device is held against.
 */
import { type CudaContext, chosenGpu, openContext } from "../../core/device/cuda/context.ts";
import { CUBLAS_CONSTANTS, CUBLAS_FUNCTIONS, CUBLAS_WORDS } from "../../core/device/cuda/cublas.ts";
import { StatusLibrary } from "../../core/device/cuda/status-library.ts";
import { allocateNative, type NativeFunction, viewMemory } from "../../core/device/foreign.ts";
import { clock, NotHere, type Side } from "../performance/side.ts";
import { fill, sampled, type Workload } from "../performance/workloads.ts";

let opened: CudaContext | undefined;
const context = () => {
  opened ??= openContext(chosenGpu());
  return opened;
};

abstract class Bare implements Side {
  abstract readonly name: string;
  private blocks: number[] = [];
  protected run = () => {};

  abstract prepare(workload: Workload): Promise<number[][]>;

  async time(calls: number): Promise<number> {
    const { driver, stream } = context();
    return clock(this.run, () => driver.call("cuStreamSynchronize", stream), calls);
  }

  async finish(): Promise<void> {
    const { driver } = context();
    for (const block of this.blocks) driver.call("cuMemFree_v2", block);
    this.blocks = [];
  }

  protected alloc(bytes: number): number {
    const { driver } = context();
    driver.call("cuMemAlloc_v2", driver.cell, bytes);
    this.blocks.push(driver.found);
    return driver.found;
  }

  /** A buffer of the GPU with these numbers. */
  protected put(values: Float32Array): number {
    const { driver, stream } = context();
    const at = this.alloc(values.byteLength);
    const host = allocateNative(values.byteLength);
    new Float32Array(viewMemory(host, values.byteLength)).set(values);
    driver.call("cuMemcpyHtoDAsync_v2", at, host, values.byteLength, stream);
    driver.call("cuStreamSynchronize", stream);
    return at;
  }

  protected get(at: number, length: number): Float32Array {
    const { driver, stream } = context();
    const host = allocateNative(4 * length);
    driver.call("cuMemcpyDtoHAsync_v2", host, at, 4 * length, stream);
    driver.call("cuStreamSynchronize", stream);
    return new Float32Array(viewMemory(host, 4 * length)).slice();
  }
}

/** A copy of the first input, which is read once and written once. */
export class DeviceCopy extends Bare {
  readonly name = "device copy";

  async prepare({ inputs: [x], work }: Workload): Promise<number[][]> {
    if (x === undefined || work?.unit !== "GB/s") throw new NotHere("not about memory");
    const { stream } = context();
    const values = fill(x, 0);
    const [from, to] = [this.put(values), this.alloc(values.byteLength)];
    const copy = context().driver.function("cuMemcpyDtoDAsync_v2");
    this.run = () => void copy(to, from, values.byteLength, stream);
    return [];
  }
}

/** cublasSgemm on row-major matrices: the column-major product of the operands in turned order. */
export class BareCublas extends Bare {
  readonly name = "cuBLAS, bare";
  private handle = 0;
  private gemm: NativeFunction | undefined;

  async prepare({ inputs: [a, b], work }: Workload): Promise<number[][]> {
    if (a === undefined || b === undefined || work?.unit !== "GFLOP/s") throw new NotHere("no product");
    this.open();
    const [m, k] = a.shape as readonly [number, number];
    const n = b.shape[1] as number;
    const [left, right, out] = [this.put(fill(a, 0)), this.put(fill(b, 1)), this.alloc(4 * m * n)];
    const scalars = allocateNative(8);
    new Float32Array(viewMemory(scalars, 8)).set([1, 0]);
    const gemm = this.gemm as NativeFunction;
    const { handle } = this;
    this.run = () => {
      const status = gemm(handle, 0, 0, n, m, k, scalars, right, n, left, k, scalars + 4, out, n);
      if (status !== 0) throw new Error(`cublasSgemm gave ${status}`);
    };
    this.run();
    return [sampled(this.get(out, m * n))];
  }

  private open(): void {
    if (this.gemm !== undefined) return;
    const { cublas, stream } = context();
    if (cublas === undefined) throw new NotHere("cuBLAS is not found");
    const library = new StatusLibrary(cublas, CUBLAS_FUNCTIONS, CUBLAS_WORDS);
    this.handle = library.made(library.function("cublasCreate_v2"), "cublasCreate");
    library.call("cublasSetStream_v2", this.handle, stream);
    library.call("cublasSetMathMode", this.handle, CUBLAS_CONSTANTS.CUBLAS_DEFAULT_MATH);
    this.gemm = library.function("cublasSgemm_v2");
  }
}

/** One launch of a kernel that does nothing. */
export class BareLaunch extends Bare {
  readonly name = "launch, bare";

  async prepare({ eagerOnly }: Workload): Promise<number[][]> {
    if (!eagerOnly) throw new NotHere("not about launches");
    const { driver, stream, compiler } = context();
    driver.call("cuModuleLoadData", driver.cell, compiler.image('extern "C" __global__ void nothing() {}'));
    driver.call("cuModuleGetFunction", driver.cell, driver.found, "nothing");
    const kernel = driver.found;
    const launch = driver.function("cuLaunchKernel");
    this.run = () => void launch(kernel, 1, 1, 1, 32, 1, 1, 0, stream, 0, 0);
    return [];
  }
}
