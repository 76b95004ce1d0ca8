/**
 * Scalar functions as tfjs kernels. What a kernel does at a NaN, at an overflow or with a bool differs from backend to backend, so
 * each function has a list of ways to compute it, the simplest first, and when a device opens each way is tried on numbers that tell
 * right from wrong: the first that agrees with the definition in `kernel/javascript.ts` is used. A function without a way that
 * agrees is none of this backend; kernels that need it are computed on the host.
 */
import type { DType } from "../../base/dtype.ts";
import { broadcastShapes, sameShape } from "../../base/shape.ts";
import type { BinaryFn, CompareFn, Expr, UnaryFn } from "../../kernel/scalar-expr.ts";
import type { TfDType } from "./backend.ts";
import { broadcast } from "./broadcast.ts";
import type { Builder, Value } from "./program.ts";

/** Builds the result of a function from its arguments, which have one rank. */
export type Way = (b: Builder, ...args: Value[]) => Value;

export const TF_DTYPE: Record<Exclude<DType, "f64">, TfDType> = { f32: "float32", i32: "int32", bool: "bool" };

/** Arithmetic that the backends broadcast well by themselves. */
const ARITHMETIC: ReadonlySet<string> = new Set(["Add", "Sub", "Multiply", "RealDiv"]);

const kernel1 =
  (name: string, dtype?: TfDType): Way =>
  (b, x) =>
    b.kernel(name, { x: x as Value }, {}, (x as Value).shape, dtype ?? (x as Value).dtype);

function apply2(b: Builder, name: string, x: Value, y: Value, dtype: TfDType = x.dtype): Value {
  const shape = broadcastShapes(x.shape, y.shape);
  const broadcasts = ARITHMETIC.has(name) && x.dtype === "float32";
  const [a, c] = broadcasts || sameShape(x.shape, y.shape) ? [x, y] : [broadcast(b, x, shape), broadcast(b, y, shape)];
  return b.kernel(name, { a, b: c }, {}, shape, dtype);
}

const kernel2 =
  (name: string, dtype?: TfDType): Way =>
  (b, x, y) =>
    apply2(b, name, x as Value, y as Value, dtype ?? (x as Value).dtype);

const lit = (b: Builder, like: Value, value: number) => b.constant(value, like.shape.length, like.dtype);
const add = (b: Builder, x: Value, y: Value) => apply2(b, "Add", x, y);
const sub = (b: Builder, x: Value, y: Value) => apply2(b, "Sub", x, y);
const mul = (b: Builder, x: Value, y: Value) => apply2(b, "Multiply", x, y);
const less = (b: Builder, x: Value, y: Value) => apply2(b, "Less", x, y, "bool");
const atLeast = (b: Builder, x: Value, y: Value) => apply2(b, "GreaterEqual", x, y, "bool");
const atMost = (b: Builder, x: Value, y: Value) => apply2(b, "LessEqual", x, y, "bool");
const equal = (b: Builder, x: Value, y: Value) => apply2(b, "Equal", x, y, "bool");
const differs = (b: Builder, x: Value, y: Value) => apply2(b, "NotEqual", x, y, "bool");
const either = (b: Builder, x: Value, y: Value) => apply2(b, "LogicalOr", x, y);
const both = (b: Builder, x: Value, y: Value) => apply2(b, "LogicalAnd", x, y);
const cast = (b: Builder, x: Value, dtype: TfDType) => (x.dtype === dtype ? x : b.kernel("Cast", { x }, { dtype }, x.shape, dtype));
const isNaNOf = (b: Builder, x: Value) => differs(b, x, x);

function choose(b: Builder, c: Value, x: Value, y: Value): Value {
  const shape = broadcastShapes(broadcastShapes(c.shape, x.shape), y.shape);
  const [condition, t, e] = [c, x, y].map((v) => broadcast(b, v, shape)) as [Value, Value, Value];
  return b.kernel("Select", { condition, t, e }, {}, shape, x.dtype);
}

const way1 = (f: (b: Builder, x: Value) => Value): Way => f as Way;
const way2 = (f: (b: Builder, x: Value, y: Value) => Value): Way => f as Way;

const identity: Way = (_, x) => x as Value;
const truncated = (b: Builder, x: Value) =>
  choose(b, less(b, x, lit(b, x, 0)), b.kernel("Ceil", { x }, {}, x.shape, x.dtype), b.kernel("Floor", { x }, {}, x.shape, x.dtype));
const keepsNaN = (way: Way): Way => way1((b, x) => choose(b, isNaNOf(b, x), x, way(b, x)));
const scaledLog = (base: number): Way =>
  way1((b, x) => mul(b, b.kernel("Log", { x }, {}, x.shape, x.dtype), lit(b, x, 1 / Math.log(base))));

/** Floor, and one more where at least a half is left. */
const roundHalfUp = (b: Builder, x: Value) => {
  const floor = b.kernel("Floor", { x }, {}, x.shape, x.dtype);
  return choose(b, atLeast(b, sub(b, x, floor), lit(b, x, 0.5)), add(b, floor, lit(b, x, 1)), floor);
};

const sign = (b: Builder, x: Value) => {
  const zero = lit(b, x, 0);
  return sub(b, cast(b, less(b, zero, x), x.dtype), cast(b, less(b, x, zero), x.dtype));
};

/** log(u) x / (u - 1) for u = 1 + x, which makes up for the rounding of u (Kahan, in the HP-15C handbook, 1982). */
const log1p = way1((b, x) => {
  const u = add(b, x, lit(b, x, 1));
  const isItself = either(b, equal(b, u, lit(b, x, 1)), equal(b, u, lit(b, x, Number.POSITIVE_INFINITY)));
  const log = mul(b, kernel1("Log")(b, u), apply2(b, "RealDiv", x, sub(b, u, lit(b, x, 1))));
  return choose(b, isItself, x, log);
});

/** 2t / (1 + t²) and (1 - t)(1 + t) / (1 + t²) for t = tan(x / 2). */
const byHalfAngle = (top: (b: Builder, t: Value, one: Value) => Value): Way =>
  way1((b, x) => {
    const t = kernel1("Tan")(b, mul(b, x, lit(b, x, 0.5)));
    const one = lit(b, x, 1);
    return apply2(b, "RealDiv", top(b, t, one), add(b, one, mul(b, t, t)));
  });

const FLOAT_UNARY: Partial<Record<UnaryFn, readonly Way[]>> = {
  neg: [kernel1("Neg")],
  abs: [kernel1("Abs")],
  sign: [kernel1("Sign"), keepsNaN(kernel1("Sign")), keepsNaN(way1(sign))],
  floor: [kernel1("Floor")],
  ceil: [kernel1("Ceil")],
  trunc: [way1(truncated)],
  round: [way1(roundHalfUp)],
  sqrt: [kernel1("Sqrt")],
  exp: [kernel1("Exp")],
  expm1: [kernel1("Expm1")],
  log: [kernel1("Log")],
  log1p: [kernel1("Log1p"), log1p],
  log2: [scaledLog(2)],
  log10: [scaledLog(10)],
  sin: [kernel1("Sin"), byHalfAngle((b, t) => add(b, t, t))],
  cos: [kernel1("Cos"), byHalfAngle((b, t, one) => mul(b, sub(b, one, t), add(b, one, t)))],
  tan: [kernel1("Tan")],
  asin: [kernel1("Asin")],
  acos: [kernel1("Acos")],
  atan: [kernel1("Atan")],
  sinh: [kernel1("Sinh")],
  cosh: [kernel1("Cosh")],
  tanh: [kernel1("Tanh")],
  asinh: [kernel1("Asinh")],
  acosh: [kernel1("Acosh")],
  atanh: [kernel1("Atanh")],
  erf: [kernel1("Erf")],
};

const INT_UNARY: Partial<Record<UnaryFn, readonly Way[]>> = {
  neg: [way1((b, x) => sub(b, lit(b, x, 0), x))],
  abs: [way1((b, x) => choose(b, less(b, x, lit(b, x, 0)), sub(b, lit(b, x, 0), x), x))],
  sign: [way1(sign)],
  not: [way1((b, x) => sub(b, lit(b, x, -1), x))],
  floor: [identity],
  ceil: [identity],
  trunc: [identity],
  round: [identity],
};

const BOOL_UNARY: Partial<Record<UnaryFn, readonly Way[]>> = {
  ...Object.fromEntries((["floor", "ceil", "trunc", "round", "neg", "abs", "sign"] as const).map((fn) => [fn, [identity]])),
  not: [kernel1("LogicalNot")],
};

/** x where it is beyond y or neither a number, else y. A constant is never NaN here. */
const extreme = (beyond: typeof atMost): Way =>
  way2((b, x, y) => {
    const takesY = beyond(b, x, y);
    const isKnown = y.constant !== undefined && !Number.isNaN(y.constant);
    return choose(b, isKnown ? takesY : either(b, takesY, isNaNOf(b, y)), y, x);
  });

/** As in JavaScript, 1 to a power that is infinite or NaN is NaN. */
const power = way2((b, x, y) => {
  const unit = both(b, equal(b, kernel1("Abs")(b, x), lit(b, x, 1)), equal(b, kernel1("Abs")(b, y), lit(b, y, Number.POSITIVE_INFINITY)));
  return choose(b, either(b, isNaNOf(b, y), unit), lit(b, x, Number.NaN), apply2(b, "Pow", x, y));
});

/** x · y where products of more than 53 bits lose some: by the halves of y, each product being exact before it wraps. */
const productByHalves = way2((b, x, y) => {
  const half = lit(b, y, 65536);
  const high = apply2(b, "FloorDiv", y, half);
  const low = sub(b, y, mul(b, high, half));
  return add(b, mul(b, mul(b, x, high), half), mul(b, x, low));
});

const FLOAT_BINARY: Partial<Record<BinaryFn, readonly Way[]>> = {
  add: [kernel2("Add")],
  sub: [kernel2("Sub")],
  mul: [kernel2("Multiply")],
  div: [kernel2("RealDiv")],
  max: [kernel2("Maximum"), extreme(atMost)],
  min: [kernel2("Minimum"), extreme(atLeast)],
  pow: [kernel2("Pow"), power],
  atan2: [kernel2("Atan2")],
};

const INT_BINARY: Partial<Record<BinaryFn, readonly Way[]>> = {
  add: [kernel2("Add")],
  sub: [kernel2("Sub")],
  mul: [kernel2("Multiply"), productByHalves],
  max: [kernel2("Maximum"), extreme(atMost)],
  min: [kernel2("Minimum"), extreme(atLeast)],
};

const [AND, OR, XOR]: Way[][] = [[kernel2("LogicalAnd")], [kernel2("LogicalOr")], [kernel2("NotEqual")]] as [Way[], Way[], Way[]];
const BOOL_BINARY: Partial<Record<BinaryFn, readonly Way[]>> = {
  and: AND as Way[],
  mul: AND as Way[],
  min: AND as Way[],
  div: AND as Way[],
  or: OR as Way[],
  add: OR as Way[],
  max: OR as Way[],
  xor: XOR as Way[],
  sub: XOR as Way[],
};

const COMPARE: Record<CompareFn, string> = {
  lt: "Less",
  le: "LessEqual",
  gt: "Greater",
  ge: "GreaterEqual",
  eq: "Equal",
  ne: "NotEqual",
};

const selectBools: Way = (b, c, x, y) => {
  const [mask, yes, no] = [c, x, y] as [Value, Value, Value];
  return either(b, both(b, mask, yes), both(b, kernel1("LogicalNot")(b, mask), no));
};

/** Towards zero and saturating, NaN giving 0. */
const saturated = way1((b, x) => {
  const [top, bottom] = [2147483648, -2147483648];
  const inside = choose(
    b,
    either(b, isNaNOf(b, x), either(b, atLeast(b, x, lit(b, x, top)), less(b, x, lit(b, x, bottom)))),
    lit(b, x, 0),
    x,
  );
  const whole = cast(b, inside, "int32");
  const isTop = atLeast(b, x, lit(b, x, top));
  const high = choose(b, isTop, lit(b, whole, 2147483647), whole);
  return choose(b, less(b, x, lit(b, x, bottom)), lit(b, whole, bottom), high);
});

function castWays(from: DType, to: DType): readonly Way[] {
  if (from === to) return [identity];
  const plain: Way = way1((b, x) => cast(b, x, TF_DTYPE[to as "f32"]));
  if (to === "bool") return [way1((b, x) => differs(b, x, lit(b, x, 0)))];
  if (from === "bool") return [plain];
  // Where a cast gives numbers that are no float32, a multiplication rounds them.
  if (to === "f32") return [plain, way1((b, x) => b.kernel("Multiply", { a: plain(b, x), b: fillOnes(b, x) }, {}, x.shape, "float32"))];
  return [plain, saturated];
}

const fillOnes = (b: Builder, x: Value) => broadcast(b, b.constant(1, x.shape.length, "float32"), x.shape);

/** The ways to compute the root of an expression from its arguments; empty for leaves, and where float64 has a part in it. */
export function waysOf(e: Expr): readonly Way[] {
  switch (e.kind) {
    case "unary":
      return (e.dtype === "f32" ? FLOAT_UNARY : e.dtype === "i32" ? INT_UNARY : e.dtype === "bool" ? BOOL_UNARY : {})[e.fn] ?? [];
    case "binary":
      return (e.dtype === "f32" ? FLOAT_BINARY : e.dtype === "i32" ? INT_BINARY : e.dtype === "bool" ? BOOL_BINARY : {})[e.fn] ?? [];
    case "compare": {
      const compared = kernel2(COMPARE[e.fn], "bool");
      if (e.x.dtype === "f64") return [];
      return e.x.dtype === "bool" ? [way2((b, x, y) => compared(b, cast(b, x, "int32"), cast(b, y, "int32")))] : [compared];
    }
    case "select":
      return e.dtype === "f64" ? [] : e.dtype === "bool" ? [selectBools] : [choose as Way];
    case "cast":
      return e.dtype === "f64" || e.x.dtype === "f64" ? [] : castWays(e.x.dtype, e.dtype);
    default:
      return [];
  }
}
