/**
 * Transcendental functions on two f64 lanes, branch-free, by the reductions and polynomials of FreeBSD's msun (fdlibm, Sun
 * Microsystems 1993: e_exp.c, e_log.c), without its cases: NaN, infinities, signed zeros, denormals, overflow and gradual underflow
 * come out of selects. Largest errors against 160-bit arithmetic, asserted in the tests: exp 1, log 1, tanh 3 ulp.
 */
import type { FunctionBuilder } from "./wasm-assembler.ts";
import type { VectorMath } from "./wasm-math.ts";

/** ln 2 in two parts; the first has 32 significant bits, so that its product with an exponent is exact. */
const LN2_HIGH = 0.6931471803691238;
const LN2_LOW = 1.9082149292705877e-10;

/** r - r² P(r²) for r (e^r + 1) / (e^r - 1) = 2 + r² P(r²), highest power first; |r| <= ½ ln 2, error below 2^-59. */
const EXP = [4.1381367970572385e-8, -0.0000016533902205465252, 0.00006613756321437934, -0.0027777777777015593, 0.16666666666666602];

/** (log(1 + f) - 2s) / s in s² with s = f / (2 + f), without its first power, highest power first; error below 2^-58. */
const LOG = [
  0.14798198605116586, 0.15313837699209373, 0.1818357216161805, 0.22222198432149784, 0.2857142874366239, 0.3999999999940942,
  0.6666666666666735,
];

/** 1.5 · 2⁵²: adding it to a small number leaves that number, rounded to an integer, in the low bits of the sum. */
const ROUNDING = 6755399441055744;

/** Horner's rule in the vector `r`; leaves the value on the stack. */
function polynomial(f: FunctionBuilder, r: number, coefficients: readonly number[]): void {
  const [first, ...rest] = coefficients as [number, ...number[]];
  f.all("f64", first);
  for (const c of rest) f.get(r).op("f64x2.mul").all("f64", c).op("f64x2.add");
}

/** An i64 constant in both lanes. */
function integers(f: FunctionBuilder, value: bigint): void {
  f.v128(new Float64Array(BigInt64Array.of(value, value).buffer));
}

/** Clamps `x`, then rounds x · scale to an integer: returns the locals of clamped x, of n as i64 lanes and of n as floats. */
function rounded(
  f: FunctionBuilder,
  x: number,
  scale: number,
  low: number,
  high: number,
): readonly [clamped: number, n: number, whole: number] {
  const [clamped, n, whole] = [f.local("v128"), f.local("v128"), f.local("v128")];
  // pmin and pmax keep a NaN that is their first operand.
  f.get(x).all("f64", high).op("f64x2.pmin").all("f64", low).op("f64x2.pmax").tee(clamped);
  if (scale !== 1) f.all("f64", scale).op("f64x2.mul");
  f.all("f64", ROUNDING).op("f64x2.add").tee(n);
  f.all("f64", ROUNDING).op("f64x2.sub").set(whole);
  f.get(n).all("f64", ROUNDING).op("i64x2.sub").set(n);
  return [clamped, n, whole];
}

/** Leaves e^r - 1 on the stack, where r = near - rest: with c = r - r² P(r²) that is near - (rest - r c / (2 - c)). */
function smallExp(f: FunctionBuilder, near: number, rest: number): void {
  const [r, square, c] = [f.local("v128"), f.local("v128"), f.local("v128")];
  f.get(near).get(rest).op("f64x2.sub").tee(r).get(r).op("f64x2.mul").set(square);
  f.get(r).get(square);
  polynomial(f, square, EXP);
  f.op("f64x2.mul", "f64x2.sub").set(c);
  f.get(near).get(rest).get(r).get(c).op("f64x2.mul").all("f64", 2).get(c).op("f64x2.sub", "f64x2.div", "f64x2.sub", "f64x2.sub");
}

/** Splits clamped `x` as n ln 2 + r. Leaves e^r - 1 on the stack and returns the local of n, as i64 lanes. */
function reduceExp(f: FunctionBuilder, x: number, low: number, high: number): number {
  const rest = f.local("v128");
  const [near, n, whole] = rounded(f, x, Math.LOG2E, low, high);
  f.get(near).get(whole).all("f64", LN2_HIGH).op("f64x2.mul", "f64x2.sub").set(near);
  f.get(whole).all("f64", LN2_LOW).op("f64x2.mul").set(rest);
  smallExp(f, near, rest);
  return n;
}

/** 2^x for x clamped to [low, high] within [-1022, 1023]; leaves it on the stack. Exact for whole x. */
export function powerOfTwo(f: FunctionBuilder, x: number, low: number, high: number): void {
  const zero = f.local("v128");
  const [r, n, whole] = rounded(f, x, 1, low, high);
  f.get(r).get(whole).op("f64x2.sub").all("f64", Math.LN2).op("f64x2.mul").set(r);
  f.all("f64", 0).set(zero);
  smallExp(f, r, zero);
  f.all("f64", 1).op("f64x2.add").get(n);
  wholePowerOfTwo(f);
  f.op("f64x2.mul");
}

/** 2^n from the i64 lanes on the stack, which are in [-1022, 1023]. */
function wholePowerOfTwo(f: FunctionBuilder): void {
  integers(f, 1023n);
  f.op("i64x2.add").i32(52).op("i64x2.shl");
}

/** e^x. The power of two is applied in two steps, so results reach both infinity and the denormals with one rounding. */
const exp: VectorMath = (f, x) => {
  const half = f.local("v128");
  const n = reduceExp(f, x, -746, 710);
  f.all("f64", 1).op("f64x2.add");
  f.get(n).i32(1).op("i64x2.shr_s").tee(half);
  wholePowerOfTwo(f);
  f.op("f64x2.mul").get(n).get(half).op("i64x2.sub");
  wholePowerOfTwo(f);
  f.op("f64x2.mul");
};

/** tanh |x| = t / (t + 2) with t = e^2|x| - 1 = 2 (p s + (s - ½)), s = 2^(n-1), p = e^r - 1, and the sign of x; tiny x is its own result. */
const tanh: VectorMath = (f, x) => {
  const [t, p, s] = [f.local("v128"), f.local("v128"), f.local("v128")];
  f.get(x).op("f64x2.abs").all("f64", 22).op("f64x2.pmin").tee(t).get(t).op("f64x2.add").set(t);
  const n = reduceExp(f, t, 0, 44);
  f.set(p).get(n);
  integers(f, 1n);
  f.op("i64x2.sub");
  wholePowerOfTwo(f);
  f.set(s).get(x);
  f.get(p).get(s).op("f64x2.mul").get(s).all("f64", 0.5).op("f64x2.sub", "f64x2.add").all("f64", 2).op("f64x2.mul").tee(t);
  f.get(t).all("f64", 2).op("f64x2.add", "f64x2.div").get(x).all("f64", -0).op("v128.and", "v128.or");
  f.get(x)
    .op("f64x2.abs")
    .all("f64", 2 ** -28)
    .op("f64x2.lt", "v128.bitselect");
};

/**
 * Splits positive `x`, no denormal, as 2^e (1 + f) with 1 + f in [√½, √2). Returns the locals of e (a float), of f, of f²/2 and of
 * s (f²/2 + s² L(s²)), where log(1 + f) = f - f²/2 + that.
 */
export function reduceLog(f: FunctionBuilder, x: number): readonly [e: number, f: number, half: number, rest: number] {
  const [e, m, half, s, z] = [0, 0, 0, 0, 0].map(() => f.local("v128")) as [number, number, number, number, number];
  // The bits of √½ are subtracted, so that the exponent field turns over there.
  f.get(x);
  integers(f, 0x3fe6a09e667f3bcdn);
  f.op("i64x2.sub").i32(52).op("i64x2.shr_s").set(e);
  f.get(x).get(e).i32(52).op("i64x2.shl", "i64x2.sub").all("f64", 1).op("f64x2.sub").set(m);
  f.get(e).all("f64", ROUNDING).op("i64x2.add").all("f64", ROUNDING).op("f64x2.sub").set(e);
  f.get(m).get(m).op("f64x2.mul").all("f64", 0.5).op("f64x2.mul").set(half);
  f.get(m).get(m).all("f64", 2).op("f64x2.add", "f64x2.div").tee(s).get(s).op("f64x2.mul").set(z);
  f.get(s).get(half).get(z);
  polynomial(f, z, LOG);
  f.op("f64x2.mul", "f64x2.add", "f64x2.mul").set(s);
  return [e, m, half, s];
}

/** log x = e ln 2 + log(1 + f); denormals are scaled up first. */
const log: VectorMath = (f, x) => {
  const [scaled, tiny, mask] = [f.local("v128"), f.local("v128"), f.local("v128")];
  f.get(x)
    .all("f64", 2 ** -1022)
    .op("f64x2.lt")
    .set(tiny);
  f.get(x)
    .all("f64", 2 ** 54)
    .op("f64x2.mul")
    .get(x)
    .get(tiny)
    .op("v128.bitselect")
    .set(scaled);
  const [e, m, half, rest] = reduceLog(f, scaled);
  f.get(e).get(tiny).all("f64", 54).op("v128.and", "f64x2.sub").set(e);
  // e ln2_high - ((f²/2 - (rest + e ln2_low)) - f)
  f.get(e).all("f64", LN2_HIGH).op("f64x2.mul");
  f.get(half).get(rest).get(e).all("f64", LN2_LOW).op("f64x2.mul", "f64x2.add", "f64x2.sub").get(m).op("f64x2.sub", "f64x2.sub");
  // +inf and NaN are their own results; below zero NaN; at zero -inf.
  f.get(x).get(x).all("f64", Number.POSITIVE_INFINITY).op("f64x2.lt", "v128.bitselect");
  f.get(x).all("f64", 0).op("f64x2.lt", "v128.or");
  f.set(mask).all("f64", Number.NEGATIVE_INFINITY).get(mask).get(x).all("f64", 0).op("f64x2.eq", "v128.bitselect");
};

/** Functions that have a form of their own on f64 lanes. */
export const VECTOR_MATH_F64 = { exp, log, tanh } as const;
