/**
 * How the work of a kernel's launch is split for the threads of the WebAssembly device. It follows from kernel and geometry alone,
 * never from the number of threads, so results do not either.
 */
import { sizeOf } from "../base/dtype.ts";
import { isHeavy } from "../kernel/heavy.ts";
import { type Access, type Geometry, type Kernel, kernel, type Operand, type Output, type Reduction } from "../kernel/kernel.ts";
import type { KernelLaunch } from "../kernel/launch.ts";
import { rewrite } from "../kernel/rewrite.ts";
import { cast, type Expr, load, postorder, reduced } from "../kernel/scalar-expr.ts";
import { arePointsIndependent, checksLate, everyExpression, storesApart } from "./c-schedule.ts";
import { allOperands, storeRoots } from "./wasm-layout.ts";
import { VECTOR_MATH } from "./wasm-math.ts";

/** An axis in chunks of `length` coordinates, the last of them being shorter. */
export interface Split {
  readonly axis: number;
  readonly length: number;
  readonly chunks: number;
}

/**
 * Work that is worth a chunk: so many elements of a sum in the cache, some 10 µs. Measured in these, a function in vectors takes about
 * 12 (exp) and one that is called for each element about 64 (sin of f64).
 */
const CHUNK_WORK = 65536;
const VECTOR_FUNCTION = 12;
const CALLED_FUNCTION = 64;
const MOST_CHUNKS = 64;
/** So many chunks keep most machines busy. */
const ENOUGH = 8;
/** Chunks along an axis that vectors may run along are multiples of this many elements, so that lanes stay full. */
const LANES = 64;
/** And along an axis that tiles may cross, of this many. */
const LINE = 16;
/** Folds to at most this many results are done in parts, of which there are at most so many. */
const FEW_RESULTS = 512;
const MOST_PARTS = 16;

/** What a point of the iteration space costs. */
export function costOf(k: Kernel): number {
  return everyExpression(k).reduce((sum, e) => (isHeavy(e) ? sum + (hasVectorForm(e) ? VECTOR_FUNCTION : CALLED_FUNCTION) : sum), 1);
}

/** How many chunks a launch is worth whose points cost so much. */
export function worthOf({ extents }: Geometry, cost: number): number {
  return Math.min(MOST_CHUNKS, Math.floor((points(extents) * cost) / CHUNK_WORK));
}

function points(extents: readonly number[]): number {
  return extents.reduce((n, e) => n * e, 1);
}

function hasVectorForm(e: Expr): boolean {
  if (e.dtype !== "f32" && e.dtype !== "f64") return false;
  return e.kind === "unary" ? e.fn in VECTOR_MATH[e.dtype] : e.kind === "binary" && e.fn === "pow" && e.dtype === "f32";
}

/** The split of a launch into about `wanted` chunks; undefined where they are few or its points depend on one another. */
export function splitOf({ kernel: k, geometry }: KernelLaunch, wanted: number): Split | undefined {
  if (wanted < 2 || !arePointsIndependent(k, geometry)) return undefined;
  const outer = k.rank - k.reduced;
  // Chunks that check indices must follow one another as the points do, so that the first error is that of the first chunk.
  const isChecked = allOperands(k).some((o) => o.indirect);
  let best: Split | undefined;
  for (let axis = 0; axis < outer; axis++) {
    const extent = geometry.extents[axis] as number;
    const isAlongLanes = axis === outer - 1 && k.operands.every((o) => o.access[axis] !== "strided");
    const step = isAlongLanes ? LANES : k.operands.some((o) => o.access[axis] === "unit") ? LINE : 1;
    const length = Math.ceil(Math.ceil(extent / wanted) / step) * step;
    const chunks = Math.ceil(extent / length);
    if (chunks > (best?.chunks ?? 1) && (best?.chunks ?? 1) < ENOUGH) best = { axis, length, chunks };
    if (isChecked && extent > 1) break;
  }
  return best;
}

/** A fold in parts along its first reduced axis, each to rows of scratch memory, one a reduction, which are then folded. */
export interface Join {
  readonly split: Split;
  /** The folds of all or, in a box, of a part: its outputs are a row for each reduction, and then the elements that the launch stores. */
  readonly part: KernelLaunch;
  /** Of the row of each reduction. */
  readonly rowBytes: readonly number[];
  /** Folds the rows of all parts, which are its last inputs, one a reduction; its outputs are those of the launch that are rows. */
  readonly whole: KernelLaunch;
}

/** About `worth` parts of a fold to few results; undefined where it can be split along an outer axis, or not at all. */
export function joinOf(launch: KernelLaunch, worth: number): Join | undefined {
  const { kernel: k, geometry } = launch;
  const wanted = Math.min(MOST_PARTS, worth);
  if (wanted < 2 || k.reduced === 0 || !hasParts(k) || !storesApart(k, geometry)) return undefined;
  const outer = k.rank - k.reduced;
  const rows = geometry.extents.slice(0, outer);
  const results = points(rows);
  if (results === 0 || results > FEW_RESULTS || allOperands(k).some((o) => o.indirect)) return undefined;
  if ((splitOf(launch, worth)?.chunks ?? 1) >= ENOUGH / 2) return undefined;
  const extent = geometry.extents[outer] as number;
  const length = Math.ceil(Math.ceil(extent / wanted) / LANES) * LANES;
  const chunks = Math.ceil(extent / length);
  if (chunks < 2) return undefined;

  // Parts of an f32 sum are kept in f64, but where lanes are results of their own: four of them take twice the time in f64.
  const isRow = outer === 0 || k.operands.every((o) => o.access[outer - 1] !== "unit");
  const dtypes = k.reductions.map(({ op, dtype }) => (isRow && op === "sum" && dtype === "f32" ? "f64" : dtype));
  const denseRows = rows.map((_, a) => points(rows.slice(a + 1)));
  const access = [...accessOf(denseRows), ...new Array<Access>(k.reduced).fill("fixed")];
  const kept = dtypes.map((dtype, i): Output => {
    return { dtype, access, indirect: false, result: reduced(i, dtype), each: "row", storeAt: undefined, accumulate: false };
  });
  const operands = k.operands.length;
  const elements = k.outputs.flatMap((o, i) => (o.each === "element" ? [i] : []));
  const moved = <T>(values: readonly T[], row: T): T[] => [
    ...values.slice(0, operands),
    ...kept.map(() => row),
    ...elements.map((i) => values[operands + i] as T),
  ];
  const strides = moved(geometry.strides, [...denseRows, ...new Array<number>(k.reduced).fill(0)]);
  const part: KernelLaunch = {
    ...launch,
    kernel: kernel({
      ...k,
      reductions: k.reductions.map((r, i) => ({ ...r, dtype: dtypes[i] as Reduction["dtype"] })),
      outputs: [...kept, ...elements.map((i) => k.outputs[i] as Output)],
    }),
    geometry: { extents: geometry.extents, strides, offsets: moved(geometry.offsets, 0), indirect: strides.map(() => undefined) },
  };
  return {
    split: { axis: outer, length, chunks },
    part,
    rowBytes: dtypes.map((dtype) => results * sizeOf(dtype)),
    whole: joining(launch, dtypes, chunks, denseRows),
  };
}

/** True where folds need nothing of each other, and what is stored of single elements nothing of them. */
function hasParts(k: Kernel): boolean {
  const readsFolds = (roots: readonly Expr[]) => postorder(roots).some((e) => e.kind === "reduced");
  return (
    k.outputs.some((o) => o.each === "row") &&
    k.outputs.every((o) => o.each === "row" || (o.each === "element" && !readsFolds(storeRoots(o)))) &&
    k.reductions.every((r) => r.op !== "argmax" && r.op !== "argmin" && !readsFolds([r.of])) &&
    !checksLate(k)
  );
}

/** The launch that folds `count` parts, of which its last operands are the rows, and stores the rows that the original stores. */
function joining(
  { kernel: k, geometry, inputs }: KernelLaunch,
  dtypes: readonly Operand["dtype"][],
  count: number,
  denseRows: readonly number[],
): KernelLaunch {
  const outer = k.rank - k.reduced;
  const operands = k.operands.length;
  const row = <T>(values: readonly T[], last: T): T[] => [...values.slice(0, outer), last];
  const rowLength = points(geometry.extents.slice(0, outer));
  const stored = k.outputs.flatMap((o, i) => (o.each === "row" ? [i] : []));
  const results = rewrite(
    stored.map((i) => (k.outputs[i] as Output).result),
    (e) => (e.kind === "reduced" ? cast(reduced(e.stage, dtypes[e.stage] as Operand["dtype"]), e.dtype) : undefined),
  );
  const last: Access = rowLength === 1 ? "unit" : "strided";
  const parts = dtypes.map((dtype): Operand => ({ dtype, access: [...accessOf(denseRows), last], indirect: false }));
  const of = (o: Operand): Operand => ({ ...o, access: row(o.access, "fixed") });
  const strides = geometry.strides.map((s) => row(s, 0));
  const moved = <T>(values: readonly T[], part: T): T[] => [
    ...values.slice(0, operands),
    ...parts.map(() => part),
    ...stored.map((i) => values[operands + i] as T),
  ];
  const whole: Geometry = {
    extents: row(geometry.extents, count),
    strides: moved(strides, [...denseRows, rowLength]),
    offsets: moved(geometry.offsets, 0),
    indirect: moved(strides, []).map(() => undefined),
  };
  const next = Math.max(-1, ...inputs) + 1;
  return {
    kind: "kernel",
    kernel: kernel({
      rank: outer + 1,
      reduced: 1,
      operands: [...k.operands.map(of), ...parts],
      reductions: k.reductions.map(({ op }, i) => {
        const dtype = dtypes[i] as Operand["dtype"];
        return { op, of: load(operands + i, dtype), dtype };
      }),
      outputs: stored.map((i, at) => {
        const o = k.outputs[i] as Output;
        return { ...o, access: row(o.access, "fixed"), result: results[at] as Expr };
      }),
    }),
    geometry: whole,
    inputs: [...inputs, ...parts.map((_, i) => next + i)],
  };
}

/** How a dense array is walked. */
function accessOf(strides: readonly number[]): Access[] {
  return strides.map((s) => (s === 1 ? "unit" : "strided"));
}
