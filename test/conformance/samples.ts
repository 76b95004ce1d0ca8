/**
 * The conformance list: for every primitive, applications on which its kernel and its rule are checked. The type demands an
 * entry per primitive, so a new primitive without one does not compile. Points keep clear of kinks and of the edges of domains;
 * conventions at kinks have tests of their own (kinks.test.ts).
 */
import type { DType } from "../../core/base/dtype.ts";
import type { Rng } from "../../core/base/rng.ts";
import type { Shape } from "../../core/base/shape.ts";
import type { ParamsOf } from "../../core/primitive.ts";
import type { PrimitiveName, Primitives } from "../../core/primitives/table.ts";
import { type ConvolutionParams, type WindowParams, windowsOf } from "../../core/primitives/window.ts";

export interface InputSpec {
  readonly shape: Shape;
  readonly dtype?: DType;
  /** Values are drawn from [low, high); integers for i32 and bool. */
  readonly low?: number;
  readonly high?: number;
  /** Given values instead of drawn ones. */
  readonly values?: readonly number[];
  /** Added to the diagonals of square matrices (the last two axes). */
  readonly diagonal?: number;
  /** Matrices and their tangents are symmetric. */
  readonly symmetric?: boolean;
}

export interface Sample<P> {
  readonly inputs: readonly InputSpec[];
  readonly params: P;
}

type Samples = { readonly [K in PrimitiveName]: readonly Sample<ParamsOf<Primitives[K]>>[] };

const shapes: readonly Shape[] = [[3, 4], [], [1], [0, 2], [2, 3, 5]];
const one = (low: number, high: number): Sample<undefined>[] =>
  shapes.map((shape) => ({ inputs: [{ shape, low, high }], params: undefined }));
const pairs: readonly (readonly [Shape, Shape])[] = [
  [
    [3, 4],
    [3, 4],
  ],
  [
    [2, 3, 4],
    [3, 1],
  ],
  [[4], [3, 4]],
  [[], [2, 3]],
  [
    [1, 4],
    [3, 1],
  ],
  [[0, 3], [3]],
];
const two = (a: readonly [number, number], b: readonly [number, number]): Sample<undefined>[] =>
  pairs.map(([x, y]) => ({
    inputs: [
      { shape: x, low: a[0], high: a[1] },
      { shape: y, low: b[0], high: b[1] },
    ],
    params: undefined,
  }));
const reduce = (low = -2, high = 2) =>
  (
    [
      [[3, 5], [1], false],
      [[3, 5], [0], false],
      [[2, 3, 4], [0, 2], true],
      [[2, 3, 4], [1], false],
      [[7], [0], false],
      [[2, 3], [0, 1], false],
      [[], [], false],
      [[3, 1], [1], false],
      [[4, 3], [], true],
    ] as const
  ).map(([shape, axes, keepdims]) => ({ inputs: [{ shape, low, high }], params: { axes, keepdims } }));
const rows = () =>
  (
    [
      [[3, 5], 1],
      [[3, 5], 0],
      [[2, 3, 4], 1],
      [[6], 0],
      [[2, 1], 1],
    ] as const
  ).map(([shape, axis]) => ({ inputs: [{ shape }], params: { axis } }));
const truth = (...list: readonly Shape[]): Sample<undefined>[] => [
  { inputs: list.map((shape) => ({ shape, dtype: "bool" as const, low: 0, high: 2 })), params: undefined },
];
const ids = (shape: Shape, ...values: number[]): InputSpec => ({ shape, dtype: "i32", values });
const product = (a: Shape, b: Shape, transposeA = false, transposeB = false) => ({
  inputs: [{ shape: a }, { shape: b }],
  params: { transposeA, transposeB },
});

const convolutionParams: readonly ConvolutionParams[] = [
  { input: [5, 6], output: [5, 6], kernel: [3, 3], stride: [1, 1], padding: [1, 1], dilation: [1, 1], groups: 1 },
  { input: [7, 6], output: [3, 2], kernel: [3, 2], stride: [2, 3], padding: [1, 0], dilation: [1, 2], groups: 2 },
  { input: [4, 5], output: [4, 5], kernel: [1, 1], stride: [1, 1], padding: [0, 0], dilation: [1, 1], groups: 1 },
  { input: [6, 5], output: [2, 2], kernel: [2, 3], stride: [3, 2], padding: [0, 1], dilation: [2, 1], groups: 4 },
];
const images = (p: ConvolutionParams) => ({
  x: { shape: [2, 4, ...p.input] },
  w: { shape: [4, 4 / p.groups, ...p.kernel] },
  y: { shape: [2, 4, ...p.output] },
});
const convolutions = (a: "x" | "w" | "y", b: "x" | "w" | "y") =>
  convolutionParams.map((params) => ({ inputs: [images(params)[a], images(params)[b]], params }));
const windowParams: readonly WindowParams[] = [
  { input: [4, 5], kernel: [2, 2], stride: [2, 1], dilation: [1, 1] },
  { input: [5, 6], kernel: [3, 2], stride: [1, 2], dilation: [1, 3] },
  { input: [3, 3], kernel: [3, 3], stride: [1, 1], dilation: [1, 1] },
  { input: [5, 8], kernel: [2, 2], stride: [2, 3], dilation: [1, 1] },
  { input: [7, 6], kernel: [2, 3], stride: [4, 3], dilation: [2, 1] },
  { input: [6, 5], kernel: [6, 3], stride: [1, 2], dilation: [1, 1] },
];

export const samples: Samples = {
  neg: one(-2, 2),
  abs: one(0.3, 2),
  sign: one(0.3, 2),
  floor: one(0.1, 0.9),
  ceil: one(0.1, 0.9),
  trunc: one(0.1, 0.9),
  round: one(0.6, 1.4),
  sqrt: one(0.3, 3),
  exp: one(-2, 2),
  expm1: one(-2, 2),
  log: one(0.3, 3),
  log1p: one(-0.5, 3),
  log2: one(0.3, 3),
  log10: one(0.3, 3),
  cbrt: one(0.3, 3),
  sin: one(-3, 3),
  cos: one(-3, 3),
  tan: one(-1.2, 1.2),
  asin: one(-0.8, 0.8),
  acos: one(-0.8, 0.8),
  atan: one(-3, 3),
  sinh: one(-2, 2),
  cosh: one(-2, 2),
  tanh: one(-2, 2),
  asinh: one(-3, 3),
  acosh: one(1.3, 4),
  atanh: one(-0.8, 0.8),
  erf: one(-2, 2),
  erfc: one(-2, 2),
  lgamma: one(0.4, 5),
  square: one(-2, 2),
  reciprocal: one(0.4, 3),
  rsqrt: one(0.4, 3),
  sigmoid: one(-4, 4),
  softplus: one(-4, 4),
  relu: [...one(0.2, 2), ...one(-2, -0.2)],
  add: two([-2, 2], [-2, 2]),
  sub: two([-2, 2], [-2, 2]),
  mul: two([-2, 2], [-2, 2]),
  div: two([-2, 2], [0.4, 3]),
  rem: two([5.1, 5.9], [1.9, 2.1]),
  pow: two([0.4, 2], [-2, 2]),
  maximum: [...two([1, 2], [-1, 0.5]), ...two([-1, 0.5], [1, 2])],
  minimum: [...two([1, 2], [-1, 0.5]), ...two([-1, 0.5], [1, 2])],
  atan2: two([0.3, 2], [-2, 2]),
  hypot: two([0.3, 2], [0.3, 2]),
  polygamma: [
    {
      inputs: [
        { shape: [], values: [1] },
        { shape: [2, 3], low: 0.5, high: 4 },
      ],
      params: undefined,
    },
  ],
  logaddexp: two([-2, 2], [-2, 2]),
  xlogy: two([0.4, 2], [0.4, 2]),
  lt: two([-2, 2], [-2, 2]),
  le: two([-2, 2], [-2, 2]),
  gt: two([-2, 2], [-2, 2]),
  ge: two([-2, 2], [-2, 2]),
  eq: two([-2, 2], [-2, 2]),
  ne: two([-2, 2], [-2, 2]),
  logicalAnd: truth([3, 4], [4]),
  logicalOr: truth([3, 4], [4]),
  logicalNot: truth([3, 4]),
  where: [
    { inputs: [{ shape: [3, 4], dtype: "bool", low: 0, high: 2 }, { shape: [3, 4] }, { shape: [3, 4] }], params: undefined },
    { inputs: [{ shape: [4], dtype: "bool", low: 0, high: 2 }, { shape: [3, 1] }, { shape: [] }], params: undefined },
  ],
  cast: [
    { inputs: [{ shape: [3, 2] }], params: { dtype: "f64" } },
    { inputs: [{ shape: [3], dtype: "i32", low: -5, high: 5 }], params: { dtype: "f64" } },
    { inputs: [{ shape: [3], low: -5, high: 5 }], params: { dtype: "i32" } },
  ],
  sum: [...reduce(), { inputs: [{ shape: [0, 3] }], params: { axes: [0], keepdims: false } }],
  reduceMax: reduce(),
  reduceMin: reduce(),
  argmax: reduce(),
  argmin: reduce(),
  logsumexp: reduce(),
  softmax: rows(),
  logSoftmax: rows(),
  crossEntropyRows: [
    { inputs: [{ shape: [4, 5] }, ids([4], 0, 4, 2, 2)], params: undefined },
    { inputs: [{ shape: [2, 2, 3] }, ids([2, 2], 0, 1, 2, 2)], params: undefined },
    { inputs: [{ shape: [1, 4] }, ids([1], 2)], params: undefined },
    { inputs: [{ shape: [3, 1] }, ids([3], 0, 0, 0)], params: undefined },
    { inputs: [{ shape: [1] }, ids([], 0)], params: undefined },
  ],
  cumsum: rows().flatMap((s) => [false, true].map((reverse) => ({ ...s, params: { ...s.params, reverse } }))),
  convolution: convolutions("x", "w"),
  convolutionInput: convolutions("y", "w"),
  convolutionWeight: convolutions("x", "y"),
  unfold: windowParams.map((params) => ({ inputs: [{ shape: [2, 2, ...params.input] }], params })),
  fold: windowParams.map((params) => ({ inputs: [{ shape: [2, 1, ...params.kernel, ...windowsOf(params)] }], params })),
  sumWindows: windowParams.map((params) => ({ inputs: [{ shape: [2, 2, ...params.input] }], params })),
  argmaxWindows: windowParams.map((params) => ({ inputs: [{ shape: [2, 2, ...params.input] }], params: { ...params, padding: [0, 0] } })),
  reshape: [{ inputs: [{ shape: [2, 3, 4] }], params: { shape: [4, 6] } }],
  stopGradient: one(-2, 2),
  transpose: [
    { inputs: [{ shape: [2, 3, 4] }], params: { perm: [2, 0, 1] } },
    { inputs: [{ shape: [5, 7] }], params: { perm: [1, 0] } },
  ],
  broadcastTo: [
    { inputs: [{ shape: [3, 1] }], params: { shape: [2, 3, 4] } },
    { inputs: [{ shape: [] }], params: { shape: [2, 2] } },
  ],
  slice: [
    { inputs: [{ shape: [4, 5] }], params: { start: [1, 0], stop: [4, 5], step: [2, 3] } },
    { inputs: [{ shape: [4, 5] }], params: { start: [2, 1], stop: [2, 3], step: [1, 1] } },
  ],
  pad: [{ inputs: [{ shape: [2, 3] }], params: { low: [1, 0], high: [0, 2], interior: [2, 1], value: 0.5 } }],
  flip: [{ inputs: [{ shape: [3, 4] }], params: { axes: [1] } }],
  concat: [
    { inputs: [{ shape: [2, 2] }, { shape: [2, 3] }, { shape: [2, 1] }], params: { axis: 1 } },
    { inputs: [{ shape: [1, 2] }, { shape: [0, 2] }, { shape: [3, 2] }], params: { axis: 0 } },
  ],
  matmul: [
    product([3, 4], [4, 2]),
    product([4, 3], [4, 2], true),
    product([3, 4], [2, 4], false, true),
    product([4, 3], [2, 4], true, true),
    product([2, 3, 4], [2, 4, 2]),
    product([2, 1, 3, 4], [5, 4, 2]),
    product([3, 0], [0, 2]),
    product([1, 5], [5, 1]),
  ],
  cholesky: [
    [3, 3],
    [2, 4, 4],
    [1, 1],
  ].map((shape) => ({ inputs: [{ shape, diagonal: 8, symmetric: true }], params: undefined })),
  triangularSolve: [true, false].flatMap((lower) =>
    [true, false].flatMap((transpose) => [
      { inputs: [{ shape: [3, 3], diagonal: 4 }, { shape: [3, 2] }], params: { lower, transpose } },
      { inputs: [{ shape: [2, 2, 2], diagonal: 4 }, { shape: [2, 2, 1] }], params: { lower, transpose } },
    ]),
  ),
  solve: [true, false].flatMap((transpose) => [
    { inputs: [{ shape: [4, 4], diagonal: 5 }, { shape: [4, 2] }], params: { transpose } },
    { inputs: [{ shape: [2, 3, 3], diagonal: 5 }, { shape: [2, 3, 1] }], params: { transpose } },
  ]),
  det: [
    [3, 3],
    [2, 4, 4],
    [1, 1],
    [2, 2],
  ].map((shape) => ({ inputs: [{ shape, low: -1, high: 1, diagonal: 2 }], params: undefined })),
  cofactors: [
    [3, 3],
    [2, 4, 4],
    [1, 1],
  ].map((shape) => ({ inputs: [{ shape, low: -1, high: 1, diagonal: 2 }], params: undefined })),
  cofactorsTangent: [
    [3, 3],
    [2, 4, 4],
    [2, 2],
  ].map((shape) => ({ inputs: [{ shape, low: -1, high: 1, diagonal: 2 }, { shape }], params: undefined })),
  logabsdet: [
    [3, 3],
    [2, 4, 4],
    [1, 1],
  ].map((shape) => ({ inputs: [{ shape, low: -1, high: 1, diagonal: -3 }], params: undefined })),
  argsort: [true, false].map((descending) => ({ inputs: [{ shape: [3, 5] }], params: { descending } })),
  randomBits: [{ inputs: [ids([2], 1, 2)], params: { shape: [3, 2] } }],
  splitKey: [{ inputs: [ids([2], 1, 2)], params: { shape: [4, 2] } }],
  randomUniform: (["f32", "f64"] as const).map((dtype) => ({ inputs: [ids([2], 1, 2)], params: { shape: [3, 2], dtype } })),
  randomNormal: (["f32", "f64"] as const).map((dtype) => ({ inputs: [ids([2], 1, 2)], params: { shape: [3, 2], dtype } })),
  gather: [{ inputs: [{ shape: [3, 4] }, ids([3, 2], 0, 3, 1, 1, 2, 0)], params: { axis: 1 } }],
  scatterAdd: [{ inputs: [{ shape: [3, 2] }, ids([4, 2], 0, 1, 0, 1, 2, 2, 1, 0), { shape: [4, 2] }], params: { axis: 0 } }],
  indexSelect: [
    { inputs: [{ shape: [4, 3] }, ids([5], 0, 3, 3, 1, 0)], params: { axis: 0 } },
    { inputs: [{ shape: [2, 4, 3] }, ids([2, 2], 0, 3, 3, 1)], params: { axis: 1 } },
  ],
  indexAdd: [{ inputs: [{ shape: [4, 3] }, ids([5], 0, 3, 3, 1, 0), { shape: [5, 3] }], params: { axis: 0 } }],
  oneHot: [{ inputs: [ids([2, 3], 0, 3, 1, 2, 2, 0)], params: { depth: 4, dtype: "f64" } }],
  lift: [],
  item: [],
};

/** Values of an input, reproducible in the generator. */
export function draw(spec: InputSpec, rng: Rng): Float64Array {
  if (spec.values !== undefined) return Float64Array.from(spec.values);
  const n = spec.shape.reduce((a, d) => a * d, 1);
  const { low = -2, high = 2, dtype = "f64" } = spec;
  const values = rng
    .uniform(n)
    .map((u) => (dtype === "f64" || dtype === "f32" ? low + u * (high - low) : Math.floor(low + u * (high - low))));
  const order = spec.shape.at(-1) as number;
  if (spec.diagonal !== undefined)
    for (let i = 0; i < n; i++) {
      const at = i % (order * order);
      if (at % (order + 1) === 0) values[i] = (values[i] as number) + spec.diagonal;
    }
  return spec.symmetric ? symmetrised(values, order) : values;
}

/** (X + Xᵀ)/2 of each n×n matrix in `values`. */
export function symmetrised(values: Float64Array, n: number): Float64Array {
  return values.map((v, i) => {
    const [row, column] = [Math.floor(i / n) % n, i % n];
    return (v + (values[i + (column - row) * (n - 1)] as number)) / 2;
  });
}
