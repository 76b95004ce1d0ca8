/** The Cholesky factor A = L Lᵀ: right-looking, by blocks of columns. */
import { BLOCK, from, type Matrix, square, subtractProduct } from "./matrix.ts";

/**
 * Overwrites A[n, n] (dense) with L: only the lower triangle is read, and zeros are written above. n³/3 multiplications. Where A is
 * not positive definite the whole factor is NaN.
 */
export function choleskyInPlace(data: Float64Array, n: number): void {
  const a = square(data, n);
  const panel = new Float64Array(n * BLOCK);
  for (let first = 0; first < n; first += BLOCK) {
    const size = Math.min(BLOCK, n - first);
    const end = first + size;
    if (!factorPanel(a, first, end, n)) {
      data.fill(Number.NaN);
      return;
    }
    // A₂₂ -= L₂₁ L₂₁ᵀ, lower block rows only; the transpose is copied so that its rows are contiguous.
    const rows = n - end;
    for (let i = 0; i < rows; i++) for (let p = 0; p < size; p++) panel[p * rows + i] = data[(end + i) * n + first + p] as number;
    const turned: Matrix = { data: panel, start: 0, row: rows, column: 1 };
    for (let i = 0; i < rows; i += BLOCK) {
      const height = Math.min(BLOCK, rows - i);
      subtractProduct(from(a, end + i, end), from(a, end + i, first), turned, height, i + height, size);
    }
  }
  for (let i = 0; i < n; i++) data.fill(0, i * n + i + 1, (i + 1) * n);
}

/** Columns [first, end) of L from those of the updated A; false where a pivot is not positive. */
function factorPanel(a: Matrix, first: number, end: number, n: number): boolean {
  const { data } = a;
  for (let j = first; j < end; j++) {
    const pivot = data[j * n + j] as number;
    if (!(pivot > 0)) return false;
    const root = Math.sqrt(pivot);
    data[j * n + j] = root;
    for (let i = j + 1; i < n; i++) data[i * n + j] = (data[i * n + j] as number) / root;
    // The columns after this one in the panel: a[i][c] -= l[i][j]·l[c][j].
    for (let i = j + 1; i < n; i++) {
      const l = data[i * n + j] as number;
      const last = Math.min(i + 1, end);
      for (let c = j + 1; c < last; c++) data[i * n + c] = (data[i * n + c] as number) - l * (data[c * n + j] as number);
    }
  }
  return true;
}
