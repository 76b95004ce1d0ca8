/**
 * What the factorisations stand on: a strided window on float64 numbers, and C -= A·B on such windows. All routines are blocked so
 * that nearly all their arithmetic happens in this one product (Golub and Van Loan, "Matrix Computations", 4th ed., 3.2.11).
 */

/** Element (i, j) is `data[start + i * row + j * column]`; a transpose swaps `row` and `column`. */
export interface Matrix {
  readonly data: Float64Array;
  readonly start: number;
  readonly row: number;
  readonly column: number;
}

/** Rows and columns that are factored one by one before the rest is updated by a product. */
export const BLOCK = 32;
/** Columns of B and C that a product keeps at hand: BLOCK rows of 256 numbers are 64 KiB. */
const COLUMNS = 256;

/** The n×n matrix of dense row-major numbers. */
export function square(data: Float64Array, n: number): Matrix {
  return { data, start: 0, row: n, column: 1 };
}

export function transposed({ data, start, row, column }: Matrix): Matrix {
  return { data, start, row: column, column: row };
}

/** The window whose first element is (i, j). */
export function from({ data, start, row, column }: Matrix, i: number, j: number): Matrix {
  return { data, start: start + i * row + j * column, row, column };
}

/**
 * C[m, n] -= A[m, k]·B[k, n]; rows of B and C are contiguous (column step 1), A may be turned. Four products are subtracted for
 * each time that an element of C is loaded and stored.
 */
export function subtractProduct(c: Matrix, a: Matrix, b: Matrix, m: number, n: number, k: number): void {
  const [x, y, z] = [a.data, b.data, c.data];
  for (let left = 0; left < n; left += COLUMNS) {
    const width = Math.min(COLUMNS, n - left);
    for (let i = 0; i < m; i++) {
      const to = c.start + i * c.row + left;
      let at = a.start + i * a.row;
      let p = 0;
      for (; p + 4 <= k; p += 4, at += 4 * a.column) {
        const x0 = x[at] as number;
        const x1 = x[at + a.column] as number;
        const x2 = x[at + 2 * a.column] as number;
        const x3 = x[at + 3 * a.column] as number;
        const b0 = b.start + p * b.row + left;
        const b1 = b0 + b.row;
        const b2 = b1 + b.row;
        const b3 = b2 + b.row;
        for (let j = 0; j < width; j++) {
          z[to + j] =
            (z[to + j] as number) -
            x0 * (y[b0 + j] as number) -
            x1 * (y[b1 + j] as number) -
            x2 * (y[b2 + j] as number) -
            x3 * (y[b3 + j] as number);
        }
      }
      for (; p < k; p++, at += a.column) {
        const x0 = x[at] as number;
        const b0 = b.start + p * b.row + left;
        for (let j = 0; j < width; j++) z[to + j] = (z[to + j] as number) - x0 * (y[b0 + j] as number);
      }
    }
  }
}
