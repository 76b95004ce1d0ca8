/**
 * Matrix products on the WebAssembly device: which of the three ways of `core/render/wasm-matmul.ts` a shape takes, the blocks into
 * which a large product is split, and the map that may follow each block while it is in the cache.
 */
import { type FloatDType, sizeOf } from "../../base/dtype.ts";
import type { KernelLaunch, MatmulLaunch } from "../../kernel/launch.ts";
import { blockingOf, renderMatmul, TILE_ROWS, tileColumns } from "../../render/wasm-matmul.ts";
import type { Heap } from "./heap.ts";
import { type Box, type CallHost, kernelCall } from "./kernel-calls.ts";
import { loadModule, type SharedFunction } from "./modules.ts";
import { after, type Call, type Chunk, grouped, MOST_CHUNKS, type Place, plain, THREAD, type Work } from "./work.ts";

/** B of at most this many bytes stays in the first-level cache while it is read in place. */
const DIRECT_BYTES = 32768;
/** Few rows do not pay for packing B. */
const FEW_ROWS = 8;
/** Below this many multiplications a dot product for each element is quicker than packing. */
const SMALL = 32 * 32 * 32;
/** So many multiplications are worth a chunk (about 20 µs); a product has at most so many blocks, since each packs its own operands. */
const CHUNK_WORK = 2 ** 18;
export const MOST_BLOCKS = 32;
/** Rows and columns of a block that are not halved any more, and what columns are multiples of: a line of the cache. */
const LEAST = 32;
const LINE = 16;

const WAYS = ["packed", "direct", "dots"] as const;
type Way = (typeof WAYS)[number];

/** A product in the form that the functions take: C m×n, byte strides. Where `turned`, the transposes of C, B and A are meant. */
interface Product {
  readonly dtype: FloatDType;
  readonly way: Way;
  readonly turned: boolean;
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly aRow: number;
  readonly aDepth: number;
  readonly bDepth: number;
  readonly bColumn: number;
}

/** Rows and columns of C, from and to. */
export interface Block {
  readonly rows: readonly [number, number];
  readonly columns: readonly [number, number];
}

type Shape = Pick<MatmulLaunch, "dtype" | "m" | "n" | "k" | "transposeA" | "transposeB">;

/** A product of matrices at given places: as one call, or as one for each of its blocks. Nothing where C is empty. */
export interface PreparedProduct {
  readonly blocks: readonly Block[];
  /** Scratch memory of the thread that the call needs, from its start. */
  bytes(block: Block): number;
  call(c: Place, a: Place, b: Place, block: Block): Call;
}

export class MatmulLibrary {
  private readonly heap: Heap;
  /** Multiplications that are worth a chunk. */
  readonly chunkWork: number;
  private readonly compiled = new Map<FloatDType, Readonly<Record<Way, SharedFunction>>>();

  /** Chunks are `grain` times as large as usual. */
  constructor(heap: Heap, grain: number) {
    this.heap = heap;
    this.chunkWork = CHUNK_WORK * grain;
  }

  /** Modules compiled so far. */
  get kernels(): number {
    return this.compiled.size;
  }

  /** A product in at most `most` blocks. */
  prepare(shape: Shape, most: number): PreparedProduct {
    const product = productOf(shape);
    const { m, n, k, dtype, way } = product;
    const size = sizeOf(dtype);
    const fn = this.library(dtype)[way];
    const { aRow, aDepth, bDepth, bColumn } = product;
    const call = (c: Place, a: Place, b: Place, { rows, columns }: Block): Call => {
      const numbers = [rows[1] - rows[0], columns[1] - columns[0], k, n * size];
      const places = [after(c, (rows[0] * n + columns[0]) * size), after(a, rows[0] * aRow), after(b, columns[0] * bColumn)];
      if (way === "dots") return { fn, args: [...places, ...[...numbers, aRow, bColumn].map(plain)] };
      if (way === "direct") return { fn, args: [...places, ...[...numbers, aRow, aDepth, bDepth].map(plain)] };
      const { tile, panelsB } = panels(dtype, rows[1] - rows[0], columns[1] - columns[0], k);
      const scratch = [0, tile, tile + panelsB].map((offset) => ({ base: THREAD, offset }));
      return { fn, args: [...places, ...[...numbers, aRow, aDepth, bDepth, bColumn].map(plain), ...scratch] };
    };
    const bytes = ({ rows, columns }: Block) => {
      if (way !== "packed") return 0;
      const { tile, panelsB, panelsA } = panels(dtype, rows[1] - rows[0], columns[1] - columns[0], k);
      return tile + panelsB + panelsA;
    };
    if (m === 0 || n === 0) return { blocks: [], bytes, call };
    const blocks = blocksOf(m, n, Math.min(most, Math.floor((m * n * k) / this.chunkWork)));
    if (!product.turned) return { blocks, bytes, call };
    const turn = ({ rows, columns }: Block): Block => ({ rows: columns, columns: rows });
    return { blocks: blocks.map(turn), bytes: (block) => bytes(turn(block)), call: (c, a, b, block) => call(c, b, a, turn(block)) };
  }

  private library(dtype: FloatDType): Readonly<Record<Way, SharedFunction>> {
    let found = this.compiled.get(dtype);
    if (found === undefined) {
      found = loadModule(renderMatmul(dtype, this.heap.isShared), WAYS, [], this.heap.memory);
      this.compiled.set(dtype, found);
    }
    return found;
  }
}

/** The work of a launch: each block of each matrix of the batch, and the map on it, in chunks. */
export function matmulWork(library: MatmulLibrary, host: CallHost, launch: MatmulLaunch, places: readonly Place[]): Work {
  const { batch, dtype, epilogue } = launch;
  const size = sizeOf(dtype);
  const outputs = epilogue?.kernel.outputs.length ?? 1;
  const [first, second] = launch.inputs.map((i) => places[outputs + i] as Place) as [Place, Place];
  const product = library.prepare(launch, Math.floor(MOST_BLOCKS / batch.length));
  const items = batch.flatMap((_, entry) => product.blocks.map((block) => ({ entry, block })));
  const most = Math.min(
    MOST_CHUNKS,
    Math.max(items.length / batch.length, Math.floor((batch.length * launch.m * launch.n * launch.k) / library.chunkWork)),
  );
  const chunks = grouped(items, most).map(
    (group, chunk): Chunk =>
      group.flatMap(({ entry, block }) => {
        const at = batch[entry] as MatmulLaunch["batch"][number];
        const c = after(places[0] as Place, at.c * size);
        const multiply = product.call(c, after(first, at.a * size), after(second, at.b * size), block);
        if (epilogue === undefined) return [multiply];
        const whole = after(places[0] as Place, (at.c - entry * launch.m * launch.n) * size);
        return [multiply, mapCall(host, epilogue, places, whole, entry, block, chunk)];
      }),
  );
  const threadBytes = Math.max(0, ...product.blocks.map((block) => product.bytes(block)));
  if (epilogue === undefined) return { phases: [chunks], threadBytes };
  const { sites } = host.compile(epilogue.kernel);
  return { phases: [chunks], threadBytes, ...(sites.length > 0 && { checks: { sites, geometry: epilogue.geometry } }) };
}

/** The map over a block of matrix `entry` of the product, whose first matrix would be at `product`: where the first output is. */
export function mapCall(
  host: CallHost,
  map: KernelLaunch,
  places: readonly Place[],
  product: Place,
  entry: number,
  block: Block,
  chunk: number,
): Call {
  const outputs = map.kernel.outputs.length;
  // Input 0 is the product, and those of the application follow.
  const shifted = { ...map, inputs: map.inputs.map((i) => i + 1) };
  const box: Box = { from: [entry, block.rows[0], block.columns[0]], to: [entry + 1, block.rows[1], block.columns[1]] };
  return kernelCall(host, shifted, [...places.slice(0, outputs), product, ...places.slice(outputs)], box, chunk);
}

function productOf({ dtype, m, n, k, transposeA, transposeB }: Shape): Product {
  const size = sizeOf(dtype);
  // Rows of a matrix with one row or column are contiguous in either layout.
  const aRow = transposeA ? size : k * size;
  const aDepth = transposeA && m > 1 ? m * size : size;
  const bDepth = transposeB || n === 1 ? size : n * size;
  const bColumn = transposeB || n === 1 ? k * size : size;
  const plainly = { dtype, turned: false, m, n, k, aRow, aDepth, bDepth, bColumn };
  if (n === 1 && aDepth !== size) {
    // A column times A transposed is that column, as a row, times A.
    return { dtype, turned: true, way: "direct", m: 1, n: m, k, aRow: k * size, aDepth: size, bDepth: aDepth, bColumn: size };
  }
  if (aDepth === size && bDepth === size && (m === 1 || n === 1 || m * n * k <= SMALL)) return { ...plainly, way: "dots" };
  if (k === 0 || (bColumn === size && (m <= FEW_ROWS || k * n * size <= DIRECT_BYTES))) return { ...plainly, way: "direct" };
  return { ...plainly, way: "packed" };
}

/** Bytes of the edge tile and of the packed panels of a block. */
function panels(dtype: FloatDType, m: number, n: number, k: number) {
  const size = sizeOf(dtype);
  const blocking = blockingOf(dtype);
  const columns = tileColumns(dtype);
  const upTo = (length: number, tile: number, block: number) => Math.min(block, Math.ceil(length / tile) * tile);
  const depth = Math.min(k, blocking.depth);
  return {
    tile: TILE_ROWS * columns * size,
    panelsB: depth * upTo(n, columns, blocking.columns) * size,
    panelsA: depth * upTo(m, TILE_ROWS, blocking.rows) * size,
  };
}

/** At most `most` blocks, as square as halving makes them. */
function blocksOf(m: number, n: number, most: number): Block[] {
  let [rows, columns] = [m, n];
  for (let count = 2; count <= most; count *= 2) {
    if (rows >= columns && rows >= 2 * LEAST) rows = Math.ceil(rows / 2 / TILE_ROWS) * TILE_ROWS;
    else if (columns >= 2 * LEAST) columns = Math.ceil(columns / 2 / LINE) * LINE;
    else if (rows >= 2 * LEAST) rows = Math.ceil(rows / 2 / TILE_ROWS) * TILE_ROWS;
    else break;
  }
  const blocks: Block[] = [];
  for (let i = 0; i < m; i += rows) {
    for (let j = 0; j < n; j += columns) blocks.push({ rows: [i, Math.min(m, i + rows)], columns: [j, Math.min(n, j + columns)] });
  }
  return blocks;
}
