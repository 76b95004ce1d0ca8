import { afterAll, describe, expect, it } from "vitest";
import { exactExp, exactLog, exactTanh, ulpsFrom } from "../../../test/exact-functions.ts";
import type { DType, TypedArray } from "../../base/dtype.ts";
import { compileScalar } from "../../kernel/javascript.ts";
import { type Access, kernel } from "../../kernel/kernel.ts";
import { type BinaryFn, binary, constant, type Expr, load, type UnaryFn, unary } from "../../kernel/scalar-expr.ts";
import { createWasm } from "./device.ts";

const device = createWasm();

/** Applies a scalar function of equally long arrays on the device: in vectors, or element by element with a stride of two. */
function map(e: Expr, dtype: DType, inputs: readonly TypedArray[], stride = 1): TypedArray {
  const n = (inputs[0] as TypedArray).length / stride;
  const access: Access[] = [stride === 1 ? "unit" : "strided"];
  const put = (data: TypedArray) => {
    const address = device.alloc(data.byteLength);
    device.upload(address, data);
    return address;
  };
  const k = kernel({
    rank: 1,
    reduced: 0,
    operands: inputs.map(() => ({ dtype, access, indirect: false })),
    reductions: [],
    outputs: [{ dtype, access: ["unit"], indirect: false, result: e, each: "element", storeAt: undefined, accumulate: false }],
  });
  const geometry = {
    extents: [n],
    strides: [...inputs.map(() => [stride]), [1]],
    offsets: inputs.map(() => 0).concat(0),
    indirect: inputs.map(() => undefined).concat(undefined),
  };
  const addresses = inputs.map(put);
  const size = dtype === "f64" ? 8 : 4;
  const out = device.alloc(n * size);
  device.prepare({ kind: "kernel", kernel: k, geometry, inputs: inputs.map((_, i) => i) })(out, ...addresses);
  const result = device.download(out, dtype, n);
  for (const [i, a] of addresses.entries()) device.free(a, (inputs[i] as TypedArray).byteLength);
  device.free(out, n * size);
  return result;
}

/** Distance from `exact` (float64) to the f32 `x`, in units of the last place of f32 at `exact`. */
function ulps(x: number, exact: number): number {
  const rounded = Math.fround(exact);
  if (Object.is(x, rounded) || (Number.isNaN(x) && Number.isNaN(exact))) return 0;
  if (!Number.isFinite(rounded) || !Number.isFinite(x))
    return Number.isFinite(exact) && Math.abs(exact) > 3.4e38 ? 1 : Number.POSITIVE_INFINITY;
  const exponent = Math.max(-126, Math.floor(Math.log2(Math.abs(exact) || 1e-300)));
  return Math.abs(x - exact) / 2 ** (exponent - 23);
}

/** f32 numbers over all exponents, finer where functions turn. */
function samples(): Float32Array {
  const values: number[] = [];
  const bits = new Int32Array(1);
  const float = new Float32Array(bits.buffer);
  for (let b = 0; b < 0x7f800000; b += 7919 * 3) {
    bits[0] = b;
    values.push(float[0] as number, -(float[0] as number));
  }
  for (let i = 0; i < 60000; i++) values.push((i - 30000) / 300, (i - 30000) / 30000, 1 + (i - 30000) / 3e6);
  return Float32Array.from(values);
}

const SPECIAL = [
  0,
  -0,
  1,
  -1,
  2,
  0.5,
  -0.5,
  1.5,
  -1.5,
  2.5,
  -2.5,
  0.49999997,
  -0.49999997,
  1e-40,
  -1e-40,
  1.17549435e-38,
  1e-45,
  -1e-45,
  88.72283,
  88.72284,
  89,
  -87.33655,
  -88,
  -103.97,
  -104,
  -150,
  1e30,
  -1e30,
  3.4e38,
  -3.4e38,
  8388609,
  -8388609,
  Infinity,
  -Infinity,
  NaN,
];

/** Bounds in ulp of f32 over all of `samples`. Functions without a vector form are rounded from float64: half an ulp and a bit. */
const BOUND: Partial<Record<UnaryFn, number>> = { exp: 1, log: 1, expm1: 2, log1p: 2, tanh: 2.5, erf: 2, sin: 1.5, cos: 1.5 };
/** The same for functions of f64 that have a vector form; others are those of the host. */
const BOUND_F64: Partial<Record<UnaryFn, number>> = { exp: 1, log: 1, tanh: 3 };
const ALL: readonly UnaryFn[] = [
  "neg",
  "abs",
  "sign",
  "floor",
  "ceil",
  "trunc",
  "round",
  "sqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "log2",
  "log10",
  "cbrt",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "erfc",
  "lgamma",
];
const BINARY: readonly BinaryFn[] = ["add", "sub", "mul", "div", "rem", "min", "max", "pow", "atan2", "hypot"];

describe("functions on the wasm device", () => {
  afterAll(() => expect(device.stats().liveBytes).toBe(0));

  const dense = samples();
  it.each(ALL)("%s of f32 stays within its bound over dense samples", (fn) => {
    const exact = compileScalar(unary(fn, load(0, "f64")), 1);
    const got = map(unary(fn, load(0, "f32")), "f32", [dense]);
    let worst = 0;
    let at = 0;
    for (let i = 0; i < dense.length; i++) {
      const u = ulps(got[i] as number, exact(dense[i] as number));
      if (u > worst) [worst, at] = [u, dense[i] as number];
    }
    expect(worst, `worst at ${at}`).toBeLessThanOrEqual(BOUND[fn] ?? 0.5001);
  });

  it.each(ALL)("%s keeps special values, in vectors and one by one", (fn) => {
    for (const dtype of ["f32", "f64"] as const) {
      const data = dtype === "f32" ? Float32Array.from(SPECIAL) : Float64Array.from(SPECIAL);
      const e = unary(fn, load(0, dtype));
      const exact = compileScalar(unary(fn, load(0, "f64")), 1);
      const vectors = map(e, dtype, [data]);
      const doubled = dtype === "f32" ? new Float32Array(data.length * 2) : new Float64Array(data.length * 2);
      for (let i = 0; i < data.length; i++) doubled[2 * i] = data[i] as number;
      const single = map(e, dtype, [doubled], 2);
      for (let i = 0; i < data.length; i++) {
        const x = data[i] as number;
        const wanted = exact(x);
        const got = vectors[i] as number;
        expect(Object.is(single[i], got), `${fn}(${x}): ${single[i]} alone, ${got} in a vector`).toBe(true);
        if (dtype === "f64" && fn in BOUND_F64 && wanted !== 0 && Number.isFinite(wanted)) {
          // The host's functions are within an ulp themselves.
          expect(Math.abs(got / wanted - 1), `${fn}(${x}) is ${got}, wanted ${wanted}`).toBeLessThanOrEqual(
            ((BOUND_F64[fn] as number) + 1) * Number.EPSILON,
          );
        } else if (dtype === "f64") expect(Object.is(got, wanted), `${fn}(${x}) is ${got}, wanted ${wanted}`).toBe(true);
        else expect(ulps(got, wanted), `${fn}(${x}) is ${got}, wanted ${wanted}`).toBeLessThanOrEqual(BOUND[fn] ?? 0.5001);
        if (wanted === 0 || !Number.isFinite(wanted)) expect(Object.is(got, wanted), `${fn}(${x}) is ${got}, wanted ${wanted}`).toBe(true);
      }
    }
  });

  it.each(BINARY)("%s agrees with the definition on all pairs of special values", (fn) => {
    for (const dtype of ["f32", "f64"] as const) {
      const of = (v: readonly number[]) => (dtype === "f32" ? Float32Array.from(v) : Float64Array.from(v));
      const xs = of(SPECIAL.flatMap((x) => SPECIAL.map(() => x)));
      const ys = of(SPECIAL.flatMap(() => SPECIAL));
      const e = binary(fn, load(0, dtype), load(1, dtype));
      const exact = compileScalar(binary(fn, load(0, "f64"), load(1, "f64")), 2);
      const got = map(e, dtype, [xs, ys]);
      for (let i = 0; i < xs.length; i++) {
        const wanted = exact(xs[i] as number, ys[i] as number);
        const stored = dtype === "f32" ? Math.fround(wanted) : wanted;
        if (fn === "pow" && dtype === "f32" && stored !== 0 && Number.isFinite(stored)) {
          expect(ulps(got[i] as number, wanted), `${xs[i]} to the ${ys[i]} is ${got[i]}, wanted ${wanted}`).toBeLessThanOrEqual(0.5001);
          continue;
        }
        expect(Object.is(got[i], stored), `${fn}(${xs[i]}, ${ys[i]}) of ${dtype} is ${got[i]}, wanted ${stored}`).toBe(true);
      }
    }
  });

  it("powers of f32 are rounded from float64, whole powers of two exactly", () => {
    const bases: number[] = [];
    const exponents: number[] = [];
    for (let i = 0; i < 200_000; i++) {
      const base = 2 ** (((i * 7919) % 4096) / 20 - 100) * (1 + (i % 977) / 977);
      bases.push(base);
      exponents.push(((i * 104729) % 100_003) / 50_000 / Math.max(0.02, Math.abs(Math.log2(base)) / 75) - (i % 2));
    }
    for (let n = -149; n < 128; n++) {
      bases.push(2, 0.5, 4);
      exponents.push(n, -n, n / 2);
    }
    const [xs, ys] = [Float32Array.from(bases), Float32Array.from(exponents)];
    const got = map(binary("pow", load(0, "f32"), load(1, "f32")), "f32", [xs, ys]);
    let worst = 0;
    for (let i = 0; i < xs.length; i++) worst = Math.max(worst, ulps(got[i] as number, (xs[i] as number) ** (ys[i] as number)));
    expect(worst).toBeLessThanOrEqual(0.5001);
    const square = map(binary("pow", load(0, "f32"), constant(2, "f32")), "f32", [xs]);
    expect(square).toEqual(xs.map((x) => x * x));
  });

  it.each([
    ["exp", exactExp, -745, 709.78],
    ["tanh", exactTanh, 2 ** -30, 25],
    ["log", exactLog, 2 ** -1074, 1.7e308],
  ] as const)("%s of f64 stays within its bound of the exact value", (fn, exact, low, high) => {
    const values: number[] = [];
    for (let i = 0; i <= 3000; i++) {
      const u = ((i * 1_234_577) % 3001) / 3000;
      values.push(low + (high - low) * u);
      // Closer to where the function turns, and over all exponents.
      if (fn === "exp") values.push((u - 0.5) * 4);
      else if (fn === "tanh") values.push(2 ** -30 + 2 * u, 2 ** (-30 + 34 * u));
      else values.push(0.5 + 1.5 * u, 2 ** (-1074 + 2097 * u));
    }
    const xs = Float64Array.from(values.filter((x) => fn !== "log" || (x > 0 && x !== 1)));
    const got = map(unary(fn, load(0, "f64")), "f64", [xs]);
    let worst = 0;
    let at = 0;
    for (let i = 0; i < xs.length; i++) {
      const x = xs[i] as number;
      const sign = fn === "log" && x < 1 ? -1 : 1;
      const u = ulpsFrom(sign * (got[i] as number), exact(x));
      if (!(u <= worst)) [worst, at] = [u, x];
    }
    expect(worst, `worst at ${at}`).toBeLessThanOrEqual(BOUND_F64[fn] as number);
  });

  it.each(["shl", "shr"] as const)("%s agrees with the definition, in vectors and one by one, for any count", (fn) => {
    const xs = Int32Array.from([0, 1, -1, 5, -2147483648, 2147483647, 0x12345678, -77, 3]);
    const x = load(0, "i32");
    for (const count of [0, 1, 13, 31, 32, 45]) {
      const e = binary(fn, x, constant(count, "i32"));
      const wanted = xs.map((v) => compileScalar(e, 1)(v));
      expect(map(e, "i32", [xs])).toEqual(wanted);
      expect(map(e, "i32", [Int32Array.from([...xs].flatMap((v) => [v, 0]))], 2)).toEqual(wanted);
    }
    const counts = xs.map((_, i) => 7 * i - 3);
    const e = binary(fn, x, load(1, "i32"));
    expect(map(e, "i32", [xs, counts])).toEqual(xs.map((v, i) => compileScalar(e, 2)(v, counts[i] as number)));
  });
});
