/**
 * Two convolutions with a pooling between them, the mean over the image and a linear read-out. Convolutions are matrix products of
 * the kernels with shifted images, so that the model needs no primitive of its own.
 */
import {
  add,
  concat,
  crossEntropy,
  matmul,
  mean,
  pad,
  reduceMax,
  relu,
  reshape,
  slice,
  split,
  stack,
  type Tensor,
} from "../../../core/ops.ts";

type Params = {
  readonly K1: Tensor;
  readonly b1: Tensor;
  readonly K2: Tensor;
  readonly b2: Tensor;
  readonly W: Tensor;
  readonly b: Tensor;
};
type Data = { readonly x: Tensor; readonly t: Tensor };
type Attrs = { readonly stride2: number; readonly groups2: number };

/** The places in x [N, C, H, W] that each entry of a window of `size` meets, one tensor [N, C, OH, OW] per entry, row by row. */
function shifted(x: Tensor, size: readonly [number, number], stride: number): Tensor[] {
  const [n, c, h, w] = x.shape as readonly [number, number, number, number];
  const last = [Math.floor((h - size[0]) / stride) * stride, Math.floor((w - size[1]) / stride) * stride] as const;
  const all: Tensor[] = [];
  for (let i = 0; i < size[0]; i++) {
    for (let j = 0; j < size[1]; j++) {
      all.push(slice(x, [0, 0, i, j], [n, c, i + last[0] + 1, j + last[1] + 1], [1, 1, stride, stride]));
    }
  }
  return all;
}

/** Cross-correlation with one pixel of zeros around x, and a bias per channel. */
export function convolve(x: Tensor, kernel: Tensor, bias: Tensor, stride: number, groups: number): Tensor {
  const [o, c, kh, kw] = kernel.shape as readonly [number, number, number, number];
  const around = pad(x, [
    [0, 0],
    [0, 0],
    [1, 1],
    [1, 1],
  ]);
  const equal = (size: number) => Array.from({ length: groups }, () => size);
  const kernels = split(reshape(kernel, [o, c * kh * kw]), equal(o / groups), 0);
  const outputs = split(around, equal(c), 1).map((part, g) => {
    const windows = stack(shifted(part, [kh, kw], stride), 2);
    const [n, , , oh, ow] = windows.shape as readonly [number, number, number, number, number];
    const y = matmul(kernels[g] as Tensor, reshape(windows, [n, c * kh * kw, oh * ow]));
    return reshape(y, [n, o / groups, oh, ow]);
  });
  return add(concat(outputs, 1), reshape(bias, [o, 1, 1]));
}

/** Ties are among zeros alone, where relu passes no gradient on, so how they are split does not matter. */
function maxPool(x: Tensor): Tensor {
  return reduceMax(stack(shifted(x, [2, 2], 2), 0), [0]);
}

export function outputs({ K1, b1, K2, b2, W, b }: Params, { x }: Data, { stride2, groups2 }: Attrs): { logits: Tensor } {
  const pooled = maxPool(relu(convolve(x, K1, b1, 1, 1)));
  const features = mean(relu(convolve(pooled, K2, b2, stride2, groups2)), [2, 3]);
  return { logits: add(matmul(features, W), b) };
}

export function loss(params: Params, data: Data, attrs: Attrs): Tensor {
  return crossEntropy(outputs(params, data, attrs).logits, data.t);
}
