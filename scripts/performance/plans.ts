/**
 * Memory plans against the least that any plan needs, on training steps of two typical networks: the arena of the compiled loss
 * and all gradients. Nothing is run: plans are made for a device that computes nothing.
 */
import { type Aval, aval } from "../../core/base/aval.ts";
import { compile } from "../../core/compile/compile.ts";
import { openDevice } from "../../core/device/registry.ts";
import {
  add,
  attention,
  conv2d,
  crossEntropy,
  gelu,
  layerNorm,
  matmul,
  maxPool2d,
  relu,
  reshape,
  select,
  type Tensor,
  transpose,
} from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { valueAndGrad } from "../../engines/tape/transforms.ts";

type Params = readonly Tensor[];

export interface Network {
  readonly name: string;
  readonly params: readonly (readonly number[])[];
  readonly data: readonly Aval[];
  readonly loss: (params: Params, ...data: Tensor[]) => Tensor;
}

/** Two convolutions with pooling, then two dense layers, on 32 images of 3 × 32 × 32. */
export const cnn: Network = {
  name: "CNN, batch 32",
  params: [[32, 3, 3, 3], [32], [64, 32, 3, 3], [64], [64 * 8 * 8, 128], [128], [128, 10], [10]],
  data: [aval([32, 3, 32, 32], "f32"), aval([32], "i32")],
  loss: (params, x, labels) => {
    const [w1, b1, w2, b2, w3, b3, w4, b4] = params as [Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor];
    const h1 = maxPool2d(relu(conv2d(x as Tensor, w1, b1, { padding: 1 })), 2);
    const h2 = maxPool2d(relu(conv2d(h1, w2, b2, { padding: 1 })), 2);
    const h3 = relu(add(matmul(reshape(h2, [32, 64 * 8 * 8]), w3), b3));
    return crossEntropy(add(matmul(h3, w4), b4), labels as Tensor);
  },
};

const LAYERS = 4;
const [BATCH, LENGTH, WIDTH, HEADS] = [4, 64, 128, 4] as const;
const layerShapes = [
  [WIDTH],
  [WIDTH],
  [WIDTH, 3 * WIDTH],
  [WIDTH, WIDTH],
  [WIDTH],
  [WIDTH],
  [WIDTH, 4 * WIDTH],
  [4 * WIDTH],
  [4 * WIDTH, WIDTH],
  [WIDTH],
];

/** Pre-norm transformer on given embeddings: four layers, width 128, four heads, 4 × 64 positions, 256 classes. */
export const transformer: Network = {
  name: "transformer, 4 layers",
  params: [...Array.from({ length: LAYERS }, () => layerShapes).flat(), [WIDTH, 256]],
  data: [aval([BATCH, LENGTH, WIDTH], "f32"), aval([BATCH, LENGTH], "i32")],
  loss: (params, embedded, labels) => {
    let x = embedded as Tensor;
    for (let l = 0; l < LAYERS; l++) {
      const [g1, s1, wqkv, wo, g2, s2, w1, c1, w2, c2] = params.slice(l * layerShapes.length) as [
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
        Tensor,
      ];
      const qkv = reshape(matmul(layerNorm(x, g1, s1), wqkv), [BATCH, LENGTH, 3, HEADS, WIDTH / HEADS]);
      const [q, k, v] = [0, 1, 2].map((i) => transpose(select(qkv, 2, i), [0, 2, 1, 3])) as [Tensor, Tensor, Tensor];
      const mixed = reshape(transpose(attention(q, k, v, true), [0, 2, 1, 3]), [BATCH, LENGTH, WIDTH]);
      x = add(x, matmul(mixed, wo));
      x = add(x, add(matmul(gelu(add(matmul(layerNorm(x, g2, s2), w1), c1), "tanh"), w2), c2));
    }
    return crossEntropy(matmul(x, params.at(-1) as Tensor), labels as Tensor);
  },
};

export interface PlanFigures {
  readonly name: string;
  readonly launches: number;
  readonly unfusedLaunches: number;
  readonly arenaBytes: number;
  readonly lowerBound: number;
  readonly unsharedBytes: number;
}

export function planFigures(): PlanFigures[] {
  const before = useDevice(openDevice("null"));
  try {
    return [cnn, transformer].map(({ name, params, data, loss }) => {
      const step = compile((...inputs) => {
        const f = (p: unknown) => loss(p as Params, ...inputs.slice(params.length));
        const [value, gradients] = valueAndGrad(f)(inputs.slice(0, params.length));
        return [value as Tensor, ...(gradients as Tensor[])];
      });
      const given = [...params.map((shape) => aval(shape, "f32")), ...data].map((a) => ({ aval: a }));
      const { statistics } = step.executable(...given);
      step.dispose();
      return { name, ...statistics };
    });
  } finally {
    if (before !== undefined) useDevice(before);
  }
}
