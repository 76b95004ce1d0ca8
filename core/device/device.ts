/**
 * Devices: where tensors live and launches run. A device knows nothing of tensors or derivatives. `prepare` turns a launch into
 * a function of addresses, so that the eager path pays compilation, geometry and argument packing once per signature.
 */
import type { DType, TypedArray } from "../base/dtype.ts";
import type { Launch } from "../kernel/launch.ts";
import type { PlanStep, RunnablePlan } from "./plan.ts";

export type DeviceName = "wasm" | "native" | "cuda" | "tfjs" | "interpreter" | "null";

/** An address in the device's memory. Opaque to all but the device; never 0. */
export type Address = number;

/**
 * Runs a prepared launch: first the output's address (for a launch with several, all of them in their order), then those of the
 * inputs of the application, in their order. An address may lie within a buffer, aligned to its dtype.
 */
export type Runnable = (out: Address, ...rest: Address[]) => void;

export interface DeviceStats {
  /** Bytes in allocated buffers now, and the largest value since `resetPeak`. */
  readonly liveBytes: number;
  readonly peakBytes: number;
  /** Buffers alive now. */
  readonly liveBuffers: number;
  /** Bytes held from the system (pools included). */
  readonly reservedBytes: number;
  /** Counters since start: launches enqueued, distinct kernels compiled, waits for results, buffers handed out. */
  readonly launches: number;
  readonly kernels: number;
  readonly syncs: number;
  readonly allocations: number;
}

/** What a piece of work took on a device that works beside the host, in nanoseconds. */
export interface DeviceTimes {
  /** The host's own time until all was put on the device, and then its waiting for it. */
  readonly host: number;
  readonly wait: number;
  /** From the first to the last thing that the device did, by its own clock. */
  readonly device: number;
  /** Each launch by itself, in order, where that was asked for. */
  readonly launches: readonly { readonly label: string; readonly device: number }[];
}

export interface Device {
  readonly name: DeviceName;
  /** A buffer of at least `bytes` bytes, contents undefined. Throws an out-of-memory error that states the numbers. */
  alloc(bytes: number): Address;
  /** Returns a buffer to the pool. `bytes` is what was asked for. Launches already enqueued may still use it. */
  free(address: Address, bytes: number): void;
  /** Copies host data (whole array) into a buffer. */
  upload(address: Address, data: TypedArray): void;
  /** Copies `length` elements to a fresh host array, after all launches so far. */
  download(address: Address, dtype: DType, length: number): TypedArray;
  /** As `download`, without the host waiting; only where the device works beside it. */
  read?(address: Address, dtype: DType, length: number): Promise<TypedArray>;
  /** Compiles (or finds) what a launch needs and binds its numbers. */
  prepare(launch: Launch): Runnable;
  /** Prepares a straight line of launches as one call. */
  preparePlan(steps: readonly PlanStep[]): RunnablePlan;
  /** Frees what the device keeps for a prepared launch or plan, which must not run again. */
  forget(prepared: Runnable | RunnablePlan): void;
  /** Waits for all launches so far. A no-op where launches are synchronous. */
  sync(): void;
  stats(): DeviceStats;
  resetPeak(): void;
  /** Runs `work` and waits for it; only where the device has a clock of its own. `perLaunch` measures every launch, which slows the whole. */
  times?(work: () => void, options?: { readonly perLaunch?: boolean }): DeviceTimes;
}
