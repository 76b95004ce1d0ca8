/**
 * Packing: a block of a matrix as panels of `width` rows (of A) or columns (of B), each panel holding its elements depth by
 * depth, so that the micro-kernel reads it in order. The last panel is filled up with zeros.
 */
import { FunctionBuilder } from "./wasm-assembler.ts";
import { type MatmulTypes, range } from "./wasm-matmul-tiles.ts";

/** pack(to, from, count, depth, stride, depthStride): `count` rows, byte strides from row to row and along the depth. */
export function packPanels({ t, lanes, size }: MatmulTypes, width: number): FunctionBuilder {
  const f = new FunctionBuilder(["i32", "i32", "i32", "i32", "i32", "i32"]);
  const [to, from, count, depth, stride, depthStride] = [0, 1, 2, 3, 4, 5] as const;
  const local = () => f.local("i32");
  const [i, p, end, w, source, rest] = [local(), local(), local(), local(), local(), local()] as const;
  const advance = (pointer: number, bytes: number) => f.get(pointer).i32(bytes).op("i32.add").set(pointer);

  /** One depth at a time, element by element, zeros beyond the last row. */
  const byElement = (valid: () => void) =>
    range(f, p, depth, 1, () => {
      f.get(from).get(p).get(depthStride).op("i32.mul", "i32.add").set(source).i32(0).set(w);
      for (let x = 0; x < width; x++) {
        f.get(to);
        f.get(w);
        valid();
        f.op("i32.lt_u").choose(
          t,
          () => f.get(source).memory(`${t}.load`),
          () => f[t](0),
        );
        f.memory(`${t}.store`, x * size);
        f.get(source).get(stride).op("i32.add").set(source);
        advance(w, 1);
      }
      advance(to, width * size);
    });

  /** Rows are neighbours in memory: whole vectors of rows are copied. */
  const byVectors = () => {
    f.get(from).set(source);
    range(f, p, depth, 1, () => {
      for (let x = 0; x < width * size; x += 16) f.get(to).get(source).memory("v128.load", x).memory("v128.store", x);
      f.get(source).get(depthStride).op("i32.add").set(source);
      advance(to, width * size);
    });
  };

  /** Depths are neighbours in memory: squares of `lanes` rows and depths are transposed. */
  const byTranspose = () => {
    f.get(depth).i32(-lanes).op("i32.and").set(end);
    const rows = Array.from({ length: lanes }, () => f.local("v128"));
    range(f, p, end, lanes, () => {
      f.get(from).get(p).i32(size).op("i32.mul", "i32.add").set(source);
      for (let group = 0; group < width; group += lanes) {
        for (const row of rows) {
          f.get(source).memory("v128.load").set(row);
          f.get(source).get(stride).op("i32.add").set(source);
        }
        transpose(f, rows);
        for (const [d, row] of rows.entries())
          f.get(to)
            .get(row)
            .memory("v128.store", (d * width + group) * size);
      }
      advance(to, lanes * width * size);
    });
    byElement(() => f.i32(width));
  };

  f.i32(0).set(i);
  range(f, i, count, width, () => {
    f.i32(0).set(p);
    f.get(count).get(i).op("i32.sub").tee(rest).i32(width).op("i32.lt_u");
    f.if(
      () => byElement(() => f.get(rest)),
      () => {
        f.get(stride).i32(size).op("i32.eq");
        f.if(byVectors, byTranspose);
      },
    );
    f.get(from).get(stride).i32(width).op("i32.mul", "i32.add").set(from);
  });
  return f;
}

/** Transposes the square whose rows are in the given vectors. */
export function transpose(f: FunctionBuilder, rows: readonly number[]): void {
  if (rows.length === 2) {
    const [x, y] = rows as [number, number];
    const low = f.local("v128");
    f.get(x).get(y).shuffle32(0, 1, 4, 5).set(low).get(x).get(y).shuffle32(2, 3, 6, 7).set(y).get(low).set(x);
    return;
  }
  const [x, y, z, w] = rows as [number, number, number, number];
  const [a, b, c, d] = [f.local("v128"), f.local("v128"), f.local("v128"), f.local("v128")] as const;
  f.get(x).get(y).shuffle32(0, 4, 1, 5).set(a).get(z).get(w).shuffle32(0, 4, 1, 5).set(b);
  f.get(x).get(y).shuffle32(2, 6, 3, 7).set(c).get(z).get(w).shuffle32(2, 6, 3, 7).set(d);
  f.get(a).get(b).shuffle32(0, 1, 4, 5).set(x).get(a).get(b).shuffle32(2, 3, 6, 7).set(y);
  f.get(c).get(d).shuffle32(0, 1, 4, 5).set(z).get(c).get(d).shuffle32(2, 3, 6, 7).set(w);
}
