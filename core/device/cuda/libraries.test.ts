/** Products by cuBLASLt and convolutions by cuDNN: that they are used, where they must not be, and what happens when they refuse. */
import { afterEach, describe, expect, it } from "vitest";
import { cuda } from "../../../test/cuda.ts";
import type { ConvolutionLaunch, KernelLaunch, Launch, MatmulLaunch, Pair } from "../../kernel/launch.ts";
import { describeFused } from "../../kernel/lower.ts";
import { binary, constant, type Expr, load, unary } from "../../kernel/scalar-expr.ts";
import type { Address, Device } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { finishOf } from "./cublas-lt.ts";
import { createCuda } from "./device.ts";

type Float = "f32" | "f64";
const interpreter = createInterpreter();
const onFake = cuda.available && process.env.TRIGRAD_TEST_GPU !== "1";
const bytesOf = (dtype: Float) => (dtype === "f32" ? 4 : 8);

interface Ran {
  readonly result: number[];
  readonly labels: readonly string[];
}

/** The first output of a launch on operands of these lengths (outputs first), and who computed it; `shift`: elements before each operand. */
function run(
  device: Device,
  launch: Launch,
  dtype: Float,
  lengths: readonly number[],
  fill: (i: number, seed: number) => number,
  shift = 0,
): Ran {
  const size = bytesOf(dtype);
  const blocks = lengths.map((length) => device.alloc((length + shift) * size));
  const addresses = blocks.map((block) => block + shift * size);
  for (const [seed, length] of lengths.entries()) {
    const values = Array.from({ length }, (_, i) => fill(i, seed));
    device.upload(addresses[seed] as Address, dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values));
  }
  const prepared = device.prepare(launch);
  const times = device.times?.(() => prepared(...(addresses as [Address])), { perLaunch: true });
  if (times === undefined) prepared(...(addresses as [Address]));
  const result = [...device.download(addresses[0] as Address, dtype, lengths[0] as number)].map((x) => x + 0);
  device.forget(prepared);
  for (const [i, block] of blocks.entries()) device.free(block, ((lengths[i] as number) + shift) * size);
  return { result, labels: times?.launches.map((l) => l.label) ?? [] };
}

/** Small integers, of which every device must make the same, and numbers whose sums are rounded. */
const whole = (i: number, seed: number) => ((Math.imul(i + seed * 31, 2654435761) >>> 16) % 9) - 4;
const broken = (i: number, seed: number) => Math.sin(i * 1.7 + seed);

describe.runIf(onFake)("products that cuBLASLt finishes", { timeout: 240_000 }, () => {
  const SETTINGS = ["FAKE_CUDA_CUBLASLT_DROPS_NAN", "FAKE_CUDA_CUDNN_FAILS", "FAKE_CUDA_CUDNN_REFUSES"];
  afterEach(() => {
    for (const name of SETTINGS) delete process.env[name];
  });
  const [M, N, K] = [130, 140, 120] as const;

  /** A product with `result` of its element x, and of a bias b for each column or for each row. */
  function finished(
    dtype: Float,
    result: (x: Expr, b: Expr) => Expr,
    more: Partial<MatmulLaunch> & { along?: "columns" | "rows" } = {},
  ): MatmulLaunch {
    const { along = "columns", ...rest } = more;
    const batch = rest.batch ?? [{ a: 0, b: 0, c: 0 }];
    const dense = [M * N, N, 1];
    const epilogue: KernelLaunch = describeFused({
      extents: [batch.length, M, N],
      operands: [
        { dtype, strides: dense, input: -1 },
        { dtype, strides: along === "columns" ? [0, 0, 1] : [0, 1, 0], input: 2 },
      ],
      outputs: [{ dtype, strides: dense, result: result(load(0, dtype), load(1, dtype)) }],
      indexed: true,
    });
    return { kind: "matmul", dtype, m: M, n: N, k: K, transposeA: false, transposeB: false, batch, inputs: [0, 1], epilogue, ...rest };
  }
  const lengths = ({ batch }: MatmulLaunch) => [batch.length * M * N, batch.length * M * K, K * N, Math.max(M, N)];
  const biased = (x: Expr, b: Expr) => binary("add", x, b);
  const rectified = (dtype: Float) => (x: Expr, b: Expr) => binary("max", binary("add", x, b), constant(0, dtype));
  const by = (labels: readonly string[]) => labels.map((l) => l.split(" ")[0]);

  it("are a bias for each column, and the larger of that and 0, in one launch; transposed, in batches, at any address", () => {
    const device = createCuda();
    const batch = [0, 1, 2].map((i) => ({ a: i * M * K, b: 0, c: i * M * N }));
    for (const dtype of ["f32", "f64"] as const)
      for (const result of [biased, rectified(dtype), (x: Expr) => binary("max", x, constant(0, dtype))])
        for (const more of [{ transposeA: true }, { transposeB: true }, { batch }])
          for (const shift of [0, 1]) {
            const launch = finished(dtype, result, more);
            const got = run(device, launch, dtype, lengths(launch), whole, shift);
            expect(by(got.labels)).toEqual(["cuBLASLt"]);
            expect(got.result).toEqual(run(interpreter, launch, dtype, lengths(launch), whole).result);
          }
  });

  it("are no others: a bias for each row, another function, two results", () => {
    const device = createCuda();
    for (const launch of [
      finished("f32", biased, { along: "rows" }),
      finished("f32", (x, b) => unary("tanh", binary("add", x, b))),
      finished("f32", (x, b) => binary("mul", x, b)),
    ]) {
      expect(finishOf(launch)).toBeUndefined();
      const got = run(device, launch, "f32", lengths(launch), whole);
      expect(by(got.labels)).toEqual(["cuBLAS", "kernel"]);
      const want = run(interpreter, launch, "f32", lengths(launch), whole).result;
      for (const [i, x] of got.result.entries()) expect(Math.abs(x - (want[i] as number))).toBeLessThan(1e-6);
    }
  });

  it("keep a NaN, and are left to a kernel where cuBLASLt would lose it", () => {
    const withNaN = (i: number, seed: number) => (seed === 1 && i === 5 ? Number.NaN : whole(i, seed));
    const launch = finished("f32", rectified("f32"));
    for (const drops of ["0", "1"]) {
      process.env.FAKE_CUDA_CUBLASLT_DROPS_NAN = drops;
      const { result, labels } = run(createCuda(), finished("f32", rectified("f32")), "f32", lengths(launch), withNaN);
      expect(by(labels)).toEqual(drops === "0" ? ["cuBLASLt"] : ["cuBLAS", "kernel"]);
      expect(result.slice(0, N).every((x) => Number.isNaN(x))).toBe(true);
      expect(result.slice(N)).toEqual(run(interpreter, launch, "f32", lengths(launch), withNaN).result.slice(N));
    }
  });

  it("round to TF32 only where that is asked for", () => {
    const launch = finished("f32", biased);
    const exact = (i: number, seed: number) => (seed === 1 ? 1 + 2 ** -20 : seed === 2 ? Number(i % N === Math.floor(i / N)) : 0);
    expect(run(createCuda(), launch, "f32", lengths(launch), exact).result[0]).toBe(1 + 2 ** -20);
    expect(run(createCuda({ tf32: true }), launch, "f32", lengths(launch), exact).result[0]).toBe(1);
  });
});

describe.runIf(onFake)("convolutions by cuDNN", { timeout: 240_000 }, () => {
  function convolution(product: ConvolutionLaunch["product"], dtype: Float, output: Pair = [12, 11]): ConvolutionLaunch {
    const common = { kernel: [3, 2], stride: [1, 2], dilation: [2, 1], padding: [2, 1] } as const;
    const input: Pair = [12, 21];
    return { kind: "convolution", product, dtype, n: 3, groups: 2, c: 4, o: 6, input, output, ...common, inputs: [0, 1] };
  }
  const lengths = ({ product, output }: ConvolutionLaunch) => {
    const [x, y, w] = [3 * 4 * 12 * 21, 3 * 6 * output[0] * output[1], 6 * 2 * 3 * 2];
    return { forward: [y, x, w], input: [x, y, w], weight: [w, x, y] }[product];
  };
  const PRODUCTS = ["forward", "input", "weight"] as const;

  it("are all three of them, in both dtypes, rounded as sums are, and always to the same bits", () => {
    const device = createCuda();
    for (const dtype of ["f32", "f64"] as const)
      for (const product of PRODUCTS) {
        const launch = convolution(product, dtype);
        const got = [0, 1, 2].map(() => run(device, { ...launch }, dtype, lengths(launch), broken));
        expect(got[0]?.labels).toEqual([expect.stringMatching(/^cuDNN/)]);
        // Algorithms that transform are off by 1e-4 on the fake, and those of an open order by another last bit each time.
        const want = run(interpreter, convolution(product, "f64"), "f64", lengths(launch), (i, seed) =>
          dtype === "f32" ? Math.fround(broken(i, seed)) : broken(i, seed),
        );
        const most = Math.max(...want.result.map(Math.abs));
        for (const [i, x] of (got[0] as Ran).result.entries())
          expect(Math.abs(x - (want.result[i] as number)) / most, product).toBeLessThan(dtype === "f32" ? 1e-5 : 1e-13);
        expect(got.map((g) => g.result)).toEqual([got[0]?.result, got[0]?.result, got[0]?.result]);
      }
  });

  it("round to TF32 only where that is asked for", () => {
    const launch = convolution("forward", "f32");
    const exact = (i: number, seed: number) => (seed === 1 ? 1 + 2 ** -20 : Number(seed === 2 && i % 6 === 2));
    // The middle tap alone, times one: every result is one element of the image.
    const of = (device: Device) => run(device, { ...launch }, "f32", lengths(launch), exact).result.reduce((a, b) => Math.max(a, b));
    expect(of(createCuda())).toBeGreaterThan(2);
    expect(of(createCuda({ tf32: true }))).toBe(2);
  });

  it("have their epilogues done by a kernel behind them where they are large", () => {
    const device = createCuda();
    const launch = { ...convolution("forward", "f32"), n: 40, o: 48 };
    const positions = 132;
    const dense = [48 * positions, positions, 1];
    const epilogue = describeFused({
      extents: [40, 48, positions],
      operands: [
        { dtype: "f32", strides: dense, input: -1 },
        { dtype: "f32", strides: [0, 1, 0], input: 2 },
      ],
      outputs: [{ dtype: "f32", strides: dense, result: binary("max", binary("add", load(0, "f32"), load(1, "f32")), constant(0, "f32")) }],
      indexed: true,
    });
    const sizes = [40 * 48 * positions, 40 * 4 * 12 * 21, 48 * 2 * 3 * 2, 48];
    const got = run(device, { ...launch, epilogue }, "f32", sizes, whole);
    expect(got.labels.map((l) => l.split(" ")[0])).toEqual(["cuDNN", "kernel"]);
    expect(got.result).toEqual(run(interpreter, { ...launch, epilogue }, "f32", sizes, whole).result);
  });

  it("are our own kernels' where cuDNN has no algorithm, cannot say the padding, or cannot be opened", () => {
    const check = (device: Device, launch: ConvolutionLaunch) => {
      const got = run(device, launch, "f32", lengths(launch), whole);
      expect(got.labels).toEqual([expect.stringMatching(/^product/)]);
      expect(got.result).toEqual(run(interpreter, launch, "f32", lengths(launch), whole).result);
    };
    // One row of windows less than the padding behind would allow.
    for (const product of PRODUCTS) check(createCuda(), convolution(product, "f32", [11, 11]));
    process.env.FAKE_CUDA_CUDNN_REFUSES = "1";
    for (const product of PRODUCTS) check(createCuda(), convolution(product, "f32"));
    delete process.env.FAKE_CUDA_CUDNN_REFUSES;
    process.env.FAKE_CUDA_CUDNN_FAILS = "1";
    const said: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = ((text: string) => said.push(text) > 0) as typeof write;
    try {
      check(createCuda(), convolution("forward", "f32"));
    } finally {
      process.stderr.write = write;
      delete process.env.FAKE_CUDA_CUDNN_FAILS;
    }
    expect(said.join("")).toMatch(
      /convolutions are computed by our own kernels, since .*libcudnn.so cannot be used: cuDNN failed in cudnnCreate/,
    );
  });
});
