/**
 * What `npm run performance` measures: functions over `core/ops` with their inputs, and the goal that each is held to. Inputs are
 * a formula of position and seed, so that a peer in another process computes on the same numbers without being sent any.
 */
import {
  add,
  cholesky,
  conv2d,
  gelu,
  layerNorm,
  matmul,
  mul,
  neg,
  softmax,
  sqrt,
  sub,
  type Tensor,
  triangularSolve,
} from "../../core/ops.ts";
import { valueOps } from "../../core/tensor/values.ts";
import { vjp } from "../../engines/tape/transforms.ts";

/** An f32 input, uniform in [low, high). */
export interface InputSpec {
  readonly shape: readonly number[];
  readonly low: number;
  readonly high: number;
  /** Of a square matrix: added to its diagonal. */
  readonly diagonal?: number;
}

/** Time of trigrad over time of the peer at most `ratio`, or (without a peer) at most `nanoseconds`. */
export type Goal =
  | { readonly against: string; readonly ratio: number; readonly says: string }
  | { readonly nanoseconds: number; readonly says: string };

export interface Workload {
  /** What peers know it by. */
  readonly key: string;
  readonly title: string;
  readonly size: string;
  readonly inputs: readonly InputSpec[];
  readonly run: (...inputs: Tensor[]) => readonly Tensor[];
  readonly goals: readonly Goal[];
  /** Floating-point operations or bytes of one call, for rates. */
  readonly work?: { readonly amount: number; readonly unit: "GFLOP/s" | "GB/s" };
  /** A step of a state: output i is the next value of input `updates[i]`. */
  readonly updates?: readonly number[];
  /** What it measures is the cost of one operation that is not compiled. */
  readonly eagerOnly?: true;
}

/** Elements of an input: the finaliser of MurmurHash3 on position and seed, so that columns are unrelated. */
export function fill({ shape, low, high, diagonal = 0 }: InputSpec, seed: number): Float32Array {
  const values = new Float32Array(shape.reduce((n, d) => n * d, 1));
  const start = Math.imul(seed, 0x9e3779b9);
  for (let i = 0; i < values.length; i++) {
    let u = (i + start) | 0;
    u = Math.imul(u ^ (u >>> 16), 0x85ebca6b);
    u = Math.imul(u ^ (u >>> 13), 0xc2b2ae35);
    values[i] = low + ((high - low) * ((u ^ (u >>> 16)) >>> 0)) / 2 ** 32;
  }
  if (diagonal !== 0) for (let i = 0; i < values.length; i += (shape[1] as number) + 1) values[i] = (values[i] as number) + diagonal;
  return values;
}

/** The elements by which outputs are compared: evenly spaced, `SAMPLED` or fewer. */
export const SAMPLED = 1024;
export function sampled(values: ArrayLike<number>): number[] {
  const step = Math.max(1, Math.floor(values.length / SAMPLED));
  return Array.from({ length: Math.min(values.length, SAMPLED) }, (_, i) => values[i * step] as number);
}

const WIDTH = 1024;
const ROWS = { "1k": 1, "16k": 16, "256k": 256, "1M": 1024, "16M": 16384 } as const;
const centred = (...shape: number[]): InputSpec => ({ shape, low: -2, high: 2 });

/** Of PyTorch's Adam at its first step: β₁ = 0.9, β₂ = 0.999, ε = 1e-8, rate 1e-3. Rate and corrections are inputs, as they change by step. */
function adam(p: Tensor, g: Tensor, m: Tensor, v: Tensor, rate: Tensor, correction: Tensor): Tensor[] {
  const m1 = add(mul(m, 0.9), mul(g, 0.1));
  const v1 = add(mul(v, 0.999), mul(mul(g, g), 0.001));
  return [sub(p, valueOps.div(mul(m1, rate), add(mul(sqrt(v1), correction), 1e-8)) as Tensor), m1, v1];
}

function layerNormBoth(x: Tensor, w: Tensor, b: Tensor, ct: Tensor): Tensor[] {
  const norm = (inputs: unknown) => layerNorm(...(inputs as [Tensor, Tensor, Tensor]));
  const [y, back] = vjp(norm, [x, w, b]);
  return [y as Tensor, ...(back(ct) as Tensor[])];
}

const IMAGE = [8, 64, 56, 56];
const FILTER = [64, 64, 3, 3];
const convolutionParams = {
  stride: [1, 1],
  padding: [1, 1],
  dilation: [1, 1],
  groups: 1,
  input: [56, 56],
  output: [56, 56],
  kernel: [3, 3],
} as const;

const ofPyTorch = (ratio: number): Goal => ({ against: "PyTorch", ratio, says: `≤ ${ratio} of PyTorch` });
const product = (n: number) => ({ amount: 2 * n ** 3, unit: "GFLOP/s" }) as const;
const convolutionWork = (products: number) => ({ amount: products * 2 * 8 * 56 * 56 * 64 * 64 * 9, unit: "GFLOP/s" }) as const;

function byRows(size: keyof typeof ROWS): Workload[] {
  const rows = ROWS[size];
  const x = centred(rows, WIDTH);
  const row = centred(WIDTH);
  const one: InputSpec = { shape: [], low: 1e-2, high: 1e-2 };
  const zeros: InputSpec = { ...x, low: 0, high: 0 };
  return [
    {
      key: "gelu",
      title: "bias + GELU (tanh)",
      inputs: [x, row],
      run: (x: Tensor, b: Tensor) => [gelu(add(x, b), "tanh")],
      goals: [ofPyTorch(0.3)],
    },
    {
      key: "adam",
      title: "Adam step",
      inputs: [x, x, zeros, zeros, one, { ...one, low: Math.sqrt(1000), high: Math.sqrt(1000) }],
      run: adam,
      updates: [0, 2, 3],
      // One kernel against one kernel: both move the same bytes.
      goals: [ofPyTorch(0.5), { against: "PyTorch fused", ratio: 1, says: "≤ 1 of PyTorch with fused=True" }],
    },
    {
      key: "layerNorm",
      title: "layer norm, forward",
      inputs: [x, row, row],
      run: (x: Tensor, w: Tensor, b: Tensor) => [layerNorm(x, w, b)],
      goals: [ofPyTorch(0.8)],
    },
    {
      key: "layerNormBoth",
      title: "layer norm, forward and backward",
      inputs: [x, row, row, x],
      run: layerNormBoth,
      goals: [ofPyTorch(0.8)],
    },
    { key: "softmax", title: "softmax", inputs: [x], run: (x: Tensor) => [softmax(x)], goals: [ofPyTorch(0.9)] },
  ].map((w) => ({ ...w, size: `${size} = ${rows} × ${WIDTH}` }));
}

function traffic(size: "1M" | "16M"): Workload[] {
  const n = ROWS[size] * WIDTH;
  const x = centred(n);
  const goals: Goal[] = [{ against: "memcpy", ratio: 1 / 0.85, says: "≥ 85 % of the bandwidth of memcpy" }];
  return [
    {
      key: "negate",
      title: "read one, write one (negation)",
      size,
      inputs: [x],
      run: (x) => [neg(x)],
      goals,
      work: { amount: 8 * n, unit: "GB/s" },
    },
    {
      key: "add",
      title: "read two, write one (addition)",
      size,
      inputs: [x, x],
      run: (x, y) => [add(x, y)],
      goals,
      work: { amount: 12 * n, unit: "GB/s" },
    },
  ];
}

const products: Workload[] = [256, 512, 1024, 2048].map((n) => ({
  key: "matmul",
  title: "matrix product",
  size: `${n}³`,
  inputs: [centred(n, n), centred(n, n)],
  run: (a: Tensor, b: Tensor) => [matmul(a, b)],
  goals: [{ against: "OpenBLAS", ratio: 1 / 0.95, says: "≥ 95 % of OpenBLAS alone" }],
  work: product(n),
}));

const convolutions: Workload[] = [
  {
    key: "convolution",
    title: "convolution 3×3, forward",
    size: "8 × 64 × 56²",
    inputs: [centred(...IMAGE), centred(...FILTER)],
    run: (x, w) => [conv2d(x, w, { padding: 1 })],
    goals: [ofPyTorch(1.3)],
    work: convolutionWork(1),
  },
  {
    key: "convolutionGradients",
    title: "convolution 3×3, both gradients",
    size: "8 × 64 × 56²",
    inputs: [centred(...IMAGE), centred(...FILTER), centred(...IMAGE)],
    run: (x, w, ct) => [
      valueOps.convolutionInput(ct, w, convolutionParams) as Tensor,
      valueOps.convolutionWeight(x, ct, convolutionParams) as Tensor,
    ],
    goals: [ofPyTorch(1.3)],
    work: convolutionWork(2),
  },
];

const factorisations: Workload[] = [64, 128, 256, 512, 1024].flatMap((n) => {
  // Its diagonal outweighs each row: both of its triangles make a positive definite matrix, and one that can be solved by.
  const dominant: InputSpec = { shape: [n, n], low: -1, high: 1, diagonal: 2 * n };
  return [
    {
      key: "cholesky",
      title: "Cholesky factor",
      size: `${n}²`,
      inputs: [dominant],
      run: (a: Tensor) => [cholesky(a)],
      goals: [],
      work: { amount: n ** 3 / 3, unit: "GFLOP/s" } as const,
    },
    {
      key: "triangularSolve",
      title: "triangular solve",
      size: `${n}², as many right-hand sides`,
      inputs: [dominant, centred(n, n)],
      run: (a: Tensor, b: Tensor) => [triangularSolve(a, b)],
      goals: [],
      work: { amount: n ** 3, unit: "GFLOP/s" } as const,
    },
  ];
});

const small: Workload = {
  key: "small",
  title: "one eager addition",
  size: "16 elements",
  inputs: [centred(16), centred(16)],
  run: (x, y) => [add(x, y)],
  eagerOnly: true,
  goals: [{ nanoseconds: 500, says: "≤ 0.5 µs" }],
};

export const workloads: readonly Workload[] = [
  small,
  ...(Object.keys(ROWS) as (keyof typeof ROWS)[]).flatMap(byRows).sort((a, b) => a.title.localeCompare(b.title)),
  ...products,
  ...convolutions,
  ...factorisations.toSorted((a, b) => a.title.localeCompare(b.title)),
  ...traffic("1M"),
  ...traffic("16M"),
];
