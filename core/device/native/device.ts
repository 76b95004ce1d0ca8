/**
 * The native device: kernels become C that the system's compiler turns into code for this very CPU, run by a pool of threads;
 * products, convolutions and routines come from the runtime (runtime/trigrad.h). A launch is one foreign call with numbers as
 * arguments, a plan is one call however many steps it has. Launches are synchronous.
 */
import { totalmem } from "node:os";
import type { DType, TypedArray } from "../../base/dtype.ts";
import { hostArray } from "../../base/dtype.ts";
import { BenchError } from "../../base/errors.ts";
import { type Geometry, storesNothing } from "../../kernel/kernel.ts";
import { type KernelLaunch, kernelsOf, type Launch } from "../../kernel/launch.ts";
import type { Site } from "../../render/wasm-layout.ts";
import { bindArguments, byteOffsets } from "../bind.ts";
import { indexOutOfRange } from "../bounds.ts";
import type { Address, Device, DeviceStats, Runnable } from "../device.ts";
import { type NativeFunction, viewMemory } from "../foreign.ts";
import type { PlanStep, RunnablePlan } from "../plan.ts";
import { Pool, showBytes } from "../pool.ts";
import { Tables } from "../tables.ts";
import { KernelCache } from "./kernels.ts";
import { type NativeRuntime, nativeRuntime } from "./runtime.ts";
import { kernelWords, type Place, type Step, type StepHost, stepsOf } from "./steps.ts";

/** Words of the error cell: site, index, position. */
const ERROR_WORDS = 34;
const STEP_FUNCTIONS = "gemm_f32 gemm_f64 convolution_f32 convolution_f64 routine_f32 routine_f64 routine_i32 together".split(" ");

/** A device in native memory; `maxBytes` limits what buffers may reserve (nine tenths of the machine's memory where not given). */
export function createNative(options: { maxBytes?: number } = {}): Device {
  return new NativeDevice(nativeRuntime(), options.maxBytes ?? totalmem() * 0.9);
}

class NativeDevice implements Device {
  readonly name = "native";
  private readonly pool: Pool;
  private readonly tables: Tables;
  private readonly host: StepHost;
  private readonly kernels = new KernelCache();
  private readonly launchCount = { value: 0 };
  private readonly errorCell: Int32Array;
  private readonly copyTo: NativeFunction;
  private readonly copyFrom: NativeFunction;
  private readonly runPlan: NativeFunction;
  private syncs = 0;

  constructor({ library, allocate, release }: NativeRuntime, maxBytes: number) {
    const source = { reserve: (bytes: number) => allocate(bytes) || undefined, release: (address: Address) => void release(address) };
    this.pool = new Pool(this.name, source, maxBytes);
    this.tables = new Tables(this.pool);
    this.copyTo = library.declare("tg_copy", "void", ["address", "data", "int64"]);
    this.copyFrom = library.declare("tg_copy", "void", ["data", "address", "int64"]);
    this.runPlan = library.declare("tg_run_plan", "int64", ["address", "int64", "address", "data", "address"]);
    const table = new BigInt64Array(STEP_FUNCTIONS.length);
    library.declare("tg_step_functions", "void", ["data"])(table);
    const errorCell = this.words(new Array(ERROR_WORDS).fill(0));
    this.errorCell = new Int32Array(viewMemory(errorCell, ERROR_WORDS * 8));
    const functions = new Map(STEP_FUNCTIONS.map((name, i) => [name, Number(table[i])]));
    this.host = { kernels: this.kernels, functions, errorCell, words: (values) => this.words(values) };
  }

  alloc(bytes: number): Address {
    return this.pool.alloc(bytes);
  }

  free(address: Address, bytes: number): void {
    this.pool.free(address, bytes);
  }

  upload(address: Address, data: TypedArray): void {
    if (data.length > 0) this.copyTo(address, data, data.byteLength);
  }

  download(address: Address, dtype: DType, length: number): TypedArray {
    this.syncs++;
    const data = hostArray(dtype, length);
    if (length > 0) this.copyFrom(data, address, data.byteLength);
    return data;
  }

  prepare(launch: Launch): Runnable {
    return this.tables.ownedBy(() => this.prepared(launch));
  }

  private prepared(launch: Launch): Runnable {
    if (launch.kind === "kernel") return this.prepareKernel(launch);
    const run = this.planOf([{ steps: stepsOf(this.host, launch), place: (p) => ({ block: p.operand, offset: p.offset }) }]);
    return (...addresses) => run(addresses);
  }

  preparePlan(steps: readonly PlanStep[]): RunnablePlan {
    this.kernels.prepareAll(steps.flatMap(({ launch }) => kernelsOf(launch)));
    return this.tables.ownedBy(() => this.joined(steps));
  }

  forget(prepared: Runnable | RunnablePlan): void {
    this.tables.forget(prepared);
  }

  private joined(steps: readonly PlanStep[]): RunnablePlan {
    return this.planOf(
      steps.map(({ launch, operands }) => ({
        steps: stepsOf(this.host, launch),
        place: ({ operand, offset }) => {
          const slot = operands[operand] as PlanStep["operands"][number];
          return { block: slot.block, offset: slot.offset + offset };
        },
      })),
    );
  }

  sync(): void {
    this.syncs++;
  }

  stats(): DeviceStats {
    const { liveBytes, peakBytes, liveBuffers, reservedBytes, allocations } = this.pool;
    const kernels = this.kernels.size;
    return { liveBytes, peakBytes, liveBuffers, reservedBytes, launches: this.launchCount.value, kernels, syncs: this.syncs, allocations };
  }

  resetPeak(): void {
    this.pool.resetPeak();
  }

  private prepareKernel(launch: KernelLaunch): Runnable {
    const { kernel, geometry, inputs } = launch;
    const { call, sites } = this.kernels.get(kernel, geometry);
    if (storesNothing(kernel, geometry)) {
      return () => {
        this.launchCount.value++;
      };
    }
    const run = bindArguments({
      run: call,
      outputs: kernel.outputs.length,
      inputs,
      offsets: byteOffsets(launch),
      last: kernelWords(this.host, launch),
      counter: this.launchCount,
    });
    if (sites.length === 0) return run;
    return (...addresses) => {
      run(...addresses);
      if (this.errorCell[0] !== 0) this.raise(sites, geometry);
    };
  }

  /** A list of steps as one foreign call. */
  private planOf(
    parts: readonly {
      readonly steps: readonly Step[];
      readonly place: (p: Place) => { readonly block: number; readonly offset: number };
    }[],
  ): RunnablePlan {
    const steps = parts.flatMap((part) => part.steps);
    const slots = parts.flatMap(({ steps: own, place }) => own.flatMap((s) => s.pointers.map(place)));
    const table = this.words(steps.flatMap((s) => [s.run, s.numbers, s.pointers.length, Number(s.sites.length > 0)]));
    const places = this.words(slots.flatMap((s) => [s.block, s.offset]));
    const blockCount = slots.reduce((n, s) => Math.max(n, s.block + 1), 1);
    const pointers = new Uint32Array(2 * blockCount);
    const launches = parts.length;
    return (blocks) => {
      this.launchCount.value += launches;
      for (let i = 0; i < blockCount; i++) {
        const address = blocks[i] as Address;
        pointers[2 * i] = address;
        pointers[2 * i + 1] = address / 4294967296;
      }
      const failed = this.runPlan(table, steps.length, places, pointers, this.host.errorCell);
      if (failed < 0) throw outOfWorkingMemory(-failed, this.stats());
      if (failed > 0) {
        const { sites, geometry } = steps[failed - 1] as Step;
        this.raise(sites, geometry as Geometry);
      }
    };
  }

  /** Numbers in memory that lives as long as what is being prepared. */
  private words(values: readonly number[]): Address {
    const data = BigInt64Array.from(values, BigInt);
    const address = this.tables.block(data.byteLength);
    if (data.length > 0) this.copyTo(address, data, data.byteLength);
    return address;
  }

  private raise(sites: readonly Site[], geometry: Geometry): never {
    const cell = Array.from({ length: ERROR_WORDS }, (_, i) => this.errorCell[2 * i] as number);
    this.errorCell[0] = 0;
    const site = sites[(cell[0] as number) - 1] as Site;
    const { extent } = geometry.indirect[site.operand] as { readonly extent: number };
    throw indexOutOfRange(cell[1] as number, extent, cell.slice(2, 2 + site.level));
  }
}

/** A product, convolution or routine had no room to work in; its output is undefined, and the plan ended there. */
function outOfWorkingMemory(bytes: number, { liveBytes, reservedBytes }: DeviceStats): BenchError {
  const state = `${showBytes(liveBytes)} live, ${showBytes(reservedBytes)} reserved`;
  return new BenchError("out-of-memory", `out of memory on native: ${showBytes(bytes)} of working memory asked for, ${state}`, {
    advice: "use a smaller size, or free intermediate tensors earlier",
  });
}
