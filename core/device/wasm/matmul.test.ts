import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { MatmulLaunch } from "../../kernel/launch.ts";
import { createWasm } from "./device.ts";

const device = createWasm();

const launches = fc.record({
  dtype: fc.constantFrom("f32" as const, "f64" as const),
  m: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 100, max: 200 })),
  n: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 100, max: 200 })),
  k: fc.oneof(fc.integer({ min: 0, max: 40 }), fc.integer({ min: 200, max: 600 })),
  transposeA: fc.boolean(),
  transposeB: fc.boolean(),
  count: fc.integer({ min: 1, max: 3 }),
  /** Whether all products of a batch share the right-hand side. */
  shared: fc.boolean(),
  seed: fc.integer(),
});

/** The product of small integers, which is exact in either dtype. */
function naive(l: MatmulLaunch, a: ArrayLike<number>, b: ArrayLike<number>, c: Float64Array): void {
  for (const at of l.batch) {
    for (let i = 0; i < l.m; i++) {
      for (let j = 0; j < l.n; j++) {
        let sum = 0;
        for (let p = 0; p < l.k; p++) {
          sum +=
            (a[at.a + (l.transposeA ? p * l.m + i : i * l.k + p)] as number) *
            (b[at.b + (l.transposeB ? j * l.k + p : p * l.n + j)] as number);
        }
        c[at.c + i * l.n + j] = sum;
      }
    }
  }
}

describe("matrix products on the wasm device", () => {
  it("equal the naive product for all shapes, transposes and batches, and write nothing else", () => {
    fc.assert(
      fc.property(launches, ({ count, shared, seed, ...rest }) => {
        const { m, n, k, dtype } = rest;
        const batch = Array.from({ length: count }, (_, i) => ({ a: i * m * k, b: shared ? 0 : i * k * n, c: i * m * n }));
        const launch: MatmulLaunch = { kind: "matmul", ...rest, batch, inputs: [0, 1] };
        const array = (length: number, value: (i: number) => number) =>
          dtype === "f32" ? Float32Array.from({ length }, (_, i) => value(i)) : Float64Array.from({ length }, (_, i) => value(i));
        const small = (i: number) => ((Math.imul(seed + i, 2654435761) >>> 20) % 9) - 4;
        const a = array(count * m * k, small);
        const b = array((shared ? 1 : count) * k * n, (i) => small(i + 12345));
        const guard = 16;
        const c = array(count * m * n + guard, () => Number.NaN);
        const wanted = new Float64Array(c.length).fill(Number.NaN);
        naive(launch, a, b, wanted);
        const buffers = [c, a, b].map((data) => {
          const address = device.alloc(data.byteLength);
          device.upload(address, data);
          return { address, bytes: data.byteLength };
        });
        const [out, left, right] = buffers.map((x) => x.address) as [number, number, number];
        device.prepare(launch)(out, left, right);
        const got = device.download(out, dtype, c.length);
        const wrong = wanted.findIndex((w, i) => got[i] !== w && !(Number.isNaN(w) && Number.isNaN(got[i])));
        expect(wrong, `element ${wrong} is ${got[wrong]}, wanted ${wanted[wrong]}`).toBe(-1);
        for (const { address, bytes } of buffers) device.free(address, bytes);
      }),
      { numRuns: 150 },
    );
    expect(device.stats().liveBytes).toBe(0);
  });

  it("accept one input on both sides", () => {
    const x = device.alloc(16);
    const out = device.alloc(16);
    device.upload(x, Float32Array.of(1, 2, 3, 4));
    device.prepare({
      kind: "matmul",
      dtype: "f32",
      m: 2,
      n: 2,
      k: 2,
      transposeA: false,
      transposeB: true,
      batch: [{ a: 0, b: 0, c: 0 }],
      inputs: [0, 0],
    })(out, x);
    expect(device.download(out, "f32", 4)).toEqual(Float32Array.of(5, 11, 11, 25));
    device.free(x, 16);
    device.free(out, 16);
  });
});
