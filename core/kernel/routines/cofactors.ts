/**
 * The matrix of cofactors, which is the derivative of the determinant, and its own derivative along a matrix E: both for every
 * matrix, singular ones too, where A⁻ᵀ·det A says 0·∞. LU with complete pivoting reveals the rank: P A Q = X D Y with X and Y
 * unit triangular and no entry beyond one in size, so that all that is small is in the diagonal D. Cofactors are multiplicative,
 *
 *     cof A = ± Pᵀ X⁻ᵀ cof(D) Y⁻ᵀ Qᵀ            (cof D)_ii = ∏_{k≠i} d_k
 *     d cof(A)[E] = ± Pᵀ X⁻ᵀ M Y⁻ᵀ Qᵀ           F = X⁻¹ P E Q Y⁻¹,  M_ii = Σ_{k≠i} F_kk ∏_{l≠i,k} d_l,  M_ij = -F_ji ∏_{l≠i,j} d_l
 *
 * and the products leave zeros out rather than divide by them (Stewart, "On the adjugate matrix", Linear Algebra Appl. 283, 1998).
 * About 5n³ flops; 9n³ with E.
 */
import { determinantParts, factorLU, solveFactored } from "./lu.ts";
import { square, transposed } from "./matrix.ts";
import { solveTriangular } from "./triangular.ts";

/** Working memory for matrices of one size, so that a batch does not make it anew for each. */
export interface CofactorSpace {
  readonly lu: Float64Array;
  readonly inverse: Float64Array;
  readonly spare: Float64Array;
  readonly order: Int32Array;
}

export function cofactorSpace(n: number): CofactorSpace {
  const square = () => new Float64Array(n * n);
  return { lu: square(), inverse: square(), spare: square(), order: new Int32Array(n) };
}

/** Overwrites A[n, n] by its cofactors: those of an invertible matrix as det A · A⁻ᵀ, from one factorisation. */
export function cofactorsInPlace(a: Float64Array, n: number, space: CofactorSpace = cofactorSpace(n)): void {
  const { lu, inverse, spare, order } = space;
  lu.set(a);
  const sign = factorLU(lu, n, order);
  const { mantissa, powers } = determinantParts(lu, n, sign);
  inverse.fill(0);
  for (let i = 0; i < n; i++) inverse[i * n + i] = 1;
  if (mantissa !== 0) solveFactored(lu, order, inverse, n, n, true, spare);
  if (mantissa === 0 || !inverse.every(Number.isFinite)) cofactorsTangentInPlace(a, undefined, n);
  else for (let i = 0; i < n * n; i++) a[i] = scaled((inverse[i] as number) * mantissa, powers);
}

/** Overwrites A[n, n] by the derivative of its cofactors along E[n, n], or by its cofactors where there is no E. */
export function cofactorsTangentInPlace(a: Float64Array, e: Float64Array | undefined, n: number): void {
  if (!a.every(Number.isFinite)) return void a.fill(Number.NaN);
  const rows = Int32Array.from({ length: n }, (_, i) => i);
  const columns = Int32Array.from(rows);
  const sign = factorCompletely(a, n, rows, columns);
  const d = Array.from({ length: n }, (_, i) => a[i * n + i] as number);
  const lu = square(a, n);
  const m = new Float64Array(n * n);
  const spare = new Float64Array(n * n);
  const inPlace = square(m, n);
  const turned = square(spare, n);
  if (e !== undefined) {
    for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) m[i * n + j] = e[(rows[i] as number) * n + (columns[j] as number)] as number;
    solveTriangular(lu, inPlace, n, n, true, true);
    transpose(m, spare, n);
    solveTriangular(transposed(lu), turned, n, n, true, true);
    transpose(spare, m, n);
  }
  fillDiagonalCase(m, d, e !== undefined, sign, n);
  solveTriangular(transposed(lu), inPlace, n, n, false, true);
  transpose(m, spare, n);
  solveTriangular(lu, turned, n, n, false, true);
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) a[(rows[i] as number) * n + (columns[j] as number)] = spare[j * n + i] as number;
}

/** P A Q = X D Y in place: X below the diagonal, D on it, Y above. Where only zeros are left, X and Y go on as the identity. */
function factorCompletely(a: Float64Array, n: number, rows: Int32Array, columns: Int32Array): number {
  let sign = 1;
  for (let k = 0; k < n; k++) {
    let [p, q, best] = [k, k, 0];
    for (let i = k; i < n; i++)
      for (let j = k; j < n; j++) {
        const size = Math.abs(a[i * n + j] as number);
        if (size > best) [p, q, best] = [i, j, size];
      }
    if (best === 0) break;
    if (p !== k) {
      for (let j = 0; j < n; j++) swap(a, k * n + j, p * n + j);
      swap(rows, k, p);
      sign = -sign;
    }
    if (q !== k) {
      for (let i = 0; i < n; i++) swap(a, i * n + k, i * n + q);
      swap(columns, k, q);
      sign = -sign;
    }
    const pivot = a[k * n + k] as number;
    for (let i = k + 1; i < n; i++) {
      const x = (a[i * n + k] as number) / pivot;
      a[i * n + k] = x;
      if (x !== 0) for (let j = k + 1; j < n; j++) a[i * n + j] = (a[i * n + j] as number) - x * (a[k * n + j] as number);
    }
    for (let j = k + 1; j < n; j++) a[k * n + j] = (a[k * n + j] as number) / pivot;
  }
  return sign;
}

/**
 * Cofactors of diag(d), or their derivative along F, which `m` holds and which is overwritten. A product without its factor i
 * (and j) is the product of all that are not zero, divided by those of them that are left out; 0 where a zero is left in.
 */
function fillDiagonalCase(m: Float64Array, d: readonly number[], hasTangent: boolean, sign: number, n: number): void {
  const zeros = d.filter((x) => x === 0).length;
  let [product, powers] = [sign, 0];
  for (const x of d) {
    if (x === 0) continue;
    const [f, e] = split(x);
    const [g, h] = split(product * f);
    product = g;
    powers += e + h;
  }
  const parts = d.map((x) => (x === 0 ? ([1, 0] as const) : split(x)));
  const without = (i: number, j: number): number => {
    const left = zeros - (d[i] === 0 ? 1 : 0) - (j !== i && d[j] === 0 ? 1 : 0);
    if (left > 0) return 0;
    const [f, e] = parts[i] as readonly [number, number];
    const [g, h] = j === i ? [1, 0] : (parts[j] as readonly [number, number]);
    return scaled(product / f / g, powers - e - h);
  };
  if (!hasTangent) {
    for (let i = 0; i < n; i++) m[i * n + i] = without(i, i);
    return;
  }
  const slopes = d.map((_, k) => m[k * n + k] as number);
  for (let i = 0; i < n; i++) {
    let sum = 0;
    for (let k = 0; k < n; k++) if (k !== i) sum += (slopes[k] as number) * without(i, k);
    m[i * n + i] = sum;
    for (let j = 0; j < i; j++) {
      const p = without(i, j);
      const [upper, lower] = [m[j * n + i] as number, m[i * n + j] as number];
      m[i * n + j] = -upper * p;
      m[j * n + i] = -lower * p;
    }
  }
}

/** x = f·2^e with 1/2 <= |f| < 1, or about: what matters is that products of few such f stay in range. */
function split(x: number): readonly [number, number] {
  if (x === 0 || !Number.isFinite(x)) return [x, 0];
  const e = Math.max(-1022, Math.min(1023, Math.floor(Math.log2(Math.abs(x)))));
  return [x / 2 ** e, e];
}

/** x·2^powers, in steps that leave the range of doubles no sooner than the result does. */
function scaled(x: number, powers: number): number {
  let y = x;
  for (let rest = Math.max(-4000, Math.min(4000, powers)); rest !== 0; ) {
    const step = Math.max(-1000, Math.min(1000, rest));
    y *= 2 ** step;
    rest -= step;
  }
  return y;
}

function swap(x: Float64Array | Int32Array, i: number, j: number): void {
  const t = x[i] as number;
  x[i] = x[j] as number;
  x[j] = t;
}

function transpose(from: Float64Array, to: Float64Array, n: number): void {
  for (let i = 0; i < n; i++) for (let j = 0; j < n; j++) to[j * n + i] = from[i * n + j] as number;
}
