import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { canCallNative } from "../foreign.ts";
import { findCompiler } from "./compiler.ts";
import { compileAndLoad } from "./library.ts";
import { nativeRuntime } from "./runtime.ts";

const usable = findCompiler() !== undefined && canCallNative();
if (!usable) console.warn("skipping tests of native matrix products: no C compiler, or no koffi, on this machine");

type Floats = Float32Array | Float64Array;
interface Shape {
  readonly m: number;
  readonly n: number;
  readonly k: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly batches: number;
}

/** Small integers, so that every sum is exact in f32 and results can be compared for equality. */
function integers(make: new (n: number) => Floats, length: number, seed: number): Floats {
  const out = new make(length);
  let state = seed | 1;
  for (let i = 0; i < length; i++) {
    state = (Math.imul(state, 1103515245) + 12345) | 0;
    out[i] = ((state >>> 16) % 9) - 4;
  }
  return out;
}

function expected({ m, n, k, transposeA, transposeB, batches }: Shape, a: Floats, b: Floats, c: Floats): Floats {
  const out = c.slice();
  for (let g = 0; g < batches; g++)
    for (let i = 0; i < m; i++) {
      const row = new Float64Array(n);
      for (let p = 0; p < k; p++) {
        const x = a[g * m * k + (transposeA ? p * m + i : i * k + p)] as number;
        const start = g * k * n + (transposeB ? p : p * n);
        for (let j = 0; j < n; j++) row[j] = (row[j] as number) + x * (b[start + (transposeB ? j * k : j)] as number);
      }
      out.set(row, g * m * n + i * n);
    }
  return out;
}

const MAKERS = { f32: Float32Array, f64: Float64Array } as const;

/** Calls tg_gemm through a wrapper whose epilogue negates the block and counts how often each element was covered. */
const WRAPPER = `#include "trigrad.h"
typedef struct { float *c32; double *c64; int32_t *seen; int64_t m, n; } covered;
static void negate(void *context, int64_t batch, int64_t row0, int64_t row1, int64_t column0, int64_t column1) {
  covered *c = context;
  for (int64_t i = row0; i < row1; i++) for (int64_t j = column0; j < column1; j++) {
    int64_t at = (batch * c->m + i) * c->n + j;
    c->seen[at]++;
    if (c->c32) c->c32[at] = -c->c32[at]; else c->c64[at] = -c->c64[at];
  }
}
static tg_gemm shape_of(const int32_t *s, const int64_t *offsets) {
  return (tg_gemm){s[0], s[1], s[2], s[3], s[4], s[3] ? s[0] : s[2], s[4] ? s[2] : s[1], s[1], s[5], offsets};
}
TG_EXPORT void gemm_f32(const int32_t *s, const int64_t *offsets, const float *a, const float *b, float *c, int32_t *seen) {
  tg_gemm shape = shape_of(s, offsets);
  covered context = {c, 0, seen, shape.m, shape.n};
  tg_gemm_f32(&shape, a, b, c, seen ? negate : 0, &context);
}
TG_EXPORT void gemm_f64(const int32_t *s, const int64_t *offsets, const double *a, const double *b, double *c, int32_t *seen) {
  tg_gemm shape = shape_of(s, offsets);
  covered context = {0, c, seen, shape.m, shape.n};
  tg_gemm_f64(&shape, a, b, c, seen ? negate : 0, &context);
}
`;

describe.skipIf(!usable)("native matrix products", () => {
  const runtime = nativeRuntime();
  const wrapper = compileAndLoad(WRAPPER, "gemm-test");
  const data = ["data", "data", "data", "data", "data", "data"] as const;
  const calls = { f32: wrapper.declare("gemm_f32", "void", data), f64: wrapper.declare("gemm_f64", "void", data) };
  const useBlas = runtime.library.declare("tg_use_blas", "void", ["int32"]);
  const setThreads = runtime.library.declare("tg_set_threads", "void", ["int64"]);
  const before = runtime.library.declare("tg_threads", "int64", [])();
  /** By the runtime's own code, and by OpenBLAS where it is there. */
  const ways = runtime.blas === undefined ? [0] : [0, 1];
  afterAll(() => {
    useBlas(1);
    setThreads(before);
  });

  function check(dtype: "f32" | "f64", shape: Shape, withEpilogue: boolean): void {
    const { m, n, k, transposeA, transposeB, batches } = shape;
    const make = MAKERS[dtype];
    const a = integers(make, batches * m * k, m + 1);
    const b = integers(make, batches * k * n, n + 2);
    // A little more than C, filled, so that a store outside of it is seen.
    const c = new make(batches * m * n + 64).fill(77);
    const offsets = BigInt64Array.from(Array.from({ length: batches }, (_, g) => [g * m * k, g * k * n, g * m * n].map(BigInt)).flat());
    const seen = withEpilogue ? new Int32Array(batches * m * n) : null;
    calls[dtype](Int32Array.of(m, n, k, Number(transposeA), Number(transposeB), batches), offsets, a, b, c, seen);
    const want = expected(shape, a, b, new make(c.length).fill(77));
    if (seen !== null) {
      for (let i = 0; i < seen.length; i++) want[i] = -(want[i] as number);
      expect(seen.every((count) => count === 1)).toBe(true);
    }
    // 0 and -0 are the same number here.
    for (let i = 0; i < c.length; i++) if (c[i] !== want[i]) throw new Error(`element ${i}: ${c[i]} instead of ${want[i]}`);
  }

  const length = fc.oneof(fc.integer({ min: 0, max: 20 }), fc.integer({ min: 21, max: 130 }));
  const shapes = fc.record({
    m: length,
    n: length,
    k: length,
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
    batches: fc.integer({ min: 1, max: 5 }),
  });

  test.each(["f32", "f64"] as const)("equal the definition on random shapes in %s, and the epilogue sees each element once", (dtype) => {
    fc.assert(
      fc.property(shapes, fc.boolean(), fc.integer({ min: 1, max: 4 }), fc.constantFrom(...ways), (shape, withEpilogue, threads, blas) => {
        setThreads(threads);
        useBlas(blas);
        check(dtype, shape, withEpilogue);
      }),
      { numRuns: 150 },
    );
  });

  /** Each of these is the way of one method: A as it lies, blocks in all three directions, vectors, few rows, few columns, and more rows than one block. */
  const LARGE: readonly [number, number, number][] = [
    [200, 130, 600],
    [450, 530, 410],
    [1, 700, 900],
    [900, 1, 700],
    [2, 600, 500],
    [7, 800, 600],
    [800, 7, 600],
    [3200, 20, 30],
    [30, 3300, 20],
  ];
  test.each(LARGE)("equal the definition at %i x %i x %i, with OpenBLAS or without", (m, n, k) => {
    setThreads(3);
    for (const transposeA of [false, true])
      for (const transposeB of [false, true])
        for (const blas of ways) {
          useBlas(blas);
          check("f32", { m, n, k, transposeA, transposeB, batches: 1 }, !transposeA);
          check("f64", { m, n, k, transposeA, transposeB, batches: 1 }, transposeA);
        }
  });

  test.each(ways)("do not depend on the number of threads (OpenBLAS: %i)", (blas) => {
    useBlas(blas);
    const [m, n, k] = [530, 640, 700];
    const a = Float32Array.from({ length: m * k }, (_, i) => Math.sin(i));
    const b = Float32Array.from({ length: k * n }, (_, i) => Math.cos(i));
    const [one, four] = [1, 4].map((threads) => {
      setThreads(threads);
      const c = new Float32Array(m * n);
      calls.f32(Int32Array.of(m, n, k, 0, 0, 1), null, a, b, c, null);
      return c;
    });
    expect(four).toEqual(one);
  });
});
