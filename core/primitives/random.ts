/**
 * Random numbers from counters (Salmon, Moraes, Dror, Shaw, SC 2011): element i is a pure function of a key and of i, so a kernel
 * computes it anywhere, in any order, without a state. A key is two i32 words. Bits, integers and uniform numbers are the same on
 * every device and those of `createRng` (`core/base/rng.ts`); normal numbers differ by the rounding of log, cos and sin.
 */
import { type Aval, aval, showAval } from "../base/aval.ts";
import type { FloatDType } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { SPLIT } from "../base/rng.ts";
import type { Shape } from "../base/shape.ts";
import { dense, describeLaunch } from "../kernel/lower.ts";
import { binary, cast, compare, constant, type Expr, index, load, select, unary } from "../kernel/scalar-expr.ts";
import { threefryBlock } from "../kernel/threefry.ts";
import type { Primitive } from "../primitive.ts";

interface Drawn {
  readonly shape: Shape;
}
interface DrawnFloats extends Drawn {
  readonly dtype: FloatDType;
}

const int = (value: number) => constant(value, "i32");
const i32 = (fn: "and" | "or" | "shl" | "shr", x: Expr, y: number) => binary(fn, x, int(y));
const mul = (x: Expr, y: Expr) => binary("mul", x, y);
const add = (x: Expr, y: Expr) => binary("add", x, y);
const float = (value: number, dtype: FloatDType) => constant(value, dtype);

/** The two words of block c of the key in operands 0 and 1. */
const block = (c: Expr, stream: Expr = int(0)) => threefryBlock(load(0, "i32"), load(1, "i32"), c, stream);

/** Uniform in [0, 1): the 53 leading bits of a block, or, for f32, the first 24 of these. */
function uniformOf(c: Expr, dtype: FloatDType): Expr {
  const [w0, w1] = block(c);
  if (dtype === "f32") return mul(cast(i32("shr", w0, 8), "f32"), float(2 ** -24, "f32"));
  const high = cast(i32("shr", w0, 5), "f64");
  const low = cast(binary("or", i32("shl", i32("and", w0, 31), 21), i32("shr", w1, 11)), "f64");
  return mul(add(mul(high, float(2 ** 26, "f64")), low), float(2 ** -53, "f64"));
}

/** 1 - u in (0, 1] for the uniform number u of block c; in f32 from 32 bits, so that its logarithm has a tail. */
function oneMinusUniform(c: Expr, dtype: FloatDType): Expr {
  if (dtype === "f64") return binary("sub", float(1, "f64"), uniformOf(c, "f64"));
  const rest = unary("not", block(c)[0]);
  const high = mul(cast(i32("shr", rest, 16), "f32"), float(2 ** 16, "f32"));
  const low = cast(binary("add", i32("and", rest, 0xffff), int(1)), "f32");
  return mul(add(high, low), float(2 ** -32, "f32"));
}

/**
 * Box and Muller (1958): elements 2p and 2p+1 are the two coordinates r·cos(2πu) and r·sin(2πu) of a point made of blocks 2p and 2p+1.
 * The cosine is the sine a quarter turn on, taken between half a turn either way: one function for both, of small angles.
 */
function normalOf(i: Expr, dtype: FloatDType): Expr {
  const radius = unary("sqrt", mul(float(-2, dtype), unary("log", oneMinusUniform(i32("and", i, -2), dtype))));
  const isEven = compare("eq", i32("and", i, 1), int(0));
  const turns = add(uniformOf(i32("or", i, 1), dtype), select(isEven, float(0.25, dtype), float(0, dtype)));
  const near = select(compare("ge", turns, float(0.5, dtype)), binary("sub", turns, float(1, dtype)), turns);
  return mul(radius, unary("sin", mul(float(2 * Math.PI, dtype), near)));
}

function needsKey(name: string, key: Aval): void {
  if (key.dtype !== "i32" || key.shape.length !== 1 || key.shape[0] !== 2)
    throw mismatch(`${name} needs a key, which is i32[2], but was given ${showAval(key)}`, "make one with key(seed) or splitKey(key, n)");
}

/** `element(i)` at every position i of the result, in row-major order. */
function drawn<P extends Drawn>(
  name: string,
  paramsKey: (p: P) => string,
  typed: (p: P) => Aval["dtype"],
  element: (i: Expr, p: P) => Expr,
) {
  const primitive: Primitive<P> = {
    name,
    arity: 1,
    scalar: undefined,
    paramsKey: (p) => `${p.shape.join(",")}:${paramsKey(p)}`,
    inferAval([key], params) {
      needsKey(name, key as Aval);
      return aval(params.shape, typed(params));
    },
    lower: (_inputs, out, params) => [
      describeLaunch({
        extents: [out.size],
        operands: [
          { dtype: "i32", strides: [0], input: 0 },
          { dtype: "i32", strides: [0], offset: 1, input: 0 },
        ],
        output: dense(out.dtype, [out.size]),
        result: element(index(0), params),
        indexed: true,
      }),
    ],
  };
  return primitive;
}

export const randomPrimitives = {
  /** 32 random bits in each element: word i mod 2 of block i div 2. */
  randomBits: drawn<Drawn>(
    "randomBits",
    () => "",
    () => "i32",
    (i) => {
      const [w0, w1] = block(i32("shr", i, 1));
      return select(compare("eq", i32("and", i, 1), int(0)), w0, w1);
    },
  ),
  /** n keys, i32[n, 2]; shape is [n, 2]. Key s does not depend on n. */
  splitKey: drawn<Drawn>(
    "splitKey",
    () => "",
    () => "i32",
    (i) => {
      const [w0, w1] = block(i32("shr", i, 1), int(SPLIT));
      return select(compare("eq", i32("and", i, 1), int(0)), w0, w1);
    },
  ),
  randomUniform: drawn<DrawnFloats>(
    "randomUniform",
    (p) => p.dtype,
    (p) => p.dtype,
    (i, p) => uniformOf(i, p.dtype),
  ),
  randomNormal: drawn<DrawnFloats>(
    "randomNormal",
    (p) => p.dtype,
    (p) => p.dtype,
    (i, p) => normalOf(i, p.dtype),
  ),
};
