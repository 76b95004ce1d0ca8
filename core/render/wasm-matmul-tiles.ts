/** Register tiles of the matrix product that read their operands in place, and the loop that all of it is made of. */
import type { FloatDType } from "../base/dtype.ts";
import type { FunctionBuilder } from "./wasm-assembler.ts";

/** What follows from the dtype. */
export interface MatmulTypes {
  readonly t: FloatDType;
  readonly shape: "f32x4" | "f64x2";
  readonly lanes: 2 | 4;
  /** Bytes of an element. */
  readonly size: 4 | 8;
}

export function matmulTypes(t: FloatDType): MatmulTypes {
  return t === "f32" ? { t, shape: "f32x4", lanes: 4, size: 4 } : { t, shape: "f64x2", lanes: 2, size: 8 };
}

/** while (i < bound) { body; i += step }, from the present value of i. */
export function range(f: FunctionBuilder, i: number, bound: number, step: number, body: () => void): void {
  f.get(i).get(bound).op("i32.lt_u");
  f.if(() =>
    f.doWhile(() => {
      body();
      f.get(i).i32(step).op("i32.add").tee(i).get(bound).op("i32.lt_u");
    }),
  );
}

export interface StridedTile {
  readonly rows: number;
  /** Columns in vectors; 0 for a single column in scalars. */
  readonly vectors: number;
  /** Locals: addresses of the tile's first elements, and byte strides. A and B are left as they were. */
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly depth: number;
  readonly aRow: number;
  readonly aDepth: number;
  readonly bDepth: number;
  readonly cRow: number;
}

/** One tile of C = A · B where the columns of B are contiguous. */
export function stridedTile(f: FunctionBuilder, { t, shape, lanes, size }: MatmulTypes, tile: StridedTile): void {
  const isScalar = tile.vectors === 0;
  const type = isScalar ? t : "v128";
  const kind = isScalar ? t : shape;
  const zero = () => (isScalar ? f[t](0) : f.all(t, 0));
  const left = f.local(type);
  const right = Array.from({ length: Math.max(1, tile.vectors) }, () => f.local(type));
  const rows = Array.from({ length: tile.rows }, () => ({ pointer: f.local("i32"), sums: right.map(() => f.local(type)) }));
  const b = f.local("i32");
  const c = f.local("i32");
  const p = f.local("i32");
  for (const [r, { pointer, sums }] of rows.entries()) {
    if (r === 0) f.get(tile.a).set(pointer);
    else
      f.get((rows[r - 1] as { pointer: number }).pointer)
        .get(tile.aRow)
        .op("i32.add")
        .set(pointer);
    for (const sum of sums) {
      zero();
      f.set(sum);
    }
  }
  f.get(tile.b).set(b).i32(0).set(p);
  range(f, p, tile.depth, 1, () => {
    for (const [v, x] of right.entries())
      f.get(b)
        .memory(isScalar ? `${t}.load` : "v128.load", v * lanes * size)
        .set(x);
    for (const { pointer, sums } of rows) {
      f.get(pointer)
        .memory(isScalar ? `${t}.load` : t === "f32" ? "v128.load32_splat" : "v128.load64_splat")
        .set(left);
      for (const [v, sum] of sums.entries())
        f.get(sum)
          .get(left)
          .get(right[v] as number)
          .op(`${kind}.mul`, `${kind}.add`)
          .set(sum);
      f.get(pointer).get(tile.aDepth).op("i32.add").set(pointer);
    }
    f.get(b).get(tile.bDepth).op("i32.add").set(b);
  });
  f.get(tile.c).set(c);
  for (const { sums } of rows) {
    for (const [v, sum] of sums.entries())
      f.get(c)
        .get(sum)
        .memory(isScalar ? `${t}.store` : "v128.store", v * lanes * size);
    f.get(c).get(tile.cRow).op("i32.add").set(c);
  }
}

export interface DotTile {
  readonly rows: number;
  readonly columns: number;
  readonly a: number;
  readonly b: number;
  readonly c: number;
  readonly depth: number;
  readonly aRow: number;
  readonly bColumn: number;
  readonly cRow: number;
}

/** One tile of C = A · B where rows of A and columns of B are contiguous: a dot product for each element. */
export function dotTile(f: FunctionBuilder, { t, shape, lanes, size }: MatmulTypes, tile: DotTile): void {
  const starts = (count: number, first: number, stride: number) => {
    const pointers = Array.from({ length: count }, () => f.local("i32"));
    for (const [i, p] of pointers.entries()) {
      if (i === 0) f.get(first).set(p);
      else
        f.get(pointers[i - 1] as number)
          .get(stride)
          .op("i32.add")
          .set(p);
    }
    return pointers;
  };
  const as = starts(tile.rows, tile.a, tile.aRow);
  const bs = starts(tile.columns, tile.b, tile.bColumn);
  const advance = (bytes: number) => {
    for (const p of [...as, ...bs]) f.get(p).i32(bytes).op("i32.add").set(p);
  };
  const cells = as.map(() => bs.map(() => ({ lanes: f.local("v128"), sum: f.local(t) })));
  for (const cell of cells.flat()) f.all(t, 0).set(cell.lanes);
  const p = f.local("i32");
  const end = f.local("i32");
  const left = as.map(() => f.local("v128"));
  const right = f.local("v128");
  f.get(tile.depth).i32(-lanes).op("i32.and").set(end).i32(0).set(p);
  range(f, p, end, lanes, () => {
    for (const [r, a] of as.entries())
      f.get(a)
        .memory("v128.load")
        .set(left[r] as number);
    for (const [j, b] of bs.entries()) {
      f.get(b).memory("v128.load").set(right);
      for (const [r, row] of cells.entries()) {
        const sum = (row[j] as { lanes: number }).lanes;
        f.get(sum)
          .get(left[r] as number)
          .get(right)
          .op(`${shape}.mul`, `${shape}.add`)
          .set(sum);
      }
    }
    advance(16);
  });
  for (const cell of cells.flat()) {
    for (let lane = 0; lane < lanes; lane++) {
      f.get(cell.lanes).lane(`${shape}.extract_lane`, lane);
      if (lane > 0) f.op(`${t}.add`);
    }
    f.set(cell.sum);
  }
  range(f, p, tile.depth, 1, () => {
    for (const [r, row] of cells.entries()) {
      for (const [j, cell] of row.entries()) {
        f.get(as[r] as number)
          .memory(`${t}.load`)
          .get(bs[j] as number)
          .memory(`${t}.load`)
          .op(`${t}.mul`)
          .get(cell.sum)
          .op(`${t}.add`)
          .set(cell.sum);
      }
    }
    advance(size);
  });
  const c = f.local("i32");
  f.get(tile.c).set(c);
  for (const row of cells) {
    for (const [j, cell] of row.entries())
      f.get(c)
        .get(cell.sum)
        .memory(`${t}.store`, j * size);
    f.get(c).get(tile.cRow).op("i32.add").set(c);
  }
}
