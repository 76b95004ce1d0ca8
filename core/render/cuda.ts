/**
 * From a kernel to CUDA C. The text needs no header of the toolkit: what it calls is in core/device/cuda/runtime. It is generic in
 * extents and strides, and compiled for the GPU at hand by NVRTC.
 */
import type { Kernel } from "../kernel/kernel.ts";
import { CudaMap } from "./cuda-map.ts";
import type { RenderedCuda } from "./cuda-program.ts";
import { CudaRows } from "./cuda-rows.ts";
import { CudaScatter } from "./cuda-scatter.ts";
import type { CudaSchedule } from "./cuda-schedule.ts";

/** The text of a kernel: it defines `struct name_args`, the kernel `name`, and `name_join` where `joins`. */
export function renderCuda(kernel: Kernel, schedule: CudaSchedule, name: string): RenderedCuda {
  if (schedule.form === "scatter") return new CudaScatter(kernel, schedule, name).render();
  return new (schedule.form === "rows" ? CudaRows : CudaMap)(kernel, schedule, name).render();
}
