/**
 * Elementwise primitives with NumPy's broadcasting. Each is one scalar expression: kernels are printed from it, and the same
 * expression compiled to JavaScript serves the plain numbers of user programs.
 */
import { type Aval, aval, showAval } from "../base/aval.ts";
import { type DType, isFloat, promote } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { broadcastShapes, broadcastStrides, stridesOf } from "../base/shape.ts";
import { compileScalar } from "../kernel/javascript.ts";
import { describeLaunch } from "../kernel/lower.ts";
import {
  type BinaryFn,
  binary,
  type CompareFn,
  cast,
  compare,
  constant,
  type Expr,
  load,
  select,
  type UnaryFn,
  unary,
} from "../kernel/scalar-expr.ts";
import type { Primitive } from "../primitive.ts";

/** How the dtypes of the operands decide what the expression computes in, and the dtype of the result. */
type Typing = "float" | "number" | "compare" | "logical" | "select";

function typed(name: string, typing: Typing, inputs: readonly Aval[]): { work: DType; out: DType } {
  const operands = typing === "select" ? inputs.slice(1) : inputs;
  const work = operands.map((a) => a.dtype).reduce(promote);
  const fail = (need: string) =>
    mismatch(`${name} needs ${need}, but was given ${inputs.map(showAval).join(", ")}`, "convert with cast(x, dtype)");
  if (typing === "float" && !isFloat(work)) throw fail("floating-point operands");
  if (typing === "number" && work === "bool") throw fail("numbers");
  if (typing === "logical" && inputs.some((a) => a.dtype !== "bool")) throw fail("bool operands");
  if (typing === "select" && inputs[0]?.dtype !== "bool") throw fail("a bool condition");
  return { work, out: typing === "compare" ? "bool" : work };
}

function elementwise(name: string, arity: number, typing: Typing, formula: (...args: Expr[]) => Expr): Primitive<undefined> {
  const scalar = compileScalar(
    formula(...Array.from({ length: arity }, (_, i) => load(i, typing === "logical" || (typing === "select" && i === 0) ? "bool" : "f64"))),
    arity,
  );
  return {
    name,
    arity,
    scalar,
    paramsKey: () => "",
    inferAval(inputs) {
      return aval(inputs.map((a) => a.shape).reduce(broadcastShapes), typed(name, typing, inputs).out);
    },
    lower(inputs, out) {
      const { work } = typed(name, typing, inputs);
      const loads = inputs.map((a, i) => cast(load(i, a.dtype), typing === "select" && i === 0 ? "bool" : work));
      return [
        describeLaunch({
          extents: out.shape,
          operands: inputs.map((a, input) => ({ dtype: a.dtype, strides: broadcastStrides(a.shape, out.shape), input })),
          output: { dtype: out.dtype, strides: stridesOf(out.shape) },
          result: formula(...loads),
        }),
      ];
    },
  };
}

const fn1 = (name: UnaryFn) => elementwise(name, 1, "float", (x) => unary(name, x));
const number1 = (name: UnaryFn) => elementwise(name, 1, "number", (x) => unary(name, x));
const fn2 = (name: string, fn: BinaryFn, typing: Typing = "number") => elementwise(name, 2, typing, (x, y) => binary(fn, x, y));
const compare2 = (name: CompareFn) => elementwise(name, 2, "compare", (x, y) => compare(name, x, y));

const lit = (like: Expr, value: number) => constant(value, like.dtype);
const add = (x: Expr, y: Expr) => binary("add", x, y);
const mul = (x: Expr, y: Expr) => binary("mul", x, y);
const div = (x: Expr, y: Expr) => binary("div", x, y);
/** log(1 + e^x) without overflow: max(x, 0) + log1p(e^-|x|). */
const softplusOf = (x: Expr) => add(binary("max", x, lit(x, 0)), unary("log1p", unary("exp", unary("neg", unary("abs", x)))));

/** Conversion to another dtype. */
const castTo: Primitive<{ readonly dtype: DType }> = {
  name: "cast",
  arity: 1,
  scalar: undefined,
  paramsKey: (p) => p.dtype,
  inferAval: (inputs, { dtype }) => aval((inputs[0] as Aval).shape, dtype),
  lower([x], out) {
    const a = x as Aval;
    return [
      describeLaunch({
        extents: out.shape,
        operands: [{ dtype: a.dtype, strides: stridesOf(a.shape), input: 0 }],
        output: { dtype: out.dtype, strides: stridesOf(out.shape) },
        result: cast(load(0, a.dtype), out.dtype),
      }),
    ];
  },
};

export const elementwisePrimitives = {
  neg: number1("neg"),
  abs: number1("abs"),
  sign: number1("sign"),
  floor: fn1("floor"),
  ceil: fn1("ceil"),
  trunc: fn1("trunc"),
  round: fn1("round"),
  sqrt: fn1("sqrt"),
  exp: fn1("exp"),
  expm1: fn1("expm1"),
  log: fn1("log"),
  log1p: fn1("log1p"),
  log2: fn1("log2"),
  log10: fn1("log10"),
  cbrt: fn1("cbrt"),
  sin: fn1("sin"),
  cos: fn1("cos"),
  tan: fn1("tan"),
  asin: fn1("asin"),
  acos: fn1("acos"),
  atan: fn1("atan"),
  sinh: fn1("sinh"),
  cosh: fn1("cosh"),
  tanh: fn1("tanh"),
  asinh: fn1("asinh"),
  acosh: fn1("acosh"),
  atanh: fn1("atanh"),
  erf: fn1("erf"),
  erfc: fn1("erfc"),
  lgamma: fn1("lgamma"),
  square: elementwise("square", 1, "number", (x) => mul(x, x)),
  reciprocal: elementwise("reciprocal", 1, "float", (x) => div(lit(x, 1), x)),
  rsqrt: elementwise("rsqrt", 1, "float", (x) => div(lit(x, 1), unary("sqrt", x))),
  sigmoid: elementwise("sigmoid", 1, "float", (x) => div(lit(x, 1), add(lit(x, 1), unary("exp", unary("neg", x))))),
  softplus: elementwise("softplus", 1, "float", softplusOf),
  relu: elementwise("relu", 1, "number", (x) => binary("max", x, lit(x, 0))),
  add: fn2("add", "add"),
  sub: fn2("sub", "sub"),
  mul: fn2("mul", "mul"),
  div: fn2("div", "div", "float"),
  rem: fn2("rem", "rem", "float"),
  pow: fn2("pow", "pow", "float"),
  maximum: fn2("maximum", "max"),
  minimum: fn2("minimum", "min"),
  atan2: fn2("atan2", "atan2", "float"),
  hypot: fn2("hypot", "hypot", "float"),
  polygamma: fn2("polygamma", "polygamma", "float"),
  /** log(e^a + e^b): max + log1p(e^-|a-b|); where both are the same infinity, that infinity. */
  logaddexp: elementwise("logaddexp", 2, "float", (a, b) => {
    const top = binary("max", a, b);
    const gap = unary("neg", unary("abs", binary("sub", a, b)));
    return select(compare("eq", a, b), add(top, lit(a, Math.LN2)), add(top, unary("log1p", unary("exp", gap))));
  }),
  /** a·log(b), and 0 where a = 0. */
  xlogy: elementwise("xlogy", 2, "float", (a, b) => select(compare("eq", a, lit(a, 0)), lit(a, 0), mul(a, unary("log", b)))),
  lt: compare2("lt"),
  le: compare2("le"),
  gt: compare2("gt"),
  ge: compare2("ge"),
  eq: compare2("eq"),
  ne: compare2("ne"),
  logicalAnd: fn2("logicalAnd", "and", "logical"),
  logicalOr: fn2("logicalOr", "or", "logical"),
  logicalNot: elementwise("logicalNot", 1, "logical", (x) => unary("not", x)),
  where: elementwise("where", 3, "select", (c, x, y) => select(c, x, y)),
  cast: castTo,
};
