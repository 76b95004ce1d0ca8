/**
 * P A = L U with partial pivoting, by blocks of columns (Golub and Van Loan 3.4.7), and what follows from it: systems, the
 * determinant and its logarithm.
 */
import { BLOCK, from, type Matrix, square, subtractProduct, transposed } from "./matrix.ts";
import { solveTriangular } from "./triangular.ts";

/**
 * Overwrites A[n, n] (dense) with U on and above the diagonal and L (unit diagonal, not stored) below; `order[i]` is the row of A
 * that became row i. Returns the sign of the permutation. A column without a pivot is left as it is: its zero shows on the diagonal
 * of U. 2n³/3 flops.
 */
export function factorLU(data: Float64Array, n: number, order: Int32Array): number {
  const a = square(data, n);
  let sign = 1;
  for (let i = 0; i < n; i++) order[i] = i;
  for (let first = 0; first < n; first += BLOCK) {
    const end = Math.min(first + BLOCK, n);
    for (let j = first; j < end; j++) {
      const p = pivotRow(data, n, j);
      if (p !== j) {
        swapRows(data, n, p, j);
        [order[p], order[j]] = [order[j] as number, order[p] as number];
        sign = -sign;
      }
      eliminate(data, n, j, end);
    }
    const size = end - first;
    solveTriangular(from(a, first, first), from(a, first, end), size, n - end, true, true);
    subtractProduct(from(a, end, end), from(a, end, first), from(a, first, end), n - end, n - end, size);
  }
  return sign;
}

/** The row at or below j with the largest number in column j; a NaN counts as larger than all, so that it shows in the result. */
function pivotRow(data: Float64Array, n: number, j: number): number {
  let row = j;
  let best = Math.abs(data[j * n + j] as number);
  for (let i = j + 1; i < n && !Number.isNaN(best); i++) {
    const size = Math.abs(data[i * n + j] as number);
    if (size > best || Number.isNaN(size)) {
      best = size;
      row = i;
    }
  }
  return row;
}

function swapRows(data: Float64Array, n: number, p: number, q: number): void {
  for (let j = 0; j < n; j++) {
    const t = data[p * n + j] as number;
    data[p * n + j] = data[q * n + j] as number;
    data[q * n + j] = t;
  }
}

/** Column j of L, and columns j+1 to `end` of the rows below. */
function eliminate(data: Float64Array, n: number, j: number, end: number): void {
  const pivot = data[j * n + j] as number;
  if (pivot === 0) return;
  for (let i = j + 1; i < n; i++) {
    const l = (data[i * n + j] as number) / pivot;
    data[i * n + j] = l;
    for (let c = j + 1; c < end; c++) data[i * n + c] = (data[i * n + c] as number) - l * (data[j * n + c] as number);
  }
}

/**
 * Overwrites B[n, columns] (dense) with X, op(A) X = B; `a` is overwritten by its factors. `spare` has the size of B. Where A is
 * singular X has inf or NaN.
 */
export function solveInPlace(a: Float64Array, b: Float64Array, n: number, columns: number, transpose: boolean, spare: Float64Array): void {
  const order = new Int32Array(n);
  factorLU(a, n, order);
  solveFactored(a, order, b, n, columns, transpose, spare);
}

/** {@link solveInPlace} with the factors and the order of rows that {@link factorLU} left. */
export function solveFactored(
  a: Float64Array,
  order: Int32Array,
  b: Float64Array,
  n: number,
  columns: number,
  transpose: boolean,
  spare: Float64Array,
): void {
  const lu = square(a, n);
  const dense = (data: Float64Array): Matrix => ({ data, start: 0, row: columns, column: 1 });
  if (!transpose) {
    // L U X = P B
    for (let i = 0; i < n; i++) copyRow(b, order[i] as number, spare, i, columns);
    solveTriangular(lu, dense(spare), n, columns, true, true);
    solveTriangular(lu, dense(spare), n, columns, false);
    b.set(spare.subarray(0, n * columns));
  } else {
    // Uᵀ Lᵀ (P X) = B
    solveTriangular(transposed(lu), dense(b), n, columns, true);
    solveTriangular(transposed(lu), dense(b), n, columns, false, true);
    for (let i = 0; i < n; i++) copyRow(b, i, spare, order[i] as number, columns);
    b.set(spare.subarray(0, n * columns));
  }
}

function copyRow(source: Float64Array, i: number, target: Float64Array, j: number, columns: number): void {
  target.set(source.subarray(i * columns, (i + 1) * columns), j * columns);
}

const LARGE = 2 ** 300;

/** det A, 1 for n = 0; a zero is +0. */
export function determinantOf(a: Float64Array, n: number): number {
  const sign = factorLU(a, n, new Int32Array(n));
  const { mantissa, powers } = determinantParts(a, n, sign);
  let product = mantissa;
  let rest = powers / 300;
  for (; rest > 0 && Number.isFinite(product); rest--) product *= LARGE;
  for (; rest < 0 && product !== 0; rest++) product /= LARGE;
  return product === 0 ? 0 : product;
}

/**
 * det A = mantissa · 2^powers from the factors of A, `sign` being that of the permutation. Intermediate products neither overflow
 * nor vanish: powers of two are taken out on the way.
 */
export function determinantParts(lu: Float64Array, n: number, sign: number): { readonly mantissa: number; readonly powers: number } {
  let mantissa = sign;
  let powers = 0;
  const tame = (x: number) => {
    let y = x;
    for (; Math.abs(y) > LARGE && Number.isFinite(y); powers += 300) y /= LARGE;
    for (; Math.abs(y) < 1 / LARGE && y !== 0; powers -= 300) y *= LARGE;
    return y;
  };
  for (let i = 0; i < n; i++) mantissa = tame(mantissa * tame(lu[i * n + i] as number));
  return { mantissa, powers };
}

/** log |det A|, -Infinity where A is singular. */
export function logDeterminantOf(a: Float64Array, n: number): number {
  factorLU(a, n, new Int32Array(n));
  let sum = 0;
  for (let i = 0; i < n; i++) sum += Math.log(Math.abs(a[i * n + i] as number));
  return sum;
}
