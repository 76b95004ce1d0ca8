import { describe, expect, test } from "vitest";
import { erf, erfc, lgamma, polygamma } from "../../base/special.ts";
import { canCallNative } from "../foreign.ts";
import { findCompiler } from "./compiler.ts";
import { compileAndLoad } from "./library.ts";
import { nativeRuntime } from "./runtime.ts";

const usable = findCompiler() !== undefined && canCallNative();
if (!usable) console.warn("skipping tests of native scalar functions: no C compiler, or no koffi, on this machine");

/**
 * Largest errors in units of the last place of the exact result, f32 then f64. In f64 the references are accurate to about one
 * unit themselves, which is in the bound; where erf and its kin are only accurate to a relative 1e-15 or 1e-14, so are they.
 * lgamma is compared in units of 1 where it is smaller, for near its zeros on the negative side the reference is no better.
 */
const UNARY: Record<string, readonly [(x: number) => number, number, number]> = {
  abs: [Math.abs, 0, 0],
  sign: [Math.sign, 0, 0],
  floor: [Math.floor, 0, 0],
  ceil: [Math.ceil, 0, 0],
  trunc: [Math.trunc, 0, 0],
  round: [Math.round, 0, 0],
  sqrt: [Math.sqrt, 0.5, 0],
  exp: [Math.exp, 1, 2],
  expm1: [Math.expm1, 1.5, 2.5],
  log: [Math.log, 1, 2],
  log1p: [Math.log1p, 1.5, 2.5],
  log2: [Math.log2, 0.51, 3],
  log10: [Math.log10, 0.51, 3],
  cbrt: [Math.cbrt, 0.51, 4],
  sin: [Math.sin, 0.51, 2],
  cos: [Math.cos, 0.51, 2],
  tan: [Math.tan, 0.51, 2],
  asin: [Math.asin, 0.51, 2],
  acos: [Math.acos, 0.51, 2],
  atan: [Math.atan, 0.51, 2],
  sinh: [Math.sinh, 0.51, 4],
  cosh: [Math.cosh, 0.51, 3],
  tanh: [Math.tanh, 2.5, 4],
  asinh: [Math.asinh, 0.51, 3],
  acosh: [Math.acosh, 0.51, 3],
  atanh: [Math.atanh, 0.51, 3],
  erf: [erf, 2, 10],
  erfc: [erfc, 0.51, 12],
  lgamma: [lgamma, 0.6, 20],
};
const BINARY: Record<string, readonly [(x: number, y: number) => number, number, number]> = {
  min: [Math.min, 0, 0],
  max: [Math.max, 0, 0],
  rem: [(x, y) => x % y, 0, 0],
  pow: [(x, y) => x ** y, 0.51, 2],
  atan2: [Math.atan2, 0.51, 2],
  hypot: [Math.hypot, 0.51, 2],
};

const SOURCE = `#include "trigrad.h"
#define UNARY(fn, T, type) TG_EXPORT void fn##_##type(int64_t n, T *restrict out, const T *restrict x, const T *restrict y) { for (int64_t i = 0; i < n; i++) out[i] = tg_##fn##_##type(x[i]); }
#define BINARY(fn, T, type) TG_EXPORT void fn##_##type(int64_t n, T *restrict out, const T *restrict x, const T *restrict y) { for (int64_t i = 0; i < n; i++) out[i] = tg_##fn##_##type(x[i], y[i]); }
${Object.keys(UNARY)
  .map((fn) => `UNARY(${fn}, float, f32) UNARY(${fn}, double, f64)`)
  .join("\n")}
${[...Object.keys(BINARY), "polygamma"].map((fn) => `BINARY(${fn}, float, f32) BINARY(${fn}, double, f64)`).join("\n")}
`;

/** The distance of the neighbours of a number in its format. */
function unitOf(x: number, dtype: "f32" | "f64"): number {
  const [digits, least] = dtype === "f32" ? [23, -126] : [52, -1022];
  const exponent = x === 0 ? least : Math.max(least, Math.floor(Math.log2(Math.abs(x))));
  return 2 ** (exponent - digits);
}

/** Error of `got` in units; 0 where both are the same NaN, infinity or zero, infinite where they differ in kind. */
function errorOf(got: number, exact: number, dtype: "f32" | "f64"): number {
  const rounded = dtype === "f32" ? Math.fround(exact) : exact;
  if (Object.is(got, rounded)) return Math.abs(got - exact) > 0 && Number.isFinite(got) ? Math.abs(got - exact) / unitOf(exact, dtype) : 0;
  // The largest numbers: one side of the bound may have rounded to infinity, as in `exact` that is nearly so.
  const largest = dtype === "f32" ? 3.4028234663852886e38 : Number.MAX_VALUE;
  if (Math.abs(got) === Infinity && Math.abs(exact) > largest * (1 - 1e-6) && got > 0 === exact > 0) return 0.5;
  if (!Number.isFinite(got) || !Number.isFinite(rounded)) return Infinity;
  if (got === 0 && rounded === 0) return Infinity;
  return Math.abs(got - exact) / unitOf(exact, dtype);
}

/** Points of all sizes and signs: every exponent, dense where functions turn, the specials and their neighbours. */
function sweep(dtype: "f32" | "f64"): number[] {
  const points: number[] = [0, -0, Number.NaN, Infinity, -Infinity];
  const [low, high] = dtype === "f32" ? [-149, 127] : [-1074, 1023];
  let state = 7;
  const random = () => {
    state = (Math.imul(state, 1664525) + 1013904223) | 0;
    return (state >>> 0) / 2 ** 32;
  };
  for (let e = low; e <= high; e++)
    for (let i = 0; i < (dtype === "f32" ? 60 : 20); i++) points.push(2 ** e * (1 + random() * (i > 0 ? 1 : 0)));
  for (let i = 0; i < 20000; i++)
    points.push(random() * 2, random() * 20, random() * 120, random() * 1e4, 1 + (random() - 0.5) * 2 ** (-30 * random()));
  for (let i = 0; i < 4000; i++) points.push(i, i + 0.5, i * (Math.PI / 2), random() * 800, 0.5 + (random() - 0.5) * 2 ** (-40 * random()));
  for (const x of [
    709.782712893384, 710.4758600739439, 745.1332191019411, 88.72283905206835, 103.97207708399179, 103.2, 26.6, 27.2, 9.0, 10.05,
  ]) {
    for (const d of [0, 1e-16, 1e-7, 1e-6, 1e-3]) points.push(x * (1 + d), x * (1 - d));
  }
  return points.flatMap((x) => [x, -x]);
}

describe.skipIf(!usable).each(["f32", "f64"] as const)("scalar functions in C, %s", (dtype) => {
  nativeRuntime();
  const library = compileAndLoad(SOURCE, "math-test");
  const make = dtype === "f32" ? Float32Array : Float64Array;
  const call = (fn: string, x: readonly number[], y: readonly number[] = x) => {
    const [a, b, out] = [new make(x), new make(y), new make(x.length)];
    library.declare(`${fn}_${dtype}`, "void", ["int64", "data", "data", "data"])(x.length, out, a, b);
    return { a, b, out };
  };
  const points = sweep(dtype);

  test.each(Object.keys(UNARY))("%s is within its bound over the whole range, and right at the specials", (fn) => {
    const [reference, single, double] = UNARY[fn] as (typeof UNARY)[string];
    const { a, out } = call(fn, points);
    let worst = { error: 0, x: 0, got: 0, exact: 0 };
    for (let i = 0; i < a.length; i++) {
      const [x, got] = [a[i] as number, out[i] as number];
      const exact = reference(x);
      const scale = fn === "lgamma" && Math.abs(exact) < 1 ? unitOf(exact, dtype) / unitOf(1, dtype) : 1;
      const error = errorOf(got, exact, dtype) * scale;
      if (error > worst.error) worst = { error, x, got, exact };
    }
    expect(worst.error, `at ${worst.x}: ${worst.got} instead of ${worst.exact}`).toBeLessThanOrEqual(dtype === "f32" ? single : double);
  });

  test.each(Object.keys(BINARY))("%s is within its bound on pairs of all sizes, and right at the specials", (fn) => {
    const [reference, single, double] = BINARY[fn] as (typeof BINARY)[string];
    const specials = [0, -0, 1, -1, 0.5, -0.5, 2, -2, 3, -3, 1e-40, 1e30, -1e30, 16777217, Number.NaN, Infinity, -Infinity, 4294967295];
    const xs = specials.flatMap((x) => specials.map(() => x));
    const ys = specials.flatMap(() => specials);
    for (let i = 0; i < 40000; i++) {
      xs.push(points[(i * 7919) % points.length] as number);
      ys.push(points[(i * 104729 + 13) % points.length] as number);
      // Bases near one and small exponents, whose powers are neither 0 nor infinite.
      xs.push(1 + Math.sin(i) * 0.9);
      ys.push(Math.tan(i) * 30, -(i % 9));
      xs.push(Math.cos(i) * 8);
    }
    const { a, b, out } = call(fn, xs, ys);
    let worst = { error: 0, x: 0, y: 0, got: 0, exact: 0 };
    for (let i = 0; i < a.length; i++) {
      const [x, y, got] = [a[i] as number, b[i] as number, out[i] as number];
      const exact = reference(x, y);
      const error = errorOf(got, exact, dtype);
      if (error > worst.error) worst = { error, x, y, got, exact };
    }
    const bound = dtype === "f32" ? single : double;
    expect(worst.error, `at ${worst.x}, ${worst.y}: ${worst.got} instead of ${worst.exact}`).toBeLessThanOrEqual(bound);
  });

  test("polygamma is that of core/base/special.ts", () => {
    for (const n of [-1, 0, 0.5, 1, 2, 3, 7])
      for (const x of [0, -0, 0.1, 1, 2.5, 9, 40, 1e5, -0.3, -1, -2, -2.7, Number.NaN, Infinity]) {
        const { a, b, out } = call("polygamma", [n], [x]);
        const exact = polygamma(a[0] as number, b[0] as number);
        const got = out[0] as number;
        if (Number.isFinite(exact))
          expect(Math.abs(got - exact)).toBeLessThanOrEqual((dtype === "f32" ? 2 ** -24 : 1e-13) * Math.abs(exact));
        else expect(got).toBe(exact);
      }
  });
});
