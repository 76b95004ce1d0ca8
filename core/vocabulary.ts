/**
 * The vocabulary that rules and engines speak: one method per primitive over an abstract value V. The tape passes eager values,
 * a graph passes nodes, a source transformer passes names; a rule written over `Ops<V>` serves them all. Bare numbers may stand
 * beside values and take their dtype.
 */
import type { DType, FloatDType } from "./base/dtype.ts";
import type { Shape } from "./base/shape.ts";
import type { AnyPrimitive } from "./primitive.ts";
import type { SolveParams, TriangularParams } from "./primitives/decomposition.ts";
import type { MatmulParams } from "./primitives/linalg.ts";
import type { PaddedWindowParams } from "./primitives/pooling.ts";
import { primitives } from "./primitives/table.ts";
import type { ConvolutionParams, WindowParams } from "./primitives/window.ts";

export const unaryNames = [
  "neg",
  "abs",
  "sign",
  "floor",
  "ceil",
  "trunc",
  "round",
  "sqrt",
  "exp",
  "expm1",
  "log",
  "log1p",
  "log2",
  "log10",
  "cbrt",
  "sin",
  "cos",
  "tan",
  "asin",
  "acos",
  "atan",
  "sinh",
  "cosh",
  "tanh",
  "asinh",
  "acosh",
  "atanh",
  "erf",
  "erfc",
  "lgamma",
  "square",
  "reciprocal",
  "rsqrt",
  "sigmoid",
  "softplus",
  "relu",
  "logicalNot",
  "cholesky",
  "det",
  "cofactors",
  "logabsdet",
  "stopGradient",
  "item",
] as const; // prettier-ignore
export const binaryNames = [
  "add",
  "sub",
  "mul",
  "div",
  "rem",
  "pow",
  "maximum",
  "minimum",
  "atan2",
  "hypot",
  "polygamma",
  "logaddexp",
  "xlogy",
  "lt",
  "le",
  "gt",
  "ge",
  "eq",
  "ne",
  "logicalAnd",
  "logicalOr",
  "crossEntropyRows",
] as const; // prettier-ignore
export type UnaryName = (typeof unaryNames)[number];
export type BinaryName = (typeof binaryNames)[number];

type Elementwise<V> = { readonly [K in UnaryName]: (x: V | number) => V } & {
  readonly [K in BinaryName]: (x: V | number, y: V | number) => V;
};

/** Axes are sorted and in [0, rank); shapes are complete. Free functions of `ops.ts` are the forgiving form for people. */
export interface Ops<V> extends Elementwise<V> {
  where(c: V, x: V | number, y: V | number): V;
  cast(x: V, dtype: DType): V;
  sum(x: V, axes: readonly number[], keepdims: boolean): V;
  reduceMax(x: V, axes: readonly number[], keepdims: boolean): V;
  reduceMin(x: V, axes: readonly number[], keepdims: boolean): V;
  argmax(x: V, axes: readonly number[], keepdims: boolean): V;
  argmin(x: V, axes: readonly number[], keepdims: boolean): V;
  logsumexp(x: V, axes: readonly number[], keepdims: boolean): V;
  softmax(x: V, axis: number): V;
  logSoftmax(x: V, axis: number): V;
  cumsum(x: V, axis: number, reverse: boolean): V;
  reshape(x: V, shape: Shape): V;
  transpose(x: V, perm: readonly number[]): V;
  broadcastTo(x: V, shape: Shape): V;
  slice(x: V, start: readonly number[], stop: readonly number[], step: readonly number[]): V;
  pad(x: V, low: readonly number[], high: readonly number[], interior: readonly number[], value: number): V;
  flip(x: V, axes: readonly number[]): V;
  concat(xs: readonly V[], axis: number): V;
  matmul(a: V, b: V, params: MatmulParams): V;
  triangularSolve(a: V, b: V, params: TriangularParams): V;
  solve(a: V, b: V, params: SolveParams): V;
  cofactorsTangent(a: V, e: V): V;
  argsort(x: V, descending: boolean): V;
  randomBits(key: V, shape: Shape): V;
  splitKey(key: V, n: number): V;
  randomUniform(key: V, shape: Shape, dtype: FloatDType): V;
  randomNormal(key: V, shape: Shape, dtype: FloatDType): V;
  gather(x: V, index: V, axis: number): V;
  scatterAdd(x: V, index: V, src: V, axis: number): V;
  indexSelect(x: V, index: V, axis: number): V;
  indexAdd(x: V, index: V, src: V, axis: number): V;
  oneHot(index: V, depth: number, dtype: DType): V;
  convolution(x: V, w: V, params: ConvolutionParams): V;
  convolutionInput(y: V, w: V, params: ConvolutionParams): V;
  convolutionWeight(x: V, y: V, params: ConvolutionParams): V;
  unfold(x: V, params: WindowParams): V;
  fold(y: V, params: WindowParams): V;
  sumWindows(x: V, params: WindowParams): V;
  argmaxWindows(x: V, params: PaddedWindowParams): V;
  lift(x: V | number, dtype: DType): V;
}

/** The vocabulary over a carrier, given how the carrier applies a primitive. */
export function opsOver<V>(apply: (primitive: AnyPrimitive, inputs: readonly (V | number)[], params: unknown) => V): Ops<V> {
  const p = primitives;
  const plain: Record<string, (...inputs: (V | number)[]) => V> = {};
  for (const name of unaryNames) plain[name] = (x) => apply(p[name], [x as V], undefined);
  for (const name of binaryNames) plain[name] = (x, y) => apply(p[name], [x as V, y as V], undefined);
  return {
    ...(plain as unknown as Elementwise<V>),
    where: (c, x, y) => apply(p.where, [c, x, y], undefined),
    cast: (x, dtype) => apply(p.cast, [x], { dtype }),
    sum: (x, axes, keepdims) => apply(p.sum, [x], { axes, keepdims }),
    reduceMax: (x, axes, keepdims) => apply(p.reduceMax, [x], { axes, keepdims }),
    reduceMin: (x, axes, keepdims) => apply(p.reduceMin, [x], { axes, keepdims }),
    argmax: (x, axes, keepdims) => apply(p.argmax, [x], { axes, keepdims }),
    argmin: (x, axes, keepdims) => apply(p.argmin, [x], { axes, keepdims }),
    logsumexp: (x, axes, keepdims) => apply(p.logsumexp, [x], { axes, keepdims }),
    softmax: (x, axis) => apply(p.softmax, [x], { axis }),
    logSoftmax: (x, axis) => apply(p.logSoftmax, [x], { axis }),
    cumsum: (x, axis, reverse) => apply(p.cumsum, [x], { axis, reverse }),
    reshape: (x, shape) => apply(p.reshape, [x], { shape }),
    transpose: (x, perm) => apply(p.transpose, [x], { perm }),
    broadcastTo: (x, shape) => apply(p.broadcastTo, [x], { shape }),
    slice: (x, start, stop, step) => apply(p.slice, [x], { start, stop, step }),
    pad: (x, low, high, interior, value) => apply(p.pad, [x], { low, high, interior, value }),
    flip: (x, axes) => apply(p.flip, [x], { axes }),
    concat: (xs, axis) => apply(p.concat, xs, { axis }),
    matmul: (a, b, params) => apply(p.matmul, [a, b], params),
    triangularSolve: (a, b, params) => apply(p.triangularSolve, [a, b], params),
    solve: (a, b, params) => apply(p.solve, [a, b], params),
    cofactorsTangent: (a, e) => apply(p.cofactorsTangent, [a, e], undefined),
    argsort: (x, descending) => apply(p.argsort, [x], { descending }),
    randomBits: (key, shape) => apply(p.randomBits, [key], { shape }),
    splitKey: (key, n) => apply(p.splitKey, [key], { shape: [n, 2] }),
    randomUniform: (key, shape, dtype) => apply(p.randomUniform, [key], { shape, dtype }),
    randomNormal: (key, shape, dtype) => apply(p.randomNormal, [key], { shape, dtype }),
    gather: (x, index, axis) => apply(p.gather, [x, index], { axis }),
    scatterAdd: (x, index, src, axis) => apply(p.scatterAdd, [x, index, src], { axis }),
    indexSelect: (x, index, axis) => apply(p.indexSelect, [x, index], { axis }),
    indexAdd: (x, index, src, axis) => apply(p.indexAdd, [x, index, src], { axis }),
    oneHot: (index, depth, dtype) => apply(p.oneHot, [index], { depth, dtype }),
    convolution: (x, w, params) => apply(p.convolution, [x, w], params),
    convolutionInput: (y, w, params) => apply(p.convolutionInput, [y, w], params),
    convolutionWeight: (x, y, params) => apply(p.convolutionWeight, [x, y], params),
    unfold: (x, params) => apply(p.unfold, [x], params),
    fold: (y, params) => apply(p.fold, [y], params),
    sumWindows: (x, params) => apply(p.sumWindows, [x], params),
    argmaxWindows: (x, params) => apply(p.argmaxWindows, [x], params),
    lift: (x, dtype) => apply(p.lift, [x], { dtype }),
  };
}
