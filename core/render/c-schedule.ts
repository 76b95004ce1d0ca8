/**
 * Schedules of C kernels: which axis the vector lanes run along, whether a transposing copy goes by tiles, and how a launch is split
 * into chunks for threads. All follow from kernel and geometry alone, never from the number of threads, so results do not either.
 */

import { isHeavy } from "../kernel/heavy.ts";
import type { Geometry, Kernel, Output } from "../kernel/kernel.ts";
import { postorder } from "../kernel/scalar-expr.ts";
import { arePlacesApart } from "./apart.ts";
import { allOperands, storeRoots } from "./wasm-layout.ts";

export interface Schedule {
  /** The axis of the innermost loop; -1 where there is no axis. An outer axis of a fold: every lane is a row of its own. */
  readonly lanes: number;
  /** An axis of a map that is walked in tiles with the lanes, because an operand is contiguous along it; -1: none. */
  readonly tile: number;
}

/** How a launch is divided. `points` > 0: the first reduced axis is split, and so many results are joined. */
export interface Split {
  readonly chunks: number;
  readonly axis: number;
  readonly grain: number;
  readonly points: number;
}

export const WHOLE: Split = { chunks: 1, axis: -1, grain: 0, points: 0 };

/** True where each point stores an element of its own, so that points may be visited in any order. */
export function arePointsIndependent(kernel: Kernel, geometry: Geometry): boolean {
  return !checksLate(kernel) && storesApart(kernel, geometry);
}

/** The same, whatever may be wrong with an index. */
export function storesApart(kernel: Kernel, { extents, strides }: Geometry): boolean {
  const moves = (o: Output, axis: number) => o.access[axis] !== "fixed" || extents[axis] === 1;
  const isPlain = (o: Output, i: number) => {
    const stored = o.each === "row" ? kernel.rank - kernel.reduced : kernel.rank;
    const isEverywhere = Array.from({ length: stored }, (_, axis) => axis).every((axis) => moves(o, axis));
    return !o.indirect && isEverywhere && arePlacesApart(strides[kernel.operands.length + i] as readonly number[], extents);
  };
  return kernel.outputs.every(isPlain);
}

/** True where an index is computed from a reduction, so that it cannot be checked before the kernel runs. */
export function checksLate(kernel: Kernel): boolean {
  const sites = everyExpression(kernel).flatMap((e) => (e.kind === "load" && e.at ? [e.at] : []));
  const stores = kernel.outputs.flatMap((o) => (o.storeAt ? [o.storeAt] : []));
  return postorder([...sites, ...stores]).some((e) => e.kind === "reduced");
}

export function everyExpression(kernel: Kernel) {
  return postorder([...kernel.reductions.map((r) => r.of), ...kernel.outputs.flatMap(storeRoots)]);
}

/** A fold to few results may be split along its first reduced axis where nothing but its result is stored. */
export function isJoinable(kernel: Kernel): boolean {
  return kernel.reductions.length === 1 && kernel.outputs.every((o) => o.each === "row") && !checksLate(kernel);
}

/** Fewer elements than this leave lanes empty. */
const FULL = 16;

export function scheduleOf(kernel: Kernel, geometry: Geometry): Schedule {
  const { rank, reduced } = kernel;
  const last = rank - 1;
  if (rank === 0 || !arePointsIndependent(kernel, geometry)) return { lanes: last, tile: -1 };
  const outer = rank - reduced;
  const walked = allOperands(kernel).filter((o) => !("each" in o) || (o as Output).each !== "row");
  const cost = (axis: number) => {
    const strided = walked.filter((o) => o.access[axis] === "strided").length;
    const extent = Math.max(1, geometry.extents[axis] as number);
    const apart = axis === last ? 1 : reduced > 0 ? 1.2 : 1.05;
    return (1 + 3 * strided) * Math.max(1, FULL / extent) * apart;
  };
  const candidates = Array.from({ length: outer }, (_, a) => a);
  if (reduced > 0) candidates.push(last);
  const lanes = candidates.reduce((best, a) => (cost(a) <= cost(best) ? a : best), last);
  if (reduced > 0) return { lanes, tile: -1 };
  const long = (axis: number) => (geometry.extents[axis] as number) >= FULL;
  const tile = candidates.find(
    (t) => t !== lanes && long(t) && walked.some((o) => o.access[t] === "unit" && o.access[lanes] === "strided"),
  );
  return { lanes, tile: long(lanes) ? (tile ?? -1) : -1 };
}

/** Elements that are worth a chunk of their own, and most chunks of a launch. */
const CHUNK_WORK = 16384;
const MOST_CHUNKS = 64;
/** Bytes of results that wait to be joined lie on the stack. */
const JOIN_BYTES = 1 << 17;
const STATE_BYTES = 16;

export function splitOf(kernel: Kernel, geometry: Geometry, { lanes }: Schedule): Split {
  const { extents } = geometry;
  const heavy = everyExpression(kernel).filter(isHeavy).length;
  const work = extents.reduce((n, e) => n * e, 1 + 4 * heavy);
  const wanted = Math.min(MOST_CHUNKS, Math.floor(work / CHUNK_WORK));
  if (wanted < 2 || !arePointsIndependent(kernel, geometry)) return WHOLE;
  const outer = kernel.rank - kernel.reduced;
  const along = (axis: number, most: number, points: number): Split => {
    const extent = extents[axis] as number;
    const step = axis === lanes ? 4 * FULL : 1;
    const grain = Math.ceil(Math.ceil(extent / most) / step) * step;
    return { chunks: Math.ceil(extent / grain), axis, grain, points };
  };
  let best = WHOLE;
  for (let axis = 0; axis < outer; axis++) {
    const split = along(axis, wanted, 0);
    if (split.chunks > best.chunks && best.chunks < FULL / 2) best = split;
  }
  if (best.chunks >= 4 || !isJoinable(kernel)) return best.chunks > 1 ? best : WHOLE;
  const points = extents.slice(0, outer).reduce((n, e) => n * e, 1);
  const split = along(outer, Math.min(wanted, FULL, Math.floor(JOIN_BYTES / (STATE_BYTES * points))), points);
  return points > 0 && split.chunks > best.chunks && Number.isFinite(split.chunks) ? split : best.chunks > 1 ? best : WHOLE;
}
