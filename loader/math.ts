/**
 * `Math` as a rewritten program sees it: every member of JavaScript's, acting on traced numbers and tensors as well. Functions
 * with integer results (floor, trunc, ceil, round, sign, clz32, imul) give plain numbers, whose derivative is zero everywhere
 * but at the jumps.
 */
import { unsupported } from "../core/base/errors.ts";
import * as ops from "../core/ops.ts";
import { Tensor } from "../core/tensor/tensor.ts";
import { innermost, isKnown, type Value } from "../core/tensor/traced.ts";
import { isCarried, operand, plain } from "./coerce.ts";

type Fold = (a: Value, b: Value) => Value;

function unary(native: (x: number) => number, carried: (x: Value) => Value): (x: unknown) => unknown {
  return (x) => {
    if (typeof x === "number") return native(x);
    const v = operand(x);
    return typeof v === "number" ? native(v) : carried(v);
  };
}

/** Piecewise constant: a traced number gives the plain result, a tensor the tensor of results, what is not known yet a node. */
function step(native: (x: number) => number, carried: (x: Value) => Value): (x: unknown) => unknown {
  return (x) => {
    if (typeof x === "number") return native(x);
    const v = operand(x);
    if (typeof v === "number") return native(v);
    if (!isKnown(v)) return carried(v);
    const inner = innermost(v);
    return inner instanceof Tensor ? carried(v) : native(inner);
  };
}

function binary(native: (x: number, y: number) => number, carried: Fold): (x: unknown, y: unknown) => unknown {
  return (x, y) => {
    if (typeof x === "number" && typeof y === "number") return native(x, y);
    const v = operand(x);
    const w = operand(y);
    return typeof v === "number" && typeof w === "number" ? native(v, w) : carried(v, w);
  };
}

/** Any number of arguments; `single` is the result for one. */
function variadic(native: (...xs: number[]) => number, fold: Fold, single: (x: Value) => Value): (...xs: unknown[]) => unknown {
  return (...xs) => {
    for (let i = 0; i < xs.length; i++) if (typeof xs[i] !== "number") return foldAll(xs);
    return native(...(xs as number[]));
  };
  function foldAll(xs: unknown[]): unknown {
    const values = xs.map(operand);
    if (!values.some(isCarried)) return native(...(values as number[]));
    const [first, ...rest] = values as [Value, ...Value[]];
    return rest.length === 0 ? single(first) : rest.reduce(fold, first);
  }
}

function refuseRandom(): never {
  throw unsupported(
    "Math.random gives another number at each call, so a function that uses it cannot be differentiated",
    "pass the random numbers as an argument",
  );
}

function fround(x: unknown): number {
  const v = operand(x);
  if (isCarried(v))
    throw unsupported(
      "Math.fround of a number that is being differentiated would round away its derivative",
      "leave it out, or choose the dtype of the run",
    );
  return Math.fround(v);
}

const identity = (x: Value): Value => x;

/**
 * m·sqrt(sum (x/m)²) with m the largest |x|, which the result does not depend on, so m may be a plain number. Folding by pairs
 * would meet the kink of hypot(0, 0) where only some arguments are zero.
 */
function hypotOf(...xs: unknown[]): unknown {
  if (xs.length <= 2 || xs.map(operand).some((x) => !isKnown(x) || innermost(x) instanceof Tensor)) return hypotByPairs(...xs);
  const values = xs.map(operand);
  if (!values.some(isCarried)) return Math.hypot(...(values as number[]));
  const largest = Math.max(...values.map((x) => Math.abs(innermost(x) as number)));
  const m = largest > 0 && largest < Infinity ? largest : 1;
  const squares = values.map((x) => {
    const scaled = ops.div(x, m);
    return ops.mul(scaled, scaled);
  });
  return ops.mul(m, ops.sqrt(squares.reduce((a, b) => ops.add(a, b))));
}
const hypotByPairs = variadic(Math.hypot, ops.hypot, ops.abs);

/** The replacement of `Math`; `random` refuses. */
export const math: Readonly<Record<string, unknown>> = Object.freeze(
  Object.defineProperty(
    {
      E: Math.E,
      LN10: Math.LN10,
      LN2: Math.LN2,
      LOG10E: Math.LOG10E,
      LOG2E: Math.LOG2E,
      PI: Math.PI,
      SQRT1_2: Math.SQRT1_2,
      SQRT2: Math.SQRT2,
      abs: unary(Math.abs, ops.abs),
      acos: unary(Math.acos, ops.acos),
      acosh: unary(Math.acosh, ops.acosh),
      asin: unary(Math.asin, ops.asin),
      asinh: unary(Math.asinh, ops.asinh),
      atan: unary(Math.atan, ops.atan),
      atan2: binary(Math.atan2, ops.atan2),
      atanh: unary(Math.atanh, ops.atanh),
      cbrt: unary(Math.cbrt, ops.cbrt),
      ceil: step(Math.ceil, ops.ceil),
      clz32: (x: unknown) => Math.clz32(plain(operand(x), "an integer") as number),
      cos: unary(Math.cos, ops.cos),
      cosh: unary(Math.cosh, ops.cosh),
      exp: unary(Math.exp, ops.exp),
      expm1: unary(Math.expm1, ops.expm1),
      floor: step(Math.floor, ops.floor),
      fround,
      hypot: hypotOf,
      imul: (x: unknown, y: unknown) => Math.imul(plain(operand(x), "an integer") as number, plain(operand(y), "an integer") as number),
      log: unary(Math.log, ops.log),
      log10: unary(Math.log10, ops.log10),
      log1p: unary(Math.log1p, ops.log1p),
      log2: unary(Math.log2, ops.log2),
      max: variadic(Math.max, ops.maximum, identity),
      min: variadic(Math.min, ops.minimum, identity),
      pow: binary(Math.pow, ops.pow),
      random: refuseRandom,
      round: step(Math.round, ops.round),
      sign: step(Math.sign, ops.sign),
      sin: unary(Math.sin, ops.sin),
      sinh: unary(Math.sinh, ops.sinh),
      sqrt: unary(Math.sqrt, ops.sqrt),
      tan: unary(Math.tan, ops.tan),
      tanh: unary(Math.tanh, ops.tanh),
      trunc: step(Math.trunc, ops.trunc),
    },
    Symbol.toStringTag,
    { value: "Math" },
  ),
);
