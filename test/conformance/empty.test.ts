/**
 * Operators on tensors without elements, without axes and of one element: every fast device, eager and compiled, gives what the
 * reference gives, values and gradients alike, or refuses where it refuses. What the values are is in docs/operators.md.
 */
import { describe, expect, test } from "vitest";
import { BenchError } from "../../core/base/errors.ts";
import { compile } from "../../core/compile/compile.ts";
import type { DeviceName } from "../../core/device/device.ts";
import { openDevice } from "../../core/device/registry.ts";
import * as o from "../../core/ops.ts";
import { createTensor, scope, type Tensor } from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { grad } from "../../engines/tape/transforms.ts";

type Fn = (...args: unknown[]) => unknown;
type Operator = (x: Tensor) => Tensor;

const tensor = (shape: readonly number[], dtype: "f64" | "i32" | "bool" = "f64") => {
  const value = (i: number) => (dtype === "bool" ? i % 2 : dtype === "i32" ? 0 : ((i * 7) % 5) - 1.75);
  const size = shape.reduce((n, d) => n * d, 1);
  return createTensor(
    Array.from({ length: size }, (_, i) => value(i)),
    shape,
    dtype,
  );
};
const last = (x: Tensor) => x.shape.at(-1) as number;
/** The shape of x with another first length. */
const with0 = (x: Tensor, d: number) => x.shape.map((n, i) => (i === 0 ? d : n));
const ofChannels = (x: Tensor) => tensor([x.shape[1] ?? 1]);

const GENERAL: Readonly<Record<string, Operator>> = {
  add: (x) => o.add(x, x),
  clamp: (x) => o.clamp(x, -1, 1),
  where: (x) => o.where(o.gt(x, 0), x, 0),
  gelu: (x) => o.gelu(x, "tanh"),
  "sum of the first axis": (x) => o.sum(x, [0]),
  "sum of the last axis": (x) => o.sum(x, [-1]),
  "sum of no axes": (x) => o.sum(x, []),
  "mean of all": (x) => o.mean(x),
  variance: (x) => o.variance(x, [0]),
  std: (x) => o.std(x, [-1]),
  norm: (x) => o.norm(x, 2, [0]),
  "largest size": (x) => o.norm(x, Number.POSITIVE_INFINITY, [-1]),
  "prod of the first axis": (x) => o.prod(x, [0]),
  "prod of the last axis": (x) => o.prod(x, [-1]),
  logsumexp: (x) => o.logsumexp(x, [0]),
  reduceMax: (x) => o.reduceMax(x, [-1]),
  argmax: (x) => o.argmax(x, 0),
  softmax: (x) => o.softmax(x, 0),
  logSoftmax: (x) => o.logSoftmax(x),
  cumsum: (x) => o.cumsum(x, 0),
  cumprod: (x) => o.cumprod(x, -1),
  transpose: (x) => o.transpose(x),
  broadcastTo: (x) => o.broadcastTo(x, [2, ...x.shape]),
  "slice backwards": (x) => o.slice(x, null, null, [-1]),
  select: (x) => o.select(x, -1, 0),
  flip: (x) => o.flip(x, [0]),
  concat: (x) => o.concat([x, x], -1),
  stack: (x) => o.stack([x, x], -1),
  pad: (x) =>
    o.pad(
      x,
      x.shape.map(() => [1, 2] as const),
    ),
  roll: (x) => o.roll(x, 3, 0),
  tile: (x) =>
    o.tile(
      x,
      x.shape.map(() => 2),
    ),
  "repeatInterleave, not at all": (x) => o.repeatInterleave(x, 0, 0),
  "gather of none": (x) => o.gather(x, tensor(with0(x, 0), "i32"), 0),
  "scatterAdd of none": (x) => o.scatterAdd(x, tensor(with0(x, 0), "i32"), tensor(with0(x, 0)), 0),
  "scatter of none": (x) => o.scatter(x, tensor(with0(x, 0), "i32"), tensor(with0(x, 0)), 0),
  indexSelect: (x) => o.indexSelect(x, tensor([1], "i32"), 0),
  "embedding of none": (x) => o.embedding(x, tensor([2, 0], "i32")),
  tril: (x) => o.tril(x),
  outer: (x) => o.outer(x, x),
  sort: (x) => o.sort(x, 0),
  topk: (x) => o.topk(x, 0),
  matmul: (x) => o.matmul(x, o.transpose(x)),
  "matmul, turned": (x) => o.matmul(o.transpose(x), x),
  linear: (x) => o.linear(x, tensor([4, last(x)]), tensor([4])),
  einsum: (x) => o.einsum("...i,...i->...", x, x),
  layerNorm: (x) => o.layerNorm(x, tensor([last(x)]), tensor([last(x)])),
  rmsNorm: (x) => o.rmsNorm(x, tensor([last(x)])),
  batchNorm: (x) => o.batchNorm(x, ofChannels(x), ofChannels(x)),
  groupNorm: (x) => o.groupNorm(x, ofChannels(x), ofChannels(x), 1),
  attention: (x) => o.attention(x, x, x, true),
  crossEntropy: (x) => o.crossEntropy(x, tensor(x.shape.slice(0, -1), "i32"), "none", 0.1),
  mseLoss: (x) => o.mseLoss(x, x),
  dropoutMask: (x) => o.dropoutMask(x, tensor(x.shape, "bool"), 0.5),
  uniform: (x) => o.uniform(o.key(1), x.shape, "f64"),
};
const SQUARE: Readonly<Record<string, Operator>> = {
  det: (x) => o.det(x),
  logabsdet: (x) => o.logabsdet(x),
  cholesky: (x) => o.cholesky(o.matmul(x, x, { transposeB: true })),
  inverse: (x) => o.inverse(x),
  "solve for no columns": (x) => o.solve(x, tensor([...x.shape.slice(0, -1), 0])),
  triangularSolve: (x) => o.triangularSolve(x, tensor([...x.shape.slice(0, -1), 2])),
};
const IMAGE: Readonly<Record<string, Operator>> = {
  conv2d: (x) => o.conv2d(x, tensor([2, x.shape[1] as number, 2, 2]), { padding: 1 }),
  "conv2d to no channels": (x) => o.conv2d(x, tensor([0, x.shape[1] as number, 2, 2]), { padding: 1 }),
  convTranspose2d: (x) => o.convTranspose2d(x, tensor([x.shape[1] as number, 2, 2, 2])),
  maxPool2d: (x) => o.maxPool2d(x, 2),
  avgPool2d: (x) => o.avgPool2d(x, 2, { padding: 1, countIncludePad: false }),
  unfold2d: (x) => o.unfold2d(x, 2),
  upsampleNearest2d: (x) => o.upsampleNearest2d(x, 2),
};

const MANNERS: Readonly<Record<string, (f: Operator) => Operator>> = {
  value: (f) => f,
  gradient: (f) => (x) => grad(((z: Tensor) => o.sum(f(z))) as Fn)(x) as Tensor,
  compiled: (f) => (x) => {
    const program = compile((z: Tensor) => [f(z)]);
    const [y] = program(x) as [Tensor];
    program.dispose();
    return y;
  },
};

/** dtype, shape and numbers of what an operator gives, or its refusal; any other error is thrown. */
function outcome(device: DeviceName, f: Operator, shape: readonly number[]): string {
  useDevice(openDevice(device));
  return scope(() => {
    try {
      const y = f(tensor(shape));
      return `${y.dtype}[${y.shape}] ${[...y.toArray()].map((v) => Number(v.toPrecision(9)) + 0)}`;
    } catch (error) {
      if (error instanceof BenchError && !error.message.startsWith("internal error")) return `refused: ${error.message}`;
      throw error;
    }
  });
}

/** A refusal without the position of a bad index: a fused kernel knows it in its own space, which lacks axes of length 1. */
const anywhere = (text: string) => text.replace(/ at position \[.*\]$/, "");

describe.each([
  ["tensors", GENERAL, [[0, 3], [3, 0], [0, 0], [2, 0, 3], [], [1], [1, 1], [0]]],
  [
    "square matrices",
    SQUARE,
    [
      [0, 0],
      [0, 3, 3],
      [2, 0, 0],
      [1, 1],
      [0, 1, 1],
    ],
  ],
  [
    "images",
    IMAGE,
    [
      [0, 1, 3, 3],
      [1, 0, 3, 3],
      [1, 1, 0, 3],
      [1, 1, 2, 2],
    ],
  ],
] as const)("%s without elements or axes", (_, operators, shapes) => {
  test.each(Object.entries(operators))("%s", (name, f) => {
    for (const shape of shapes)
      for (const [manner, made] of Object.entries(MANNERS)) {
        const where = `${name} of [${shape}], ${manner}`;
        const wanted = outcome("interpreter", made(f), shape);
        expect(outcome("wasm", made(f), shape), where).toBe(wanted);
        if (manner === "compiled") expect(anywhere(wanted), where).toBe(anywhere(outcome("interpreter", f, shape)));
      }
  });
});
