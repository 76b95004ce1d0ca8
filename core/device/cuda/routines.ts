/**
 * Routines on CUDA: factorisations and sorting by the kernels of runtime/routines.cuh. Cofactors, and matrices whose elements 31 bits do
 * not number, are computed by the host between launches, which is said once.
 */
import { sizeOf } from "../../base/dtype.ts";
import type { RoutineLaunch } from "../../kernel/launch.ts";
import { renderRoutine, routineKey, routineWords } from "../../render/cuda-routine.ts";
import type { Address } from "../device.ts";
import type { WantedText } from "./kernels.ts";
import { notice } from "./notice.ts";
import type { Place, Step, StepHost } from "./step.ts";

/** The text that a routine needs compiled; undefined where the host computes it, or nothing is to be computed. */
export function wantedRoutine(launch: RoutineLaunch): WantedText | undefined {
  const { routine, batch, n, columns } = launch;
  const elements = routine === "argsort" ? 2 * n : n * (n + 2 * columns);
  if (routine === "cofactors" || batch === 0 || n === 0 || elements >= 2 ** 31) return undefined;
  return { key: routineKey(launch), render: (name) => renderRoutine(launch, routine, name) };
}

export function routineSteps(host: StepHost, launch: RoutineLaunch): Step[] {
  const { routine, batch, n, columns, dtype } = launch;
  if (batch === 0) return [];
  const places: Place[] = [{ operand: 0, offset: 0 }, ...launch.inputs.map((i) => ({ operand: 1 + i, offset: 0 }))];
  const wanted = wantedRoutine(launch);
  if (wanted === undefined) {
    if (n > 0) notice(`${routine} is computed by the host, which waits for the GPU`);
    return [host.routineStep(launch, places)];
  }
  const loaded = host.kernel(wanted);
  const step = (blocks: number, threads: number, pointers: Readonly<Record<string, Address>>, words: readonly number[]) =>
    host.launchStep(loaded, {
      label: `${routine} ${dtype} ${batch}×${n}×${columns}`,
      source: undefined,
      grid: [blocks, 1],
      threads: [threads, 1],
      words: () => words,
      places,
      pointers,
      join: { blocks: 0, threads: [1, 1] },
    });
  if (routine === "argsort") {
    // Passes between the result and working memory, the last to the result.
    const passes = Math.max(1, Math.ceil(Math.log2(n)));
    const work = passes > 1 ? host.scratch(sizeOf("i32") * batch * n) : 0;
    const pass = (i: number) => step(Math.ceil((batch * n) / 256), 256, { work }, routineWords(launch, 2 ** i, (passes - 1 - i) % 2 === 1));
    return Array.from({ length: passes }, (_, i) => pass(i));
  }
  const numbers = n * n + n * columns * (routine === "solve" ? 2 : 1);
  const pointers = { work: host.scratch(8 * batch * numbers), orders: host.scratch(sizeOf("i32") * batch * n) };
  return [step(batch, n <= 16 ? 32 : 256, pointers, routineWords(launch))];
}
