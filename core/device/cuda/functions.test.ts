/** Scalar functions on CUDA against their definition: the special values exactly, others within a few units of the last place. */
import { describe, expect, it } from "vitest";
import { cuda } from "../../../test/cuda.ts";
import type { FloatDType } from "../../base/dtype.ts";
import { compileScalar } from "../../kernel/javascript.ts";
import { describeLaunch } from "../../kernel/lower.ts";
import { type BinaryFn, binary, type Expr, load, type UnaryFn, unary } from "../../kernel/scalar-expr.ts";
import type { Address } from "../device.ts";
import { createCuda } from "./device.ts";

const UNARY: readonly UnaryFn[] =
  "neg abs sign floor ceil trunc round sqrt exp expm1 log log1p log2 log10 cbrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh erf erfc lgamma".split(
    " ",
  ) as UnaryFn[];
const BINARY: readonly BinaryFn[] = ["add", "sub", "mul", "div", "rem", "min", "max", "pow", "atan2", "hypot"];
const SPECIAL = [0, -0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 2.5, -2.5, 1e-30, 1e30, -1e30, Number.NaN, Infinity, -Infinity];
/** Units of the last place: what CUDA's own functions may be wrong by, and the definition's double ones in f64. */
const UNITS = { f32: 6, f64: 24 };
const EXACT = new Set<string>([
  "neg",
  "abs",
  "sign",
  "floor",
  "ceil",
  "trunc",
  "round",
  "sqrt",
  "add",
  "sub",
  "mul",
  "div",
  "rem",
  "min",
  "max",
]);

function points(): number[] {
  const found = [...SPECIAL];
  for (let i = 1; i <= 300; i++) {
    const x = 10 ** ((i % 37) / 6 - 3) * (1 + (i % 11) / 13);
    found.push(x, -x, Math.sin(i));
  }
  return found;
}

const unitOf = (x: number, dtype: FloatDType) =>
  2 ** (Math.max(dtype === "f32" ? -126 : -1022, Math.floor(Math.log2(Math.abs(x) || Number.MIN_VALUE))) - (dtype === "f32" ? 23 : 52));

describe.runIf(cuda.available)("scalar functions on CUDA", () => {
  const device = createCuda();

  /** All functions of a list at once: each is an output. */
  function run(results: readonly Expr[], dtype: FloatDType, inputs: readonly number[][]): number[][] {
    const n = (inputs[0] as number[]).length;
    const size = dtype === "f32" ? 4 : 8;
    const array = (values: readonly number[]) => (dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values));
    const given = inputs.map((values) => {
      const address = device.alloc(n * size);
      device.upload(address, array(values));
      return address;
    });
    const out = device.alloc(n * size);
    const rows = results.map((result) => {
      const operands = inputs.map((_, input) => ({ dtype, strides: [1], input }));
      const launch = describeLaunch({ extents: [n], operands, output: { dtype, strides: [1] }, result });
      device.prepare(launch)(out, ...given);
      return [...device.download(out, dtype, n)];
    });
    for (const address of [...given, out] as Address[]) device.free(address, n * size);
    return rows;
  }

  /** `e` is the function of float64. */
  function compare(name: string, e: Expr, dtype: FloatDType, got: readonly number[], inputs: readonly number[][]): void {
    const definition = compileScalar(e, inputs.length);
    const round = dtype === "f32" ? Math.fround : (x: number) => x;
    for (const [i, x] of got.entries()) {
      const args = inputs.map((values) => round(values[i] as number));
      const exact = definition(...args);
      const rounded = round(exact);
      const where = `${name}(${args.join(", ")}) is ${Object.is(x, -0) ? "-0" : x} and should be ${Object.is(rounded, -0) ? "-0" : rounded}`;
      if (Object.is(x, rounded)) continue;
      expect(EXACT.has(name), where).toBe(false);
      expect(Number.isNaN(x) === Number.isNaN(rounded) && (x !== 0 || rounded !== 0 || Object.is(x, rounded)), where).toBe(true);
      // Near the largest numbers the definition may have rounded to infinity.
      if (!Number.isFinite(rounded) || !Number.isFinite(x)) {
        expect(Math.abs(exact) > 3e38 && Math.sign(x) === Math.sign(exact) && dtype === "f32" && Number.isFinite(exact), where).toBe(true);
        continue;
      }
      // Near its zeros lgamma is right to units of 1.
      const scale = name === "lgamma" ? Math.max(1, Math.abs(exact)) : exact;
      expect(Math.abs(x - exact) / unitOf(scale, dtype), where).toBeLessThanOrEqual(UNITS[dtype]);
    }
  }

  it.each(["f32", "f64"] as const)("of one argument are right in %s", { timeout: 240_000 }, (dtype) => {
    const xs = points();
    const results = UNARY.map((fn) => unary(fn, load(0, dtype)));
    for (const [i, got] of run(results, dtype, [xs]).entries())
      compare(UNARY[i] as string, unary(UNARY[i] as UnaryFn, load(0, "f64")), dtype, got, [xs]);
  });

  it.each(["f32", "f64"] as const)("of two arguments are right in %s", { timeout: 240_000 }, (dtype) => {
    const xs = SPECIAL.flatMap((x) => SPECIAL.map(() => x));
    const ys = SPECIAL.flatMap(() => SPECIAL);
    const results = BINARY.map((fn) => binary(fn, load(0, dtype), load(1, dtype)));
    for (const [i, got] of run(results, dtype, [xs, ys]).entries())
      compare(BINARY[i] as string, binary(BINARY[i] as BinaryFn, load(0, "f64"), load(1, "f64")), dtype, got, [xs, ys]);
  });

  it("polygamma is right for orders and arguments of all kinds", { timeout: 120_000 }, () => {
    const orders = [0, 1, 2, 3, 5, 12, 40, -1, 0.5];
    const arguments_ = [0.1, 0.5, 1, 2.25, 9, 30, -0.25, -1.5, -3.75, 0, -2, Infinity, Number.NaN];
    const [ns, xs] = [orders.flatMap((n) => arguments_.map(() => n)), orders.flatMap(() => arguments_)];
    const e = binary("polygamma", load(0, "f64"), load(1, "f64"));
    const [got] = run([e], "f64", [ns, xs]);
    const definition = compileScalar(e, 2);
    for (const [i, x] of (got as number[]).entries()) {
      const exact = definition(ns[i] as number, xs[i] as number);
      if (!Object.is(x, exact)) expect(Math.abs(x / exact - 1), `polygamma(${ns[i]}, ${xs[i]}) is ${x}, not ${exact}`).toBeLessThan(1e-12);
    }
  });
});
