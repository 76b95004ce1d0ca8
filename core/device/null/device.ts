/**
 * The null device: allocation and launches return at once and downloads give zeros. What a program costs here is the cost of
 * the host alone (tracing, dispatch, bookkeeping), which separates an engine's overhead from the kernels' time.
 */
import { type DType, hostArray, type TypedArray } from "../../base/dtype.ts";
import type { Launch } from "../../kernel/launch.ts";
import type { Address, Device, DeviceStats, Runnable } from "../device.ts";
import { type PlanStep, type RunnablePlan, sequentialPlan } from "../plan.ts";

/** A device that computes nothing. It counts live bytes, buffers and launches as the others do. */
export function createNull(): Device {
  return new NullDevice();
}

class NullDevice implements Device {
  readonly name = "null";
  private readonly kernels = new Set<string>();
  private next: Address = 64;
  private liveBytes = 0;
  private peakBytes = 0;
  private liveBuffers = 0;
  private launches = 0;
  private syncs = 0;
  private allocations = 0;
  private readonly run: Runnable = () => {
    this.launches++;
  };

  alloc(bytes: number): Address {
    this.allocations++;
    this.liveBuffers++;
    this.liveBytes += bytes;
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes;
    this.next += 64;
    return this.next;
  }

  free(_address: Address, bytes: number): void {
    this.liveBuffers--;
    this.liveBytes -= bytes;
  }

  upload(): void {}

  download(_address: Address, dtype: DType, length: number): TypedArray {
    this.syncs++;
    return hostArray(dtype, length);
  }

  prepare(launch: Launch): Runnable {
    this.note(launch);
    return this.run;
  }

  private note(launch: Launch): void {
    const { kind } = launch;
    if (kind === "together") for (const m of launch.members) this.note(m.launch);
    else this.kernels.add(kind === "kernel" ? launch.kernel.key : kind === "routine" ? launch.routine : `${kind} ${launch.dtype}`);
  }

  preparePlan(steps: readonly PlanStep[]): RunnablePlan {
    return sequentialPlan(this, steps);
  }

  forget(): void {}

  sync(): void {
    this.syncs++;
  }

  stats(): DeviceStats {
    return {
      liveBytes: this.liveBytes,
      peakBytes: this.peakBytes,
      liveBuffers: this.liveBuffers,
      reservedBytes: this.liveBytes,
      launches: this.launches,
      kernels: this.kernels.size,
      syncs: this.syncs,
      allocations: this.allocations,
    };
  }

  resetPeak(): void {
    this.peakBytes = this.liveBytes;
  }
}
