/**
 * The CUDA device: kernels become CUDA C that NVRTC compiles for the GPU at hand, launches go to one stream and come back when they
 * are waited for, products are cuBLAS's and convolutions cuDNN's where these are found, and our own kernels elsewhere. Memory comes from a pool in the order of
 * the stream, so a freed buffer is handed out again at once. Indices out of range are reported when the host next waits.
 */
import { type DType, hostArray, type TypedArray } from "../../base/dtype.ts";
import { BenchError } from "../../base/errors.ts";
import type { Launch, RoutineLaunch } from "../../kernel/launch.ts";
import { runRoutine } from "../../kernel/routines/run.ts";
import type { Address, Device, DeviceStats, DeviceTimes, Runnable } from "../device.ts";
import type { Library, NativeFunction } from "../foreign.ts";
import type { PlanStep, RunnablePlan } from "../plan.ts";
import { Pool } from "../pool.ts";
import { Tables } from "../tables.ts";
import { Company } from "./company.ts";
import { type CudaContext, chosenGpu, openContext } from "./context.ts";
import { Cublas, WORKSPACE_BYTES } from "./cublas.ts";
import { CublasLt, Trial } from "./cublas-lt.ts";
import { Cudnn } from "./cudnn.ts";
import { fileOf } from "./find.ts";
import { CELL_BYTES, IndexErrors } from "./index-errors.ts";
import { CudaKernels, type LoadedKernel } from "./kernels.ts";
import { deviceMemory, Staging } from "./memory.ts";
import { notice } from "./notice.ts";
import { ManyParameters, ParameterBlock, ParameterMemory, packed } from "./parameters.ts";
import { CudaPlan } from "./plan.ts";
import type { Place, Step, StepHost, StepLaunch } from "./step.ts";
import { stepsOf, wantedTexts } from "./steps.ts";
import { Stopwatch } from "./timing.ts";

export interface CudaOptions {
  /** The number of the GPU; `$TRIGRAD_CUDA_DEVICE`, or 0, where not given. */
  readonly gpu?: number;
  /** Limits what buffers may reserve; all of the GPU's memory where not given. */
  readonly maxBytes?: number;
  /** True: cuBLAS may round operands of f32 products to TF32, ten bits behind the point. `$TRIGRAD_CUDA_TF32` = 1 where not given. */
  readonly tf32?: boolean;
}

/** A device on a GPU. Throws an `environment` error that says what is missing. */
export function createCuda(options: CudaOptions = {}): Device {
  const context = openContext(options.gpu ?? chosenGpu());
  return new CudaDevice(context, options.maxBytes ?? context.gpu.memoryBytes, options.tf32 ?? process.env.TRIGRAD_CUDA_TF32 === "1");
}

/** Blocks of a grid for each processor: a thread that has more to do walks on by the whole grid. */
const BLOCKS_PER_PROCESSOR = 16;

class CudaDevice implements Device, StepHost {
  readonly name = "cuda";
  readonly cublas: Cublas | undefined;
  readonly cublasLt: CublasLt | undefined;
  readonly cudnn: Cudnn | undefined;
  private readonly context: CudaContext;
  private readonly pool: Pool;
  private readonly tables: Tables;
  private readonly parameters: Tables;
  private readonly staging: Staging;
  private readonly kernels: CudaKernels;
  private readonly errors: IndexErrors;
  private readonly launchKernel: NativeFunction;
  private readonly stopwatch: Stopwatch;
  private readonly company: Company;
  private readonly plans = new WeakMap<object, CudaPlan>();
  /** Numbers of the launches, of the preparation in progress and of those that are done, that may report an index. */
  private owners: number[] = [];
  private readonly owned = new WeakMap<object, readonly number[]>();
  private launches = 0;
  private syncs = 0;

  constructor(context: CudaContext, maxBytes: number, tf32: boolean) {
    const { driver, stream, gpu, compiler } = context;
    this.context = context;
    this.pool = new Pool(this.name, deviceMemory(driver, stream, gpu.hasMemoryPools), maxBytes);
    this.tables = new Tables(this.pool);
    this.parameters = new Tables(new ParameterMemory().pool);
    this.staging = new Staging(driver, stream);
    this.kernels = new CudaKernels(driver, compiler);
    this.errors = new IndexErrors(driver, stream, this.staging, this.pool.permanent(CELL_BYTES));
    this.launchKernel = driver.function("cuLaunchKernel");
    this.stopwatch = new Stopwatch(driver, stream);
    this.company = new Company(driver, stream);
    const { cublas, cudnn } = context;
    if (cublas === undefined && cudnn === undefined) return;
    const workspace = this.pool.permanent(WORKSPACE_BYTES);
    this.cublas = cublas && new Cublas(cublas, stream, workspace, tf32);
    // cuBLASLt is a part of cuBLAS that is loaded with it.
    if (cublas?.has("cublasLtMatmul")) {
      const trial = new Trial(this.pool.permanent(Trial.bytes), this.staging);
      this.cublasLt = new CublasLt(cublas, stream, workspace, tf32, trial);
    }
    this.cudnn = cudnn && this.openCudnn(cudnn, stream, workspace, tf32);
  }

  /** cuDNN, unless it cannot work with this driver or this GPU. */
  private openCudnn(library: Library, stream: number, workspace: Address, tf32: boolean): Cudnn | undefined {
    try {
      return new Cudnn(library, stream, workspace, tf32);
    } catch (error) {
      this.context.driver.refuse();
      if (!(error instanceof BenchError)) throw error;
      notice(`convolutions are computed by our own kernels, since ${fileOf(library)} cannot be used: ${error.message}`);
      return undefined;
    }
  }

  alloc(bytes: number): Address {
    this.context.driver.refuse();
    return this.pool.alloc(bytes);
  }

  free(address: Address, bytes: number): void {
    this.pool.free(address, bytes);
  }

  upload(address: Address, data: TypedArray): void {
    this.context.driver.refuse();
    if (data.length > 0) this.staging.upload(address, data);
  }

  download(address: Address, dtype: DType, length: number): TypedArray {
    this.context.driver.refuse();
    this.syncs++;
    this.errors.read();
    const data = hostArray(dtype, length);
    // The copy comes after all launches, and is waited for.
    if (length > 0) this.staging.download(address, data);
    return data;
  }

  async read(address: Address, dtype: DType, length: number): Promise<TypedArray> {
    this.context.driver.refuse();
    const data = hostArray(dtype, length);
    if (length > 0) await this.staging.read(address, data);
    // What was launched before is done; this waits only for what came since, if that checks indices.
    this.errors.read();
    return data;
  }

  prepare(launch: Launch): Runnable {
    this.context.driver.refuse();
    return this.owning(() => {
      const steps = stepsOf(this, launch);
      const checks = steps.some((s) => s.checks);
      const scratch: Address[] = [];
      return (...addresses) => {
        this.launches++;
        for (const step of steps) {
          const { places } = step;
          scratch.length = places.length;
          for (let i = 0; i < places.length; i++) {
            const { operand, offset } = places[i] as Place;
            scratch[i] = (addresses[operand] as Address) + offset;
          }
          this.stopwatch.run(step, scratch);
        }
        if (checks) this.errors.isUnread = true;
      };
    });
  }

  preparePlan(steps: readonly PlanStep[]): RunnablePlan {
    this.context.driver.refuse();
    this.kernels.prepare(steps.flatMap(({ launch }) => wantedTexts(this, launch)));
    return this.owning(() => {
      const placed = steps.flatMap(({ launch, operands }) =>
        stepsOf(this, launch).map((step) => ({
          step,
          slots: step.places.map(({ operand, offset }) => {
            const slot = operands[operand] as PlanStep["operands"][number];
            return { block: slot.block, offset: slot.offset + offset };
          }),
        })),
      );
      const checks = placed.some(({ step }) => step.checks);
      const plan = new CudaPlan(this.context.driver, this.context.stream, placed, this.stopwatch, this.company);
      const run: RunnablePlan = (blocks) => {
        this.launches += steps.length;
        this.context.driver.refuse();
        plan.run(blocks);
        if (checks) this.errors.isUnread = true;
      };
      this.plans.set(run, plan);
      return run;
    });
  }

  forget(prepared: Runnable | RunnablePlan): void {
    this.plans.get(prepared)?.dispose();
    for (const owner of this.owned.get(prepared) ?? []) this.errors.retire(owner);
    this.owned.delete(prepared);
    this.tables.forget(prepared);
    this.parameters.forget(prepared);
  }

  sync(): void {
    this.wait();
  }

  stats(): DeviceStats {
    const { liveBytes, peakBytes, liveBuffers, reservedBytes, allocations } = this.pool;
    const { launches, syncs } = this;
    return { liveBytes, peakBytes, liveBuffers, reservedBytes, launches, kernels: this.kernels.size, syncs, allocations };
  }

  resetPeak(): void {
    this.pool.resetPeak();
  }

  times(work: () => void, options: { readonly perLaunch?: boolean } = {}): DeviceTimes {
    this.wait();
    return this.stopwatch.measure(work, () => this.wait(), options.perLaunch ?? false);
  }

  // ---- what steps are made with

  kernel(wanted: Parameters<StepHost["kernel"]>[0]): LoadedKernel {
    return this.kernels.get(wanted);
  }

  scratch(bytes: number): Address {
    return this.tables.block(bytes);
  }

  table(values: readonly number[]): Address {
    const words = new Int32Array(BigInt64Array.from(values, BigInt).buffer);
    const address = this.tables.block(words.byteLength);
    this.staging.upload(address, words);
    return address;
  }

  launchStep(kernel: LoadedKernel, launch: StepLaunch): Step {
    const { layout, sites } = kernel;
    const { driver, stream, gpu } = this.context;
    const checks = sites.length > 0 && launch.source !== undefined;
    const owner = checks && launch.source !== undefined ? this.errors.owner(sites, launch.source.geometry) : 0;
    if (checks) this.owners.push(owner);
    const words = launch.words(owner);
    const table = layout.isTable ? this.tables.block(layout.wordBytes) : 0;
    if (layout.isTable) this.staging.upload(table, new Int32Array(packed(layout, words).slice().buffer));
    const block = new ParameterBlock(this.parameters.block(ParameterBlock.bytesOf(layout)), layout, words, table);
    for (const [name, address] of Object.entries(launch.pointers)) block.point(layout.place(name), address);
    if (checks) block.point(layout.place("cell"), this.errors.cells);
    const most = gpu.processors * BLOCKS_PER_PROCESSOR;
    const [blocks, y] = [Math.min(launch.grid[0], most), launch.grid[1]];
    const [threadsX, threadsY] = launch.threads;
    const joinBlocks = Math.min(launch.join.blocks, most);
    const [joinX, joinY] = launch.join.threads;
    const { launchKernel } = this;
    const { function: handle, join } = kernel;
    const { list } = block;
    return {
      label: launch.label,
      places: launch.places,
      isHost: false,
      checks,
      run: (addresses, on = stream) => {
        for (let i = 0; i < addresses.length; i++) block.point(i, addresses[i] as Address);
        let status = launchKernel(handle, blocks, y, 1, threadsX, threadsY, 1, 0, on, list, 0);
        if (status === 0 && join !== 0) status = launchKernel(join, joinBlocks, 1, 1, joinX, joinY, 1, 0, on, list, 0);
        if (status !== 0) throw driver.failure(status, "a launch");
      },
    };
  }

  launchManyStep(kernel: LoadedKernel, launches: readonly StepLaunch[]): Step {
    const { layout, function: handle } = kernel;
    const { driver, stream, gpu } = this.context;
    const most = gpu.processors * BLOCKS_PER_PROCESSOR;
    const from = [0];
    for (const { grid } of launches) from.push((from.at(-1) as number) + Math.min(grid[0], most));
    const words = launches.map((l) => l.words(0));
    const block = new ManyParameters(this.parameters.block(ManyParameters.bytesOf(layout)), layout, words, from);
    const sets = launches.flatMap(({ places }, set) => places.map((_, slot) => ({ set, slot })));
    const [threadsX, threadsY] = (launches[0] as StepLaunch).threads;
    const blocks = from.at(-1) as number;
    const { launchKernel } = this;
    return {
      label: `${launches[0]?.label} × ${launches.length}`,
      places: launches.flatMap((l) => l.places),
      isHost: false,
      checks: false,
      run: (addresses, on = stream) => {
        for (let i = 0; i < addresses.length; i++) {
          const { set, slot } = sets[i] as (typeof sets)[number];
          block.point(set, slot, addresses[i] as Address);
        }
        const status = launchKernel(handle, blocks, 1, 1, threadsX, threadsY, 1, 0, on, block.list, 0);
        if (status !== 0) throw driver.failure(status, "a launch");
      },
    };
  }

  /** A routine: computed by the host, between what was launched before and after it. */
  routineStep(launch: RoutineLaunch, places: readonly Place[]): Step {
    const { batch, n, columns, routine } = launch;
    const row = routine === "argsort" ? n : n * n;
    const lengths = launch.inputs.map((_, i) => batch * (i === 0 ? row : n * columns));
    const result = { determinant: batch, logDeterminant: batch, argsort: batch * n, cholesky: batch * n * n, cofactors: batch * n * n };
    const length = routine === "solve" || routine === "triangularSolve" ? batch * n * columns : result[routine];
    const dtype = routine === "argsort" ? "i32" : launch.dtype;
    return {
      label: `${routine} ${launch.dtype} ${batch}×${n}×${columns}, on the host`,
      places,
      isHost: true,
      checks: false,
      run: ([out, ...inputs]) => {
        this.syncs++;
        const operands = inputs.map((address, i) => {
          const data = hostArray(launch.dtype, lengths[i] as number);
          if (data.length > 0) this.staging.download(address, data);
          return data;
        });
        const data = hostArray(dtype, length);
        runRoutine(launch, data, operands);
        if (data.length > 0) this.staging.upload(out as Address, data);
      },
    };
  }

  // ---- the rest

  /** Runs a preparation; its result owns the memory taken meanwhile. */
  private owning<T extends object>(prepare: () => T): T {
    this.owners = [];
    const result = this.tables.ownedBy(() => this.parameters.ownedBy(prepare));
    if (this.owners.length > 0) this.owned.set(result, this.owners);
    this.owners = [];
    return result;
  }

  private wait(): void {
    const { driver, stream } = this.context;
    driver.refuse();
    this.syncs++;
    driver.call("cuStreamSynchronize", stream);
    this.errors.read();
  }
}
