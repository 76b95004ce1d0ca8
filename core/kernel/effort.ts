/**
 * What a launch costs, roughly, in multiplications of a matrix product on one core (some tens of them a nanosecond): enough to tell
 * a launch that threads share from one that they had better not, before anything is compiled.
 */
import type { KernelLaunch, MatmulLaunch } from "./launch.ts";

/** Moving an element through memory takes as long as so many multiplications. */
const MOVED = 4;

export function effortOf(launch: KernelLaunch | MatmulLaunch): number {
  if (launch.kind === "kernel") {
    const { kernel, geometry } = launch;
    const points = geometry.extents.reduce((n, d) => n * d, 1);
    return points * MOVED * (kernel.operands.length + kernel.outputs.length);
  }
  const { m, n, k, batch, epilogue } = launch;
  return batch.length * m * n * (k + 1) + (epilogue === undefined ? 0 : effortOf(epilogue));
}
