/**
 * From a kernel to CUDA C. The text needs no header of the toolkit: what it calls is in core/device/cuda/runtime. It is generic in
 * extents and strides, and compiled for the GPU at hand by NVRTC.
 */
import type { Kernel } from "../kernel/kernel.ts";
import { CudaLayout, manyOf } from "./cuda-layout.ts";
import { CudaMap } from "./cuda-map.ts";
import type { RenderedCuda } from "./cuda-program.ts";
import { CudaRows } from "./cuda-rows.ts";
import { CudaScatter } from "./cuda-scatter.ts";
import type { CudaSchedule } from "./cuda-schedule.ts";

/**
 * The text of a kernel: it defines `struct name_args`, the kernel `name`, and `name_join` where `joins`. `isMany`: the kernel is one over
 * several of these structs (see {@link canBeMany}).
 */
export function renderCuda(kernel: Kernel, schedule: CudaSchedule, name: string, isMany = false): RenderedCuda {
  const Program = schedule.form === "scatter" ? CudaScatter : schedule.form === "rows" ? CudaRows : CudaMap;
  const program = new Program(kernel, schedule, name);
  program.isMany = isMany;
  return program.render();
}

/** Whether one launch can do a kernel for several sets of operands. */
export function canBeMany(kernel: Kernel, schedule: CudaSchedule): boolean {
  const checks = kernel.operands.some((o) => o.indirect) || kernel.outputs.some((o) => o.indirect);
  const hasBlocks = schedule.form === "map" || schedule.form === "rows";
  return hasBlocks && !schedule.split && !checks && manyOf(new CudaLayout(kernel, schedule.wide, [])) > 0;
}
