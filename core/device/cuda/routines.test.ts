/** Factorisations and sorting on the GPU against their definition on host numbers; cofactors, which the host computes. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cuda } from "../../../test/cuda.ts";
import { hostArray, type TypedArray } from "../../base/dtype.ts";
import type { RoutineLaunch } from "../../kernel/launch.ts";
import { runRoutine } from "../../kernel/routines/run.ts";
import type { Address } from "../device.ts";
import { createCuda } from "./device.ts";

type Wanted = Partial<RoutineLaunch> & Pick<RoutineLaunch, "routine" | "batch" | "n">;

const launchOf = (wanted: Wanted): RoutineLaunch => {
  const plain = { dtype: "f64", columns: 0, lower: false, transpose: false, descending: false } as const;
  return { kind: "routine", ...plain, inputs: (wanted.columns ?? 0) > 0 ? [0, 1] : [0], ...wanted };
};

function resultOf(launch: RoutineLaunch): TypedArray {
  const { routine, batch, n, columns, dtype } = launch;
  const solved = batch * n * columns;
  const lengths = { cholesky: batch * n * n, cofactors: batch * n * n, solve: solved, triangularSolve: solved };
  const rest = routine === "argsort" ? batch * n : batch;
  return hostArray(routine === "argsort" ? "i32" : dtype, lengths[routine as keyof typeof lengths] ?? rest);
}

describe.runIf(cuda.available)("routines on CUDA", { timeout: 240_000 }, () => {
  const device = cuda.available ? createCuda() : undefined;

  /** The result on the device, and that of the definition. */
  function both(launch: RoutineLaunch, inputs: readonly TypedArray[]): [TypedArray, TypedArray, string] {
    if (device === undefined) throw new Error("there is no device");
    const want = resultOf(launch);
    runRoutine(launch, want, inputs);
    const all = [resultOf(launch), ...inputs];
    const at = all.map((data) => device.alloc(data.byteLength));
    for (const [i, data] of all.entries()) device.upload(at[i] as Address, data);
    const prepared = device.prepare(launch);
    const { launches } = device.times?.(() => prepared(...(at as [Address])), { perLaunch: true }) ?? { launches: [] };
    const got = device.download(at[0] as Address, launch.routine === "argsort" ? "i32" : (launch.dtype as "f64"), want.length);
    device.forget(prepared);
    for (const [i, data] of all.entries()) device.free(at[i] as Address, data.byteLength);
    return [got, want, launches[0]?.label ?? ""];
  }

  function expectClose([got, want]: readonly [TypedArray, TypedArray, string], within: number): void {
    for (const [i, w] of want.entries()) {
      const g = got[i] as number;
      if (Number.isFinite(w)) expect(Math.abs(g - w), `element ${i}: ${g} for ${w}`).toBeLessThanOrEqual(within * Math.max(1, Math.abs(w)));
      else expect(g, `element ${i}`).toBe(w);
    }
  }

  const numbers = (length: number, seed: number, dtype: "f32" | "f64" = "f64") => {
    const data = hostArray(dtype, length);
    for (let i = 0; i < length; i++) data[i] = Math.sin(i * 12.9898 + seed * 7.233 + (i % 17) * (i % 5));
    return data;
  };
  /** Matrices that are far from singular: what was drawn plus a multiple of one. */
  const matrices = (batch: number, n: number, seed: number, dtype: "f32" | "f64" = "f64", shift = 2) => {
    const data = numbers(batch * n * n, seed, dtype);
    for (let m = 0; m < batch; m++)
      for (let i = 0; i < n; i++) data[(m * n + i) * n + i] = (data[(m * n + i) * n + i] as number) + shift * Math.sqrt(n);
    return data;
  };

  it("factor, solve and make determinants as the definition does", () => {
    const drawn = fc.record({
      dtype: fc.constantFrom<"f32" | "f64">("f32", "f64"),
      batch: fc.integer({ min: 1, max: 3 }),
      n: fc.oneof(fc.integer({ min: 1, max: 7 }), fc.integer({ min: 15, max: 40 })),
      columns: fc.integer({ min: 1, max: 5 }),
      lower: fc.boolean(),
      transpose: fc.boolean(),
      seed: fc.integer({ min: 0, max: 1000 }),
    });
    fc.assert(
      fc.property(drawn, ({ dtype, batch, n, columns, lower, transpose, seed }) => {
        const within = dtype === "f64" ? 1e-11 : 2e-6;
        const [a, b] = [matrices(batch, n, seed, dtype), numbers(batch * n * columns, seed + 1, dtype)];
        const more = { dtype, batch, n };
        for (const routine of ["solve", "triangularSolve"] as const) {
          const result = both(launchOf({ routine, columns, lower, transpose, ...more }), [a, b]);
          expect(result[2]).toMatch(new RegExp(`^${routine}.*${columns}$`));
          expectClose(result, within);
        }
        for (const routine of ["determinant", "logDeterminant"] as const)
          expectClose(both(launchOf({ routine, ...more }), [a]), 10 * within);
        // Diagonally dominant in its lower triangle, which is all that is read.
        expectClose(both(launchOf({ routine: "cholesky", ...more }), [matrices(batch, n, seed, dtype, 2 * n)]), within);
      }),
      { numRuns: 25 },
    );
  });

  it("choose the first of the largest pivots, and a NaN before all: rows are swapped as in the definition", () => {
    for (const special of [Number.NaN, 3, -3, 0, Number.POSITIVE_INFINITY]) {
      const a = Float64Array.of(1, 2, 3, 4, 3, 1, 0, 1, -3, 5, special, 2, 3, 1, 1, special);
      const b = Float64Array.of(1, 2, 3, 4);
      for (const transpose of [false, true])
        expectClose(both(launchOf({ routine: "solve", batch: 1, n: 4, columns: 1, transpose }), [a, b]), 1e-12);
      for (const routine of ["determinant", "logDeterminant"] as const)
        expectClose(both(launchOf({ routine, batch: 1, n: 4 }), [a]), 1e-12);
    }
  });

  it("have what a singular or an indefinite matrix has, and determinants beyond and below the range of intermediate products", () => {
    const singular = Float64Array.of(1, 2, 2, 4, 1, 0, 0, 1);
    expectClose(both(launchOf({ routine: "determinant", batch: 2, n: 2 }), [singular]), 0);
    expectClose(both(launchOf({ routine: "logDeterminant", batch: 2, n: 2 }), [singular]), 0);
    const indefinite = Float64Array.of(1, 0, 0, -1, 4, 0, 2, 5);
    expectClose(both(launchOf({ routine: "cholesky", batch: 2, n: 2 }), [indefinite]), 1e-15);
    const n = 40;
    const wide = new Float64Array(n * n);
    for (let i = 0; i < n; i++) wide[i * n + i] = i % 2 === 0 ? 1e-200 : 1e200;
    expectClose(both(launchOf({ routine: "determinant", batch: 1, n }), [wide]), 1e-10);
  });

  it("sort stably, NaN last, ascending and descending, in f32, f64 and i32, rows of every length about powers of two", {
    timeout: 120_000,
  }, () => {
    for (const n of [1, 2, 3, 4, 5, 8, 9, 31, 64, 100, 257])
      for (const dtype of ["f32", "f64", "i32"] as const)
        for (const descending of [false, true]) {
          const x = hostArray(dtype, 3 * n);
          for (let i = 0; i < x.length; i++) x[i] = (Math.imul(i + 1, 2654435761) >>> 20) % 23;
          if (dtype !== "i32")
            for (let i = 0; i < x.length; i += 7)
              x[i] = [Number.NaN, -0, 0, Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY][(i / 7) % 5] as number;
          const [got, want] = both(launchOf({ routine: "argsort", dtype, batch: 3, n, descending }), [x]);
          expect([...got], `${dtype} ${n} ${descending}`).toEqual([...want]);
        }
  });

  it("leave cofactors to the host", () => {
    const [got, want, label] = both(launchOf({ routine: "cofactors", batch: 2, n: 3 }), [matrices(2, 3, 5)]);
    expect(label).toContain("on the host");
    expect(got).toEqual(want);
  });
});
