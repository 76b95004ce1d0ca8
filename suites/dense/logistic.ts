/** Logistic regression with a ridge on the breast-cancer data (standardised): one matrix-vector product and elementwise work. */
import { add, bceWithLogits, matmul, mean, mul, sigmoid, softplus, square, sub, sum, type Tensor } from "../../core/ops.ts";
import { defineModel } from "../model.ts";

type Params = { w: Tensor; b: Tensor };
type Batch = { x: Tensor; t: Tensor };

const FEATURES = 30;
const RIDGE = 0.001;

/** Mean binary cross-entropy of the logits x·w + b against t in {0, 1}, plus the ridge on w. */
export function loss({ w, b }: Params, { x, t }: Batch): Tensor {
  const logits = add(matmul(x, w), b);
  return add(bceWithLogits(logits, t), mul(sum(square(w)), RIDGE));
}

/** With z = x·w + b: z̄ = (σ(z) - t)/n, w̄ = xᵀz̄ + 2·ridge·w, b̄ = Σ z̄. */
function handwritten({ w, b }: Params, { x, t }: Batch): { value: Tensor; gradient: Params } {
  const rows = t.shape[0] as number;
  const z = add(matmul(x, w), b);
  const value = add(mean(sub(softplus(z), mul(z, t))), mul(sum(square(w)), RIDGE));
  const dz = mul(sub(sigmoid(z), t), 1 / rows);
  return { value, gradient: { w: add(matmul(x, dz, { transposeA: true }), mul(w, 2 * RIDGE)), b: sum(dz) } };
}

/** Columns with mean 0 and variance 1, and the class. */
function table(text: string): { x: number[]; t: number[] } {
  const rows = text
    .trim()
    .split("\n")
    .slice(1)
    .map((line) => line.split(",").map(Number));
  const n = rows.length;
  const column = (j: number) => rows.map((r) => r[j] as number);
  const moments = Array.from({ length: FEATURES }, (_, j) => {
    const c = column(j);
    const m = c.reduce((s, v) => s + v, 0) / n;
    return { m, s: Math.sqrt(c.reduce((s, v) => s + (v - m) ** 2, 0) / n) };
  });
  return {
    x: rows.flatMap((r) => moments.map(({ m, s }, j) => ((r[j] as number) - m) / s)),
    t: column(FEATURES),
  };
}

export default defineModel<Params, Batch>({
  name: "logistic",
  summary: "logistic regression on the breast-cancer data (569 x 30, repeated)",
  sizes: { "569": { copies: 1 }, "9104": { copies: 16 }, "145664": { copies: 256 } },
  quick: ["569"],
  params: (_size, m) => ({
    w: m.tensor(
      m.rng.normal(FEATURES).map((v) => 0.1 * v),
      [FEATURES],
    ),
    b: m.tensor([0.1], []),
  }),
  batch: ({ copies }, m) => {
    const { x, t } = table(m.text("breast-cancer/breast_cancer.csv"));
    const n = t.length * Number(copies);
    return {
      x: m.tensor(
        Float64Array.from({ length: n * FEATURES }, (_, i) => x[i % x.length] as number),
        [n, FEATURES],
      ),
      t: m.tensor(
        Float64Array.from({ length: n }, (_, i) => t[i % t.length] as number),
        [n],
      ),
    };
  },
  loss,
  handwritten,
});
