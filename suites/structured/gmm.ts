/**
 * ADBench's Gaussian mixture: log posterior of N points under K components in D dimensions with a Wishart prior, in the form of
 * GradBench (likelihood plus prior). Component k has weight alpha_k, mean mu_k and a lower triangular Q_k whose diagonal is
 * exp(q_k) and whose strictly lower part holds l_k column by column.
 *
 *     β_ik = α_k + Σ q_k - ½‖Q_k(x_i - μ_k)‖²
 *     -N(D/2 log 2π + lse α) + Σ_i lse β_i + K·c - γ²/2 Σ‖Q_k‖² + m Σ q
 */
import {
  add,
  concat,
  exp,
  indexSelect,
  lgamma,
  logsumexp,
  matmul,
  mul,
  neg,
  reshape,
  softmax,
  square,
  sub,
  sum,
  type Tensor,
} from "../../core/ops.ts";
import { defineModel } from "../model.ts";

type Params = { alpha: Tensor; mu: Tensor; q: Tensor; l: Tensor };
type Batch = {
  /** Points [N, D]. */
  x: Tensor;
  /** For each entry of a D x D matrix, its place among l (D(D-1)/2), exp(q) (D) and one zero; and the places of l and of q in the matrix. */
  place: Tensor;
  lower: Tensor;
  diagonal: Tensor;
  /** Zeros [K, 1]. */
  zero: Tensor;
  /** Terms without parameters: -N·D/2·log 2π + K·c. */
  constant: number;
  gamma: number;
  m: number;
};

/** Q as [K, D·D]. */
function factors(l: Tensor, expQ: Tensor, { place, zero }: Batch): Tensor {
  return indexSelect(concat([l, expQ, zero], 1), place, 1);
}

export function loss({ alpha, mu, q, l }: Params, batch: Batch): Tensor {
  const { x, constant, gamma, m } = batch;
  const [n, d] = x.shape as readonly [number, number];
  const k = alpha.shape[0] as number;
  const flat = factors(l, exp(q), batch);
  const shift = matmul(reshape(flat, [k, d, d]), reshape(mu, [k, d, 1]));
  const y = sub(matmul(x, reshape(flat, [k * d, d]), { transposeB: true }), reshape(shift, [k * d]));
  const distance = sum(square(reshape(y, [n, k, d])), [2]);
  const beta = sub(add(alpha, sum(q, [1])), mul(distance, 0.5));
  const likelihood = sub(sum(logsumexp(beta, [1])), mul(logsumexp(alpha), n));
  const prior = sub(mul(sum(q), m), mul(sum(square(flat)), 0.5 * gamma * gamma));
  return add(add(likelihood, prior), constant);
}

/** With r = softmax(β): ȳ = -r·y, Q̄ = ȳᵀx - (Σȳ)μᵀ - γ²Q, μ̄ = -Qᵀ Σȳ, ᾱ = Σr - N softmax(α), q̄ = Σr + m + Q̄_jj e^q. */
function handwritten({ alpha, mu, q, l }: Params, batch: Batch): { value: Tensor; gradient: Params } {
  const { x, lower, diagonal, constant, gamma, m } = batch;
  const [n, d] = x.shape as readonly [number, number];
  const k = alpha.shape[0] as number;
  const expQ = exp(q);
  const flat = factors(l, expQ, batch);
  const matrices = reshape(flat, [k, d, d]);
  const shift = matmul(matrices, reshape(mu, [k, d, 1]));
  const y = reshape(sub(matmul(x, reshape(flat, [k * d, d]), { transposeB: true }), reshape(shift, [k * d])), [n, k, d]);
  const beta = sub(add(alpha, sum(q, [1])), mul(sum(square(y), [2]), 0.5));
  const likelihood = sub(sum(logsumexp(beta, [1])), mul(logsumexp(alpha), n));
  const value = add(add(likelihood, sub(mul(sum(q), m), mul(sum(square(flat)), 0.5 * gamma * gamma))), constant);

  const r = softmax(beta, 1);
  const weight = sum(r, [0]);
  const dy = reshape(neg(mul(y, reshape(r, [n, k, 1]))), [n, k * d]);
  const sumDy = reshape(sum(dy, [0]), [k, d, 1]);
  const dFlat = sub(
    sub(reshape(matmul(dy, x, { transposeA: true }), [k, d * d]), reshape(mul(sumDy, reshape(mu, [k, 1, d])), [k, d * d])),
    mul(flat, gamma * gamma),
  );
  return {
    value,
    gradient: {
      alpha: sub(weight, mul(softmax(alpha), n)),
      mu: neg(reshape(matmul(matrices, sumDy, { transposeA: true }), [k, d])),
      q: add(mul(indexSelect(dFlat, diagonal, 1), expQ), reshape(add(weight, m), [k, 1])),
      l: indexSelect(dFlat, lower, 1),
    },
  };
}

/** The parts of a data file, or of a reference case. */
export type Mixture = {
  d: number;
  k: number;
  n: number;
  alpha: number[];
  mu: number[];
  q: number[];
  l: number[];
  x: number[];
  gamma: number;
  m: number;
};

/** Reads a data file: `D K N`, alpha, means, rows of q and l, points, `gamma m`. */
export function parseMixture(text: string): Mixture {
  const numbers = text.trim().split(/\s+/).map(Number);
  let at = 3;
  const take = (count: number) => {
    at += count;
    return numbers.slice(at - count, at);
  };
  const [d, k, n] = numbers.slice(0, 3) as [number, number, number];
  const alpha = take(k);
  const mu = take(k * d);
  const rows = Array.from({ length: k }, () => take((d * (d + 1)) / 2));
  const x = take(n * d);
  const [gamma, m] = take(2) as [number, number];
  return { d, k, n, alpha, mu, q: rows.flatMap((r) => r.slice(0, d)), l: rows.flatMap((r) => r.slice(d)), x, gamma, m };
}

/** log of the multivariate gamma function: D(D-1)/4 log π + Σ_j log Γ(a - j/2). */
function logMultivariateGamma(a: number, d: number): number {
  let total = ((d * (d - 1)) / 4) * Math.log(Math.PI);
  for (let j = 0; j < d; j++) total += lgamma(a - j / 2);
  return total;
}

type Maker = {
  tensor(values: ArrayLike<number>, shape: readonly number[]): Tensor;
  indices(values: ArrayLike<number>, shape: readonly number[]): Tensor;
};

export function mixtureParams({ d, k, alpha, mu, q, l }: Mixture, make: Maker): Params {
  return {
    alpha: make.tensor(alpha, [k]),
    mu: make.tensor(mu, [k, d]),
    q: make.tensor(q, [k, d]),
    l: make.tensor(l, [k, (d * (d - 1)) / 2]),
  };
}

export function mixtureBatch({ d, k, n, x, gamma, m }: Mixture, make: Maker): Batch {
  const below = (d * (d - 1)) / 2;
  const lower: number[] = [];
  for (let column = 0; column < d; column++) for (let row = column + 1; row < d; row++) lower.push(row * d + column);
  const diagonal = Array.from({ length: d }, (_, i) => i * d + i);
  const place = Array.from({ length: d * d }, () => below + d);
  lower.forEach((entry, i) => {
    place[entry] = i;
  });
  diagonal.forEach((entry, i) => {
    place[entry] = below + i;
  });
  const nu = d + m + 1;
  const c = nu * d * (Math.log(gamma) - 0.5 * Math.LN2) - logMultivariateGamma(nu / 2, d);
  return {
    x: make.tensor(x, [n, d]),
    place: make.indices(place, [d * d]),
    lower: make.indices(lower, [below]),
    diagonal: make.indices(diagonal, [d]),
    zero: make.tensor(new Float64Array(k), [k, 1]),
    constant: -n * (d / 2) * Math.log(2 * Math.PI) + k * c,
    gamma,
    m,
  };
}

const file = (name: string) => ({ file: `adbench/gmm/${name}.txt` });

export default defineModel<Params, Batch>({
  name: "gmm",
  summary: "Gaussian mixture with Wishart prior on ADBench's data, 1000 points (one at d2-K3-n1)",
  sizes: {
    "d2-K3-n1": file("test"),
    "d2-K5": file("1k/gmm_d2_K5"),
    "d2-K25": file("1k/gmm_d2_K25"),
    "d10-K5": file("1k/gmm_d10_K5"),
    "d10-K10": file("1k/gmm_d10_K10"),
    "d20-K5": file("1k/gmm_d20_K5"),
  },
  quick: ["d2-K5", "d10-K5"],
  dtypes: ["f64"],
  params: (size, m) => mixtureParams(parseMixture(m.text(String(size.file))), m),
  batch: (size, m) => mixtureBatch(parseMixture(m.text(String(size.file))), m),
  loss,
  handwritten,
});
