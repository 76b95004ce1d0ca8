/**
 * A carrier for tests of the loader: nested forward-mode dual numbers with partial derivatives written out here, independent of
 * the project's rules and engines.
 */
import * as ops from "../../core/ops.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { Traced, type Value } from "../../core/tensor/traced.ts";
import type { Intrinsics } from "../../engines/engine.ts";

export class Dual extends Traced {
  override readonly level: number;
  override readonly primal: Value;
  readonly tangent: Value;

  constructor(level: number, primal: Value, tangent: Value) {
    super();
    this.level = level;
    this.primal = primal;
    this.tangent = tangent;
  }

  override interpret(primitive: AnyPrimitive, inputs: readonly Value[]): Value {
    const rule = PARTIALS[primitive.name];
    if (!rule) throw new Error(`the test carrier has no partial derivative of ${primitive.name}`);
    const primals = inputs.map((x) => (this.isMine(x) ? x.primal : x));
    const f = (ops as unknown as Record<string, (...xs: Value[]) => Value>)[primitive.name] as (...xs: Value[]) => Value;
    const y = f(...primals);
    const partials = rule(primals[0] as Value, primals[1] as Value, y);
    let dy: Value = 0;
    inputs.forEach((x, i) => {
      if (this.isMine(x)) dy = ops.add(dy, ops.mul(x.tangent, (partials[i] as () => Value)()));
    });
    return new Dual(this.level, y, dy);
  }

  isMine(x: unknown): x is Dual {
    return x instanceof Dual && x.level === this.level;
  }
}

const { add, sub, mul, div, neg, pow, sqrt, exp, log } = ops;
const sq = (x: Value): Value => mul(x, x);
const zero = (): Value => 0;

/** Partial derivatives by operand, at (a, b) with result y. */
const PARTIALS: Readonly<Record<string, (a: Value, b: Value, y: Value) => (() => Value)[]>> = {
  add: () => [() => 1, () => 1],
  sub: () => [() => 1, () => -1],
  mul: (a, b) => [() => b, () => a],
  div: (_a, b, y) => [() => div(1, b), () => neg(div(y, b))],
  rem: (a, b) => [() => 1, () => neg(ops.trunc(div(a, b)))],
  pow: (a, b, y) => [() => mul(b, pow(a, sub(b, 1))), () => mul(y, log(a))],
  neg: () => [() => -1],
  abs: (a) => [() => ops.sign(a)],
  sign: () => [zero],
  floor: () => [zero],
  ceil: () => [zero],
  trunc: () => [zero],
  round: () => [zero],
  exp: (_a, _b, y) => [() => y],
  expm1: (_a, _b, y) => [() => add(y, 1)],
  log: (a) => [() => div(1, a)],
  log1p: (a) => [() => div(1, add(1, a))],
  log2: (a) => [() => div(Math.LOG2E, a)],
  log10: (a) => [() => div(Math.LOG10E, a)],
  cbrt: (_a, _b, y) => [() => div(1, mul(3, sq(y)))],
  sqrt: (_a, _b, y) => [() => div(0.5, y)],
  sin: (a) => [() => ops.cos(a)],
  cos: (a) => [() => neg(ops.sin(a))],
  tan: (_a, _b, y) => [() => add(1, sq(y))],
  asin: (a) => [() => div(1, sqrt(sub(1, sq(a))))],
  acos: (a) => [() => div(-1, sqrt(sub(1, sq(a))))],
  atan: (a) => [() => div(1, add(1, sq(a)))],
  atan2: (a, b) => [() => div(b, add(sq(a), sq(b))), () => neg(div(a, add(sq(a), sq(b))))],
  sinh: (a) => [() => div(add(exp(a), exp(neg(a))), 2)],
  cosh: (a) => [() => div(sub(exp(a), exp(neg(a))), 2)],
  tanh: (_a, _b, y) => [() => sub(1, sq(y))],
  asinh: (a) => [() => div(1, sqrt(add(sq(a), 1)))],
  acosh: (a) => [() => div(1, sqrt(sub(sq(a), 1)))],
  atanh: (a) => [() => div(1, sub(1, sq(a)))],
  hypot: (a, b, y) => [() => div(a, y), () => div(b, y)],
  maximum: (a, b) => [() => ((ops.gt(a, b) as unknown as number) ? 1 : 0), () => ((ops.gt(a, b) as unknown as number) ? 0 : 1)],
  minimum: (a, b) => [() => ((ops.lt(a, b) as unknown as number) ? 1 : 0), () => ((ops.lt(a, b) as unknown as number) ? 0 : 1)],
  gt: () => [zero, zero],
  lt: () => [zero, zero],
};

let levels = 0;

function tangentOf(level: number, y: unknown): Value {
  return y instanceof Dual && y.level === level ? y.tangent : 0;
}

/** Runs `f` on arguments of which the leaf number `at` of argument 0 has tangent 1. */
function derivative(
  f: (...args: unknown[]) => unknown,
  args: readonly unknown[],
  wrt: number,
  at: number,
): { value: unknown; slope: Value } {
  const level = ++levels;
  let count = 0;
  const seed = (x: unknown): unknown => {
    if (typeof x === "number" || x instanceof Traced) return new Dual(level, x, count++ === at ? 1 : 0);
    if (Array.isArray(x)) return x.map(seed);
    if (typeof x === "object" && x !== null) return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, seed(v)]));
    return x;
  };
  const y = f(...args.map((x, i) => (i === wrt ? seed(x) : x)));
  return { value: y instanceof Dual && y.level === level ? y.primal : y, slope: tangentOf(level, y) };
}

/** The gradient with respect to argument `wrt`, shaped like it; null for leaves that are no numbers. */
export function gradient(f: (...args: unknown[]) => unknown, args: readonly unknown[], wrt = 0): unknown {
  let count = 0;
  const each = (x: unknown): unknown => {
    if (typeof x === "number" || x instanceof Traced) return derivative(f, args, wrt, count++).slope;
    if (Array.isArray(x)) return x.map(each);
    if (typeof x === "object" && x !== null) return Object.fromEntries(Object.entries(x).map(([k, v]) => [k, each(v)]));
    return null;
  };
  return each(args[wrt]);
}

type AnyFunction = (...args: unknown[]) => unknown;

export const dualIntrinsics: Intrinsics = {
  grad:
    (f) =>
    (...args) =>
      gradient(f as AnyFunction, args),
  valueAndGrad:
    (f) =>
    (...args) => [(f as AnyFunction)(...args), gradient(f as AnyFunction, args)],
  jvp(f, x, dx) {
    const { value, slope } = derivative(f as AnyFunction, [x], 0, 0);
    return [value, mul(slope, dx as Value)];
  },
  vjp(f, x) {
    const { value, slope } = derivative(f as AnyFunction, [x], 0, 0);
    return [value, (ct) => mul(slope, ct as Value)];
  },
  stopGradient: (x) => x,
  checkpoint: (f) => f,
};
