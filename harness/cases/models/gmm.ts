/** A Gaussian mixture with triangular factors of the inverse covariances and a Wishart prior (ADBench's form, ADBench's sign). */
import { add, concat, exp, lgamma, logsumexp, matmul, mul, neg, slice, square, stack, sub, sum, type Tensor } from "../../../core/ops.ts";

type Params = { readonly alphas: Tensor; readonly means: Tensor; readonly icf: Tensor };
type Data = { readonly x: Tensor };
type Attrs = { readonly n: number; readonly d: number; readonly k: number; readonly gamma: number; readonly m: number };

const cut = (x: Tensor, row: number, from: number, to: number) => slice(x, [row, from], [row + 1, to]);

/** Q_j: exp of the first d entries on the diagonal, the rest below it column by column. */
function factor(icf: Tensor, j: number, d: number): Tensor {
  const q = exp(cut(icf, j, 0, d));
  const zero = mul(cut(icf, j, 0, 1), 0);
  const columns: Tensor[] = [];
  let at = d;
  for (let c = 0; c < d; c++) {
    const above = Array.from({ length: c }, () => zero);
    const below = d - 1 - c;
    columns.push(concat([...above, slice(q, [0, c], [1, c + 1]), cut(icf, j, at, at + below)], 1));
    at += below;
  }
  return concat(columns, 0);
}

function logMultivariateGamma(a: number, d: number): number {
  let total = ((d * (d - 1)) / 4) * Math.log(Math.PI);
  for (let j = 1; j <= d; j++) total += lgamma(a + (1 - j) / 2);
  return total;
}

export function outputs({ alphas, means, icf }: Params, { x }: Data, { d, k }: Attrs): { inner: Tensor } {
  const columns: Tensor[] = [];
  for (let j = 0; j < k; j++) {
    // Rows of (x - mean) times the transposed factor, whose rows here are the columns of Q.
    const centred = sub(x, cut(means, j, 0, d));
    const distance = sum(square(matmul(centred, factor(icf, j, d))), [1]);
    const offset = add(slice(alphas, [j], [j + 1]), sum(cut(icf, j, 0, d), [1]));
    columns.push(sub(offset, mul(distance, 0.5)));
  }
  return { inner: stack(columns, 1) };
}

export function loss(params: Params, data: Data, attrs: Attrs): Tensor {
  const { n, d, k, gamma, m } = attrs;
  const { alphas, icf } = params;
  const { inner } = outputs(params, data, attrs);
  const logs = slice(icf, [0, 0], [k, d]);
  const below = slice(icf, [0, d], [k, d + (d * (d - 1)) / 2]);
  const nu = d + m + 1;
  const constant =
    -k * (nu * d * (Math.log(gamma) - 0.5 * Math.LN2) - logMultivariateGamma(nu / 2, d)) - ((n * d) / 2) * Math.log(2 * Math.PI);
  const wishart = sub(mul(add(sum(square(exp(logs))), sum(square(below))), 0.5 * gamma * gamma), mul(sum(logs), m));
  const likelihood = sub(sum(logsumexp(inner, [1])), mul(logsumexp(alphas), n));
  return mul(neg(add(add(likelihood, wishart), constant)), 1 / n);
}
