/**
 * The WebAssembly device: kernels become modules of SIMD code that share one memory. A launch is a call with addresses as
 * arguments and nothing in between, so small tensors cost what a function call costs. Launches are synchronous.
 */
import type { DType, TypedArray } from "../../base/dtype.ts";
import { sizeOf } from "../../base/dtype.ts";
import { erf, erfc, lgamma, polygamma } from "../../base/special.ts";
import type { Geometry, Kernel } from "../../kernel/kernel.ts";
import type { KernelLaunch, Launch, RoutineLaunch } from "../../kernel/launch.ts";
import { runRoutine } from "../../kernel/routines/run.ts";
import { renderWasm } from "../../render/wasm.ts";
import { allOperands, ERROR_CELL, ERROR_CELL_WORDS, isFlat, type Site, wordValues } from "../../render/wasm-layout.ts";
import { bindArguments, type GeneratedFunction } from "../bind.ts";
import { indexOutOfRange } from "../bounds.ts";
import type { Address, Device, DeviceStats, Runnable } from "../device.ts";
import { joinCalls, type PlanStep, type RunnablePlan } from "../plan.ts";
import { Pool } from "../pool.ts";
import { Tables } from "../tables.ts";
import { type Host, prepareConvolution } from "./convolution.ts";
import { withEpilogue } from "./epilogue.ts";
import { Heap, MAX_BYTES } from "./heap.ts";
import { MatmulLibrary } from "./matmul.ts";
import { Scratch } from "./scratch.ts";

/** A device in WebAssembly memory; `maxBytes` (at most 4 GiB) limits what buffers may reserve. */
export function createWasm(options: { maxBytes?: number } = {}): Device {
  return new WasmDevice(Math.min(options.maxBytes ?? MAX_BYTES, MAX_BYTES));
}

interface CompiledKernel {
  readonly run: GeneratedFunction;
  readonly sites: readonly Site[];
}

/** Beyond this many kernels the oldest is compiled again when it is next prepared; launches that hold it keep it. */
const MAX_KERNELS = 4096;

type MathFunction = (...args: number[]) => number;

/** The float64 functions that modules may import. V8 calls those of `Math` directly. */
const FUNCTIONS: Readonly<Record<string, MathFunction>> = {
  ...Object.fromEntries(
    Object.getOwnPropertyNames(Math).flatMap((name) => {
      const value: unknown = Math[name as keyof Math];
      return typeof value === "function" ? [[name, value as MathFunction]] : [];
    }),
  ),
  erf: (x) => erf(x as number),
  erfc: (x) => erfc(x as number),
  lgamma: (x) => lgamma(x as number),
  polygamma: (n, x) => polygamma(n as number, x as number),
  rem: (x, y) => (x as number) % (y as number),
};

class WasmDevice implements Device {
  readonly name = "wasm";
  private readonly heap: Heap;
  private readonly pool: Pool;
  private readonly tables: Tables;
  private readonly matmul: MatmulLibrary;
  private readonly compiled = new Map<string, CompiledKernel>();
  private readonly convolutionHost: Host = {
    prepare: (launch) => this.prepare(launch),
    scratch: (bytes) => this.convolutionScratch.atLeast(bytes),
  };
  private readonly convolutionScratch: Scratch;
  private readonly launchCount = { value: 0 };
  private kernelCount = 0;
  private syncs = 0;

  constructor(maxBytes: number) {
    this.heap = new Heap(ERROR_CELL + ERROR_CELL_WORDS * 4);
    this.pool = new Pool(this.name, this.heap, maxBytes);
    this.tables = new Tables(this.pool);
    this.convolutionScratch = new Scratch(this.pool);
    this.matmul = new MatmulLibrary(this.heap, this.pool);
  }

  alloc(bytes: number): Address {
    return this.pool.alloc(bytes);
  }

  free(address: Address, bytes: number): void {
    this.pool.free(address, bytes);
  }

  upload(address: Address, data: TypedArray): void {
    if (data instanceof Float32Array) this.heap.f32.set(data, address / 4);
    else if (data instanceof Float64Array) this.heap.f64.set(data, address / 8);
    else this.heap.i32.set(data, address / 4);
  }

  download(address: Address, dtype: DType, length: number): TypedArray {
    this.syncs++;
    const start = address / sizeOf(dtype);
    return this.whole(dtype).slice(start, start + length);
  }

  prepare(launch: Launch): Runnable {
    return this.tables.ownedBy(() => this.prepared(launch));
  }

  private prepared(launch: Launch): Runnable {
    switch (launch.kind) {
      case "kernel":
        return this.prepareKernel(launch);
      case "matmul":
        return launch.epilogue === undefined
          ? this.matmul.prepare(launch, this.launchCount)
          : withEpilogue(launch, launch.epilogue, (part) => this.prepare(part));
      case "convolution":
        return prepareConvolution(this.convolutionHost, launch);
      case "routine":
        return this.routine(launch);
      default:
        return launch satisfies never;
    }
  }

  preparePlan(steps: readonly PlanStep[]): RunnablePlan {
    return this.tables.ownedBy(() => joinCalls(steps.map(({ launch, operands }) => ({ run: this.prepare(launch), operands }))));
  }

  forget(prepared: Runnable | RunnablePlan): void {
    this.tables.forget(prepared);
  }

  sync(): void {
    this.syncs++;
  }

  stats(): DeviceStats {
    const { liveBytes, peakBytes, liveBuffers, reservedBytes, allocations } = this.pool;
    const kernels = this.kernelCount + this.matmul.kernels;
    return { liveBytes, peakBytes, liveBuffers, reservedBytes, launches: this.launchCount.value, kernels, syncs: this.syncs, allocations };
  }

  resetPeak(): void {
    this.pool.resetPeak();
  }

  private prepareKernel({ kernel, geometry, inputs }: KernelLaunch): Runnable {
    const { run, sites } = this.compile(kernel);
    const offsets = allOperands(kernel).map((o, k) => (geometry.offsets[k] as number) * sizeOf(o.dtype));
    if (storesNothing(kernel, geometry)) {
      return () => {
        this.launchCount.value++;
      };
    }
    const last = isFlat(kernel) ? (geometry.extents[0] ?? 1) : this.block(wordValues(kernel, geometry));
    const bound = bindArguments({ run, outputs: kernel.outputs.length, inputs, offsets, last, counter: this.launchCount });
    return sites.length === 0 ? bound : this.checked(bound, sites, geometry);
  }

  /** Routines run in JavaScript on views of the memory, which are made anew for each run because memory grows. */
  private routine(launch: RoutineLaunch): Runnable {
    const view = (address: Address, dtype: DType) => this.whole(dtype).subarray(address / sizeOf(dtype));
    return (out, ...inputs) => {
      this.launchCount.value++;
      const target = view(out, launch.routine === "argsort" ? "i32" : launch.dtype);
      runRoutine(
        launch,
        target,
        launch.inputs.map((i) => view(inputs[i] as Address, launch.dtype)),
      );
    };
  }

  private whole(dtype: DType): TypedArray {
    return dtype === "f32" ? this.heap.f32 : dtype === "f64" ? this.heap.f64 : this.heap.i32;
  }

  private compile(kernel: Kernel): CompiledKernel {
    let found = this.compiled.get(kernel.key);
    if (found === undefined) {
      const { bytes, imports, sites } = renderWasm(kernel);
      const env = { memory: this.heap.memory, ...Object.fromEntries(imports.map((i) => [i.name, FUNCTIONS[i.name] as MathFunction])) };
      const instance = new WebAssembly.Instance(new WebAssembly.Module(bytes), { env });
      found = { run: instance.exports.run as GeneratedFunction, sites };
      this.compiled.set(kernel.key, found);
      this.kernelCount++;
      if (this.compiled.size > MAX_KERNELS) this.compiled.delete(this.compiled.keys().next().value as string);
    }
    return found;
  }

  /** Writes the numbers of a launch into memory. */
  private block(values: readonly number[]): Address {
    const address = this.tables.block(values.length * 4);
    this.heap.i32.set(values, address / 4);
    return address;
  }

  private checked(run: Runnable, sites: readonly Site[], geometry: Geometry): Runnable {
    return (...addresses) => {
      run(...addresses);
      if (this.heap.i32[ERROR_CELL / 4] !== 0) this.raise(sites, geometry);
    };
  }

  private raise(sites: readonly Site[], geometry: Geometry): never {
    const cell = this.heap.i32.slice(ERROR_CELL / 4, ERROR_CELL / 4 + ERROR_CELL_WORDS);
    this.heap.i32[ERROR_CELL / 4] = 0;
    const site = sites[(cell[0] as number) - 1] as Site;
    const { extent } = geometry.indirect[site.operand] as { readonly extent: number };
    throw indexOutOfRange(cell[1] as number, extent, [...cell.slice(2, 2 + site.level)]);
  }
}

/** True where a launch has no point to store; rows of an empty reduction are stored. */
function storesNothing(kernel: Kernel, geometry: Geometry): boolean {
  const rows = kernel.outputs.some((o) => o.each === "row");
  return geometry.extents.slice(0, rows ? kernel.rank - kernel.reduced : kernel.rank).includes(0);
}
