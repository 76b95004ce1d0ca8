/**
 * Maps that store along the last axis what they read along the one before (transposing copies, and arithmetic on transposed
 * matrices), as tiles: a square of lanes × lanes elements is loaded along the axis in which it is contiguous and transposed in
 * registers, and squares are visited in blocks in which every line of the cache is used whole.
 */
import type { DType } from "../base/dtype.ts";
import { isHeavy } from "../kernel/heavy.ts";
import { postorder } from "../kernel/scalar-expr.ts";
import type { MemoryOp } from "./wasm-assembler.ts";
import type { Emitter } from "./wasm-emitter.ts";
import { storeRoots } from "./wasm-layout.ts";
import { transpose } from "./wasm-matmul-pack.ts";
import { range } from "./wasm-matmul-tiles.ts";
import { SCALAR_TYPE } from "./wasm-scalar.ts";
import { type Lanes, loadVector, splat, type VectorMode } from "./wasm-vector.ts";

export type TileMode = VectorMode & { readonly across: number };

/** A block, in elements: along the axis that is contiguous where it is read, and along the last. */
const BLOCK_ACROSS = 16;
const BLOCK_ALONG = 8;

/** How the whole map goes by tiles, or undefined where nothing would be transposed or the access patterns do not allow it. */
export function tileMode(em: Emitter): TileMode | undefined {
  const { kernel } = em;
  const last = kernel.rank - 1;
  const across = last - 1;
  if (kernel.reduced > 0 || across < 0) return undefined;
  const isPlain = kernel.outputs.every(
    (o) => o.storeAt === undefined && !o.accumulate && o.access[last] === "unit" && o.access[across] === "strided",
  );
  if (!isPlain) return undefined;
  const varies = (e: Parameters<VectorMode["varies"]>[0]) => em.level(e) > across;
  const ordered = postorder(kernel.outputs.flatMap(storeRoots)).filter(varies);
  let transposes = false;
  for (const e of ordered) {
    if (e.kind === "index" || isHeavy(e) || (e.kind === "load" && e.at !== undefined)) return undefined;
    if (e.kind !== "load" || em.access(e.operand, last) !== "strided") continue;
    if (em.access(e.operand, across) !== "unit") return undefined;
    transposes = true;
  }
  const dtypes = new Set([...ordered.map((e) => e.dtype), ...kernel.outputs.flatMap((o) => [o.dtype, o.result.dtype])]);
  const isWide = dtypes.has("f64");
  if (!transposes || (isWide && dtypes.size > 1)) return undefined;
  const lanes: Lanes = isWide ? 2 : 4;
  return { axis: last, lanes, copies: lanes, across, varies };
}

/** Runs `body` for the last two axes: in tiles, and element by element for what is left at the ends. */
export function tileLoops(
  em: Emitter,
  mode: TileMode,
  roots: Parameters<Emitter["moved"]>[3],
  used: ReadonlySet<number>,
  body: () => void,
): void {
  const { f } = em;
  const { axis, across, lanes } = mode;
  const local = () => f.local("i32");
  const [rows, columns] = [em.extent(across), em.extent(axis)];
  const [wholeRows, wholeColumns, row, column] = [local(), local(), local(), local()] as const;
  f.get(rows).i32(-lanes).op("i32.and").set(wholeRows).get(columns).i32(-lanes).op("i32.and").set(wholeColumns);
  const at = (m: VectorMode | undefined) =>
    em.moved(
      used,
      (k) => {
        em.addSteps(k, across, () => f.get(row));
        em.addSteps(k, axis, () => f.get(column));
      },
      m,
      roots,
      body,
    );
  const elements = (firstRow: () => void, lastRow: number, firstColumn: () => void) => {
    firstRow();
    f.set(row);
    range(f, row, lastRow, 1, () => {
      firstColumn();
      f.set(column);
      range(f, column, columns, 1, () => at(undefined));
    });
  };
  /** The end of the block that begins at `start`. */
  const clip = (end: number, start: number, length: number, bound: number) => {
    f.get(start).i32(length).op("i32.add").tee(end).get(bound).get(end).get(bound).op("i32.lt_u", "select").set(end);
  };
  const [rowBlock, columnBlock, rowEnd, columnEnd] = [local(), local(), local(), local()] as const;
  f.i32(0).set(rowBlock);
  range(f, rowBlock, wholeRows, BLOCK_ACROSS, () => {
    clip(rowEnd, rowBlock, BLOCK_ACROSS, wholeRows);
    f.i32(0).set(columnBlock);
    range(f, columnBlock, wholeColumns, BLOCK_ALONG, () => {
      clip(columnEnd, columnBlock, BLOCK_ALONG, wholeColumns);
      f.get(rowBlock).set(row);
      range(f, row, rowEnd, lanes, () => {
        f.get(columnBlock).set(column);
        range(f, column, columnEnd, lanes, () => at(mode));
      });
    });
  });
  elements(
    () => f.i32(0),
    wholeRows,
    () => f.get(wholeColumns),
  );
  elements(
    () => f.get(wholeRows),
    rows,
    () => f.i32(0),
  );
}

/** The vectors of a tile of an operand, one for each coordinate across; each runs along the last axis. */
export function loadTile(em: Emitter, operand: number, dtype: DType, { axis, lanes, copies }: VectorMode): number[] {
  const { f } = em;
  const vectors = Array.from({ length: copies }, () => f.local("v128"));
  const access = em.access(operand, axis);
  for (const [i, v] of vectors.entries()) {
    if (access === "strided") {
      // Contiguous across: vector i holds coordinate i of the last axis, until the square is transposed.
      em.pushAddress(operand);
      em.addSteps(operand, axis, () => f.i32(i));
    } else em.pushAddress(operand, i);
    if (access === "fixed") {
      f.memory(`${SCALAR_TYPE[dtype]}.load` as MemoryOp);
      splat(f, dtype);
    } else loadVector(f, dtype, lanes, 0);
    f.set(v);
  }
  if (access === "strided") transpose(f, vectors);
  return vectors;
}
