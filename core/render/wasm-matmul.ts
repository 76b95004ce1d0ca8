/**
 * Matrix products in WebAssembly, one module per dtype with three ways to the same result (which one is the device's choice):
 *
 *  - `packed`: the blocked algorithm of Goto and van de Geijn ("Anatomy of High-Performance Matrix Multiplication", 2008).
 *    Blocks of A and B are copied into panels that the micro-kernel reads in order; it keeps a 4 × 2-vector tile of C in
 *    registers. For large products, in any layout.
 *  - `direct`: the same tile read in place, for small products and few rows, where B's rows are contiguous.
 *  - `dots`: vectors run along the depth, for matrix-vector products and small ones where rows of A and columns of B are contiguous.
 */
import type { FloatDType } from "../base/dtype.ts";
import { encodeModule, FunctionBuilder } from "./wasm-assembler.ts";
import { packPanels } from "./wasm-matmul-pack.ts";
import { dotTile, type MatmulTypes, matmulTypes, range, stridedTile } from "./wasm-matmul-tiles.ts";

/** Rows of a register tile; its columns are two vectors. */
export const TILE_ROWS = 4;

/** Block sizes in elements: the depth of a panel, the rows of a block of A (second-level cache), the columns of one of B. */
export interface Blocking {
  readonly depth: number;
  readonly rows: number;
  readonly columns: number;
}

export function blockingOf(t: FloatDType): Blocking {
  return t === "f32" ? { depth: 256, rows: 128, columns: 1024 } : { depth: 256, rows: 64, columns: 512 };
}

/** Columns of a register tile. */
export function tileColumns(t: FloatDType): number {
  return t === "f32" ? 8 : 4;
}

/**
 * The module of a dtype; `isShared` says whether the memory that it imports is shared between threads. Strides are in bytes.
 * Exports, all with result nothing: `packed(c, a, b, m, n, k, cRow, aRow, aDepth, bDepth, bColumn, tile, panelsB, panelsA)`,
 * `direct(c, a, b, m, n, k, cRow, aRow, aDepth, bDepth)` and `dots(c, a, b, m, n, k, cRow, aRow, bColumn)`.
 */
export function renderMatmul(t: FloatDType, isShared: boolean): Uint8Array<ArrayBuffer> {
  const types = matmulTypes(t);
  const functions = {
    micro: microKernel(types),
    packA: packPanels(types, TILE_ROWS),
    packB: packPanels(types, tileColumns(t)),
    packed: packed(types, blockingOf(t)),
    direct: direct(types),
    dots: dots(types),
  };
  return encodeModule(functions, [], isShared);
}

/** Function numbers, in the order of the record above. */
const MICRO = 0;
const PACK_A = 1;
const PACK_B = 2;

/** micro(c, a, b, depth, cRow, adds): a whole tile from two panels; `adds` says whether it is added to C or stored. */
function microKernel(types: MatmulTypes): FunctionBuilder {
  const { t, shape, lanes, size } = types;
  const f = new FunctionBuilder(["i32", "i32", "i32", "i32", "i32", "i32"]);
  const [c, a, b, depth, cRow, adds] = [0, 1, 2, 3, 4, 5] as const;
  const sums = Array.from({ length: TILE_ROWS }, () => [f.local("v128"), f.local("v128")] as const);
  const left = f.local("v128");
  const right = [f.local("v128"), f.local("v128")] as const;
  const p = f.local("i32");
  // One depth a round: V8 loads early when rounds are unrolled, and then runs out of registers.
  f.i32(0).set(p);
  range(f, p, depth, 1, () => {
    for (const v of [0, 1] as const)
      f.get(b)
        .memory("v128.load", v * 16)
        .set(right[v]);
    for (const [r, row] of sums.entries()) {
      f.get(a)
        .memory(t === "f32" ? "v128.load32_splat" : "v128.load64_splat", r * size)
        .set(left);
      for (const v of [0, 1] as const) f.get(row[v]).get(left).get(right[v]).op(`${shape}.mul`, `${shape}.add`).set(row[v]);
    }
    f.get(a)
      .i32(TILE_ROWS * size)
      .op("i32.add")
      .set(a);
    f.get(b)
      .i32(2 * lanes * size)
      .op("i32.add")
      .set(b);
  });
  for (const row of sums) {
    f.get(adds).if(() => {
      for (const v of [0, 1] as const)
        f.get(c)
          .memory("v128.load", v * 16)
          .get(row[v])
          .op(`${shape}.add`)
          .set(row[v]);
    });
    for (const v of [0, 1] as const)
      f.get(c)
        .get(row[v])
        .memory("v128.store", v * 16);
    f.get(c).get(cRow).op("i32.add").set(c);
  }
  return f;
}

function packed(types: MatmulTypes, blocking: Blocking): FunctionBuilder {
  const { t, lanes, size } = types;
  const width = 2 * lanes;
  const f = new FunctionBuilder(new Array(14).fill("i32"));
  const [c, a, b, m, n, k, cRow] = [0, 1, 2, 3, 4, 5, 6] as const;
  const [aRow, aDepth, bDepth, bColumn, tile, panelsB, panelsA] = [7, 8, 9, 10, 11, 12, 13] as const;
  const local = () => f.local("i32");
  const [jc, pc, ic, jr, ir] = [local(), local(), local(), local(), local()] as const;
  const [columns, depth, rows] = [local(), local(), local()] as const;
  const [target, panelA, panelB, restRows, restColumns] = [local(), local(), local(), local(), local()] as const;

  /** length := min(block, bound - start) */
  const clip = (length: number, bound: number, start: number, block: number) => {
    f.get(bound).get(start).op("i32.sub").tee(length).i32(block).get(length).i32(block).op("i32.lt_s", "select").set(length);
  };
  const offset = (index: number, stride: number) => f.get(index).get(stride).op("i32.mul", "i32.add");

  f.i32(0).set(jc);
  range(f, jc, n, blocking.columns, () => {
    clip(columns, n, jc, blocking.columns);
    f.i32(0).set(pc);
    range(f, pc, k, blocking.depth, () => {
      clip(depth, k, pc, blocking.depth);
      f.get(panelsB).get(b);
      offset(pc, bDepth);
      offset(jc, bColumn);
      f.get(columns).get(depth).get(bColumn).get(bDepth).call(PACK_B);
      f.i32(0).set(ic);
      range(f, ic, m, blocking.rows, () => {
        clip(rows, m, ic, blocking.rows);
        f.get(panelsA).get(a);
        offset(ic, aRow);
        offset(pc, aDepth);
        f.get(rows).get(depth).get(aRow).get(aDepth).call(PACK_A);
        f.i32(0).set(jr);
        range(f, jr, columns, width, () => {
          // A panel's start is its first column (row) times the depth.
          f.get(panelsB).get(jr).get(depth).op("i32.mul").i32(size).op("i32.mul", "i32.add").set(panelB);
          f.get(columns).get(jr).op("i32.sub").set(restColumns);
          f.i32(0).set(ir);
          range(f, ir, rows, TILE_ROWS, () => {
            f.get(panelsA).get(ir).get(depth).op("i32.mul").i32(size).op("i32.mul", "i32.add").set(panelA);
            f.get(rows).get(ir).op("i32.sub").set(restRows);
            f.get(c).get(ic).get(ir).op("i32.add").get(cRow).op("i32.mul", "i32.add");
            f.get(jc).get(jr).op("i32.add").i32(size).op("i32.mul", "i32.add").set(target);
            f.get(restRows).i32(TILE_ROWS).op("i32.ge_s").get(restColumns).i32(width).op("i32.ge_s", "i32.and");
            f.if(
              () => f.get(target).get(panelA).get(panelB).get(depth).get(cRow).get(pc).call(MICRO),
              () => {
                f.get(tile)
                  .get(panelA)
                  .get(panelB)
                  .get(depth)
                  .i32(width * size)
                  .i32(0)
                  .call(MICRO);
                copyEdge();
              },
            );
          });
        });
      });
    });
  });

  /** Copies (at depth 0) or adds the valid part of the tile buffer to C. */
  function copyEdge(): void {
    const [row, column, from, to] = [local(), local(), local(), local()] as const;
    for (const [rest, limit] of [
      [restRows, TILE_ROWS],
      [restColumns, width],
    ] as const) {
      f.get(rest).i32(limit).get(rest).i32(limit).op("i32.lt_s", "select").set(rest);
    }
    f.i32(0).set(row);
    range(f, row, restRows, 1, () => {
      f.get(tile)
        .get(row)
        .i32(width * size)
        .op("i32.mul", "i32.add")
        .set(from);
      f.get(target).get(row).get(cRow).op("i32.mul", "i32.add").set(to);
      f.i32(0).set(column);
      range(f, column, restColumns, 1, () => {
        f.get(to).get(from).memory(`${t}.load`).get(pc);
        f.choose(
          t,
          () => f.get(to).memory(`${t}.load`),
          () => f[t](0),
        );
        f.op(`${t}.add`).memory(`${t}.store`);
        f.get(from).i32(size).op("i32.add").set(from).get(to).i32(size).op("i32.add").set(to);
      });
    });
    // The clipped counts are per tile; the loops compute them anew, but columns are shared by the tiles of one panel.
    f.get(columns).get(jr).op("i32.sub").set(restColumns);
  }
  return f;
}

/** Bands of columns from wide to narrow; in each, tiles of four rows and then single rows. */
function direct(types: MatmulTypes): FunctionBuilder {
  const { lanes, size } = types;
  const f = new FunctionBuilder(new Array(10).fill("i32"));
  const [c, a, b, m, n, k, cRow, aRow, aDepth, bDepth] = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9] as const;
  const local = () => f.local("i32");
  const [i, j, end, rowEnd, pa, pb, pc] = [local(), local(), local(), local(), local(), local(), local()] as const;
  f.i32(0).set(j);
  const band = (vectors: number, rowTiles: readonly number[]) => {
    const width = vectors === 0 ? 1 : vectors * lanes;
    f.get(n).i32(-width).op("i32.and").set(end);
    range(f, j, end, width, () => {
      f.i32(0).set(i);
      for (const rows of rowTiles) {
        f.get(m).i32(-rows).op("i32.and").set(rowEnd);
        range(f, i, rowEnd, rows, () => {
          f.get(a).get(i).get(aRow).op("i32.mul", "i32.add").set(pa);
          f.get(b).get(j).i32(size).op("i32.mul", "i32.add").set(pb);
          f.get(c).get(i).get(cRow).op("i32.mul", "i32.add").get(j).i32(size).op("i32.mul", "i32.add").set(pc);
          stridedTile(f, types, { rows, vectors, a: pa, b: pb, c: pc, depth: k, aRow, aDepth, bDepth, cRow });
        });
      }
    });
  };
  f.get(m)
    .i32(TILE_ROWS)
    .op("i32.lt_u")
    .if(() => band(8, [1]));
  band(2, [TILE_ROWS, 1]);
  band(1, [TILE_ROWS, 1]);
  band(0, [TILE_ROWS, 1]);
  return f;
}

function dots(types: MatmulTypes): FunctionBuilder {
  const { size } = types;
  const f = new FunctionBuilder(new Array(9).fill("i32"));
  const [c, a, b, m, n, k, cRow, aRow, bColumn] = [0, 1, 2, 3, 4, 5, 6, 7, 8] as const;
  const local = () => f.local("i32");
  const [i, j, end, columnEnd, pa, pb, pc] = [local(), local(), local(), local(), local(), local(), local()] as const;
  f.i32(0).set(i);
  for (const rows of [2, 1]) {
    f.get(m).i32(-rows).op("i32.and").set(end);
    range(f, i, end, rows, () => {
      f.i32(0).set(j);
      for (const columns of [4, 1]) {
        f.get(n).i32(-columns).op("i32.and").set(columnEnd);
        range(f, j, columnEnd, columns, () => {
          f.get(a).get(i).get(aRow).op("i32.mul", "i32.add").set(pa);
          f.get(b).get(j).get(bColumn).op("i32.mul", "i32.add").set(pb);
          f.get(c).get(i).get(cRow).op("i32.mul", "i32.add").get(j).i32(size).op("i32.mul", "i32.add").set(pc);
          dotTile(f, types, { rows, columns, a: pa, b: pb, c: pc, depth: k, aRow, bColumn, cRow });
        });
      }
    });
  }
  return f;
}
