/** Triangular systems: forward or backward substitution on all right-hand sides at once, block row by block row. */
import { BLOCK, from, type Matrix, subtractProduct } from "./matrix.ts";

/**
 * Overwrites B[n, columns] with the solution X of T X = B, T being the lower or upper triangle of `t`; the rest of it is not read.
 * `unit`: the diagonal is taken for ones and not read either. A zero on the diagonal gives inf or NaN. n²·columns multiplications.
 */
export function solveTriangular(t: Matrix, b: Matrix, n: number, columns: number, lower: boolean, unit = false): void {
  const blocks = Math.ceil(n / BLOCK);
  for (let step = 0; step < blocks; step++) {
    const first = (lower ? step : blocks - 1 - step) * BLOCK;
    const size = Math.min(BLOCK, n - first);
    const end = first + size;
    if (lower) subtractProduct(from(b, first, 0), from(t, first, 0), b, size, columns, first);
    else subtractProduct(from(b, first, 0), from(t, first, end), from(b, end, 0), size, columns, n - end);
    for (let done = 0; done < size; done++) {
      const i = lower ? first + done : end - 1 - done;
      const known = lower ? first : i + 1;
      subtractProduct(from(b, i, 0), from(t, i, known), from(b, known, 0), 1, columns, done);
      if (!unit) divideRow(b, i, columns, t.data[t.start + i * (t.row + t.column)] as number);
    }
  }
}

function divideRow({ data, start, row }: Matrix, i: number, columns: number, by: number): void {
  const at = start + i * row;
  for (let j = 0; j < columns; j++) data[at + j] = (data[at + j] as number) / by;
}
