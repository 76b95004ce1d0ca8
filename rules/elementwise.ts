/**
 * Elementwise rules. Each is the factor ∂y/∂x_i; formulas prefer the output where it gives them (exp, tanh, sqrt), so the input
 * may be freed. Conventions at kinks: abs and relu have derivative 0 at 0, maximum and minimum give half to each operand at a
 * tie, and a factor that would be 0·∞ at a point where the derivative is 0 is written so that it is 0.
 */
import type { DType } from "../core/base/dtype.ts";
import type { Ops } from "../core/vocabulary.ts";
import { factor, inputs, minus, per, plus, type Rule, type Site, zero } from "./rule.ts";

type At = <V>(op: Ops<V>, site: Site<V, undefined>) => V;
const one = (partial: At): Rule<undefined> => inputs(factor<undefined>(partial));
const over = (divisor: At): Rule<undefined> => inputs(per<undefined>(divisor));
const two = (dx: At, dy: At): Rule<undefined> => inputs(factor<undefined>(dx), factor<undefined>(dy));

/** 1 - v². */
const oneMinusSquare = <V>(op: Ops<V>, v: V) => op.sub(1, op.square(v));

/** 1 where a beats b, ½ where they tie, 0 elsewhere: ½((a ≥ b) + (a > b)). The comparisons carry no derivative. */
function share<V>(op: Ops<V>, s: Site<V, undefined>, beats: "gt" | "lt", or: "ge" | "le", a: V, b: V): V {
  const { dtype } = s.outAval;
  return op.mul(op.add(op.cast(op[or](a, b), dtype), op.cast(op[beats](a, b), dtype)), 0.5);
}

const constantPieces = zero("piecewise constant");
const truthValue = zero("a truth value");

export const elementwiseRules = {
  /** y = -x. */
  neg: inputs(minus),
  /** y = |x|: sign(x). */
  abs: one((op, s) => op.sign(s.in(0))),
  sign: constantPieces,
  floor: constantPieces,
  ceil: constantPieces,
  trunc: constantPieces,
  round: constantPieces,
  /** y = √x: 1/(2y). */
  sqrt: over((op, s) => op.mul(s.out, 2)),
  /** y = e^x: y. */
  exp: one((_op, s) => s.out),
  /** y = e^x - 1: y + 1. */
  expm1: one((op, s) => op.add(s.out, 1)),
  /** y = log x: 1/x. */
  log: over((_op, s) => s.in(0)),
  /** y = log(1 + x): 1/(1 + x). */
  log1p: over((op, s) => op.add(s.in(0), 1)),
  log2: over((op, s) => op.mul(s.in(0), Math.LN2)),
  log10: over((op, s) => op.mul(s.in(0), Math.LN10)),
  /** y = ∛x: 1/(3y²). */
  cbrt: over((op, s) => op.mul(op.square(s.out), 3)),
  sin: one((op, s) => op.cos(s.in(0))),
  cos: one((op, s) => op.neg(op.sin(s.in(0)))),
  /** y = tan x: 1 + y². */
  tan: one((op, s) => op.add(op.square(s.out), 1)),
  asin: one((op, s) => op.rsqrt(oneMinusSquare(op, s.in(0)))),
  acos: one((op, s) => op.neg(op.rsqrt(oneMinusSquare(op, s.in(0))))),
  atan: over((op, s) => op.add(op.square(s.in(0)), 1)),
  sinh: one((op, s) => op.cosh(s.in(0))),
  cosh: one((op, s) => op.sinh(s.in(0))),
  /** y = tanh x: 1 - y². */
  tanh: one((op, s) => oneMinusSquare(op, s.out)),
  asinh: one((op, s) => op.rsqrt(op.add(op.square(s.in(0)), 1))),
  acosh: one((op, s) => op.rsqrt(op.sub(op.square(s.in(0)), 1))),
  atanh: over((op, s) => oneMinusSquare(op, s.in(0))),
  /** y = erf x: 2/√π e^(-x²). */
  erf: one((op, s) => op.mul(2 / Math.sqrt(Math.PI), op.exp(op.neg(op.square(s.in(0)))))),
  erfc: one((op, s) => op.mul(-2 / Math.sqrt(Math.PI), op.exp(op.neg(op.square(s.in(0)))))),
  /** y = log |Γ(x)|: ψ(x). */
  lgamma: one((op, s) => op.polygamma(0, s.in(0))),
  square: one((op, s) => op.mul(s.in(0), 2)),
  /** y = 1/x: -y². */
  reciprocal: one((op, s) => op.neg(op.square(s.out))),
  /** y = x^(-1/2): -y³/2. */
  rsqrt: one((op, s) => op.mul(op.mul(op.square(s.out), s.out), -0.5)),
  /** y = σ(x): y(1 - y). */
  sigmoid: one((op, s) => op.mul(s.out, op.sub(1, s.out))),
  softplus: one((op, s) => op.sigmoid(s.in(0))),
  /** y = max(x, 0): 1 for x > 0, else 0. */
  relu: inputs<undefined>({
    vjp: (op, ct, s) => op.where(op.gt(s.out, 0), ct, 0),
    jvp: (op, t, s) => op.where(op.gt(s.out, 0), t, 0),
  }),
  add: inputs(plus, plus),
  sub: inputs(plus, minus),
  mul: two(
    (_op, s) => s.in(1),
    (_op, s) => s.in(0),
  ),
  /** y = a/b: 1/b and -y/b. */
  div: inputs<undefined>(
    per<undefined>((_op, s) => s.in(1)),
    factor<undefined>((op, s) => op.neg(op.div(s.out, s.in(1)))),
  ),
  /** y = a - b·trunc(a/b): 1 and -trunc(a/b). */
  rem: inputs<undefined>(
    plus,
    factor<undefined>((op, s) => op.neg(op.trunc(op.div(s.in(0), s.in(1))))),
  ),
  /** y = a^b: b·a^(b-1), which is 0 for b = 0; and y·log(a), which is 0 at a = 0. */
  pow: two(
    (op, s) => {
      const flat = op.eq(s.in(1), 0);
      const exponent = op.where(flat, 1, s.in(1));
      return op.where(flat, 0, op.mul(exponent, op.pow(s.in(0), op.sub(exponent, 1))));
    },
    (op, s) => {
      const atZero = op.eq(s.in(0), 0);
      return op.where(atZero, 0, op.mul(s.out, op.log(op.where(atZero, 1, s.in(0)))));
    },
  ),
  maximum: two(
    (op, s) => share(op, s, "gt", "ge", s.in(0), s.in(1)),
    (op, s) => share(op, s, "gt", "ge", s.in(1), s.in(0)),
  ),
  minimum: two(
    (op, s) => share(op, s, "lt", "le", s.in(0), s.in(1)),
    (op, s) => share(op, s, "lt", "le", s.in(1), s.in(0)),
  ),
  /** y = atan2(a, b): b/(a² + b²) and -a/(a² + b²). */
  atan2: two(
    (op, s) => op.div(s.in(1), op.add(op.square(s.in(0)), op.square(s.in(1)))),
    (op, s) => op.neg(op.div(s.in(0), op.add(op.square(s.in(0)), op.square(s.in(1))))),
  ),
  /** y = √(a² + b²): a/y and b/y. */
  hypot: two(
    (op, s) => op.div(s.in(0), s.out),
    (op, s) => op.div(s.in(1), s.out),
  ),
  /** y = ψ⁽ⁿ⁾(x): ψ⁽ⁿ⁺¹⁾(x); the order is not differentiable. */
  polygamma: inputs<undefined>(
    null,
    factor<undefined>((op, s) => op.polygamma(op.add(s.in(0), 1), s.in(1))),
  ),
  /** y = log(e^a + e^b): σ(a - b) and σ(b - a). */
  logaddexp: two(
    (op, s) => op.sigmoid(op.sub(s.in(0), s.in(1))),
    (op, s) => op.sigmoid(op.sub(s.in(1), s.in(0))),
  ),
  /** y = a·log b: log b and a/b. */
  xlogy: two(
    (op, s) => op.log(s.in(1)),
    (op, s) => op.div(s.in(0), s.in(1)),
  ),
  lt: truthValue,
  le: truthValue,
  gt: truthValue,
  ge: truthValue,
  eq: truthValue,
  ne: truthValue,
  logicalAnd: truthValue,
  logicalOr: truthValue,
  logicalNot: truthValue,
  /** y = c ? a : b; the other side gets exactly 0, whatever its value. */
  where: inputs<undefined>(
    null,
    { vjp: (op, ct, s) => op.where(s.in(0), ct, 0), jvp: (op, t, s) => op.where(s.in(0), t, 0) },
    { vjp: (op, ct, s) => op.where(s.in(0), 0, ct), jvp: (op, t, s) => op.where(s.in(0), 0, t) },
  ),
  /** Between floating dtypes; a result that is no float carries no derivative, so no rule is asked. */
  cast: inputs<{ readonly dtype: DType }>({
    vjp: (op, ct, s) => op.cast(ct, s.inAval(0).dtype),
    jvp: (op, t, s) => op.cast(t, s.outAval.dtype),
  }),
};
