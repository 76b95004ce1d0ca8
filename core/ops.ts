/**
 * The functions that models are written in: free functions over numbers and tensors, with NumPy's names and broadcasting. They
 * accept negative axes and missing arguments, check shapes at once, and compose primitives where no primitive pays for itself.
 * Under an engine the same functions see traced values; nothing here knows of derivatives.
 */
import type { DType } from "./base/dtype.ts";
import { mismatch } from "./base/errors.ts";
import { normalizeAxes, normalizeAxis, type Shape, showShape } from "./base/shape.ts";
import { known, oneOf, shaped, truth } from "./ops/options.ts";
import type { Tensor } from "./tensor/tensor.ts";
import type { Value } from "./tensor/traced.ts";
import { avalOf, valueOps as v } from "./tensor/values.ts";

export * from "./ops/control.ts";
export * from "./ops/decomposition.ts";
export * from "./ops/einsum.ts";
export * from "./ops/indexing.ts";
export * from "./ops/losses.ts";
export * from "./ops/movement.ts";
export * from "./ops/random.ts";
export * from "./ops/sorting.ts";
export * from "./ops/statistics.ts";
export * from "./ops/windows.ts";
export { scope } from "./tensor/scope.ts";
export { createTensor, Tensor } from "./tensor/tensor.ts";

/** A tensor or a plain number. */
export type Operand = Tensor | number;

/** Elementwise function of one operand: numbers give numbers, tensors give tensors of their shape. */
interface Unary {
  (x: number): number;
  (x: Tensor): Tensor;
  (x: Value): Value;
}
/** Elementwise function of two operands, broadcasting; a number takes the dtype of the tensor beside it. */
interface Binary {
  (x: number, y: number): number;
  (x: Operand, y: Operand): Tensor;
  (x: Value, y: Value): Value;
}

/** -x. */
export const neg = v.neg as Unary;
/** |x|; derivative 0 at 0. */
export const abs = v.abs as Unary;
/** -1, 0 or 1; derivative 0. */
export const sign = v.sign as Unary;
/** The largest integer that is not above x. */
export const floor = v.floor as Unary;
/** The smallest integer that is not below x. */
export const ceil = v.ceil as Unary;
/** The integer next to x towards 0. */
export const trunc = v.trunc as Unary;
/** To the nearest integer, halves upwards as Math.round. */
export const round = v.round as Unary;
/** √x; NaN below 0. */
export const sqrt = v.sqrt as Unary;
/** 1/√x. */
export const rsqrt = v.rsqrt as Unary;
/** x². */
export const square = v.square as Unary;
/** 1/x. */
export const reciprocal = v.reciprocal as Unary;
/** e^x. */
export const exp = v.exp as Unary;
/** e^x - 1, exact near 0. */
export const expm1 = v.expm1 as Unary;
/** Natural logarithm; NaN below 0. */
export const log = v.log as Unary;
/** log(1 + x), exact near 0. */
export const log1p = v.log1p as Unary;
/** Logarithm to base 2. */
export const log2 = v.log2 as Unary;
/** Logarithm to base 10. */
export const log10 = v.log10 as Unary;
/** The real cube root, of negative numbers too. */
export const cbrt = v.cbrt as Unary;
/** Sine of radians. */
export const sin = v.sin as Unary;
/** Cosine of radians. */
export const cos = v.cos as Unary;
/** Tangent of radians. */
export const tan = v.tan as Unary;
/** In [-π/2, π/2]; NaN outside [-1, 1]. */
export const asin = v.asin as Unary;
/** In [0, π]; NaN outside [-1, 1]. */
export const acos = v.acos as Unary;
/** In (-π/2, π/2). */
export const atan = v.atan as Unary;
/** Hyperbolic sine. */
export const sinh = v.sinh as Unary;
/** Hyperbolic cosine. */
export const cosh = v.cosh as Unary;
/** Hyperbolic tangent. */
export const tanh = v.tanh as Unary;
/** Inverse of sinh. */
export const asinh = v.asinh as Unary;
/** Inverse of cosh, not negative; NaN below 1. */
export const acosh = v.acosh as Unary;
/** Inverse of tanh; NaN outside [-1, 1]. */
export const atanh = v.atanh as Unary;
/** 2/√π ∫₀ˣ e^(-t²) dt. */
export const erf = v.erf as Unary;
/** 1 - erf(x), exact where that is small. */
export const erfc = v.erfc as Unary;
/** log |Gamma(x)|. */
export const lgamma = v.lgamma as Unary;
/** 1 / (1 + e^-x). */
export const sigmoid = v.sigmoid as Unary;
/** log(1 + e^x), stable. */
export const softplus = v.softplus as Unary;
/** max(x, 0), derivative 0 at 0. */
export const relu = v.relu as Unary;
/** Whether x is false. */
export const logicalNot = v.logicalNot as Unary;
/** The value, with all derivatives zero. */
export const stopGradient = v.stopGradient as Unary;
/** The number in a tensor of one element. */
export const item = v.item as (x: Value) => number;

/** x + y. */
export const add = v.add as Binary;
/** x - y. */
export const sub = v.sub as Binary;
/** x · y. */
export const mul = v.mul as Binary;
/** x / y; integers must be cast first. */
export const div = v.div as Binary;
/** JavaScript's %: the sign of the dividend. */
export const rem = v.rem as Binary;
/** x^y; the derivative of x^0 is 0, and that of 0^y by y too. NaN for a negative x and a fraction y. */
export const pow = v.pow as Binary;
/** The larger one; NaN where one is NaN. At a tie each operand gets half of the derivative. */
export const maximum = v.maximum as Binary;
/** The smaller one; NaN where one is NaN. At a tie each operand gets half of the derivative. */
export const minimum = v.minimum as Binary;
/** The angle of the point (y, x) = (first, second) in (-π, π]. */
export const atan2 = v.atan2 as Binary;
/** √(x² + y²) without overflow. */
export const hypot = v.hypot as Binary;
/** log(e^x + e^y), stable. */
export const logaddexp = v.logaddexp as Binary;
/** x·log(y), 0 where x = 0. */
export const xlogy = v.xlogy as Binary;
/** The n-th derivative of digamma at x; n = 0 is digamma itself. */
export const polygamma = v.polygamma as Binary;
/** x < y; false beside NaN. */
export const lt = v.lt as Binary;
/** x <= y; false beside NaN. */
export const le = v.le as Binary;
/** x > y; false beside NaN. */
export const gt = v.gt as Binary;
/** x >= y; false beside NaN. */
export const ge = v.ge as Binary;
/** x = y; false beside NaN. */
export const eq = v.eq as Binary;
/** x ≠ y; true beside NaN. */
export const ne = v.ne as Binary;
/** Whether both are true. */
export const logicalAnd = v.logicalAnd as Binary;
/** Whether one or both are true. */
export const logicalOr = v.logicalOr as Binary;

/** digamma(x), the derivative of lgamma. */
export const digamma = ((x: Value) => v.polygamma(0, x)) as Unary;
/** x - y·floor(x/y): the sign of the divisor. */
export const remainder = ((x: Value, y: Value) => v.sub(x, v.mul(y, v.floor(v.div(x, y))))) as Binary;
/** log(sigmoid(x)), stable. */
export const logSigmoid = ((x: Value) => v.neg(v.softplus(v.neg(x)))) as Unary;
/** x · sigmoid(x). */
export const silu = ((x: Value) => v.mul(x, v.sigmoid(x))) as Unary;
/** x / (1 + |x|). */
export const softsign = ((x: Value) => v.div(x, v.add(1, v.abs(x)))) as Unary;

/** c ? x : y, broadcasting; the side that is not selected gets exactly no derivative. */
export function where(c: Tensor, x: Operand, y: Operand): Tensor;
export function where(c: Value, x: Value, y: Value): Value {
  return v.where(c, x, y);
}
/** Another dtype: to i32 towards 0, saturating, NaN to 0; to bool whether x is not 0. Derivatives pass between f32 and f64. */
export function cast(x: Tensor, dtype: DType): Tensor;
export function cast(x: Value, dtype: DType): Value {
  return v.cast(x, dtype);
}
/** x for x > 0, else slope·x; derivative slope at 0. */
export const leakyRelu = ((x: Value, slope: number) => v.where(v.gt(x, 0), x, v.mul(x, slope))) as (x: Tensor, slope: number) => Tensor;
/** x for x > 0, else alpha·(e^x - 1). */
export const elu = ((x: Value, alpha = 1) => v.where(v.gt(x, 0), x, v.mul(alpha, v.expm1(v.where(v.gt(x, 0), 0, x))))) as (
  x: Tensor,
  alpha?: number,
) => Tensor;
/** min(max(x, lo), hi), derivative 1 where lo <= x <= hi (bounds included); null for no bound. */
export function clamp(x: Tensor, lo: number | null, hi: number | null): Tensor;
export function clamp(x: Value, lo: number | null, hi: number | null): Value {
  if (lo !== null && hi !== null && !(lo <= hi)) throw mismatch(`clamp between ${lo} and ${hi}`, "the first bound is the lower one");
  let y = x;
  if (lo !== null) y = v.where(v.lt(x, lo), lo, y);
  if (hi !== null) y = v.where(v.gt(x, hi), hi, y);
  return y;
}
/** clamp(x, -1, 1). */
export function hardtanh(x: Tensor): Tensor {
  return clamp(x, -1, 1);
}
/** Gaussian error linear unit: exact by erf ("none") or by tanh (Hendrycks and Gimpel 2016). */
export function gelu(x: Tensor, approximate?: "none" | "tanh"): Tensor;
export function gelu(x: Value, approximate: "none" | "tanh" = "none"): Value {
  oneOf("gelu", "approximate", approximate, ["none", "tanh"]);
  if (approximate === "none") return v.mul(v.mul(x, 0.5), v.add(1, v.erf(v.mul(x, Math.SQRT1_2))));
  // ½ (1 + tanh u) = sigmoid(2u), without the cancellation of 1 + tanh u at negative u.
  const twice = v.mul(Math.sqrt(8 / Math.PI), v.add(x, v.mul(0.044715, v.mul(x, v.square(x)))));
  return v.mul(x, v.sigmoid(twice));
}

/** A reduction over `axes` (all where absent or null; negative ones count from the end). */
export type Reduce = (x: Tensor, axes?: readonly number[] | null, keepdims?: boolean) => Tensor;

const reduction = (fold: (x: Value, axes: readonly number[], keepdims: boolean) => Value): Reduce =>
  ((x: Value, axes?: readonly number[] | null, keepdims = false) => {
    if (typeof x === "number") return x;
    return fold(x, normalizeAxes(axes, avalOf(x).shape.length), keepdims);
  }) as Reduce;

/** The sum, 0 of no elements. Of truth values nothing: say cast(x, "i32") to count them, reduceMax for any, reduceMin for all. */
export const sum = reduction((x, axes, keepdims) => {
  if (avalOf(x).dtype === "bool")
    throw mismatch(
      "sum of truth values is open",
      'count them with sum(cast(x, "i32")); reduceMax says whether any is true, reduceMin whether all are',
    );
  return v.sum(x, axes, keepdims);
});
/** The largest element, NaN where one is NaN; an error over no elements. Ties share the derivative evenly. */
export const reduceMax = reduction((x, axes, keepdims) => v.reduceMax(x, axes, keepdims));
/** The smallest element, NaN where one is NaN; an error over no elements. Ties share the derivative evenly. */
export const reduceMin = reduction((x, axes, keepdims) => v.reduceMin(x, axes, keepdims));
/** log(sum(e^x)), stable. */
export const logsumexp = reduction((x, axes, keepdims) => v.logsumexp(x, axes, keepdims));
/** i32 index of the first maximum along an axis (over all elements, row-major, where absent); the first NaN where there is one. */
export const argmax = ((x: Value, axis?: number) =>
  v.argmax(x, normalizeAxes(axis === undefined ? null : [axis], avalOf(x).shape.length), false)) as (x: Tensor, axis?: number) => Tensor;
/** i32 index of the first minimum, as {@link argmax}. */
export const argmin = ((x: Value, axis?: number) =>
  v.argmin(x, normalizeAxes(axis === undefined ? null : [axis], avalOf(x).shape.length), false)) as (x: Tensor, axis?: number) => Tensor;
/** e^x / sum(e^x) along an axis, stable; a row of -Infinity alone is NaN. */
export const softmax = ((x: Value, axis = -1) => v.softmax(x, normalizeAxis(axis, avalOf(x).shape.length))) as (
  x: Tensor,
  axis?: number,
) => Tensor;
/** log(softmax(x)) along an axis, stable. */
export const logSoftmax = ((x: Value, axis = -1) => v.logSoftmax(x, normalizeAxis(axis, avalOf(x).shape.length))) as (
  x: Tensor,
  axis?: number,
) => Tensor;

/**
 * Matrix product as in NumPy: operands of one axis are promoted and the added axis is dropped, leading axes broadcast as batches.
 * Flags swap the last two axes of an operand first. A batch times one matrix is one larger product.
 */
export function matmul(a: Tensor, b: Tensor, flags?: { transposeA?: boolean; transposeB?: boolean }): Tensor;
export function matmul(a: Value, b: Value, flags: { transposeA?: boolean; transposeB?: boolean } = {}): Value {
  known("matmul", flags, ["transposeA", "transposeB"]);
  const { transposeA = false, transposeB = false } = flags;
  truth("matmul", "transposeA", transposeA);
  truth("matmul", "transposeB", transposeB);
  const sa = avalOf(a).shape;
  const sb = avalOf(b).shape;
  if (sa.length === 0 || sb.length === 0)
    throw mismatch(`matmul of shapes ${showShape(sa)} and ${showShape(sb)}: both need at least one axis`);
  if (sa.length === 1) {
    const y = matmul(v.reshape(a, [1, sa[0] as number]) as Tensor, b as Tensor, { transposeB }) as Value;
    const s = avalOf(y).shape;
    return v.reshape(y, sb.length === 1 ? [] : [...s.slice(0, -2), s.at(-1) as number]);
  }
  if (sb.length === 1) {
    const y = matmul(a as Tensor, v.reshape(b, [sb[0] as number, 1]) as Tensor, { transposeA }) as Value;
    return v.reshape(y, avalOf(y).shape.slice(0, -1));
  }
  if (sa.length > 2 && sb.length === 2 && !transposeA) {
    const rows = sa.slice(0, -1).reduce((n, d) => n * d, 1);
    const y = v.matmul(v.reshape(a, [rows, sa.at(-1) as number]), b, { transposeA, transposeB });
    return v.reshape(y, [...sa.slice(0, -1), avalOf(y).shape.at(-1) as number]);
  }
  return v.matmul(a, b, { transposeA, transposeB });
}

/** x[..., in] · Wᵀ + b, with W of shape [out, in] and b of [out]: [..., out]. */
export function linear(x: Tensor, w: Tensor, b?: Tensor): Tensor {
  const y = matmul(x, w, { transposeB: true });
  if (b === undefined) return y;
  shaped("linear", "b", shapeOf(b), [shapeOf(w)[0] as number]);
  return add(y, b);
}

/** The shape of a tensor; [] for a number. */
export function shapeOf(x: Value): Shape {
  return avalOf(x).shape;
}
