import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { canCallNative } from "../foreign.ts";
import { findCompiler } from "./compiler.ts";
import { nativeRuntime } from "./runtime.ts";

const usable = findCompiler() !== undefined && canCallNative();
if (!usable) console.warn("skipping tests of native routines: no C compiler, or no koffi, on this machine");

type Floats = Float32Array | Float64Array;
type DType = "f32" | "f64";
const MAKERS = { f32: Float32Array, f64: Float64Array } as const;
const EPSILON = { f32: 2 ** -23, f64: 2 ** -52 } as const;
const ROUTINES = { cholesky: 0, triangularSolve: 1, solve: 2, determinant: 3, logDeterminant: 4, argsort: 5 } as const;
interface Numbers {
  readonly batch: number;
  readonly n: number;
  readonly columns?: number;
  readonly lower?: boolean;
  readonly transpose?: boolean;
  readonly descending?: boolean;
}

/** Numbers in [-1, 1) that look random. */
function noise(make: new (n: number) => Floats, length: number, seed: number): Floats {
  const out = new make(length);
  for (let i = 0; i < length; i++) {
    const s = Math.sin(i * 12.9898 + seed * 78.233) * 43758.5453;
    out[i] = 2 * (s - Math.floor(s)) - 1;
  }
  return out;
}

/** The largest |op(A) X - B| over one batch member, by loops in float64. */
function residual(a: Floats, x: Floats, b: Floats, n: number, columns: number, transpose: boolean): number {
  let worst = 0;
  for (let i = 0; i < n; i++)
    for (let j = 0; j < columns; j++) {
      let sum = -(b[i * columns + j] as number);
      for (let p = 0; p < n; p++) sum += (a[transpose ? p * n + i : i * n + p] as number) * (x[p * columns + j] as number);
      if (!(Math.abs(sum) <= worst)) worst = Math.abs(sum);
    }
  return worst;
}

const largest = (x: Floats) => Array.from(x).reduce((worst, v) => Math.max(worst, Math.abs(v)), 0);

describe.skipIf(!usable)("native routines", () => {
  const { library } = nativeRuntime();
  const data = ["data", "data", "data", "data"] as const;
  const calls = {
    f32: library.declare("tg_routine_f32", "void", data),
    f64: library.declare("tg_routine_f64", "void", data),
    i32: library.declare("tg_routine_i32", "void", data),
  };
  // The first call of all: a thread that has no working memory yet must not take an empty matrix for a lack of it.
  calls.f64(
    BigInt64Array.from([BigInt(ROUTINES.solve), 1n, 0n, 0n, 0n, 0n, 0n]),
    new Float64Array(0),
    new Float64Array(0),
    new Float64Array(0),
  );

  function run(
    routine: keyof typeof ROUTINES,
    dtype: DType | "i32",
    s: Numbers,
    a: ArrayBufferView,
    b: ArrayBufferView | null,
    out: ArrayBufferView,
  ): void {
    const numbers = [
      ROUTINES[routine],
      s.batch,
      s.n,
      s.columns ?? 0,
      +(s.lower ?? false),
      +(s.transpose ?? false),
      +(s.descending ?? false),
    ];
    calls[dtype](BigInt64Array.from(numbers.map(BigInt)), a, b, out);
  }

  const sizes = fc.record({
    batch: fc.integer({ min: 0, max: 4 }),
    n: fc.oneof(fc.integer({ min: 0, max: 10 }), fc.integer({ min: 40, max: 110 })),
    columns: fc.integer({ min: 0, max: 40 }),
    lower: fc.boolean(),
    transpose: fc.boolean(),
    seed: fc.integer({ min: 0, max: 1000 }),
  });

  describe.each(["f32", "f64"] as const)("in %s", (dtype) => {
    const make = MAKERS[dtype];
    /** Backward errors of these methods are a few n ulp of the data (Higham, chapters 8 to 10). */
    const bound = (n: number, scale: number) => 4 * (n + 4) * EPSILON[dtype] * Math.max(1, scale);

    test("cholesky: L is lower, L Lᵀ is A, and only the lower triangle of A is read", () => {
      fc.assert(
        fc.property(sizes, ({ batch, n, seed }) => {
          const m = noise(make, batch * n * n, seed);
          const a = new make(batch * n * n);
          for (let g = 0; g < batch; g++)
            for (let i = 0; i < n; i++)
              for (let j = 0; j <= i; j++) {
                let sum = i === j ? 1 : 0;
                for (let p = 0; p < n; p++) sum += (m[(g * n + i) * n + p] as number) * (m[(g * n + j) * n + p] as number);
                a[(g * n + i) * n + j] = sum;
                if (i !== j) a[(g * n + j) * n + i] = Number.NaN;
              }
          const l = new make(batch * n * n).fill(77);
          run("cholesky", dtype, { batch, n }, a, null, l);
          for (let g = 0; g < batch; g++)
            for (let i = 0; i < n; i++) {
              for (let j = i + 1; j < n; j++) expect(l[(g * n + i) * n + j]).toBe(0);
              for (let j = 0; j <= i; j++) {
                let sum = -(a[(g * n + i) * n + j] as number);
                for (let p = 0; p <= j; p++) sum += (l[(g * n + i) * n + p] as number) * (l[(g * n + j) * n + p] as number);
                expect(Math.abs(sum)).toBeLessThan(bound(n, n));
              }
            }
        }),
        { numRuns: 12 },
      );
    });

    test("cholesky of a matrix that is not positive definite is all NaN", () => {
      const l = new make(4);
      run("cholesky", dtype, { batch: 1, n: 2 }, new make([1, 0, 2, 1]), null, l);
      expect([...l]).toEqual([Number.NaN, Number.NaN, Number.NaN, Number.NaN]);
    });

    test("triangularSolve: op(A) X is B, and only one triangle of A is read", () => {
      fc.assert(
        fc.property(sizes, ({ batch, n, columns, lower, transpose, seed }) => {
          const a = noise(make, batch * n * n, seed);
          const read = a.slice();
          for (let g = 0; g < batch; g++)
            for (let i = 0; i < n; i++)
              for (let j = 0; j < n; j++) {
                const at = (g * n + i) * n + j;
                // A diagonal that dominates keeps the solution small.
                if (i === j) a[at] = read[at] = 2 + (a[at] as number);
                else if (i > j === lower) a[at] = read[at] = (a[at] as number) / n;
                else {
                  a[at] = Number.NaN;
                  read[at] = 0;
                }
              }
          const b = noise(make, batch * n * columns, seed + 1);
          const x = new make(b.length).fill(77);
          run("triangularSolve", dtype, { batch, n, columns, lower, transpose }, a, b, x);
          for (let g = 0; g < batch; g++) {
            const [from, to] = [g * n * columns, (g + 1) * n * columns];
            const own = residual(read.subarray(g * n * n), x.subarray(from, to), b.subarray(from, to), n, columns, transpose);
            expect(own).toBeLessThan(bound(n, largest(x.subarray(from, to))));
          }
        }),
        { numRuns: 60 },
      );
    });

    test("solve: op(A) X is B, with rows exchanged where the diagonal is small", () => {
      fc.assert(
        fc.property(sizes, ({ batch, n, columns, transpose, seed }) => {
          const a = noise(make, batch * n * n, seed);
          for (let g = 0; g < batch; g++) for (let i = 0; i < n; i++) a[(g * n + i) * n + i] = 0;
          if (n === 1) a.fill(0.5);
          const b = noise(make, batch * n * columns, seed + 1);
          const x = new make(b.length).fill(77);
          run("solve", dtype, { batch, n, columns, transpose }, a, b, x);
          for (let g = 0; g < batch; g++) {
            const [from, to] = [g * n * columns, (g + 1) * n * columns];
            const own = residual(a.subarray(g * n * n), x.subarray(from, to), b.subarray(from, to), n, columns, transpose);
            expect(own).toBeLessThan(bound(n, n * largest(x.subarray(from, to))));
          }
        }),
        { numRuns: 60 },
      );
    });

    test("solve of a singular matrix is not finite", () => {
      const x = new make(2);
      run("solve", dtype, { batch: 1, n: 2, columns: 1 }, new make([1, 2, 2, 4]), new make([1, 1]), x);
      expect(x.some((v) => Number.isFinite(v))).toBe(false);
    });

    test("determinants are those of small integer matrices, exactly, and their logarithms", () => {
      // 1 for n = 0; a row exchange changes the sign.
      const cases: readonly [number, number[], number][] = [
        [0, [], 1],
        [1, [-3], -3],
        [2, [0, 1, 1, 0], -1],
        [2, [1, 2, 3, 4], -2],
        [3, [0, 2, 0, 1, 0, 0, 0, 0, 4], -8],
        [2, [1, 2, 2, 4], 0],
      ];
      for (const [n, entries, det] of cases) {
        const out = new make(1);
        run("determinant", dtype, { batch: 1, n }, new make(entries), null, out);
        expect(Math.abs((out[0] as number) - det)).toBeLessThan(8 * EPSILON[dtype]);
        run("logDeterminant", dtype, { batch: 1, n }, new make(entries), null, out);
        if (det === 0) expect(out[0]).toBe(Number.NEGATIVE_INFINITY);
        else expect(Math.abs((out[0] as number) - Math.log(Math.abs(det)))).toBeLessThan(8 * EPSILON[dtype]);
      }
    });

    test("determinants do not overflow on the way, and a NaN that is read shows", () => {
      const out = new make(1);
      const [big, small] = dtype === "f64" ? [1e200, 1e-200] : [2 ** 100, 2 ** -100];
      const diagonal = [big, big, small, small];
      const entries = Array.from({ length: 16 }, (_, i) => (i % 5 === 0 ? (diagonal[i / 5] as number) : 0));
      run("determinant", dtype, { batch: 1, n: 4 }, new make(entries), null, out);
      expect(Math.abs((out[0] as number) - 1)).toBeLessThan(16 * EPSILON[dtype]);
      for (const routine of ["determinant", "logDeterminant"] as const) {
        run(routine, dtype, { batch: 1, n: 2 }, new make([0, 1, Number.NaN, 1]), null, out);
        expect(out[0]).toBeNaN();
      }
    });

    test("logDeterminant of a large matrix is the sum over the factor of which it was made", () => {
      const n = 100;
      const l = noise(make, n * n, 1);
      let want = 0;
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) l[i * n + j] = j > i ? 0 : j === i ? 1 + i / 50 : (l[i * n + j] as number) / n;
        want += 2 * Math.log(l[i * n + i] as number);
      }
      const a = new make(n * n);
      for (let i = 0; i < n; i++)
        for (let j = 0; j < n; j++)
          for (let p = 0; p < n; p++) a[i * n + j] = (a[i * n + j] as number) + (l[i * n + p] as number) * (l[j * n + p] as number);
      const out = new make(1);
      run("logDeterminant", dtype, { batch: 1, n }, a, null, out);
      expect(Math.abs((out[0] as number) - want)).toBeLessThan(bound(n, 100));
    });
  });

  // Orders on both sides of a block of routines-lapack.h, and of three blocks.
  const ways = [["the runtime's own code", 0] as const, ...(nativeRuntime().blas ? [["OpenBLAS", 1] as const] : [])];
  if (ways.length === 1) console.warn("skipping tests of large factorisations by OpenBLAS: it is not on this machine");
  describe.each(ways)("of large matrices by %s", (_, use) => {
    const useBlas = library.declare("tg_use_blas", "void", ["int32"]);
    beforeAll(() => void useBlas(use));
    afterAll(() => void useBlas(1));
    const cases = (["f32", "f64"] as const).flatMap((dtype) => [193, 449].map((n) => [dtype, n] as const));

    test.each(cases)("cholesky in %s of order %i: L Lᵀ is A, zeros above, and all NaN where A is not positive definite", (dtype, n) => {
      const a = noise(MAKERS[dtype], n * n, 3);
      for (let i = 0; i < n; i++)
        for (let j = 0; j <= i; j++) {
          a[j * n + i] = Number.NaN;
          if (i === j) a[i * n + i] = n / 4;
        }
      const l = new MAKERS[dtype](n * n).fill(77);
      run("cholesky", dtype, { batch: 1, n }, a, null, l);
      // L (Lᵀ v) against A v, for each of a few columns v of the identity.
      for (const column of [0, 100, 191, 192, n - 1]) {
        for (let i = column; i < n; i++) {
          let sum = -(i === column ? n / 4 : (a[i * n + column] as number));
          for (let p = 0; p <= column; p++) sum += (l[i * n + p] as number) * (l[column * n + p] as number);
          expect(Math.abs(sum)).toBeLessThan(4 * n * EPSILON[dtype] * n);
        }
        for (let j = column + 1; j < n; j++) expect(l[column * n + j]).toBe(0);
      }
      for (const [at, wrong] of [
        [0, -1],
        [n - 1, 0],
        [150, Number.NaN],
      ] as const) {
        const spoilt = a.slice();
        spoilt[at * n + at] = wrong;
        run("cholesky", dtype, { batch: 1, n }, spoilt, null, l);
        expect(l.every(Number.isNaN)).toBe(true);
      }
    });

    test.each(cases)("triangularSolve in %s of order %i: each triangle, as it is and transposed, reads one triangle", (dtype, n) => {
      const columns = 140;
      const full = noise(MAKERS[dtype], n * n, 4);
      const b = noise(MAKERS[dtype], n * columns, 5);
      for (const lower of [true, false])
        for (const transpose of [true, false]) {
          const read = full.map((v, at) => {
            const [i, j] = [Math.floor(at / n), at % n];
            return i === j ? 2 + v : i > j === lower ? v / n : 0;
          });
          const a = read.map((v) => (v === 0 ? Number.NaN : v));
          const x = new MAKERS[dtype](n * columns).fill(77);
          run("triangularSolve", dtype, { batch: 1, n, columns, lower, transpose }, a, b, x);
          expect(residual(read, x, b, n, columns, transpose)).toBeLessThan(4 * n * EPSILON[dtype] * Math.max(1, largest(x)));
        }
    });

    test("triangularSolve divides by a diagonal entry whose inverse is not a number", () => {
      const [n, columns] = [200, 20];
      const a = Float64Array.from({ length: n * n }, (_, at) => (at % (n + 1) === 0 ? 1e-310 : 0));
      const x = new Float64Array(n * columns);
      run("triangularSolve", "f64", { batch: 1, n, columns, lower: true }, a, new Float64Array(n * columns).fill(1e-310), x);
      expect(x.every((v) => v === 1)).toBe(true);
    });

    test.each(cases)("solve in %s of order %i, with rows exchanged; singular and NaN show", (dtype, n) => {
      const columns = 30;
      const a = noise(MAKERS[dtype], n * n, 6);
      for (let i = 0; i < n; i++) a[i * n + i] = 0;
      const b = noise(MAKERS[dtype], n * columns, 7);
      const x = new MAKERS[dtype](n * columns);
      for (const transpose of [false, true]) {
        run("solve", dtype, { batch: 1, n, columns, transpose }, a, b, x);
        expect(residual(a, x, b, n, columns, transpose)).toBeLessThan(8 * n * EPSILON[dtype] * n * Math.max(1, largest(x)));
      }
      const singular = a.slice();
      for (let i = 0; i < n; i++) singular[i * n + 100] = 0;
      run("solve", dtype, { batch: 1, n, columns }, singular, b, x);
      expect(x.some((v) => !Number.isFinite(v))).toBe(true);
      const out = new MAKERS[dtype](1);
      run("determinant", dtype, { batch: 1, n }, singular, null, out);
      expect(Math.abs(out[0] as number)).toBe(0);
      singular[5] = Number.NaN;
      run("logDeterminant", dtype, { batch: 1, n }, singular, null, out);
      expect(out[0]).toBeNaN();
    });

    test.each(cases)(
      "determinants in %s of order %i are those of the diagonal, the update and the exchange they were made of",
      (dtype, n) => {
        // A is D + u vᵀ with two rows exchanged: det A = -det D · (1 + vᵀ D⁻¹ u).
        const [u, v] = [noise(MAKERS[dtype], n, 8), noise(MAKERS[dtype], n, 9)];
        const d = Array.from({ length: n }, (_, i) => (i % 2 === 0 ? 2 : 0.5));
        const a = new MAKERS[dtype](n * n);
        let [rest, logarithm] = [1, 0];
        for (let i = 0; i < n; i++) {
          const row = i < 2 ? 1 - i : i;
          for (let j = 0; j < n; j++) a[row * n + j] = (i === j ? (d[i] as number) : 0) + (u[i] as number) * (v[j] as number);
          rest += ((u[i] as number) * (v[i] as number)) / (d[i] as number);
          logarithm += Math.log(d[i] as number);
        }
        const out = new MAKERS[dtype](1);
        const near = 100 * n * EPSILON[dtype];
        run("logDeterminant", dtype, { batch: 1, n }, a, null, out);
        expect(Math.abs((out[0] as number) - logarithm - Math.log(Math.abs(rest)))).toBeLessThan(near);
        run("determinant", dtype, { batch: 1, n }, a, null, out);
        const want = -Math.exp(logarithm) * rest;
        expect(Math.abs((out[0] as number) / want - 1)).toBeLessThan(near);
      },
    );
  });

  test("argsort is the stable order, NaN last, 0 and -0 equal, ascending and descending", () => {
    const value = fc.oneof(
      fc.constantFrom(0, -0, Number.NaN, Infinity, -Infinity, 1, 5e-324, -1e-40),
      fc.integer({ min: -3, max: 3 }),
      fc.double(),
    );
    fc.assert(
      fc.property(
        fc.array(value, { maxLength: 60 }),
        fc.boolean(),
        fc.constantFrom("f32", "f64", "i32" as const),
        (values, descending, dtype) => {
          const x = dtype === "i32" ? Int32Array.from(values) : new MAKERS[dtype](values);
          const out = new Int32Array(x.length);
          run("argsort", dtype, { batch: 1, n: x.length, descending }, x, null, out);
          const order = Array.from(x, (v, i) => ({ v, i }));
          order.sort((p, q) => {
            if (Number.isNaN(p.v) || Number.isNaN(q.v)) return +Number.isNaN(p.v) - +Number.isNaN(q.v) || p.i - q.i;
            if (p.v === q.v) return p.i - q.i;
            return p.v < q.v === descending ? 1 : -1;
          });
          expect([...out]).toEqual(order.map((e) => e.i));
        },
      ),
      { numRuns: 400 },
    );
  });

  test("argsort sorts each member of a batch", () => {
    const out = new Int32Array(6);
    run("argsort", "f32", { batch: 2, n: 3 }, Float32Array.of(3, 1, 2, -1, -2, -3), null, out);
    expect([...out]).toEqual([1, 2, 0, 2, 1, 0]);
  });
});
