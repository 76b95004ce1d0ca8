/**
 * Matrix products on the WebAssembly device: which of the three ways of `core/render/wasm-matmul.ts` a shape takes, and the
 * memory for packed panels, which is kept between launches.
 */
import { type FloatDType, sizeOf } from "../../base/dtype.ts";
import type { MatmulLaunch } from "../../kernel/launch.ts";
import { blockingOf, renderMatmul, TILE_ROWS, tileColumns } from "../../render/wasm-matmul.ts";
import type { GeneratedFunction } from "../bind.ts";
import type { Address, Runnable } from "../device.ts";
import type { Pool } from "../pool.ts";

import type { Heap } from "./heap.ts";
import { Scratch } from "./scratch.ts";

/** B of at most this many bytes stays in the first-level cache while it is read in place. */
const DIRECT_BYTES = 32768;
/** Few rows do not pay for packing B. */
const FEW_ROWS = 8;
/** Below this many multiplications a dot product for each element is quicker than packing. */
const SMALL = 32 * 32 * 32;

interface Library {
  readonly packed: GeneratedFunction;
  readonly direct: GeneratedFunction;
  readonly dots: GeneratedFunction;
}

export class MatmulLibrary {
  private readonly heap: Heap;
  private readonly compiled = new Map<FloatDType, Library>();
  private readonly scratch: Scratch;

  constructor(heap: Heap, pool: Pool) {
    this.heap = heap;
    this.scratch = new Scratch(pool);
  }

  /** Modules compiled so far. */
  get kernels(): number {
    return this.compiled.size;
  }

  prepare({ dtype, m, n, k, transposeA, transposeB, batch, inputs }: MatmulLaunch, counter: { value: number }): Runnable {
    const size = sizeOf(dtype);
    const product = this.choose(dtype, { m, n, k, transposeA, transposeB });
    const [first, second] = inputs;
    const [only] = batch;
    if (batch.length === 1 && only && only.a === 0 && only.b === 0 && only.c === 0 && first === 0 && second === 1) {
      return (out, a, b) => {
        counter.value++;
        product(out, a as Address, b as Address);
      };
    }
    return (out, ...given) => {
      counter.value++;
      const a = given[first] as Address;
      const b = given[second] as Address;
      for (const at of batch) product(out + at.c * size, a + at.a * size, b + at.b * size);
    };
  }

  private choose(
    dtype: FloatDType,
    shape: Pick<MatmulLaunch, "m" | "n" | "k" | "transposeA" | "transposeB">,
  ): (c: Address, a: Address, b: Address) => void {
    const { m, n, k } = shape;
    const { packed, direct, dots } = this.library(dtype);
    const size = sizeOf(dtype);
    // Rows of a matrix with one row or column are contiguous in either layout.
    const aRow = shape.transposeA ? size : k * size;
    const aDepth = shape.transposeA && m > 1 ? m * size : size;
    const bDepth = shape.transposeB || n === 1 ? size : n * size;
    const bColumn = shape.transposeB || n === 1 ? k * size : size;
    if (m === 0 || n === 0) return () => {};
    if (n === 1 && aDepth !== size) {
      // A column times A transposed is that column, as a row, times A.
      return (c, a, b) => direct(c, b, a, 1, m, k, k * size, size, aDepth);
    }
    if (aDepth === size && bDepth === size && (m === 1 || n === 1 || m * n * k <= SMALL)) {
      return (c, a, b) => dots(c, a, b, m, n, k, aRow, bColumn);
    }
    if (k === 0 || (bColumn === size && (m <= FEW_ROWS || k * n * size <= DIRECT_BYTES))) {
      return (c, a, b) => direct(c, a, b, m, n, k, aRow, aDepth, bDepth);
    }
    const blocking = blockingOf(dtype);
    const columns = tileColumns(dtype);
    const upTo = (length: number, tile: number, block: number) => Math.min(block, Math.ceil(length / tile) * tile);
    const depth = Math.min(k, blocking.depth);
    const tileBytes = TILE_ROWS * columns * size;
    const bytesB = depth * upTo(n, columns, blocking.columns) * size;
    const bytes = tileBytes + bytesB + depth * upTo(m, TILE_ROWS, blocking.rows) * size;
    // Asked for now, so that a launch does not fail for want of memory.
    this.scratch.atLeast(bytes);
    return (c, a, b) => {
      const scratch = this.scratch.atLeast(bytes);
      const panels = scratch + tileBytes;
      packed(c, a, b, m, n, k, aRow, aDepth, bDepth, bColumn, scratch, panels, panels + bytesB);
    };
  }

  private library(dtype: FloatDType): Library {
    let found = this.compiled.get(dtype);
    if (found === undefined) {
      const { exports } = new WebAssembly.Instance(new WebAssembly.Module(renderMatmul(dtype)), { env: { memory: this.heap.memory } });
      found = {
        packed: exports.packed as GeneratedFunction,
        direct: exports.direct as GeneratedFunction,
        dots: exports.dots as GeneratedFunction,
      };
      this.compiled.set(dtype, found);
    }
    return found;
  }
}
