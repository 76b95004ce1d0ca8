/** Losses, normalisation and attention, composed of primitives. */
import type { Aval } from "../base/aval.ts";
import { mismatch } from "../base/errors.ts";
import { showShape } from "../base/shape.ts";
import { createTensor, type Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/traced.ts";
import { avalOf, valueOps as v } from "../tensor/values.ts";
import { numeric, oneOf, shaped, truth } from "./options.ts";
import { mean } from "./statistics.ts";

export type Reduction = "mean" | "sum" | "none";

function reduceLoss(rows: Value, reduction: Reduction): Value {
  oneOf("a loss", "the reduction", reduction, ["mean", "sum", "none"]);
  if (reduction === "none") return rows;
  return reduction === "mean"
    ? mean(rows as Tensor)
    : v.sum(
        rows,
        avalOf(rows).shape.map((_, i) => i),
        false,
      );
}

/** From logits x[..., K] and i32 classes t[...]: -log softmax(x)[t]; with label smoothing e the target is (1-e)·onehot + e/K. */
export function crossEntropy(x: Tensor, t: Tensor, reduction?: Reduction, labelSmoothing?: number): Tensor;
export function crossEntropy(x: Value, t: Value, reduction: Reduction = "mean", labelSmoothing = 0): Value {
  numeric("crossEntropy", "label smoothing", labelSmoothing, labelSmoothing >= 0 && labelSmoothing <= 1, "from 0 to 1");
  const rows = v.crossEntropyRows(x, t);
  if (labelSmoothing === 0) return reduceLoss(rows, reduction);
  const last = avalOf(x).shape.length - 1;
  const even = v.neg(mean(v.logSoftmax(x, last) as Tensor, [last]) as Value);
  return reduceLoss(v.add(v.mul(rows, 1 - labelSmoothing), v.mul(even, labelSmoothing)), reduction);
}

/** A target has the shape of what is held against it, or is one number: [n, 1] against [n] would be n² differences. */
function targetShape(name: string, x: Value, t: Value): void {
  const { shape } = avalOf(t);
  if (shape.length > 0) shaped(name, "the target", shape, avalOf(x).shape);
}

/** Binary cross-entropy of logits x and probabilities t, stable: max(x, 0) - x·t + log(1 + e^-|x|). t has the shape of x or is one number. */
export function bceWithLogits(x: Tensor, t: Tensor, reduction?: Reduction): Tensor;
export function bceWithLogits(x: Value, t: Value, reduction: Reduction = "mean"): Value {
  targetShape("bceWithLogits", x, t);
  return reduceLoss(v.sub(v.softplus(x), v.mul(x, t)), reduction);
}

/** (a - b)²; b has the shape of a or is one number. */
export function mseLoss(a: Tensor, b: Tensor, reduction?: Reduction): Tensor;
export function mseLoss(a: Value, b: Value, reduction: Reduction = "mean"): Value {
  targetShape("mseLoss", a, b);
  return reduceLoss(v.square(v.sub(a, b)), reduction);
}

/** 0.5·d² for |d| <= delta, else delta·(|d| - delta/2), with d = a - b; delta > 0, b has the shape of a or is one number. */
export function huberLoss(a: Tensor, b: Tensor, delta?: number, reduction?: Reduction): Tensor;
export function huberLoss(a: Value, b: Value, delta = 1, reduction: Reduction = "mean"): Value {
  targetShape("huberLoss", a, b);
  numeric("huberLoss", "delta", delta, delta > 0, "positive");
  const d = v.sub(a, b);
  const size = v.abs(d);
  const rows = v.where(v.le(size, delta), v.mul(v.square(d), 0.5), v.mul(v.sub(size, delta / 2), delta));
  return reduceLoss(rows, reduction);
}

/** (x - mean) / sqrt(var + eps) over `axes`, with the biased variance. */
function standardize(x: Value, axes: readonly number[], eps: number): Value {
  const centred = v.sub(x, mean(x as Tensor, axes, true));
  return v.mul(centred, v.rsqrt(v.add(mean(v.square(centred) as Tensor, axes, true), eps)));
}

/** Layer normalisation over the last `axesCount` axes, then times w plus b (of those axes' shape). */
export function layerNorm(x: Tensor, w: Tensor, b: Tensor, axesCount?: number, eps?: number): Tensor;
export function layerNorm(x: Value, w: Value, b: Value, axesCount = 1, eps = 1e-5): Value {
  const { shape } = avalOf(x);
  const rank = shape.length;
  numeric(
    "layerNorm",
    "the number of axes",
    axesCount,
    Number.isInteger(axesCount) && axesCount > 0 && axesCount <= rank,
    `from 1 to ${rank}`,
  );
  for (const [operand, p] of [
    ["w", w],
    ["b", b],
  ] as const)
    shaped("layerNorm", operand, avalOf(p).shape, shape.slice(rank - axesCount));
  const axes = Array.from({ length: axesCount }, (_, i) => rank - axesCount + i);
  return v.add(v.mul(standardize(x, axes, eps), w), b);
}

/** x / sqrt(mean(x², last axis) + eps) · w. */
export function rmsNorm(x: Tensor, w: Tensor, eps?: number): Tensor;
export function rmsNorm(x: Value, w: Value, eps = 1e-6): Value {
  const last = avalOf(x).shape.length - 1;
  shaped("rmsNorm", "w", avalOf(w).shape, avalOf(x).shape.slice(last));
  return v.mul(v.mul(x, v.rsqrt(v.add(mean(v.square(x) as Tensor, [last], true), eps))), w);
}

/** w or b, one number a channel, beside x[N, C, ...]. */
function perChannel(name: string, operand: string, p: Value, { shape }: Aval): Value {
  if (shape.length < 2) throw mismatch(`${name} needs x[N, C, ...], but was given ${showShape(shape)}`);
  shaped(name, operand, avalOf(p).shape, [shape[1] as number]);
  return v.reshape(p, [shape[1] as number, ...Array<number>(shape.length - 2).fill(1)]);
}

/** Training-mode batch normalisation: statistics per channel (axis 1) over all other axes. */
export function batchNorm(x: Tensor, w: Tensor, b: Tensor, eps?: number): Tensor;
export function batchNorm(x: Value, w: Value, b: Value, eps = 1e-5): Value {
  const a = avalOf(x);
  const [scale, shift] = [perChannel("batchNorm", "w", w, a), perChannel("batchNorm", "b", b, a)];
  const axes = a.shape.map((_, i) => i).filter((i) => i !== 1);
  return v.add(v.mul(standardize(x, axes, eps), scale), shift);
}

/** x[N, C, ...]: statistics per sample and group of C/groups channels, then per-channel w and b. */
export function groupNorm(x: Tensor, w: Tensor, b: Tensor, groups: number, eps?: number): Tensor;
export function groupNorm(x: Value, w: Value, b: Value, groups: number, eps = 1e-5): Value {
  const a = avalOf(x);
  const { shape, size } = a;
  const [scale, shift] = [perChannel("groupNorm", "w", w, a), perChannel("groupNorm", "b", b, a)];
  const n = shape[0] as number;
  numeric(
    "groupNorm",
    "the number of groups",
    groups,
    groups > 0 && (shape[1] as number) % groups === 0 && Number.isInteger(groups),
    `a divisor of the ${shape[1]} channels`,
  );
  if (size === 0) return v.add(v.mul(x, scale), shift);
  const y = v.reshape(standardize(v.reshape(x, [n, groups, size / (n * groups)]), [2], eps), shape);
  return v.add(v.mul(y, scale), shift);
}

/** x · mask / (1 - p), the bool mask being given as data; 0 <= p <= 1, and zeros for p = 1. */
export function dropoutMask(x: Tensor, mask: Tensor, p: number): Tensor;
export function dropoutMask(x: Value, mask: Value, p: number): Value {
  numeric("dropoutMask", "p", p, p >= 0 && p <= 1, "a probability");
  return v.where(mask, v.mul(x, p === 1 ? 0 : 1 / (1 - p)), 0);
}

/** softmax(q·kᵀ / sqrt(d) + causal mask)·v for q, k, v of shape [..., T, d]; masked positions are -inf before the softmax. */
export function attention(q: Tensor, k: Tensor, values: Tensor, causal?: boolean): Tensor;
export function attention(q: Value, k: Value, values: Value, causal = false): Value {
  truth("attention", "causal", causal);
  const shape = avalOf(q).shape;
  const queries = shape.at(-2) as number;
  const keys = avalOf(k).shape.at(-2) as number;
  let scores = v.mul(v.matmul(q, k, { transposeA: false, transposeB: true }), 1 / Math.sqrt(shape.at(-1) as number));
  if (causal) {
    const later = createTensor(
      Array.from({ length: queries * keys }, (_, i) => (i % keys > Math.floor(i / keys) ? 1 : 0)),
      [queries, keys],
      "bool",
    );
    scores = v.where(later, Number.NEGATIVE_INFINITY, scores);
  }
  return v.matmul(v.softmax(scores, shape.length - 1), values, { transposeA: false, transposeB: false });
}
