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

/** How a carrier applies a primitive. */
type Apply<V> = (primitive: AnyPrimitive, inputs: readonly (V | number)[], params: unknown) => V;

interface Through {
  readonly through: Apply<unknown>;
}

/** The methods of every carrier: graphs are built by many small builders, each with a vocabulary of its own. */
const methods: Omit<Ops<unknown>, UnaryName | BinaryName> & ThisType<Through> = {
  where(c, x, y) {
    return this.through(primitives.where, [c, x, y], undefined);
  },
  cast(x, dtype) {
    return this.through(primitives.cast, [x], { dtype });
  },
  sum(x, axes, keepdims) {
    return this.through(primitives.sum, [x], { axes, keepdims });
  },
  reduceMax(x, axes, keepdims) {
    return this.through(primitives.reduceMax, [x], { axes, keepdims });
  },
  reduceMin(x, axes, keepdims) {
    return this.through(primitives.reduceMin, [x], { axes, keepdims });
  },
  argmax(x, axes, keepdims) {
    return this.through(primitives.argmax, [x], { axes, keepdims });
  },
  argmin(x, axes, keepdims) {
    return this.through(primitives.argmin, [x], { axes, keepdims });
  },
  logsumexp(x, axes, keepdims) {
    return this.through(primitives.logsumexp, [x], { axes, keepdims });
  },
  softmax(x, axis) {
    return this.through(primitives.softmax, [x], { axis });
  },
  logSoftmax(x, axis) {
    return this.through(primitives.logSoftmax, [x], { axis });
  },
  cumsum(x, axis, reverse) {
    return this.through(primitives.cumsum, [x], { axis, reverse });
  },
  reshape(x, shape) {
    return this.through(primitives.reshape, [x], { shape });
  },
  transpose(x, perm) {
    return this.through(primitives.transpose, [x], { perm });
  },
  broadcastTo(x, shape) {
    return this.through(primitives.broadcastTo, [x], { shape });
  },
  slice(x, start, stop, step) {
    return this.through(primitives.slice, [x], { start, stop, step });
  },
  pad(x, low, high, interior, value) {
    return this.through(primitives.pad, [x], { low, high, interior, value });
  },
  flip(x, axes) {
    return this.through(primitives.flip, [x], { axes });
  },
  concat(xs, axis) {
    return this.through(primitives.concat, xs, { axis });
  },
  matmul(a, b, params) {
    return this.through(primitives.matmul, [a, b], params);
  },
  triangularSolve(a, b, params) {
    return this.through(primitives.triangularSolve, [a, b], params);
  },
  solve(a, b, params) {
    return this.through(primitives.solve, [a, b], params);
  },
  cofactorsTangent(a, e) {
    return this.through(primitives.cofactorsTangent, [a, e], undefined);
  },
  argsort(x, descending) {
    return this.through(primitives.argsort, [x], { descending });
  },
  randomBits(key, shape) {
    return this.through(primitives.randomBits, [key], { shape });
  },
  splitKey(key, n) {
    return this.through(primitives.splitKey, [key], { shape: [n, 2] });
  },
  randomUniform(key, shape, dtype) {
    return this.through(primitives.randomUniform, [key], { shape, dtype });
  },
  randomNormal(key, shape, dtype) {
    return this.through(primitives.randomNormal, [key], { shape, dtype });
  },
  gather(x, index, axis) {
    return this.through(primitives.gather, [x, index], { axis });
  },
  scatterAdd(x, index, src, axis) {
    return this.through(primitives.scatterAdd, [x, index, src], { axis });
  },
  indexSelect(x, index, axis) {
    return this.through(primitives.indexSelect, [x, index], { axis });
  },
  indexAdd(x, index, src, axis) {
    return this.through(primitives.indexAdd, [x, index, src], { axis });
  },
  oneHot(index, depth, dtype) {
    return this.through(primitives.oneHot, [index], { depth, dtype });
  },
  convolution(x, w, params) {
    return this.through(primitives.convolution, [x, w], params);
  },
  convolutionInput(y, w, params) {
    return this.through(primitives.convolutionInput, [y, w], params);
  },
  convolutionWeight(x, y, params) {
    return this.through(primitives.convolutionWeight, [x, y], params);
  },
  unfold(x, params) {
    return this.through(primitives.unfold, [x], params);
  },
  fold(y, params) {
    return this.through(primitives.fold, [y], params);
  },
  sumWindows(x, params) {
    return this.through(primitives.sumWindows, [x], params);
  },
  argmaxWindows(x, params) {
    return this.through(primitives.argmaxWindows, [x], params);
  },
  lift(x, dtype) {
    return this.through(primitives.lift, [x], { dtype });
  },
};

function elementwise(): Elementwise<unknown> {
  const table: Record<string, (this: Through, ...inputs: unknown[]) => unknown> = {};
  for (const name of unaryNames)
    table[name] = function (x) {
      return this.through(primitives[name], [x], undefined);
    };
  for (const name of binaryNames)
    table[name] = function (x, y) {
      return this.through(primitives[name], [x, y], undefined);
    };
  return table as unknown as Elementwise<unknown>;
}

const vocabulary: Ops<unknown> = { ...methods, ...elementwise() };

/** The vocabulary over a carrier, given how the carrier applies a primitive. Its functions are called as methods. */
export function opsOver<V>(apply: Apply<V>): Ops<V> {
  return Object.assign(Object.create(vocabulary) as Ops<V>, { through: apply });
}
