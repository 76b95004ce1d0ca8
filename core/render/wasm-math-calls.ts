/**
 * Functions on four f32 lanes that leave rare arguments to imported float64 functions: sin and cos of large numbers, powers of zero,
 * of negative numbers and by infinities. What is usual is computed in vectors: reduced arguments and powers on two f64 lanes at a
 * time. Largest errors against float64, asserted in the tests: sin and cos 1.5, pow 0.51 ulp.
 */
import type { FunctionBuilder, Imports } from "./wasm-assembler.ts";
import type { VectorMath } from "./wasm-math.ts";
import { powerOfTwo, reduceLog } from "./wasm-math-f64.ts";

/** π/2 in two parts; the first has 25 significant bits, so that its product with fewer than 2^28 quadrants is exact. */
const HALF_PI_HIGH = 1.5707963109016418;
const HALF_PI_LOW = 1.5893254773528196e-8;
/** Up to here the reduced argument is right to 2^-55, which is less than a rounding error of any number's. */
const LARGEST = 2 ** 24;

/** (sin r - r) / r³ and (cos r - 1 + r²/2) / r⁴ in r² on |r| <= π/4, highest power first (Moshier, Cephes: sinf.c); errors below 2^-27. */
const SIN = [-0.00019515295891, 0.0083321608736, -0.16666654611];
const COS = [0.00002443315711809948, -0.001388731625493765, 0.04166664568298827];

/** 1.5 · 2⁵²: adding it to a small number leaves that number, rounded to an integer, in the low bits of the sum. */
const ROUNDING = 6755399441055744;

function polynomial(f: FunctionBuilder, r: number, coefficients: readonly number[]): void {
  const [first, ...rest] = coefficients as [number, ...number[]];
  f.all("f32", first);
  for (const c of rest) f.get(r).op("f32x4.mul").all("f32", c).op("f32x4.add");
}

/** The low or the high two lanes of `x` as f64. */
function widened(f: FunctionBuilder, x: number, half: number): void {
  f.get(x);
  if (half === 1) f.get(x).shuffle32(2, 3, 2, 3);
  f.op("f64x2.promote_low_f32x4");
}

/** Takes the lanes of `result` that the mask on the stack marks from an imported function; there are seldom any. */
function called(f: FunctionBuilder, imports: Imports, name: string, args: readonly number[], result: number): void {
  const mask = f.local("v128");
  f.tee(mask).op("v128.any_true");
  f.if(() => {
    for (let lane = 0; lane < 4; lane++) {
      f.get(mask).lane("i32x4.extract_lane", lane);
      f.if(() => {
        f.get(result);
        for (const x of args) f.get(x).lane("f32x4.extract_lane", lane).op("f64.promote_f32");
        f.call(imports.number(name, args.length)).op("f32.demote_f64").lane("f32x4.replace_lane", lane).set(result);
      });
    }
  });
}

/** sin x, or cos x = sin(x + π/2): x = q π/2 + r, and of sin r and cos r the one that q asks for with its sign. */
function sinOrCos(name: "sin" | "cos"): VectorMath {
  return (f, x, imports) => {
    const [result, r, z, q] = [f.local("v128"), f.local("v128"), f.local("v128"), f.local("v128")];
    const halves = [0, 1].map((half) => {
      const [wide, sum, turns] = [f.local("v128"), f.local("v128"), f.local("v128")];
      widened(f, x, half);
      f.tee(wide)
        .all("f64", 2 / Math.PI)
        .op("f64x2.mul")
        .all("f64", ROUNDING)
        .op("f64x2.add")
        .tee(sum);
      f.all("f64", ROUNDING).op("f64x2.sub").set(turns);
      f.get(wide).get(turns).all("f64", HALF_PI_HIGH).op("f64x2.mul", "f64x2.sub");
      f.get(turns).all("f64", HALF_PI_LOW).op("f64x2.mul", "f64x2.sub", "f32x4.demote_f64x2_zero").set(wide);
      return { wide, sum };
    });
    const [low, high] = halves as [{ wide: number; sum: number }, { wide: number; sum: number }];
    f.get(low.wide).get(high.wide).shuffle32(0, 1, 4, 5).tee(r).get(r).op("f32x4.mul").set(z);
    f.get(low.sum).get(high.sum).shuffle32(0, 2, 4, 6);
    if (name === "cos") f.all("i32", 1).op("i32x4.add");
    f.set(q);
    polynomial(f, z, COS);
    f.get(z).op("f32x4.mul").get(z).op("f32x4.mul").get(z).all("f32", 0.5).op("f32x4.mul", "f32x4.sub").all("f32", 1).op("f32x4.add");
    polynomial(f, z, SIN);
    f.get(z).op("f32x4.mul").get(r).op("f32x4.mul").get(r).op("f32x4.add");
    f.get(q).i32(31).op("i32x4.shl").i32(31).op("i32x4.shr_s", "v128.bitselect");
    f.get(q).i32(30).op("i32x4.shl").all("f32", -0).op("v128.and", "v128.xor").set(result);
    if (name === "sin") {
      // Tiny x is its own result, zeros with their sign.
      f.get(x).get(result).get(x).op("f32x4.abs");
      f.all("f32", 2 ** -12)
        .op("f32x4.lt", "v128.bitselect")
        .set(result);
    }
    f.get(x).op("f32x4.abs").all("f32", LARGEST).op("f32x4.gt");
    called(f, imports, name, [x], result);
    f.get(result);
  };
}

export const sin: VectorMath = sinOrCos("sin");
export const cos: VectorMath = sinOrCos("cos");

/** x^y = 2^(y log₂ x) of finite y and finite positive x, in float64; leaves the result on the stack. */
export function power(f: FunctionBuilder, imports: Imports, x: number, y: number): void {
  const result = f.local("v128");
  const halves = [0, 1].map((half) => {
    const wide = f.local("v128");
    widened(f, x, half);
    f.set(wide);
    const [e, m, h, rest] = reduceLog(f, wide);
    f.get(e).get(m).get(h).get(rest).op("f64x2.sub", "f64x2.sub").all("f64", Math.LOG2E).op("f64x2.mul", "f64x2.add");
    widened(f, y, half);
    f.op("f64x2.mul").set(wide);
    // Beyond these everything is zero or infinite in f32.
    powerOfTwo(f, wide, -160, 130);
    f.op("f32x4.demote_f64x2_zero").set(wide);
    return wide;
  });
  // Squares are products.
  f.get(x).get(x).op("f32x4.mul");
  f.get(halves[0] as number)
    .get(halves[1] as number)
    .shuffle32(0, 1, 4, 5);
  f.get(y).all("f32", 2).op("f32x4.eq", "v128.bitselect").set(result);
  const infinity = Number.POSITIVE_INFINITY;
  f.get(x).all("f32", 0).op("f32x4.gt").get(x).all("f32", infinity).op("f32x4.lt", "v128.and");
  f.get(y).op("f32x4.abs").all("f32", infinity).op("f32x4.lt", "v128.and", "v128.not");
  called(f, imports, "pow", [x, y], result);
  f.get(result);
}
