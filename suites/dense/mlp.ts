/** A perceptron with two hidden tanh layers and cross-entropy on the handwritten digits: matrix products, launch-bound to compute-bound. */
import { add, crossEntropy, matmul, mean, mul, oneHot, softmax, square, sub, sum, type Tensor, tanh } from "../../core/ops.ts";
import { defineModel } from "../model.ts";

type Params = { w1: Tensor; b1: Tensor; w2: Tensor; b2: Tensor; w3: Tensor; b3: Tensor };
type Batch = { x: Tensor; t: Tensor };

const PIXELS = 64;
const CLASSES = 10;

/** Logits [batch, 10] of pixels [batch, 64]. */
export function predict({ w1, b1, w2, b2, w3, b3 }: Params, x: Tensor): Tensor {
  const h1 = tanh(add(matmul(x, w1), b1));
  const h2 = tanh(add(matmul(h1, w2), b2));
  return add(matmul(h2, w3), b3);
}

/** Mean cross-entropy. */
export function loss(params: Params, { x, t }: Batch): Tensor {
  return crossEntropy(predict(params, x), t);
}

/** ā of a = tanh⁻¹(h), given h̄: h̄(1 - h²). */
function throughTanh(h: Tensor, dh: Tensor): Tensor {
  return mul(dh, sub(1, square(h)));
}

/** Backpropagation by hand: logits' cotangent (softmax - onehot)/n, then layer by layer, transposes as flags of the products. */
function handwritten({ w1, b1, w2, b2, w3, b3 }: Params, { x, t }: Batch): { value: Tensor; gradient: Params } {
  const n = t.shape[0] as number;
  const h1 = tanh(add(matmul(x, w1), b1));
  const h2 = tanh(add(matmul(h1, w2), b2));
  const logits = add(matmul(h2, w3), b3);
  const value = mean(crossEntropy(logits, t, "none"));
  const dz = mul(sub(softmax(logits), oneHot(t, CLASSES, logits.dtype)), 1 / n);
  const da2 = throughTanh(h2, matmul(dz, w3, { transposeB: true }));
  const da1 = throughTanh(h1, matmul(da2, w2, { transposeB: true }));
  return {
    value,
    gradient: {
      w1: matmul(x, da1, { transposeA: true }),
      b1: sum(da1, [0]),
      w2: matmul(h1, da2, { transposeA: true }),
      b2: sum(da2, [0]),
      w3: matmul(h2, dz, { transposeA: true }),
      b3: sum(dz, [0]),
    },
  };
}

/** Pixels in [0, 1], row by row, and classes. */
export function digits(text: string): { pixels: number[]; classes: number[] } {
  const rows = text
    .trim()
    .split("\n")
    .map((line) => line.split(",").map(Number));
  return { pixels: rows.flatMap((r) => r.slice(0, PIXELS).map((v) => v / 16)), classes: rows.map((r) => r[PIXELS] as number) };
}

export default defineModel<Params, Batch>({
  name: "mlp",
  summary: "two hidden tanh layers and cross-entropy on handwritten digits",
  sizes: {
    "32x32": { batch: 32, width: 32 },
    "128x128": { batch: 128, width: 128 },
    "256x256": { batch: 256, width: 256 },
    "512x512": { batch: 512, width: 512 },
    "1024x1024": { batch: 1024, width: 1024 },
  },
  quick: ["32x32", "128x128", "256x256"],
  params: ({ width }, m) => {
    const w = Number(width);
    const layer = (rows: number, columns: number) =>
      m.tensor(
        m.rng.normal(rows * columns).map((v) => v / Math.sqrt(rows)),
        [rows, columns],
      );
    const bias = (columns: number) =>
      m.tensor(
        m.rng.normal(columns).map((v) => 0.01 * v),
        [columns],
      );
    return { w1: layer(PIXELS, w), b1: bias(w), w2: layer(w, w), b2: bias(w), w3: layer(w, CLASSES), b3: bias(CLASSES) };
  },
  batch: ({ batch }, m) => {
    const { pixels, classes } = digits(m.text("digits/digits.csv.gz"));
    const n = Number(batch);
    return {
      x: m.tensor(
        Float64Array.from({ length: n * PIXELS }, (_, i) => pixels[i % pixels.length] as number),
        [n, PIXELS],
      ),
      t: m.indices(
        Int32Array.from({ length: n }, (_, i) => classes[i % classes.length] as number),
        [n],
      ),
    };
  },
  loss,
  handwritten,
});
