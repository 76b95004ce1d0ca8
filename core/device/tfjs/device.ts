/**
 * The tfjs device: launches as kernels of TensorFlow.js on whole tensors, through one door (`runKernel`), with everything that its
 * operations normalise otherwise (axes, shapes, dtypes) normalised here. It is no fast device; it is another implementation of the
 * same kernels, and the way to hardware that only TensorFlow.js reaches. What tfjs has no kernel for is computed on the host and
 * counted; float64, which it does not have, is refused.
 */
import type { DType, TypedArray } from "../../base/dtype.ts";
import { assert, BenchError } from "../../base/errors.ts";
import type { ConvolutionLaunch, KernelLaunch, Launch, MatmulLaunch, RoutineLaunch, TogetherLaunch } from "../../kernel/launch.ts";
import type { Address, Device, DeviceStats, Runnable } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { joinCalls, type PlanStep, type RunnablePlan } from "../plan.ts";
import type { LoadedTfjs } from "./backend.ts";
import { runOnHost } from "./host.ts";
import { buildKernel, hostReason, type Regions, type Stored } from "./kernel.ts";
import { ELEMENT, Memory } from "./memory.ts";
import { buildConvolution, buildMatmul } from "./products.ts";
import { Builder, type Program, type Value } from "./program.ts";
import { Trials } from "./trial.ts";
import { type Region, slice } from "./view.ts";

export interface TfjsOptions {
  /** Most bytes in live buffers. */
  readonly maxBytes?: number;
}

/** A third of what tensors may take on the WebAssembly backend: the rest is for those between two kernels of a launch. */
const MAX_BYTES = 2 ** 30;

/** A device on a backend that `loadTfjs` has made the current one of the library; one at a time. */
export function createTfjs(loaded: LoadedTfjs, { maxBytes = MAX_BYTES }: TfjsOptions = {}): TfjsDevice {
  return new TfjsDevice(loaded, maxBytes);
}

class TfjsDevice implements Device {
  readonly name = "tfjs";
  /** Launches that ran on the host because tfjs has no kernels for them. */
  hostLaunches = 0;
  private readonly loaded: LoadedTfjs;
  private readonly memory: Memory;
  private readonly trials: Trials;
  private readonly host = createInterpreter();
  private readonly kernels = new Set<string>();
  private readonly programs = new WeakMap<object, readonly Program[]>();
  private launches = 0;
  private syncs = 0;

  constructor(loaded: LoadedTfjs, maxBytes: number) {
    this.loaded = loaded;
    this.memory = new Memory(loaded.engine, maxBytes);
    this.trials = new Trials(loaded);
  }

  alloc(bytes: number): Address {
    return this.memory.alloc(bytes);
  }

  free(address: Address, bytes: number): void {
    this.memory.free(address, bytes);
  }

  upload(address: Address, data: TypedArray): void {
    if (data instanceof Float64Array) throw noFloat64();
    this.memory.upload(address, data);
  }

  download(address: Address, dtype: DType, length: number): TypedArray {
    if (dtype === "f64") throw noFloat64();
    this.syncs++;
    return this.memory.download(address, dtype, length);
  }

  prepare(launch: Launch): Runnable {
    const made: Program[] = [];
    const run = this.runnable(launch, made);
    const counted: Runnable = (...addresses) => {
      this.launches++;
      run(...addresses);
    };
    this.programs.set(counted, made);
    return counted;
  }

  preparePlan(steps: readonly PlanStep[]): RunnablePlan {
    const runs = steps.map(({ launch }) => this.prepare(launch));
    const plan = joinCalls(runs.map((run, i) => ({ run, operands: (steps[i] as PlanStep).operands })));
    this.programs.set(
      plan,
      runs.flatMap((run) => this.programs.get(run) ?? []),
    );
    return plan;
  }

  forget(prepared: Runnable | RunnablePlan): void {
    for (const program of this.programs.get(prepared) ?? []) program.dispose();
    this.programs.delete(prepared);
  }

  sync(): void {
    this.syncs++;
  }

  stats(): DeviceStats {
    const { live, peak, count, allocations } = this.memory;
    const { launches, syncs } = this;
    return {
      liveBytes: live,
      peakBytes: peak,
      liveBuffers: count,
      reservedBytes: this.loaded.engine.memory().numBytes,
      launches,
      kernels: this.kernels.size,
      syncs,
      allocations,
    };
  }

  resetPeak(): void {
    this.memory.peak = this.memory.live;
  }

  private runnable(launch: Launch, made: Program[]): Runnable {
    if (isFloat64(launch)) throw noFloat64();
    switch (launch.kind) {
      case "kernel":
        return this.kernel(launch, made);
      case "matmul":
      case "convolution":
        return this.product(launch, made);
      case "routine":
        return this.onHost(launch, launch.routine);
      case "together":
        return this.together(launch, made);
      default:
        return launch satisfies never;
    }
  }

  private kernel(launch: KernelLaunch, made: Program[]): Runnable {
    this.kernels.add(launch.kernel.key);
    if (hostReason(launch, this.trials) !== undefined) return this.onHost(launch, launch.kernel.key);
    const outputs = launch.kernel.outputs.length;
    return this.program(made, (b) =>
      buildKernel(b, launch, this.trials, {
        operand: (k, region, dtype) => this.region(b, outputs + (launch.inputs[k] as number), region, dtype),
        output: (o, region, dtype) => this.region(b, o, region, dtype),
      }),
    );
  }

  private onHost(launch: KernelLaunch | RoutineLaunch, key: string): Runnable {
    this.kernels.add(key);
    const run = runOnHost(launch, this.host, this.memory);
    return (...addresses) => {
      this.hostLaunches++;
      run(...addresses);
    };
  }

  /** A product goes on to its epilogue as a tensor; an epilogue that tfjs cannot compute reads it from memory of its own. */
  private product(launch: MatmulLaunch | ConvolutionLaunch, made: Program[]): Runnable {
    const { epilogue, inputs } = launch;
    this.kernels.add(launch.kind === "matmul" ? `matmul ${launch.transposeA} ${launch.transposeB}` : `convolution ${launch.product}`);
    const outputs = epilogue?.kernel.outputs.length ?? 1;
    const flat = (b: Builder, first: number): Value => {
      const operand = (which: 0 | 1, region: Region) => this.region(b, first + inputs[which], region, "float32");
      if (launch.kind === "convolution") return buildConvolution(b, launch, operand);
      return buildMatmul(b, launch, operand, this.loaded.backend === "wasm");
    };
    if (launch.kind === "matmul")
      assert(
        launch.batch.every(({ c }, i) => c === i * launch.m * launch.n),
        "the products of a batch do not follow one another",
      );
    if (epilogue === undefined) {
      return this.program(made, (b) => {
        const value = flat(b, 1);
        return [{ output: 0, region: { low: 0, length: value.shape[0] as number }, value }];
      });
    }
    this.kernels.add(epilogue.kernel.key);
    if (hostReason(epilogue, this.trials) !== undefined) return this.separateEpilogue(launch, epilogue, made);
    return this.program(made, (b) => {
      const product = flat(b, outputs);
      const regions: Regions = {
        operand: (k, region, dtype) => {
          const input = epilogue.inputs[k] as number;
          return input < 0 ? slice(b, product, [region.length], [region.low]) : this.region(b, outputs + input, region, dtype);
        },
        output: (o, region, dtype) => this.region(b, o, region, dtype),
      };
      return buildKernel(b, epilogue, this.trials, regions);
    });
  }

  private separateEpilogue(launch: MatmulLaunch | ConvolutionLaunch, epilogue: KernelLaunch, made: Program[]): Runnable {
    const outputs = epilogue.kernel.outputs.length;
    const { epilogue: _, ...alone } = launch;
    const product = this.runnable(alone, made);
    const map = this.runnable({ ...epilogue, inputs: epilogue.inputs.map((i) => i + 1) }, made);
    const elements =
      launch.kind === "matmul" ? launch.batch.length * launch.m * launch.n : launch.n * launch.o * launch.output[0] * launch.output[1];
    return (...addresses) => {
      const given = addresses.slice(outputs);
      const at = this.alloc(elements * ELEMENT);
      try {
        product(at, ...given);
        map(...(addresses.slice(0, outputs) as [Address]), at, ...given);
      } finally {
        this.free(at, elements * ELEMENT);
      }
    };
  }

  /** One after the other. */
  private together({ members }: TogetherLaunch, made: Program[]): Runnable {
    const runs = members.map(({ launch, operands }) => ({ run: this.runnable(launch, made), operands }));
    return (...addresses) => {
      for (const { run, operands } of runs) run(...(operands.map((i) => addresses[i]) as [Address]));
    };
  }

  /** Builds a program now; when it runs, all outputs are computed before the first is stored. */
  private program(made: Program[], build: (b: Builder) => readonly Stored[]): Runnable {
    const b = new Builder(this.loaded);
    try {
      const stored = build(b);
      const program = b.finish(stored.map((s) => s.value));
      made.push(program);
      return (...addresses) => {
        const results = program.run(addresses);
        for (const [i, { output, region }] of stored.entries())
          if (region.length > 0)
            this.memory.write((addresses[output] as Address) + region.low * ELEMENT, results[i] as (typeof results)[number]);
          else results[i]?.dispose();
      };
    } catch (error) {
      b.dispose();
      throw error;
    }
  }

  /** The region of a buffer, `operand` being the number of its address among those that a launch runs with. */
  private region(b: Builder, operand: number, { low, length }: Region, dtype: Value["dtype"]): Value {
    return b.source((addresses) => this.memory.read((addresses[operand] as Address) + low * ELEMENT, length, dtype), [length], dtype);
  }
}

export type { TfjsDevice };

function isFloat64(launch: Launch): boolean {
  switch (launch.kind) {
    case "kernel":
      return [...launch.kernel.operands, ...launch.kernel.outputs].some((o) => o.dtype === "f64");
    case "together":
      return launch.members.some((m) => isFloat64(m.launch));
    default:
      return launch.dtype === "f64";
  }
}

function noFloat64(): BenchError {
  return new BenchError("unsupported", "the tfjs device has no f64: TensorFlow.js computes in float32", {
    advice: "use --dtype f32, or another device",
  });
}
