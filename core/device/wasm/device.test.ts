import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawKernelCase, type KernelCase, runKernelCase as run } from "../../../test/arbitrary-kernel.ts";
import type { TypedArray } from "../../base/dtype.ts";
import { type Access, type Geometry, kernel } from "../../kernel/kernel.ts";
import { binary, constant, type Expr, load, reduced, unary } from "../../kernel/scalar-expr.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { createWasm } from "./device.ts";

function float(dtype: "f32" | "f64", n: number, value: (i: number) => number): TypedArray {
  return dtype === "f32" ? Float32Array.from({ length: n }, (_, i) => value(i)) : Float64Array.from({ length: n }, (_, i) => value(i));
}

/** Softmax (and with `logarithm` log-softmax) over the last axis, or over the first of a matrix whose columns are the rows here. */
function softmaxCase(dtype: "f32" | "f64", rows: number, columns: number, layout: "rows" | "columns", logarithm: boolean): KernelCase {
  const x = load(0, dtype);
  const shifted = binary("sub", x, reduced(0, dtype));
  const e = unary("exp", shifted);
  const sum = reduced(1, dtype);
  const access: Access[] = layout === "rows" ? ["strided", "unit"] : ["unit", "strided"];
  const strides = layout === "rows" ? [columns, 1] : [1, rows];
  return {
    kernel: kernel({
      rank: 2,
      reduced: 1,
      operands: [{ dtype, access, indirect: false }],
      reductions: [
        { op: "max", of: x, dtype },
        { op: "sum", of: e, dtype },
      ],
      outputs: [
        {
          dtype,
          access,
          indirect: false,
          result: logarithm ? binary("sub", shifted, unary("log", sum)) : binary("div", e, sum),
          each: "element",
          storeAt: undefined,
          accumulate: false,
        },
      ],
    }),
    geometry: { extents: [rows, columns], strides: [strides, strides], offsets: [0, 0], indirect: [undefined, undefined] },
    inputs: [float(dtype, rows * columns, (i) => Math.sin(i * 12.9898) * 5)],
    outputs: [float(dtype, rows * columns, () => Number.NaN)],
  };
}

describe("wasm against the interpreter", () => {
  it("gives the same numbers for every legal kernel", () => {
    const wasm = createWasm();
    const interpreter = createInterpreter();
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const c = drawKernelCase(gen);
        expect(run(wasm, c)).toEqual(run(interpreter, c));
      }),
      { numRuns: 600 },
    );
    expect(wasm.stats().liveBytes).toBe(0);
    expect(interpreter.stats().liveBytes).toBe(0);
  });

  it.each(["f32", "f64"] as const)("computes softmax and log-softmax of %s along rows and columns", (dtype) => {
    const tolerance = dtype === "f32" ? 2e-6 : 1e-14;
    const [wasm, interpreter] = [createWasm(), createInterpreter()];
    for (const [rows, columns] of [
      [1, 1],
      [3, 7],
      [16, 64],
      [33, 21],
      [5, 1000],
    ] as const) {
      for (const layout of ["rows", "columns"] as const) {
        for (const logarithm of [false, true]) {
          const c = softmaxCase(dtype, rows, columns, layout, logarithm);
          const [[got], [wanted]] = [run(wasm, c), run(interpreter, c)] as [[TypedArray], [TypedArray]];
          for (let i = 0; i < got.length; i++) {
            expect(Math.abs((got[i] as number) - (wanted[i] as number))).toBeLessThanOrEqual(
              tolerance * Math.max(1e-3, Math.abs(wanted[i] as number)),
            );
          }
        }
      }
    }
  });

  it("sums a million f32 numbers as precisely as f64 partial sums allow, always to the same bits", () => {
    const n = 1_000_003;
    const c: KernelCase = {
      kernel: kernel({
        rank: 1,
        reduced: 1,
        operands: [{ dtype: "f32", access: ["unit"], indirect: false }],
        reductions: [{ op: "sum", of: load(0, "f32"), dtype: "f32" }],
        outputs: [
          {
            dtype: "f32",
            access: ["fixed"],
            indirect: false,
            result: reduced(0, "f32"),
            each: "row",
            storeAt: undefined,
            accumulate: false,
          },
        ],
      }),
      geometry: { extents: [n], strides: [[1], [0]], offsets: [0, 0], indirect: [undefined, undefined] },
      inputs: [float("f32", n, (i) => 1 + Math.sin(i) / 3)],
      outputs: [new Float32Array(1)],
    };
    const wasm = createWasm();
    const wanted = run(createInterpreter(), c)[0]?.[0];
    const got = [0, 1, 2].map(() => run(wasm, c)[0]?.[0] as number);
    expect(Math.abs((got[0] as number) / (wanted as number) - 1)).toBeLessThan(2e-7);
    expect(new Set(got).size).toBe(1);
  });
});

describe("an index out of range", () => {
  const gather = (at: Expr, ids: Access[]): KernelCase["kernel"] =>
    kernel({
      rank: 2,
      reduced: 0,
      operands: [
        { dtype: "f32", access: ["fixed", "unit"], indirect: true },
        { dtype: "i32", access: ids, indirect: false },
      ],
      reductions: [],
      outputs: [
        {
          dtype: "f32",
          access: ["strided", "unit"],
          indirect: false,
          result: load(0, "f32", at),
          each: "element",
          storeAt: undefined,
          accumulate: false,
        },
      ],
    });
  const geometry: Geometry = {
    extents: [4, 5],
    strides: [
      [0, 1],
      [1, 0],
      [5, 1],
    ],
    offsets: [0, 0, 0],
    indirect: [{ stride: 5, extent: 5 }, undefined, undefined],
  };
  const base = { geometry, outputs: [new Float32Array(20)] };

  it("is reported with its position, and the device works on", () => {
    for (const device of [createWasm(), createInterpreter()]) {
      const table = float("f32", 25, (i) => i);
      const good = gather(load(1, "i32"), ["unit", "fixed"]);
      const bad = { ...base, kernel: good, inputs: [table, Int32Array.of(0, 4, -1, 9)] };
      expect(() => run(device, bad)).toThrow("index -1 is out of range [0, 5) at position [2]");
      expect(run(device, { ...bad, inputs: [table, Int32Array.of(0, 4, 1, 3)] })[0]).toEqual(
        Float32Array.from({ length: 20 }, (_, i) => ([0, 4, 1, 3][Math.floor(i / 5)] as number) * 5 + (i % 5)),
      );
    }
  });

  it("does not store anything outside the output when scattering", () => {
    const device = createWasm();
    const scatter = kernel({
      rank: 1,
      reduced: 0,
      operands: [{ dtype: "i32", access: ["unit"], indirect: false }],
      reductions: [],
      outputs: [
        {
          dtype: "f32",
          access: ["fixed"],
          indirect: true,
          result: constant(1, "f32"),
          each: "element",
          storeAt: load(0, "i32"),
          accumulate: true,
        },
      ],
    });
    const g: Geometry = { extents: [3], strides: [[1], [0]], offsets: [0, 0], indirect: [undefined, { stride: 1, extent: 2 }] };
    const out = device.alloc(64);
    device.upload(out, new Float32Array(16));
    const ids = device.alloc(12);
    device.upload(ids, Int32Array.of(1, 5, 1));
    const launch = device.prepare({ kind: "kernel", kernel: scatter, geometry: g, inputs: [0] });
    expect(() => launch(out, ids)).toThrow("index 5 is out of range [0, 2) at position [1]");
    expect(device.download(out, "f32", 16)).toEqual(Float32Array.from({ length: 16 }, (_, i) => (i === 1 ? 2 : 0)));
  });
});

describe("memory", () => {
  it("runs out with the numbers, and is usable afterwards", () => {
    const device = createWasm({ maxBytes: 1 << 20 });
    const kept = Array.from({ length: 3 }, () => device.alloc(1 << 18));
    expect(() => device.alloc(1 << 19)).toThrow(
      "out of memory on wasm: 512 KiB asked for, 768 KiB live in 3 buffers, 768 KiB reserved, limit 1.0 MiB",
    );
    for (const address of kept) device.free(address, 1 << 18);
    const whole = device.alloc(1 << 20);
    device.upload(whole, new Float32Array(1 << 18).fill(3));
    expect(device.download(whole, "f32", 1 << 18)[262143]).toBe(3);
    device.free(whole, 1 << 20);
    expect(device.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0, peakBytes: 1 << 20 });
  });

  it("grows under live buffers, prepared launches and views", () => {
    const device = createWasm();
    const n = 1000;
    const a = device.alloc(n * 4);
    device.upload(a, new Float32Array(n).fill(2));
    const flat = { dtype: "f32", access: ["unit"], indirect: false } as const;
    const k = kernel({
      rank: 1,
      reduced: 0,
      operands: [flat],
      reductions: [],
      outputs: [{ ...flat, result: unary("neg", load(0, "f32")), each: "element", storeAt: undefined, accumulate: false }],
    });
    const negate = device.prepare({
      kind: "kernel",
      kernel: k,
      geometry: { extents: [n], strides: [[1], [1]], offsets: [0, 0], indirect: [undefined, undefined] },
      inputs: [0],
    });
    const large = device.alloc(1 << 26);
    negate(large, a);
    expect(device.download(large, "f32", n)).toEqual(new Float32Array(n).fill(-2));
  });
});
