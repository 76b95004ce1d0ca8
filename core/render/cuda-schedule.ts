/**
 * Schedules of CUDA kernels: how the points of a launch are given to threads. All follow from kernel and geometry alone, never from
 * the GPU at hand, so that results do not depend on it either.
 *
 *  - a map whose points store elements of their own: every thread takes points of a grid, four at a time where they lie side by
 *    side; a transposing map goes by tiles of 32 × 32, so that what one axis fetches the other finds in the cache;
 *  - a fold or row program: every row is folded by a team of 1, 8, 32 or 256 threads, whose lanes run along the row or, where
 *    memory lies so (sums of columns), along 32 rows; rows of some length are read and stored four elements at a time; a long fold
 *    to few results is split, and its parts joined by a second kernel;
 *  - where several points store to one element, a thread walks all of these in row-major order; where an index says where, and they
 *    are many, a warp has a place along the indirect axis and looks for the points that store there.
 */
import type { Geometry, Kernel, Operand } from "../kernel/kernel.ts";
import { postorder } from "../kernel/scalar-expr.ts";
import { arePlacesApart } from "./apart.ts";
import { scheduleOf, storesApart } from "./c-schedule.ts";
import { isWide, type Work } from "./cuda-layout.ts";
import { allOperands } from "./wasm-layout.ts";

export interface CudaSchedule {
  readonly wide: boolean;
  readonly form: "map" | "tiles" | "rows" | "scatter";
  /** Points that a thread takes at once, along the last axis: of a map, or of a row. */
  readonly vector: 1 | 4;
  /** The axis along which neighbouring threads lie, and the other axis of a tile; -1: none. */
  readonly lanes: number;
  readonly tile: number;
  /** Threads that fold one row, and whether neighbouring threads have rows of their own. */
  readonly team: number;
  readonly across: boolean;
  /** Outer axes that a thread (of a scatter: a warp) walks in order. */
  readonly serial: readonly number[];
  /** Of a scatter: other axes along which indices differ. */
  readonly groups: readonly number[];
  /** True where rows are folded in parts. */
  readonly split: boolean;
}

/** The shape of a launch: `blocks` are as many as the work could use. */
export interface CudaGrid {
  readonly blocks: number;
  readonly threads: readonly [number, number];
  readonly work: Omit<Work, "owner">;
}

export const TILE = 32;
/** Rows of a tile that the threads of a block take at once. */
export const TILE_ROWS = 8;
export const THREADS = 256;
/** Elements of a place that a warp takes in a scatter. */
export const SCATTER_GRAIN = 256;
/** Elements of a row that are worth a part of their own, most parts, and blocks that keep a GPU busy. */
const PART = 2048;
const MOST_PARTS = 512;
const BUSY_BLOCKS = 512;

export function cudaSchedule(kernel: Kernel, geometry: Geometry): CudaSchedule {
  const base = {
    wide: isWide(geometry),
    vector: 1,
    lanes: -1,
    tile: -1,
    team: 1,
    across: false,
    serial: [],
    groups: [],
    split: false,
  } as const;
  const outer = kernel.rank - kernel.reduced;
  if (!storesApart(kernel, geometry)) {
    const serial = Array.from({ length: outer }, (_, axis) => axis).filter((axis) => !isFree(kernel, geometry, axis));
    const groups = scatterGroups(kernel, geometry, serial);
    return groups === undefined ? { ...base, form: "rows", serial } : { ...base, form: "scatter", serial, groups };
  }
  if (kernel.reduced === 0) return { ...base, ...mapSchedule(kernel, geometry) };
  const { lanes } = scheduleOf(kernel, geometry);
  const rows = product(geometry.extents.slice(0, outer));
  const columns = product(geometry.extents.slice(outer));
  const scans = kernel.outputs.some((o) => o.each === "prefix");
  if (lanes < outer) {
    const team = scans || columns < 16 ? 1 : 8;
    const across = team > 1;
    const split = across && isSplittable(kernel) && partsOf(rows / TILE, rows, columns, team) > 1;
    return { ...base, form: "rows", lanes, team, across, split };
  }
  if (scans) return { ...base, form: "rows", team: columns < 16 ? 1 : columns >= 1024 && rows < 4096 ? THREADS : 32 };
  const team = columns >= 2048 || (columns >= 256 && rows < 1024) ? THREADS : columns >= 16 ? 32 : 1;
  const split = team === THREADS && isSplittable(kernel) && partsOf(rows, rows, columns, team) > 1;
  const vector = kernel.reduced === 1 && columns >= 4 * team && team > 1 && areVectors(kernel, geometry, () => true) ? 4 : 1;
  return { ...base, form: "rows", team, split, vector };
}

/** What of a schedule shows in the text. */
export function scheduleKey(s: CudaSchedule): string {
  return [
    Number(s.wide),
    s.form,
    s.vector,
    s.lanes,
    s.tile,
    s.team,
    Number(s.across),
    s.serial.join(""),
    s.groups.join(""),
    Number(s.split),
  ].join(",");
}

export function cudaGrid(kernel: Kernel, geometry: Geometry, schedule: CudaSchedule): CudaGrid {
  const { extents } = geometry;
  const { form, vector, lanes, tile, team, across, serial, split } = schedule;
  const outer = kernel.rank - kernel.reduced;
  if (form === "scatter") {
    const inner = product(extents.filter((_, axis) => !serial.includes(axis) && !schedule.groups.includes(axis)));
    const chunks = Math.max(1, Math.ceil(inner / SCATTER_GRAIN));
    const places = geometry.indirect.at(-1)?.extent as number;
    const total = places * product(schedule.groups.map((axis) => extents[axis] as number)) * chunks;
    const columns = product(serial.map((axis) => extents[axis] as number));
    const threads = [TILE, THREADS / TILE] as const;
    return { blocks: Math.ceil(total / threads[1]), threads, work: { counts: extents, total, columns, grain: SCATTER_GRAIN, chunks } };
  }
  if (form !== "rows") {
    const isTiled = (axis: number) => axis === lanes || axis === tile;
    const inGroups = (e: number, axis: number) => (vector > 1 && axis === extents.length - 1 ? Math.floor(e / vector) : e);
    const counts = extents.map((e, axis) => (form === "tiles" && isTiled(axis) ? Math.ceil(e / TILE) : inGroups(e, axis)));
    const total = product(counts);
    const work = { counts, total, columns: 1, grain: 0, chunks: 1 };
    if (form === "tiles") return { blocks: total, threads: [TILE, TILE_ROWS], work };
    return { blocks: Math.max(1, Math.ceil(total / THREADS)), threads: [THREADS, 1], work };
  }
  const rows = product(extents.filter((_, axis) => axis < outer && !serial.includes(axis)));
  const columns = product(extents.slice(outer));
  const perBlock = across ? TILE : THREADS / team;
  const parts = split ? partsOf(across ? rows / TILE : rows, rows, columns, team) : 1;
  // Parts begin where vectors do.
  const grain = Math.max(1, vector * Math.ceil(columns / parts / vector));
  const chunks = split ? Math.ceil(columns / grain) : 1;
  const threads = across ? ([TILE, team] as const) : ([team, THREADS / team] as const);
  return { blocks: Math.ceil(rows / perBlock), threads, work: { counts: extents, total: rows, columns, grain, chunks } };
}

export function product(extents: readonly number[]): number {
  return extents.reduce((n, e) => n * e, 1);
}

function mapSchedule(kernel: Kernel, geometry: Geometry): Pick<CudaSchedule, "form" | "vector" | "lanes" | "tile"> {
  const plain = { form: "map", vector: 1, lanes: -1, tile: -1 } as const;
  const last = kernel.rank - 1;
  if (last < 0) return plain;
  const { lanes, tile } = scheduleOf(kernel, geometry);
  if (tile >= 0 && lanes >= 0) return { form: "tiles", vector: 1, lanes, tile };
  const length = geometry.extents[last] as number;
  const isVector =
    length >= 4 && (kernel.rank === 1 || length % 4 === 0) && areVectors(kernel, geometry, (o) => !o.accumulate && !o.indirect);
  return isVector ? { ...plain, vector: 4 } : plain;
}

/** True where all that moves along the last axis does so by single elements, and begins at a multiple of four wherever the others are. */
function areVectors(kernel: Kernel, { extents, strides }: Geometry, mayStore: (output: Kernel["outputs"][number]) => boolean): boolean {
  const last = kernel.rank - 1;
  const fits = (k: number) => strides[k]?.every((s, axis) => axis === last || s % 4 === 0 || extents[axis] === 1);
  const moves = (o: Operand, k: number) => o.access[last] !== "strided" && (o.access[last] === "fixed" || (!o.indirect && fits(k)));
  return kernel.outputs.every(mayStore) && allOperands(kernel).every(moves);
}

/** A fold to few results may be split where nothing but results of folds is stored and none needs another. */
function isSplittable(kernel: Kernel): boolean {
  const isAlone = !postorder(kernel.reductions.map((r) => r.of)).some((e) => e.kind === "reduced");
  return isAlone && kernel.reductions.length > 0 && kernel.outputs.every((o) => o.each === "row");
}

/** Into how many parts rows are split, where `blocks` blocks would fold them whole. */
function partsOf(blocks: number, rows: number, columns: number, team: number): number {
  if (rows === 0) return 1;
  const wanted = Math.floor(BUSY_BLOCKS / Math.max(1, blocks));
  return Math.max(1, Math.min(wanted, MOST_PARTS, Math.floor(columns / (team === THREADS ? PART : PART / 8))));
}

/** Fewer points in order than these are walked by one thread for each element; more looks of warps at indices than these cost too much. */
const SCATTER_POINTS = 64;
const SCATTER_LOOKS = 2 ** 29;

/** The axes that are not walked in order and that an output's index moves along; undefined where this is no scatter for warps. */
function scatterGroups(kernel: Kernel, geometry: Geometry, serial: readonly number[]): number[] | undefined {
  const [output, ...more] = kernel.outputs;
  const places = geometry.indirect.at(-1)?.extent ?? 0;
  if (kernel.reduced > 0 || more.length > 0 || output?.storeAt === undefined || places === 0) return undefined;
  const { extents } = geometry;
  const points = product(serial.map((axis) => extents[axis] as number));
  const axes = new Set<number>();
  for (const e of postorder([output.storeAt])) {
    if (e.kind === "index") axes.add(e.axis);
    if (e.kind === "load")
      for (const [axis, access] of (kernel.operands[e.operand]?.access ?? []).entries()) if (access !== "fixed") axes.add(axis);
  }
  const groups = [...axes].filter((axis) => !serial.includes(axis)).sort((a, b) => a - b);
  const inner = product(extents.filter((_, axis) => !serial.includes(axis) && !groups.includes(axis)));
  const warps = places * product(groups.map((axis) => extents[axis] as number)) * Math.ceil(inner / SCATTER_GRAIN);
  const reads = warps * Math.ceil(points / TILE);
  return points >= SCATTER_POINTS && warps < 2 ** 30 && reads <= SCATTER_LOOKS ? groups : undefined;
}

/** True where points that differ along an axis store to different elements of every output. */
function isFree(kernel: Kernel, { extents, strides, indirect }: Geometry, axis: number): boolean {
  return kernel.outputs.every((o, i) => {
    const k = kernel.operands.length + i;
    if (o.access[axis] === "fixed") return false;
    const own = strides[k] as readonly number[];
    const at = indirect[k];
    return at === undefined ? arePlacesApart(own, extents) : arePlacesApart([...own, at.stride], [...extents, at.extent]);
  });
}
