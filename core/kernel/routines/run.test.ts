import fc from "fast-check";
import { expect, test } from "vitest";
import { createRng } from "../../base/rng.ts";
import type { RoutineLaunch } from "../launch.ts";
import { argsort, sortSpace } from "./argsort.ts";
import { BLOCK } from "./matrix.ts";
import { runRoutine } from "./run.ts";

const launch = (routine: RoutineLaunch["routine"], n: number, parts: Partial<RoutineLaunch> = {}): RoutineLaunch => ({
  kind: "routine",
  routine,
  dtype: "f64",
  batch: 1,
  n,
  columns: 0,
  lower: true,
  transpose: false,
  descending: false,
  inputs: [0],
  ...parts,
});
const SIZES = [1, 2, 3, BLOCK - 1, BLOCK, BLOCK + 1, 2 * BLOCK + 7, 100];
const random = (n: number, seed: number) =>
  createRng(seed)
    .uniform(n)
    .map((u) => 2 * u - 1);
const diff = (a: Float64Array, b: Float64Array) => a.reduce((m, v, i) => Math.max(m, Math.abs(v - (b[i] as number))), 0);

/** op(A)·B by definition. */
function product(a: Float64Array, b: Float64Array, n: number, columns: number, turn = false): Float64Array {
  return new Float64Array(n * columns).map((_, at) => {
    const [i, j] = [Math.floor(at / columns), at % columns];
    let s = 0;
    for (let k = 0; k < n; k++) s += (a[turn ? k * n + i : i * n + k] as number) * (b[k * columns + j] as number);
    return s;
  });
}

test.each(SIZES)("the factor of a positive definite matrix of %i rows times its transpose is the matrix; zeros stand above", (n) => {
  const x = random(n * n, n);
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      let s = i === j ? 1 : 0;
      for (let k = 0; k < n; k++) s += (x[i * n + k] as number) * (x[j * n + k] as number);
      // What stands above the diagonal is not read.
      a[i * n + j] = j > i ? Number.NaN : s;
    }
  const l = new Float64Array(n * n);
  runRoutine(launch("cholesky", n), l, [a]);
  for (let i = 0; i < n; i++)
    for (let j = 0; j < n; j++) {
      if (j > i) expect(l[i * n + j]).toBe(0);
      else {
        let s = 0;
        for (let k = 0; k <= j; k++) s += (l[i * n + k] as number) * (l[j * n + k] as number);
        expect(Math.abs(s - (a[i * n + j] as number))).toBeLessThan(1e-12 * n);
      }
    }
});

test.each([3, BLOCK + 5])("the factor of an indefinite matrix of %i rows is NaN throughout", (n) => {
  const a = new Float64Array(n * n);
  for (let i = 0; i < n; i++) a[i * (n + 1)] = i === n - 1 ? -1 : 1;
  const l = new Float64Array(n * n);
  runRoutine(launch("cholesky", n), l, [a]);
  expect(l.every(Number.isNaN)).toBe(true);
});

test.each(SIZES)("systems of %i unknowns are solved, turned or not, with one column and with many, in a batch", (n) => {
  for (const transpose of [false, true])
    for (const columns of [1, 5, 300]) {
      const a = random(2 * n * n, n + columns);
      for (let i = 0; i < 2 * n * n; i++) if ((i % (n * n)) % (n + 1) === 0) a[i] = (a[i] as number) + 0.5;
      const b = random(2 * n * columns, 7);
      const x = new Float64Array(2 * n * columns);
      runRoutine(launch("solve", n, { columns, transpose, batch: 2, inputs: [0, 1] }), x, [a, b]);
      for (const i of [0, 1]) {
        const part = (d: Float64Array, size: number) => d.subarray(i * size, (i + 1) * size);
        const scale = part(x, n * columns).reduce((m, v) => Math.max(m, Math.abs(v)), 1);
        const back = product(part(a, n * n), part(x, n * columns), n, columns, transpose);
        expect(diff(back, part(b, n * columns)) / scale).toBeLessThan(1e-12 * n);
      }
    }
});

test.each(SIZES)("triangular systems of %i unknowns read one triangle only", (n) => {
  for (const lower of [false, true])
    for (const transpose of [false, true]) {
      const a = random(n * n, n).map((v, at) => {
        const [i, j] = [Math.floor(at / n), at % n];
        return i === j ? v + 3 : (lower ? j < i : j > i) ? v / n : Number.NaN;
      });
      const b = random(n * 3, 9);
      const x = new Float64Array(n * 3);
      runRoutine(launch("triangularSolve", n, { columns: 3, lower, transpose, inputs: [0, 1] }), x, [a, b]);
      const clean = a.map((v) => (Number.isNaN(v) ? 0 : v));
      expect(diff(product(clean, x, n, 3, transpose), b)).toBeLessThan(1e-13 * n);
    }
});

test("a determinant is that of Leibniz's sum, its logarithm the logarithm, and neither overflows on the way", () => {
  const value = (routine: "determinant" | "logDeterminant", n: number, a: readonly number[]) => {
    const out = new Float64Array(1);
    runRoutine(launch(routine, n), out, [Float64Array.from(a)]);
    return out[0] as number;
  };
  const a = [2, -1, 0.5, 3, 0, 1, -2, 4, 5];
  const leibniz = 2 * (0 * 5 - 1 * 4) - -1 * (3 * 5 - 1 * -2) + 0.5 * (3 * 4 - 0 * -2);
  expect(value("determinant", 3, a)).toBeCloseTo(leibniz, 13);
  expect(value("logDeterminant", 3, a)).toBeCloseTo(Math.log(Math.abs(leibniz)), 13);
  const diagonal = (...d: number[]) => d.flatMap((v, i) => d.map((_, j) => (i === j ? v : 0)));
  expect(value("determinant", 4, diagonal(1e200, 1e200, 1e-200, 1e-200))).toBeCloseTo(1, 12);
  expect(value("determinant", 4, diagonal(1e-200, 1e-200, 1e200, -1e200))).toBeCloseTo(-1, 12);
  expect(value("determinant", 2, diagonal(1e200, 1e200))).toBe(Infinity);
  expect(value("determinant", 2, diagonal(1e-300, 1e-20))).toBeCloseTo(0, 12);
  expect(value("determinant", 2, [1, 2, 2, 4])).toBe(0);
  expect(value("logDeterminant", 2, [1, 2, 2, 4])).toBe(-Infinity);
  expect(value("determinant", 2, [0, 1, Number.NaN, 1])).toBeNaN();
  expect(value("determinant", 0, [])).toBe(1);
});

test("sorting is stable, both ways, with NaN last and zeros of both signs equal", () => {
  const number = fc.oneof(fc.constantFrom(Number.NaN, 0, -0, Infinity, -Infinity), fc.integer({ min: -4, max: 4 }), fc.double());
  fc.assert(
    fc.property(fc.array(number, { maxLength: 200 }), fc.boolean(), (x, descending) => {
      const order = new Int32Array(x.length);
      argsort(x, order, descending, sortSpace(x.length));
      const wanted = x
        .map((_, i) => i)
        .sort((i, j) => {
          const [p, q] = [x[i] as number, x[j] as number];
          if (Number.isNaN(p) || Number.isNaN(q)) return Number(Number.isNaN(p)) - Number(Number.isNaN(q)) || i - j;
          return (p < q ? -1 : p > q ? 1 : 0) * (descending ? -1 : 1) || i - j;
        });
      expect([...order]).toEqual(wanted);
    }),
  );
});
