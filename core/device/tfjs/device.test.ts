import fc from "fast-check";
import { afterEach, beforeAll, describe, expect, it } from "vitest";
import { arbitraryConvolution, runConvolution } from "../../../test/arbitrary-convolution.ts";
import { drawKernelCase, runKernelCase } from "../../../test/arbitrary-kernel.ts";
import { compileScalar } from "../../kernel/javascript.ts";
import type { Launch, MatmulLaunch } from "../../kernel/launch.ts";
import { copyLaunch, describeFused, describeLaunch } from "../../kernel/lower.ts";
import { type BinaryFn, binary, constant, type Expr, index, load, reduced, type UnaryFn, unary } from "../../kernel/scalar-expr.ts";
import type { Address, Device } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { installedBackends, type LoadedTfjs, loadTfjs, type TfEngine } from "./backend.ts";
import { createTfjs, type TfjsDevice } from "./device.ts";

const interpreter = createInterpreter();

/** Zeros without their sign, which tfjs does not keep everywhere. */
const plain = (values: ArrayLike<number>) => Array.from(values, (v) => v + 0);

/** Uploads, runs one launch and downloads the output of `length` elements; everything is freed and forgotten. */
function compute(device: Device, launch: Launch, length: number, inputs: readonly (Float32Array | Int32Array)[]): number[] {
  const dtype = launch.kind === "kernel" && launch.kernel.outputs[0]?.dtype !== "f32" ? "i32" : "f32";
  const put = (data: Float32Array | Int32Array) => {
    const address = device.alloc(data.byteLength);
    device.upload(address, data);
    return address;
  };
  const given = inputs.map(put);
  const out = device.alloc(length * 4);
  const run = device.prepare(launch);
  run(out, ...given);
  const result = plain(device.download(out, dtype, length));
  device.forget(run);
  device.free(out, length * 4);
  for (const [k, address] of given.entries()) device.free(address, (inputs[k] as Float32Array).byteLength);
  return result;
}

const dense = (dtype: "f32" | "i32" | "bool") => ({ dtype, strides: [1] });
const mapped = (e: Expr, n: number, arity: number) =>
  describeLaunch({
    extents: [n],
    operands: Array.from({ length: arity }, (_, input) => ({ ...dense("f32"), input })),
    output: dense("f32"),
    result: e,
  });

it("has the backends that come with its packages", () => {
  expect(installedBackends()).toEqual(expect.arrayContaining(["wasm", "cpu"]));
});

it("leaves the process its own way with errors", async () => {
  const count = () => ["uncaughtException", "unhandledRejection"].map((event) => process.listenerCount(event));
  const before = count();
  await loadTfjs("wasm");
  expect(count()).toEqual(before);
});

describe.each(installedBackends())("tfjs on its %s backend", (backend) => {
  let loaded: LoadedTfjs;
  let device: TfjsDevice;
  beforeAll(async () => {
    loaded = await loadTfjs(backend);
    device = createTfjs(loaded);
  });
  afterEach(() => expect(device.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0 }));

  it("gives the interpreter's numbers for every legal kernel without float64", () => {
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const c = drawKernelCase(gen, 30, false);
        const [got, wanted] = [runKernelCase(device, c), runKernelCase(interpreter, c)];
        expect(got.map(plain)).toEqual(wanted.map(plain));
      }),
      { numRuns: 400 },
    );
  });

  it("computes the three products of any convolution as the interpreter does", () => {
    fc.assert(
      fc.property(arbitraryConvolution, (c) => {
        const launch = { ...c, dtype: "f32" as const };
        expect(plain(runConvolution(device, launch))).toEqual(plain(runConvolution(interpreter, launch)));
      }),
      { numRuns: 150 },
    );
  });

  const products = fc.record({
    m: fc.integer({ min: 0, max: 30 }),
    n: fc.integer({ min: 0, max: 30 }),
    k: fc.integer({ min: 0, max: 30 }),
    transposeA: fc.boolean(),
    transposeB: fc.boolean(),
    /** Numbers of the matrices that are multiplied, pair by pair. */
    pairs: fc.array(fc.tuple(fc.integer({ min: 0, max: 3 }), fc.integer({ min: 0, max: 3 })), { minLength: 1, maxLength: 4 }),
    epilogue: fc.constantFrom("none", "tfjs", "host"),
  });

  it("multiplies batches of matrices in any order, with an epilogue and without", () => {
    const small = (length: number, seed: number) => Float32Array.from({ length }, (_, i) => ((i * 7919 + seed * 31) % 9) - 4);
    fc.assert(
      fc.property(products, ({ m, n, k, pairs, epilogue, ...flags }) => {
        const C = [m * n, n, 1];
        const product = load(0, "f32");
        const shifted = binary("max", binary("add", product, load(1, "f32")), constant(0, "f32"));
        // The remainder is none of tfjs.
        const result = epilogue === "host" ? binary("rem", shifted, constant(3, "f32")) : shifted;
        const map = describeFused({
          extents: [pairs.length, m, n],
          operands: [
            { dtype: "f32", strides: C, input: -1 },
            { dtype: "f32", strides: [0, 0, 1], input: 2 },
          ],
          outputs: [{ dtype: "f32", strides: C, result }],
          indexed: true,
        });
        const launch: MatmulLaunch = {
          kind: "matmul",
          dtype: "f32",
          m,
          n,
          k,
          ...flags,
          batch: pairs.map(([a, b], i) => ({ a: a * m * k, b: b * k * n, c: i * m * n })),
          inputs: [0, 1],
          ...(epilogue === "none" ? {} : { epilogue: map }),
        };
        const inputs = [small(4 * m * k, 1), small(4 * k * n, 2), small(n, 3)];
        const length = pairs.length * m * n;
        expect(compute(device, launch, length, inputs)).toEqual(compute(interpreter, launch, length, inputs));
      }),
      { numRuns: 150 },
    );
  });

  const SPECIAL = [
    ...[0, 1, 2, 0.5, 1.5, 2.5, 3.7, 0.49999997, 1e-30, 1e-7, 1e-3, 7, 20, 88, 104, 1e4, 8388609, 1e30, 3.4e38].flatMap((x) => [x, -x]),
    Number.POSITIVE_INFINITY,
    Number.NEGATIVE_INFINITY,
    Number.NaN,
  ];
  const UNARY: readonly UnaryFn[] = [
    ...(["neg", "abs", "sign", "floor", "ceil", "trunc", "round", "sqrt", "exp", "expm1", "log", "log1p", "log2", "log10"] as const),
    ...(["cbrt", "sin", "cos", "tan", "asin", "acos", "atan", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh"] as const),
    ...(["erf", "erfc", "lgamma"] as const),
  ];
  /** A sine or cosine is as precise as f32 is at 1, elsewhere a function is to some units in the last place of its value. */
  const close = (fn: string, got: number, defined: number) => {
    const want = Math.fround(defined);
    if (got === want || (Number.isNaN(got) && Number.isNaN(want))) return true;
    return Math.abs(got - want) <= 4e-6 * Math.abs(want) + (fn === "sin" || fn === "cos" ? 3e-7 : 1.2e-38);
  };

  it.each(UNARY)("%s is what its definition says, at special values and between", (fn) => {
    const xs = Float32Array.from([...SPECIAL, ...Array.from({ length: 2001 }, (_, i) => (i - 1000) / 47)]);
    const e = unary(fn, load(0, "f32"));
    const define = compileScalar(unary(fn, load(0, "f64")), 1);
    for (const [i, got] of compute(device, mapped(e, xs.length, 1), xs.length, [xs]).entries()) {
      const [x, wanted] = [xs[i] as number, define(xs[i] as number)];
      expect(close(fn, got, wanted), `${fn}(${x}) is ${got}, wanted ${wanted}`).toBe(true);
    }
  });

  it.each(["add", "sub", "mul", "div", "rem", "min", "max", "pow", "atan2", "hypot"] as const satisfies readonly BinaryFn[])(
    "%s is what its definition says, at all pairs of special values",
    (fn) => {
      const xs = Float32Array.from(SPECIAL.flatMap((x) => SPECIAL.map(() => x)));
      const ys = Float32Array.from(SPECIAL.flatMap(() => SPECIAL));
      const e = binary(fn, load(0, "f32"), load(1, "f32"));
      const define = compileScalar(binary(fn, load(0, "f64"), load(1, "f64")), 2);
      for (const [i, got] of compute(device, mapped(e, xs.length, 2), xs.length, [xs, ys]).entries()) {
        const wanted = define(xs[i] as number, ys[i] as number);
        expect(close(fn, got, wanted), `${fn}(${xs[i]}, ${ys[i]}) is ${got}, wanted ${wanted}`).toBe(true);
      }
    },
  );

  it("sums a million numbers to f32 precision", () => {
    const n = 1_000_003;
    const launch = describeLaunch({
      extents: [n],
      reduced: 1,
      operands: [{ ...dense("f32"), input: 0 }],
      output: { dtype: "f32", strides: [0] },
      reductions: [{ op: "sum", of: load(0, "f32"), dtype: "f32" }],
      result: reduced(0, "f32"),
      each: "row",
    });
    // Numbers that round one way: added one after the other in f32, they are off by a hundredth.
    const xs = Float32Array.from({ length: n }, (_, i) => 0.1 + (i % 7) / 1e6);
    const [got] = compute(device, launch, 1, [xs]);
    expect(Math.abs((got as number) / xs.reduce((s, x) => s + x, 0) - 1)).toBeLessThan(2e-6);
  });

  it("finds the first NaN, or the first of the largest, in every row", () => {
    const rows = [
      [1, Number.NaN, 3, Number.NaN],
      [5, 7, 7, 1],
      [Number.NEGATIVE_INFINITY, -3, -3, -9],
    ];
    for (const [op, wanted] of [
      ["argmax", [1, 1, 1]],
      ["argmin", [1, 3, 0]],
    ] as const) {
      const launch = describeLaunch({
        extents: [3, 4],
        reduced: 1,
        operands: [{ dtype: "f32", strides: [4, 1], input: 0 }],
        output: { dtype: "i32", strides: [1, 0] },
        reductions: [{ op, of: load(0, "f32"), dtype: "i32" }],
        result: reduced(0, "i32"),
        each: "row",
      });
      expect(compute(device, launch, 3, [Float32Array.from(rows.flat())])).toEqual(wanted);
    }
  });

  it("names an index out of range and its place, and works on", () => {
    const launch = describeLaunch({
      extents: [4, 5],
      operands: [
        { dtype: "f32", strides: [0, 1], indirect: { stride: 5, extent: 5 }, input: 0 },
        { dtype: "i32", strides: [1, 0], input: 1 },
      ],
      output: { dtype: "f32", strides: [5, 1] },
      result: load(0, "f32", load(1, "i32")),
    });
    const table = Float32Array.from({ length: 25 }, (_, i) => i);
    const held = device.stats();
    const run = device.prepare(launch);
    const sizes = [80, 100, 16];
    const [out, from, at] = sizes.map((bytes) => device.alloc(bytes)) as [Address, Address, Address];
    device.upload(from, table);
    device.upload(at, Int32Array.of(0, 4, -1, 9));
    expect(() => run(out, from, at)).toThrow("index -1 is out of range [0, 5) at position [2]");
    device.upload(at, Int32Array.of(0, 4, 1, 3));
    run(out, from, at);
    expect(plain(device.download(out, "f32", 20))).toEqual([0, 4, 1, 3].flatMap((r) => plain(table.subarray(r * 5, r * 5 + 5))));
    for (const [i, address] of [out, from, at].entries()) device.free(address, sizes[i] as number);
    device.forget(run);
    expect(device.stats().reservedBytes).toBe(held.reservedBytes);
  });

  it("adds scattered elements in their order, and refuses to store outside", () => {
    const launch = describeLaunch({
      extents: [3],
      operands: [{ ...dense("i32"), input: 0 }],
      output: { dtype: "i32", strides: [0], indirect: { stride: 1, extent: 2 } },
      result: binary("add", binary("mul", index(0), constant(10, "i32")), constant(1, "i32")),
      storeAt: load(0, "i32"),
      accumulate: true,
      indexed: true,
    });
    const run = device.prepare(launch);
    const [out, at] = [device.alloc(8), device.alloc(12)];
    device.upload(out, new Int32Array(2));
    device.upload(at, Int32Array.of(1, 0, 1));
    run(out, at);
    expect(device.download(out, "i32", 2)).toEqual(Int32Array.of(11, 22));
    device.upload(at, Int32Array.of(1, 5, 1));
    expect(() => run(out, at)).toThrow("index 5 is out of range [0, 2) at position [1]");
    expect(device.download(out, "i32", 2)).toEqual(Int32Array.of(11, 22));
    device.forget(run);
    device.free(out, 8);
    device.free(at, 12);
  });

  it("runs plans whose operands lie in one block, and reuses their places", () => {
    const n = 6;
    const view = dense("f32");
    const step = (e: Expr) => describeFused({ extents: [n], operands: [{ ...view, input: 0 }], outputs: [{ ...view, result: e }] });
    const [x, block] = [load(0, "f32"), device.alloc(4 * n * 4)];
    const place = (i: number) => ({ block: 0, offset: i * n * 4 });
    const before = device.stats().reservedBytes;
    const plan = device.preparePlan([
      { launch: step(binary("mul", x, constant(2, "f32"))), operands: [place(1), place(0)] },
      { launch: step(binary("add", x, constant(1, "f32"))), operands: [{ block: 0, offset: n * 4 + 12 }, place(0)] },
      { launch: step(unary("neg", x)), operands: [place(3), place(1)] },
    ]);
    device.upload(
      block,
      Float32Array.from({ length: n }, (_, i) => i),
    );
    plan([block]);
    plan([block]);
    expect(plain(device.download(block, "f32", 4 * n))).toEqual(
      [0, 1, 2, 3, 4, 5, 0, 2, 4, 1, 2, 3, 4, 5, 6, 0, 0, 0, 0, -2, -4, -1, -2, -3].map((v) => v + 0),
    );
    device.forget(plan);
    device.free(block, 4 * n * 4);
    expect(device.stats().reservedBytes).toBe(before);
  });

  it("reads a place with the dtype that is asked for", () => {
    const a = device.alloc(12);
    device.upload(a, Float32Array.of(1, -2, 0.5));
    expect([...device.download(a, "i32", 3)]).toEqual([...new Int32Array(Float32Array.of(1, -2, 0.5).buffer)]);
    device.free(a, 12);
  });

  it("refuses float64 by name, and keeps nothing of what it refused", () => {
    const a = device.alloc(16);
    expect(() => device.upload(a, new Float64Array(2))).toThrow("the tfjs device has no f64");
    expect(() => device.download(a, "f64", 2)).toThrow("the tfjs device has no f64");
    const view = { dtype: "f64" as const, strides: [1] };
    expect(() => device.prepare(copyLaunch([2], { ...view, input: 0 }, view))).toThrow("the tfjs device has no f64");
    device.free(a, 16);
  });

  it("runs out of memory with the numbers, and works afterwards", () => {
    const tight = createTfjs(loaded, { maxBytes: 1 << 20 });
    const kept = tight.alloc(3 << 18);
    expect(() => tight.alloc(1 << 19)).toThrow("out of memory on tfjs: 512 KiB asked for, 768 KiB live in 1 buffers, limit 1.0 MiB");
    tight.free(kept, 3 << 18);
    const whole = tight.alloc(1 << 20);
    tight.upload(whole, new Float32Array(1 << 18).fill(3));
    expect(tight.download(whole, "f32", 1 << 18)[262143]).toBe(3);
    tight.free(whole, 1 << 20);
    expect(tight.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0, peakBytes: 1 << 20 });
  });

  it("stops a launch whose tensors do not fit, and works afterwards", () => {
    const { engine } = loaded;
    const small = createTfjs({ ...loaded, engine: { ...engine, mostBytes: engine.memory().numBytes + (1 << 20) } });
    const launch = (n: number) => mapped(unary("exp", unary("neg", load(0, "f32"))), n, 1);
    const n = 1 << 17;
    const [x, out] = [small.alloc(4 * n), small.alloc(4 * n)];
    small.upload(x, new Float32Array(n));
    const held = small.stats().reservedBytes;
    const run = small.prepare(launch(n));
    expect(() => run(out, x)).toThrow("out of memory on tfjs: 512 KiB asked for");
    expect(small.stats().reservedBytes).toBe(held);
    const fewer = small.prepare(launch(4));
    fewer(out, x);
    expect(plain(small.download(out, "f32", 4))).toEqual([1, 1, 1, 1]);
    small.free(x, 4 * n);
    small.free(out, 4 * n);
  });

  /** A backend one of whose kernels does something else. */
  const mutant = (runKernel: (name: string, ...rest: [object, object?]) => ReturnType<TfEngine["runKernel"]>): LoadedTfjs => ({
    ...loaded,
    engine: { ...loaded.engine, runKernel },
  });

  it("computes on the host what a kernel gets wrong", () => {
    const lying = createTfjs(mutant((name, ...rest) => loaded.engine.runKernel(name === "Tanh" ? "Atan" : name, ...rest)));
    const launch = mapped(unary("tanh", load(0, "f32")), 2, 1);
    expect(compute(lying, launch, 2, [Float32Array.of(0.5, 1)])).toEqual([Math.fround(Math.tanh(0.5)), Math.fround(Math.tanh(1))]);
    expect(lying.hostLaunches).toBe(1);
  });

  it("takes no result of another shape", () => {
    const cut = createTfjs(
      mutant((name, inputs, attributes) => loaded.engine.runKernel(name, inputs, name === "Transpose" ? { perm: [0, 1] } : attributes)),
    );
    const turned = copyLaunch([3, 2], { dtype: "f32", strides: [1, 3], input: 0 }, { dtype: "f32", strides: [2, 1] });
    const [out, x] = [cut.alloc(24), cut.alloc(24)];
    cut.upload(x, new Float32Array(6));
    expect(() => cut.prepare(turned)(out, x)).toThrow("the tfjs kernel Transpose gives float32[2, 3] where float32[3, 2] was due");
    cut.free(out, 24);
    cut.free(x, 24);
  });
});
