import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { drawKernelCase, type KernelCase, runKernelCase } from "../../../test/arbitrary-kernel.ts";
import type { FloatDType, TypedArray } from "../../base/dtype.ts";
import { type Access, type Geometry, kernel } from "../../kernel/kernel.ts";
import type { ConvolutionLaunch, Launch, MatmulLaunch } from "../../kernel/launch.ts";
import { load, reduced, unary } from "../../kernel/scalar-expr.ts";
import { joinOf } from "../../render/wasm-split.ts";
import type { Address } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { createWasm, type WasmOptions } from "./device.ts";

type Wasm = ReturnType<typeof createWasm>;

/** Chunks so small that the launches of tests are shared. */
const GRAIN = 2 ** -14;

const unit = { dtype: "f32", access: ["unit"] as Access[], indirect: false } as const;

/** exp of `n` numbers. */
function exponentials(n: number): KernelCase {
  return {
    kernel: kernel({
      rank: 1,
      reduced: 0,
      operands: [unit],
      reductions: [],
      outputs: [{ ...unit, result: unary("exp", load(0, "f32")), each: "element", storeAt: undefined, accumulate: false }],
    }),
    geometry: { extents: [n], strides: [[1], [1]], offsets: [0, 0], indirect: [undefined, undefined] },
    inputs: [Float32Array.from({ length: n }, (_, i) => Math.sin(i))],
    outputs: [new Float32Array(n)],
  };
}

/** A device whose workers take part. */
function withWorkers(threads: number, options: WasmOptions = {}): Wasm {
  const device = createWasm({ ...options, threads });
  const large = exponentials(1 << 20);
  const deadline = performance.now() + 30_000;
  while (device.threads.started < threads || device.threads.helped === 0) {
    runKernelCase(device, large);
    expect(performance.now(), "workers did not begin").toBeLessThan(deadline);
  }
  return device;
}

const bits = (data: TypedArray) => Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("hex");

/** Inexact numbers instead of small integers. */
function inexact(data: TypedArray): TypedArray {
  return data instanceof Int32Array ? data : data.map((x, i) => x * 0.1 + i * 1e-3);
}

/** Runs a launch on f32 or f64 data and returns its first operand, which is its output. */
function run(device: Wasm, launch: Launch, dtype: FloatDType, lengths: readonly number[]): TypedArray {
  const size = dtype === "f32" ? 4 : 8;
  const addresses = lengths.map((length, k) => {
    const address = device.alloc(length * size);
    const values = Array.from({ length }, (_, i) => (k === 0 ? Number.NaN : Math.sin(i * 1.7 + k)));
    device.upload(address, dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values));
    return address;
  }) as [Address, ...Address[]];
  device.prepare(launch)(...addresses);
  const result = device.download(addresses[0], dtype, lengths[0] as number);
  for (const [k, address] of addresses.entries()) device.free(address, (lengths[k] as number) * size);
  return result;
}

describe("threads of the wasm device", () => {
  const alone = createWasm({ threads: 1, grain: GRAIN });
  const shared = withWorkers(3, { grain: GRAIN });

  it("give every kernel the bits that one thread gives", () => {
    const before = shared.threads.helped;
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const drawn = drawKernelCase(gen, 300);
        const c = { ...drawn, inputs: drawn.inputs.map(inexact) };
        expect(runKernelCase(shared, c).map(bits)).toEqual(runKernelCase(alone, c).map(bits));
      }),
      { numRuns: 400 },
    );
    expect(shared.threads.helped).toBeGreaterThan(before);
    expect(shared.stats().liveBytes).toBe(0);
  });

  it("give every kernel the numbers of the interpreter, however it is split", () => {
    const interpreter = createInterpreter();
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const c = drawKernelCase(gen, 300);
        expect(runKernelCase(shared, c)).toEqual(runKernelCase(interpreter, c));
      }),
      { numRuns: 400 },
    );
  });

  it("fold in parts what has several sums and stores its elements too", () => {
    const [x, y] = [load(0, "f32"), unary("exp", load(0, "f32"))];
    const row = { ...unit, access: ["fixed"] as Access[], each: "row", storeAt: undefined, accumulate: false } as const;
    const n = 1000;
    const c: KernelCase = {
      kernel: kernel({
        rank: 1,
        reduced: 1,
        operands: [unit],
        reductions: [
          { op: "max", of: x, dtype: "f32" },
          { op: "sum", of: y, dtype: "f32" },
        ],
        outputs: [
          { ...row, result: reduced(1, "f32") },
          { ...unit, result: y, each: "element", storeAt: undefined, accumulate: false },
          { ...row, result: unary("neg", reduced(0, "f32")) },
        ],
      }),
      geometry: { extents: [n], strides: [[1], [0], [1], [0]], offsets: [0, 0, 0, 0], indirect: [0, 0, 0, 0].map(() => undefined) },
      inputs: [Float32Array.from({ length: n }, (_, i) => Math.sin(i))],
      outputs: [new Float32Array(1), new Float32Array(n), new Float32Array(1)],
    };
    const part = joinOf({ kind: "kernel", kernel: c.kernel, geometry: c.geometry, inputs: [0] }, 4);
    expect(part?.split.chunks).toBeGreaterThan(1);
    const [got, want] = [runKernelCase(shared, c), runKernelCase(createInterpreter(), c)];
    expect(runKernelCase(alone, c).map(bits)).toEqual(got.map(bits));
    for (const [i, row] of want.entries())
      for (const [k, v] of row.entries()) expect(got[i]?.[k], `${i}[${k}]`).toBeCloseTo(v, i === 0 ? 3 : 6);
  });

  it("give matrix products the bits that one thread gives", () => {
    const side = fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 60, max: 150 }));
    const shape = fc.record({
      dtype: fc.constantFrom<FloatDType>("f32", "f64"),
      m: side,
      n: side,
      k: fc.oneof(side, fc.integer({ min: 250, max: 530 })),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      count: fc.integer({ min: 1, max: 5 }),
    });
    fc.assert(
      fc.property(shape, ({ count, ...s }) => {
        const batch = Array.from({ length: count }, (_, i) => ({ a: i * s.m * s.k, b: 0, c: (count - 1 - i) * s.m * s.n }));
        const launch: MatmulLaunch = { kind: "matmul", ...s, batch, inputs: [0, 1] };
        const lengths = [count * s.m * s.n, count * s.m * s.k, s.k * s.n];
        expect(bits(run(shared, launch, s.dtype, lengths))).toBe(bits(run(alone, launch, s.dtype, lengths)));
      }),
      { numRuns: 60 },
    );
  });

  it.each(["forward", "input", "weight"] as const)("give the %s product of convolutions the bits that one thread gives", (product) => {
    for (const [n, groups, stride] of [
      [1, 1, 1],
      [2, 2, 2],
      [9, 1, 1],
      [12, 1, 2],
    ] as const) {
      const launch: ConvolutionLaunch = {
        kind: "convolution",
        product,
        dtype: "f32",
        n,
        groups,
        c: 4,
        o: 6,
        input: [17, 15],
        output: stride === 1 ? [17, 15] : [9, 8],
        kernel: [3, 3],
        stride: [stride, stride],
        dilation: [1, 1],
        padding: [1, 1],
        inputs: [0, 1],
      };
      const x = n * 4 * 17 * 15;
      const w = (6 * 4 * 9) / groups;
      const y = n * 6 * launch.output[0] * launch.output[1];
      const lengths = { forward: [y, x, w], input: [x, y, w], weight: [w, x, y] }[product];
      expect(bits(run(shared, launch, "f32", lengths))).toBe(bits(run(alone, launch, "f32", lengths)));
    }
  });

  it("tell of the first index out of range, whoever finds it, and work on", () => {
    const gather = kernel({
      rank: 1,
      reduced: 0,
      operands: [
        { dtype: "f32", access: ["fixed"], indirect: true },
        { dtype: "i32", access: ["unit"], indirect: false },
      ],
      reductions: [],
      outputs: [{ ...unit, result: load(0, "f32", load(1, "i32")), each: "element", storeAt: undefined, accumulate: false }],
    });
    const n = 4096;
    const geometry: Geometry = {
      extents: [n],
      strides: [[0], [1], [1]],
      offsets: [0, 0, 0],
      indirect: [{ stride: 1, extent: 10 }, undefined, undefined],
    };
    const ids = (wrong: Readonly<Record<number, number>>) => Int32Array.from({ length: n }, (_, i) => wrong[i] ?? i % 10);
    const table = Float32Array.from({ length: 10 }, (_, i) => i);
    const of = (wrong: Readonly<Record<number, number>>) => ({
      kernel: gather,
      geometry,
      inputs: [table, ids(wrong)],
      outputs: [new Float32Array(n)],
    });
    for (let round = 0; round < 50; round++) {
      expect(() => runKernelCase(shared, of({ 3000: 10, 1500: -7, 4095: 99 }))).toThrow(
        "index -7 is out of range [0, 10) at position [1500]",
      );
      expect(() => runKernelCase(shared, of({ 4095: 99 }))).toThrow("index 99 is out of range [0, 10) at position [4095]");
      expect(runKernelCase(shared, of({}))[0]).toEqual(Float32Array.from({ length: n }, (_, i) => i % 10));
    }
  });

  it("see memory that has grown after they started", () => {
    const large = shared.alloc(1 << 27);
    const c = exponentials(1 << 16);
    const before = shared.threads.helped;
    for (let i = 0; i < 20 || shared.threads.helped === before; i++) {
      expect(runKernelCase(shared, c).map(bits)).toEqual(runKernelCase(alone, c).map(bits));
    }
    // Buffers of this case lie beyond what the memory was when the workers began.
    expect(shared.stats().reservedBytes).toBeGreaterThan(1 << 27);
    shared.free(large, 1 << 27);
  });

  it("do not start for small launches, nor where one is wanted", () => {
    const device = createWasm({ threads: 8 });
    for (let i = 0; i < 1000; i++) runKernelCase(device, exponentials(64));
    expect(device.threads.started).toBe(1);
    const single = createWasm({ threads: 1 });
    for (let i = 0; i < 5; i++) runKernelCase(single, exponentials(1 << 20));
    expect(single.threads).toMatchObject({ started: 1, limit: 1, helped: 0 });
  });

  it("use less scratch memory where there is not enough for all", () => {
    const n = 96;
    const launch: MatmulLaunch = {
      kind: "matmul",
      dtype: "f32",
      m: n,
      n,
      k: n,
      transposeA: true,
      transposeB: true,
      batch: [{ a: 0, b: 0, c: 0 }],
      inputs: [0, 1],
    };
    const lengths = [n * n, n * n, n * n];
    const tight = createWasm({ threads: 64, maxBytes: 400_000 });
    expect(bits(run(tight, launch, "f32", lengths))).toBe(bits(run(createWasm({ threads: 1 }), launch, "f32", lengths)));
  });
});

describe("a fold to one result", () => {
  it("is shared by threads, with partial sums in float64", () => {
    const n = 300_000;
    const sum: KernelCase = {
      kernel: kernel({
        rank: 1,
        reduced: 1,
        operands: [unit],
        reductions: [{ op: "sum", of: load(0, "f32"), dtype: "f32" }],
        outputs: [{ ...unit, access: ["fixed"], result: reduced(0, "f32"), each: "row", storeAt: undefined, accumulate: false }],
      }),
      geometry: { extents: [n], strides: [[1], [0]], offsets: [0, 0], indirect: [undefined, undefined] },
      // Each part's sum is far from a number of f32, and all but a remainder cancels.
      inputs: [Float32Array.from({ length: n }, (_, i) => (i < n / 2 ? 1 + 2 ** -12 : i === n - 1 ? -1 : -1 - 2 ** -12))],
      outputs: [new Float32Array(1)],
    };
    const results = [1, 2].map((threads) => runKernelCase(createWasm({ threads }), sum)[0]?.[0]);
    expect(results).toEqual([2 ** -12, 2 ** -12]);
  });
});
