/**
 * Transcendental functions on four f32 lanes, as branch-free WebAssembly: argument reduction to a small interval, a minimax
 * polynomial there (coefficients fitted with mpmath), and selects for the special values. NaN, infinities, signed zeros,
 * denormals, overflow and gradual underflow come out as in `Math`, rounded to f32. Largest errors against float64 over dense
 * samples, asserted in the tests: exp 1, log 1, expm1 2, log1p 2, tanh 2.5, erf 2 ulp.
 */
import type { UnaryFn } from "../kernel/scalar-expr.ts";
import type { FunctionBuilder, Imports } from "./wasm-assembler.ts";
import { cos, sin } from "./wasm-math-calls.ts";
import { VECTOR_MATH_F64 } from "./wasm-math-f64.ts";

/** Emits a function of the vector in local `x`; leaves the result on the stack. `x` is left as it was. */
export type VectorMath = (f: FunctionBuilder, x: number, imports: Imports) => void;

/** ln 2 in two parts; the first has ten significant bits, so that its product with an exponent is exact. */
const LN2_HIGH = 0.693359375;
const LN2_LOW = -0.00021219444005469057;

/** (e^r - 1 - r) / r² on |r| <= ½ ln 2, highest power first; error below 2e-9. */
const EXP_TAIL = [0.00019891980628017336, 0.0013934541493654251, 0.00833331048488617, 0.04166645556688309, 0.1666666716337204, 0.5];

/** (log(1 + f) - f + f²/2) / f³ on [√½ - 1, √2 - 1], highest power first; error below 3e-8. */
const LOG_TAIL = [
  0.06971611827611923, -0.11479733884334564, 0.11685419827699661, -0.12425687164068222, 0.14249058067798615, -0.1666780263185501,
  0.20000715553760529, -0.2499999701976776, 0.3333333134651184,
];

/** erf(x) / x - 1 in x² on [0, 1], highest power first; error below 2e-9. */
const ERF_NEAR = [
  7.875874871388078e-5, -0.000801686430349946, 0.005189087241888046, -0.02685421146452427, 0.11283594369888306, -0.3761262595653534,
  0.1283791670955126,
];

/** log erfc(x) on [1, 4], highest power first; error below 2e-8. */
const LOG_ERFC = [
  1.6371513993362896e-6, -4.605804133461788e-5, 0.0005968056502752006, -0.004759596195071936, 0.026421135291457176, -0.11008008569478989,
  -0.6318260431289673, -1.1302334070205688, 0.0003201380604878068,
];

/** Horner's rule in the vector `r`; leaves the value on the stack. */
function polynomial(f: FunctionBuilder, r: number, coefficients: readonly number[]): void {
  const [first, ...rest] = coefficients as [number, ...number[]];
  f.all("f32", first);
  for (const c of rest) f.get(r).op("f32x4.mul").all("f32", c).op("f32x4.add");
}

/** 1.5 · 2²³: adding it to a small number leaves that number, rounded to an integer, in the low bits of the sum. */
const ROUNDING = 12582912;

/** Splits clamped `x` as n ln 2 + r. Leaves r² q(r) + r = e^r - 1 on the stack and returns the local of n, as i32 lanes. */
function reduceExp(f: FunctionBuilder, x: number, low: number, high: number): number {
  const n = f.local("v128");
  const whole = f.local("v128");
  const r = f.local("v128");
  const q = f.local("v128");
  // pmin and pmax keep a NaN that is their first operand.
  f.get(x).all("f32", high).op("f32x4.pmin").all("f32", low).op("f32x4.pmax").tee(r);
  f.all("f32", Math.LOG2E).op("f32x4.mul").all("f32", ROUNDING).op("f32x4.add").tee(n);
  f.all("f32", ROUNDING).op("f32x4.sub").set(whole);
  f.get(n).all("f32", ROUNDING).op("i32x4.sub").set(n);
  f.get(r).get(whole).all("f32", LN2_HIGH).op("f32x4.mul", "f32x4.sub").get(whole).all("f32", LN2_LOW).op("f32x4.mul", "f32x4.sub").set(r);
  polynomial(f, r, EXP_TAIL);
  f.set(q);
  f.get(q).get(r).op("f32x4.mul").get(r).op("f32x4.mul").get(r).op("f32x4.add");
  return n;
}

/** 2^n from the i32 lanes on the stack, which are in [-126, 127]. */
function powerOfTwo(f: FunctionBuilder): void {
  f.all("i32", 127).op("i32x4.add").i32(23).op("i32x4.shl");
}

/** e^x. The power of two is applied in two steps, so results reach both infinity and the denormals with one rounding. */
const exp: VectorMath = (f, x) => {
  const half = f.local("v128");
  const n = reduceExp(f, x, -104.5, 89);
  f.all("f32", 1).op("f32x4.add");
  f.get(n).i32(1).op("i32x4.shr_s").tee(half);
  powerOfTwo(f);
  f.op("f32x4.mul").get(n).get(half).op("i32x4.sub");
  powerOfTwo(f);
  f.op("f32x4.mul");
};

/** e^x - 1 = 2 (p s + (s - ½)) with s = 2^(n-1), p = e^r - 1; tiny x is its own result. */
const expm1: VectorMath = (f, x) => {
  const p = f.local("v128");
  const s = f.local("v128");
  const n = reduceExp(f, x, -30, 89);
  f.set(p);
  f.get(n).all("i32", 1).op("i32x4.sub");
  powerOfTwo(f);
  f.set(s);
  f.get(x);
  f.get(p).get(s).op("f32x4.mul").get(s).all("f32", 0.5).op("f32x4.sub", "f32x4.add").all("f32", 2).op("f32x4.mul");
  selectTiny(f, x);
};

/** From (x, y) on the stack: x where |x| < 2^-24, else y. */
function selectTiny(f: FunctionBuilder, x: number): void {
  f.get(x)
    .op("f32x4.abs")
    .all("f32", 2 ** -24)
    .op("f32x4.lt", "v128.bitselect");
}

/** tanh |x| = t / (t + 2) with t = expm1(2|x|), and the sign of x. */
const tanh: VectorMath = (f, x, imports) => {
  const t = f.local("v128");
  f.get(x).op("f32x4.abs").all("f32", 10).op("f32x4.pmin").tee(t).get(t).op("f32x4.add").set(t);
  expm1(f, t, imports);
  f.tee(t).get(t).all("f32", 2).op("f32x4.add", "f32x4.div");
  f.get(x).all("f32", -0).op("v128.and", "v128.or");
};

/** log x = e ln 2 + log m with m in [√½, √2); denormals are scaled up first. */
const log: VectorMath = (f, x) => {
  const m = f.local("v128");
  const e = f.local("v128");
  const h = f.local("v128");
  const tiny = f.local("v128");
  f.get(x)
    .all("f32", 2 ** -126)
    .op("f32x4.lt")
    .set(tiny);
  f.get(x)
    .all("f32", 2 ** 25)
    .op("f32x4.mul")
    .get(x)
    .get(tiny)
    .op("v128.bitselect")
    .tee(m);
  // The bits of √½ are subtracted, so that the exponent field turns over there.
  f.all("i32", 0x3f3504f3).op("i32x4.sub").i32(23).op("i32x4.shr_s").set(e);
  f.get(m).get(e).i32(23).op("i32x4.shl", "i32x4.sub").all("f32", 1).op("f32x4.sub").set(m);
  f.get(e).get(tiny).all("i32", 25).op("v128.and", "i32x4.sub", "f32x4.convert_i32x4_s").set(e);
  // m is now f = m - 1; h = f²/2. Sum from the smallest: e ln2_low + f³ P(f), - h, + f, + e ln2_high.
  f.get(m).get(m).op("f32x4.mul").all("f32", 0.5).op("f32x4.mul").set(h);
  f.get(e).all("f32", LN2_HIGH).op("f32x4.mul");
  f.get(m);
  polynomial(f, m, LOG_TAIL);
  f.get(m).op("f32x4.mul").get(m).op("f32x4.mul").get(m).op("f32x4.mul").get(e).all("f32", LN2_LOW).op("f32x4.mul", "f32x4.add");
  f.get(h).op("f32x4.sub", "f32x4.add", "f32x4.add");
  // +inf and NaN are their own results; below zero NaN; at zero -inf.
  f.get(x).get(x).all("f32", Number.POSITIVE_INFINITY).op("f32x4.lt", "v128.bitselect");
  f.get(x).all("f32", 0).op("f32x4.lt", "v128.or");
  f.set(m).all("f32", Number.NEGATIVE_INFINITY).get(m).get(x).all("f32", 0).op("f32x4.eq", "v128.bitselect");
};

/** log(1 + x) = log u + (x - (u - 1)) / u with u = 1 + x rounded; tiny x is its own result. */
const log1p: VectorMath = (f, x, imports) => {
  const u = f.local("v128");
  const y = f.local("v128");
  f.get(x);
  f.get(x).all("f32", 1).op("f32x4.add").set(u);
  log(f, u, imports);
  f.tee(y).get(x).get(u).all("f32", 1).op("f32x4.sub", "f32x4.sub").get(u).op("f32x4.div", "f32x4.add").get(y);
  // The correction is taken where u is positive and finite.
  f.get(u).all("f32", 0).op("f32x4.gt").get(u).all("f32", Number.POSITIVE_INFINITY).op("f32x4.lt", "v128.and", "v128.bitselect");
  selectTiny(f, x);
};

/** erf x = x + x P(x²) below 1, and 1 - exp(Q(|x|)) with the sign of x above; from 4 on that is 1. */
const erf: VectorMath = (f, x, imports) => {
  const t = f.local("v128");
  const q = f.local("v128");
  f.get(x).get(x).op("f32x4.mul").set(t).get(x);
  polynomial(f, t, ERF_NEAR);
  f.op("f32x4.mul").get(x).op("f32x4.add");
  f.get(x).op("f32x4.abs").all("f32", 4).op("f32x4.pmin").set(t);
  polynomial(f, t, LOG_ERFC);
  f.set(q).all("f32", 1);
  exp(f, q, imports);
  f.op("f32x4.sub").get(x).all("f32", -0).op("v128.and", "v128.or");
  f.get(x).op("f32x4.abs").all("f32", 1).op("f32x4.lt", "v128.bitselect");
};

/** Functions that have a form of their own on the lanes of a dtype. */
export const VECTOR_MATH: Readonly<Record<"f32" | "f64", Partial<Record<UnaryFn, VectorMath>>>> = {
  f32: { cos, erf, exp, expm1, log, log1p, sin, tanh },
  f64: VECTOR_MATH_F64,
};
