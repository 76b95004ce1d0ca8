/**
 * Launches as steps: what is put on the stream, or done by the host in between. A step has places (outputs and inputs of its
 * launch, with offsets) and is run with their addresses.
 */
import { storesNothing } from "../../kernel/kernel.ts";
import type { KernelLaunch, Launch, RoutineLaunch, TogetherLaunch } from "../../kernel/launch.ts";
import { renderCuda } from "../../render/cuda.ts";
import { PART_BYTES } from "../../render/cuda-rows.ts";
import { type CudaGrid, cudaGrid, cudaSchedule, scheduleKey } from "../../render/cuda-schedule.ts";
import { byteOffsets } from "../bind.ts";
import type { Address } from "../device.ts";
import type { LoadedKernel, WantedText } from "./kernels.ts";

/** One of the launch's outputs or inputs (outputs first), and an offset in bytes. */
export interface Place {
  readonly operand: number;
  readonly offset: number;
}

export interface Step {
  readonly places: readonly Place[];
  /** True where the host waits for the device, which no graph can hold. */
  readonly isHost: boolean;
  /** True where an index may be found out of range. */
  readonly checks: boolean;
  /** Runs with the addresses of `places`, in their order. */
  run(addresses: readonly Address[]): void;
}

/** What steps are made with. */
export interface StepHost {
  kernel(wanted: WantedText): LoadedKernel;
  /** A step that launches a kernel. `pointers`: of its struct, those that `places` do not give. */
  launchStep(kernel: LoadedKernel, launch: StepLaunch): Step;
  routineStep(launch: RoutineLaunch, places: readonly Place[]): Step;
  /** Device memory that lives as long as what is being prepared. */
  scratch(bytes: number): Address;
  /** Steps of products. */
  productSteps(launch: Exclude<Launch, KernelLaunch | RoutineLaunch | TogetherLaunch>): Step[];
}

/** What is known of a launch before its addresses. */
export interface StepLaunch {
  readonly source: KernelLaunch | undefined;
  readonly grid: readonly [number, number, number];
  readonly threads: readonly [number, number];
  /** The words of a kernel, given the number that marks its errors. */
  readonly words: (owner: number) => readonly number[];
  readonly places: readonly Place[];
  readonly parts: Address;
  /** Blocks and threads of the kernel that joins parts. */
  readonly joinGrid: readonly [number, number];
  readonly joinThreads: readonly [number, number];
}

/** The texts that a launch needs compiled. */
export function wantedKernel({ kernel, geometry }: KernelLaunch): WantedText {
  const schedule = cudaSchedule(kernel, geometry);
  return { key: `${kernel.key}/${scheduleKey(schedule)}`, render: (name) => renderCuda(kernel, schedule, name) };
}

/** The steps of a launch; none where nothing is stored. */
export function stepsOf(host: StepHost, launch: Launch): Step[] {
  switch (launch.kind) {
    case "kernel":
      return storesNothing(launch.kernel, launch.geometry) ? [] : [kernelStep(host, launch, launch.kernel.outputs.length)];
    case "matmul":
    case "convolution":
      return host.productSteps(launch);
    case "routine":
      return launch.batch === 0
        ? []
        : [host.routineStep(launch, [{ operand: 0, offset: 0 }, ...launch.inputs.map((i) => ({ operand: 1 + i, offset: 0 }))])];
    case "together":
      return launch.members.flatMap((m) =>
        stepsOf(host, m.launch).map((step) => ({
          ...step,
          places: step.places.map(({ operand, offset }) => ({ operand: m.operands[operand] as number, offset })),
        })),
      );
    default:
      return launch satisfies never;
  }
}

/** Where the pointers of a kernel are among the operands of its launch: its operands, then its outputs. */
function kernelPlaces(launch: KernelLaunch, outputs: number): Place[] {
  const offsets = byteOffsets(launch);
  return [
    ...launch.inputs.map((input, k) => ({ operand: input < 0 ? 0 : outputs + input, offset: offsets[k] as number })),
    ...launch.kernel.outputs.map((_, o) => ({ operand: o, offset: offsets[launch.kernel.operands.length + o] as number })),
  ];
}

/** A kernel as a step; `outputs`: how many outputs come before the inputs that it numbers. */
export function kernelStep(host: StepHost, launch: KernelLaunch, outputs: number): Step {
  const { kernel, geometry } = launch;
  const schedule = cudaSchedule(kernel, geometry);
  const loaded = host.kernel(wantedKernel(launch));
  const { blocks, threads, work }: CudaGrid = cudaGrid(kernel, geometry, schedule);
  const parts = loaded.joins ? host.scratch(work.chunks * work.total * kernel.reductions.length * PART_BYTES) : 0;
  return host.launchStep(loaded, {
    source: launch,
    grid: [blocks, work.chunks, 1],
    threads,
    words: (owner) => loaded.layout.values(geometry, { ...work, owner }),
    places: kernelPlaces(launch, outputs),
    parts,
    joinGrid: [Math.ceil(work.total / 8), 1],
    joinThreads: [32, 8],
  });
}
