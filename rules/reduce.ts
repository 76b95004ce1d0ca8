/** Rules of reductions and row programs. A cotangent of the folded shape is first given its axes back, so that it broadcasts. */
import type { ReduceParams } from "../core/primitives/reduce.ts";
import type { Ops } from "../core/vocabulary.ts";
import { inputs, linear, type Rule, type Site, zero } from "./rule.ts";

/** A value of the folded shape, with length-one axes where x was folded. */
function unfold<V>(op: Ops<V>, v: V, site: Site<V, ReduceParams>): V {
  const { axes, keepdims } = site.params;
  if (keepdims) return v;
  return op.reshape(
    v,
    site.inAval(0).shape.map((d, i) => (axes.includes(i) ? 1 : d)),
  );
}

/** y = max or min: the derivative is shared evenly by the elements that attain it. */
const extremum: Rule<ReduceParams> = inputs<ReduceParams>({
  vjp: (op, ct, s) => {
    const hits = op.cast(op.eq(s.in(0), unfold(op, s.out, s)), s.inAval(0).dtype);
    return op.mul(op.div(unfold(op, ct, s), op.sum(hits, s.params.axes, true)), hits);
  },
  jvp: (op, t, s) => {
    const { axes, keepdims } = s.params;
    const hits = op.cast(op.eq(s.in(0), unfold(op, s.out, s)), s.inAval(0).dtype);
    return op.div(op.sum(op.mul(t, hits), axes, keepdims), op.sum(hits, axes, keepdims));
  },
});

const position = zero("an index");

export const reduceRules = {
  sum: inputs<ReduceParams>(
    linear(
      (op, t, s) => op.sum(t, s.params.axes, s.params.keepdims),
      (op, ct, s) => op.broadcastTo(unfold(op, ct, s), s.inAval(0).shape),
    ),
  ),
  reduceMax: extremum,
  reduceMin: extremum,
  argmax: position,
  argmin: position,
  /** Linear; the transpose sums from the other end. */
  cumsum: inputs<{ readonly axis: number; readonly reverse: boolean }>(
    linear(
      (op, t, s) => op.cumsum(t, s.params.axis, s.params.reverse),
      (op, ct, s) => op.cumsum(ct, s.params.axis, !s.params.reverse),
    ),
  ),
  /** y = log Σ e^x: softmax, here e^(x - y). */
  logsumexp: inputs<ReduceParams>({
    vjp: (op, ct, s) => op.mul(unfold(op, ct, s), op.exp(op.sub(s.in(0), unfold(op, s.out, s)))),
    jvp: (op, t, s) => op.sum(op.mul(t, op.exp(op.sub(s.in(0), unfold(op, s.out, s)))), s.params.axes, s.params.keepdims),
  }),
  /** y = softmax(x): J = diag(y) - y yᵀ, symmetric; v ↦ y·(v - Σ v·y). */
  softmax: inputs<{ readonly axis: number }>({
    vjp: (op, ct, s) => softmaxMap(op, ct, s),
    jvp: (op, t, s) => softmaxMap(op, t, s),
  }),
  /** y = x - log Σ e^x: ẏ = ẋ - Σ ẋ·e^y, and x̄ = ȳ - e^y·Σ ȳ. */
  logSoftmax: inputs<{ readonly axis: number }>({
    vjp: (op, ct, s) => op.sub(ct, op.mul(op.exp(s.out), op.sum(ct, [s.params.axis], true))),
    jvp: (op, t, s) => op.sub(t, op.sum(op.mul(t, op.exp(s.out)), [s.params.axis], true)),
  }),
  /** y = -log softmax(x)[t], row by row: softmax(x) - onehot(t). */
  crossEntropyRows: inputs<undefined>(
    {
      vjp: (op, ct, s) => op.mul(op.reshape(ct, [...s.outAval.shape, 1]), excess(op, s)),
      jvp: (op, t, s) => op.sum(op.mul(t, excess(op, s)), [s.inAval(0).shape.length - 1], false),
    },
    null,
  ),
};

function softmaxMap<V>(op: Ops<V>, v: V, s: Site<V, { readonly axis: number }>): V {
  return op.mul(s.out, op.sub(v, op.sum(op.mul(v, s.out), [s.params.axis], true)));
}

function excess<V>(op: Ops<V>, s: Site<V, undefined>): V {
  const { shape, dtype } = s.inAval(0);
  return op.sub(op.softmax(s.in(0), shape.length - 1), op.oneHot(s.in(1), shape.at(-1) as number, dtype));
}
