/**
 * The fused primitives: those that a composition of others could replace, with that composition. Each is one kernel because
 * memory traffic or stability pays for it, has a rule of its own in the one table, and serves every engine alike, so that no
 * paradigm owns a private shortcut. Reports list them.
 */
import type { PrimitiveName } from "./table.ts";

export const fusedPrimitives = {
  square: "x * x",
  reciprocal: "1 / x",
  rsqrt: "1 / sqrt(x)",
  sigmoid: "1 / (1 + exp(-x))",
  softplus: "max(x, 0) + log1p(exp(-|x|))",
  relu: "max(x, 0)",
  logaddexp: "max(a, b) + log1p(exp(-|a - b|))",
  xlogy: "a = 0 ? 0 : a * log(b)",
  logsumexp: "log(sum(exp(x - max))) + max",
  softmax: "exp(x - max) / sum(exp(x - max))",
  logSoftmax: "x - logsumexp(x)",
  crossEntropyRows: "logsumexp(x) - x[label], row by row",
  logabsdet: "log(abs(det(A)))",
  randomNormal: "sqrt(-2 log(1 - u)) * cos(2π v), sin for odd places",
  sumWindows: "sum(unfold(x)) over the places in a window",
  convolution: "matmul(w, unfold(pad(x)))",
  convolutionInput: "fold(matmul(wᵀ, y))",
  convolutionWeight: "matmul(y, unfold(pad(x))ᵀ), summed over images",
} as const satisfies Partial<Record<PrimitiveName, string>>;
