/**
 * The WebAssembly device: kernels become modules of SIMD code that share one memory. A launch is a call with addresses as
 * arguments and nothing in between, so small tensors cost what a function call costs. Launches are synchronous.
 */
import type { DType, TypedArray } from "../../base/dtype.ts";
import { sizeOf } from "../../base/dtype.ts";
import { effortOf } from "../../kernel/effort.ts";
import type { Kernel } from "../../kernel/kernel.ts";
import { type Launch, operandsOf, type RoutineLaunch } from "../../kernel/launch.ts";
import { runRoutine } from "../../kernel/routines/run.ts";
import { renderWasm } from "../../render/wasm.ts";
import { ERROR_CELL_WORDS } from "../../render/wasm-layout.ts";
import { costOf } from "../../render/wasm-split.ts";
import { indexOutOfRange } from "../bounds.ts";
import type { Address, Device, DeviceStats, Runnable } from "../device.ts";
import { joinCalls, type PlanStep, type RunnablePlan } from "../plan.ts";
import { Pool } from "../pool.ts";
import { Tables } from "../tables.ts";
import { threadLimit } from "../threads.ts";
import { bindWork } from "./bind-work.ts";
import { type ConvolutionHost, convolutionWork } from "./convolution.ts";
import { Heap, MAX_BYTES } from "./heap.ts";
import { type CompiledKernel, errorCell, FIRST_FREE, kernelWork } from "./kernel-calls.ts";
import { MatmulLibrary, matmulWork } from "./matmul.ts";
import { loadModule } from "./modules.ts";
import { Scratch } from "./scratch.ts";
import { prepareTask, type TaskHost } from "./task.ts";
import { Threads } from "./threads.ts";
import { joinedWork, operandPlaces, type Place, type Work } from "./work.ts";

export interface WasmOptions {
  /** What buffers may reserve; at most 4 GiB. */
  readonly maxBytes?: number;
  /** Most threads that compute: all that the process may have, or `$TRIGRAD_THREADS`, where not given. */
  readonly threads?: number;
  /** How large the chunks of shared work are, compared with what is usual: small for tests, so that small launches are shared. */
  readonly grain?: number;
}

/** A device in WebAssembly memory. */
export function createWasm({ maxBytes = MAX_BYTES, threads = threadLimit(), grain = 1 }: WasmOptions = {}): WasmDevice {
  return new WasmDevice(Math.min(maxBytes, MAX_BYTES), threads, grain);
}

/** Beyond this many kernels the oldest is compiled again when it is next prepared; launches that hold it keep it. */
const MAX_KERNELS = 4096;

class WasmDevice implements Device {
  readonly name = "wasm";
  readonly threads: Threads;
  private readonly heap: Heap;
  private readonly pool: Pool;
  private readonly tables: Tables;
  private readonly matmul: MatmulLibrary;
  private readonly compiled = new Map<string, CompiledKernel>();
  private readonly host: ConvolutionHost & TaskHost;
  private readonly launchCount = { value: 0 };
  /** Blocks of numbers of the preparation in progress, by their numbers. */
  private readonly blocks = new Map<string, Address>();
  private kernelCount = 0;
  private syncs = 0;

  constructor(maxBytes: number, threads: number, grain: number) {
    this.heap = new Heap(FIRST_FREE, threads > 1);
    this.pool = new Pool(this.name, this.heap, maxBytes);
    this.tables = new Tables(this.pool);
    this.matmul = new MatmulLibrary(this.heap, grain);
    this.threads = new Threads(this.heap.memory, this.heap.isShared, threads);
    const { heap } = this;
    this.host = {
      grain,
      matmul: this.matmul,
      threads: this.threads,
      threadScratch: new Scratch(this.pool),
      launchScratch: new Scratch(this.pool),
      get words() {
        return heap.i32;
      },
      compile: (kernel) => this.compile(kernel),
      block: (values) => this.block(values),
      table: (bytes) => this.tables.block(bytes),
    };
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
    return this.tables.ownedBy(() => {
      this.blocks.clear();
      return launch.kind === "routine" ? this.routine(launch) : this.runnable(launch);
    });
  }

  private runnable(launch: Exclude<Launch, RoutineLaunch>): Runnable {
    const operands = operandsOf(launch);
    const work = this.workOf(launch, operandPlaces(operands));
    const counter = this.launchCount;
    const bound = bindWork(work, operands, counter, this.host);
    if (bound !== undefined) return this.checked(bound, work);
    const run = prepareTask(this.host, work, operands);
    return this.checked((...addresses) => {
      counter.value++;
      run(addresses);
    }, work);
  }

  private workOf(launch: Exclude<Launch, RoutineLaunch>, places: readonly Place[]): Work {
    switch (launch.kind) {
      case "kernel":
        return kernelWork(this.host, launch, places);
      case "matmul":
        return matmulWork(this.matmul, this.host, launch, places);
      case "convolution":
        return convolutionWork(this.host, launch, places);
      case "together":
        return joinedWork(
          launch.members.map((m) => ({
            work: this.workOf(
              m.launch,
              m.operands.map((i) => places[i] as Place),
            ),
            effort: effortOf(m.launch),
          })),
          4 * this.matmul.chunkWork,
        );
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
      const { bytes, imports, sites, words } = renderWasm(kernel, this.heap.isShared);
      const names = imports.map((i) => i.name);
      found = { run: loadModule(bytes, ["run"], names, this.heap.memory).run, sites, words, cost: costOf(kernel) };
      this.compiled.set(kernel.key, found);
      this.kernelCount++;
      if (this.compiled.size > MAX_KERNELS) this.compiled.delete(this.compiled.keys().next().value as string);
    }
    return found;
  }

  /** Writes the numbers of a call into memory. */
  private block(values: readonly number[]): Address {
    const key = values.join();
    const known = this.blocks.get(key);
    if (known !== undefined) return known;
    const address = this.tables.block(values.length * 4);
    this.heap.i32.set(values, address / 4);
    this.blocks.set(key, address);
    return address;
  }

  /** Looks into the error cells after a run; the first chunk that found an index out of range is the one that is told of. */
  private checked(run: Runnable, { phases, checks }: Work): Runnable {
    if (checks === undefined) return run;
    const chunks = phases.at(-1)?.length ?? 0;
    return (...addresses) => {
      run(...addresses);
      for (let chunk = 0; chunk < chunks; chunk++) if (this.heap.i32[errorCell(chunk) / 4] !== 0) this.raise(chunk, chunks, checks);
    };
  }

  private raise(chunk: number, chunks: number, { sites, geometry }: NonNullable<Work["checks"]>): never {
    const { i32 } = this.heap;
    const cell = i32.slice(errorCell(chunk) / 4, errorCell(chunk) / 4 + ERROR_CELL_WORDS);
    i32.fill(0, errorCell(0) / 4, errorCell(chunks) / 4);
    const site = sites[(cell[0] as number) - 1] as (typeof sites)[number];
    const { extent } = geometry.indirect[site.operand] as { readonly extent: number };
    throw indexOutOfRange(cell[1] as number, extent, [...cell.slice(2, 2 + site.level)]);
  }
}
