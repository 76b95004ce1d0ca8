/** Rules of indexed reads and writes: reading is the transpose of adding. Indices carry no derivative. */
import type { Aval } from "../core/base/aval.ts";
import type { Ops } from "../core/vocabulary.ts";
import { inputs, linear, zero } from "./rule.ts";

type AxisParams = { readonly axis: number };

const zeros = <V>(op: Ops<V>, a: Aval): V => op.broadcastTo(op.lift(0, a.dtype), a.shape);

export const indexRules = {
  gather: inputs<AxisParams>(
    linear(
      (op, t, s) => op.gather(t, s.in(1), s.params.axis),
      (op, ct, s) => op.scatterAdd(zeros(op, s.inAval(0)), s.in(1), ct, s.params.axis),
    ),
    null,
  ),
  scatterAdd: inputs<AxisParams>(
    { vjp: (_op, ct) => ct, jvp: (_op, t) => t },
    null,
    linear(
      (op, t, s) => op.scatterAdd(zeros(op, s.outAval), s.in(1), t, s.params.axis),
      (op, ct, s) => op.gather(ct, s.in(1), s.params.axis),
    ),
  ),
  indexSelect: inputs<AxisParams>(
    linear(
      (op, t, s) => op.indexSelect(t, s.in(1), s.params.axis),
      (op, ct, s) => op.indexAdd(zeros(op, s.inAval(0)), s.in(1), ct, s.params.axis),
    ),
    null,
  ),
  indexAdd: inputs<AxisParams>(
    { vjp: (_op, ct) => ct, jvp: (_op, t) => t },
    null,
    linear(
      (op, t, s) => op.indexAdd(zeros(op, s.outAval), s.in(1), t, s.params.axis),
      (op, ct, s) => op.indexSelect(ct, s.in(1), s.params.axis),
    ),
  ),
  oneHot: zero("made from indices"),
};
