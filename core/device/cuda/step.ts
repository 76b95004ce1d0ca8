/**
 * What a step is, what steps are made with, and kernels as steps. A step has places (outputs and inputs of its launch, with offsets)
 * and is run with their addresses.
 */
import type { KernelLaunch, RoutineLaunch, TogetherLaunch } from "../../kernel/launch.ts";
import { canBeMany, renderCuda } from "../../render/cuda.ts";
import { PART_BYTES } from "../../render/cuda-rows.ts";
import { type CudaGrid, cudaGrid, cudaSchedule, scheduleKey } from "../../render/cuda-schedule.ts";
import { byteOffsets } from "../bind.ts";
import type { Address } from "../device.ts";
import type { Cublas } from "./cublas.ts";
import type { CublasLt } from "./cublas-lt.ts";
import type { Cudnn } from "./cudnn.ts";
import type { LoadedKernel, WantedText } from "./kernels.ts";

/** One of the launch's outputs or inputs (outputs first), and an offset in bytes. */
export interface Place {
  readonly operand: number;
  readonly offset: number;
}

export interface Step {
  /** What it is, for whoever measures it. */
  readonly label: string;
  readonly places: readonly Place[];
  /** True where the host waits for the device, which no graph can hold. */
  readonly isHost: boolean;
  /** True where an index may be found out of range. */
  readonly checks: boolean;
  /** True where it runs on the main stream only. */
  readonly isFixed?: boolean;
  /** Of a launch together: which, and which member of it this is (part of). Members need nothing of each other. */
  readonly company?: { readonly launch: TogetherLaunch; readonly member: number };
  /** Runs with the addresses of `places`, in their order, on the main stream or another. */
  run(addresses: readonly Address[], stream?: number): void;
}

/** What steps are made with. */
export interface StepHost {
  kernel(wanted: WantedText): LoadedKernel;
  /** A step that launches a kernel. */
  launchStep(kernel: LoadedKernel, launch: StepLaunch): Step;
  /** A step that launches a kernel over several sets of operands, of which none checks. */
  launchManyStep(kernel: LoadedKernel, launches: readonly StepLaunch[]): Step;
  routineStep(launch: RoutineLaunch, places: readonly Place[]): Step;
  /** Device memory that lives as long as what is being prepared. */
  scratch(bytes: number): Address;
  /** Numbers of 64 bits in such memory. */
  table(values: readonly number[]): Address;
  readonly cublas: Cublas | undefined;
  readonly cublasLt: CublasLt | undefined;
  readonly cudnn: Cudnn | undefined;
}

/** What is known of a launch before its addresses. */
export interface StepLaunch {
  readonly label: string;
  readonly source: KernelLaunch | undefined;
  /** Blocks: as many as the work could use, and how many more of each. */
  readonly grid: readonly [number, number];
  readonly threads: readonly [number, number];
  /** The words of a kernel, given the number that marks its errors. */
  readonly words: (owner: number) => readonly number[];
  readonly places: readonly Place[];
  /** Pointers of its struct that are the same at every run. */
  readonly pointers: Readonly<Record<string, Address>>;
  /** The shape of the kernel that joins parts, where there is one. */
  readonly join: { readonly blocks: number; readonly threads: readonly [number, number] };
}

/** The text that a launch needs compiled. */
export function wantedKernel({ kernel, geometry }: KernelLaunch): WantedText {
  const schedule = cudaSchedule(kernel, geometry);
  return { key: `${kernel.key}/${scheduleKey(schedule)}`, render: (name) => renderCuda(kernel, schedule, name) };
}

/** The same text over several sets of operands; undefined where it cannot be. */
export function wantedMany({ kernel, geometry }: KernelLaunch): WantedText | undefined {
  const schedule = cudaSchedule(kernel, geometry);
  if (!canBeMany(kernel, schedule)) return undefined;
  return { key: `${kernel.key}/${scheduleKey(schedule)}/many`, render: (name) => renderCuda(kernel, schedule, name, true) };
}

/** Where the pointers of a kernel are among the operands of its launch: its operands, then its outputs. */
export function kernelPlaces(launch: KernelLaunch, outputs: number): Place[] {
  const offsets = byteOffsets(launch);
  return [
    ...launch.inputs.map((input, k) => ({ operand: input < 0 ? 0 : outputs + input, offset: offsets[k] as number })),
    ...launch.kernel.outputs.map((_, o) => ({ operand: o, offset: offsets[launch.kernel.operands.length + o] as number })),
  ];
}

/** A kernel as a step; `outputs`: how many outputs come before the inputs that it numbers. */
export function kernelStep(host: StepHost, launch: KernelLaunch, outputs: number): Step {
  const loaded = host.kernel(wantedKernel(launch));
  return host.launchStep(loaded, launchOf(host, loaded, launch, outputs));
}

/** What a kernel is launched with. */
export function launchOf(host: StepHost, loaded: LoadedKernel, launch: KernelLaunch, outputs: number): StepLaunch {
  const { kernel, geometry } = launch;
  const schedule = cudaSchedule(kernel, geometry);
  const { blocks, threads, work }: CudaGrid = cudaGrid(kernel, geometry, schedule);
  const parts = loaded.joins ? host.scratch(work.chunks * work.total * kernel.reductions.length * PART_BYTES) : 0;
  return {
    label: `kernel ${kernel.key}`,
    source: launch,
    grid: [blocks, loaded.joins ? work.chunks : 1],
    threads,
    words: (owner) => loaded.layout.values(geometry, { ...work, owner }),
    places: kernelPlaces(launch, outputs),
    pointers: loaded.joins ? { parts } : {},
    join: { blocks: Math.ceil(work.total / 8), threads: [32, 8] },
  };
}
