/** Movement is linear: the tangent moves as the value does, the cotangent moves back. */
import type { Shape } from "../core/base/shape.ts";
import { inputs, linear, type Rule, zero } from "./rule.ts";

type ConcatParams = { readonly axis: number };

/** The input's share of a concatenation: its slice of the cotangent; its tangent, with zeros where the others stand. */
const concat: Rule<ConcatParams> = {
  kind: "variadic",
  input: (i) => {
    const span = (lengths: (j: number) => number) => {
      let from = 0;
      for (let j = 0; j < i; j++) from += lengths(j);
      return { from, to: from + lengths(i) };
    };
    return linear<ConcatParams>(
      (op, t, site) => {
        const { axis } = site.params;
        const { outAval } = site;
        const { from, to } = span((j) => site.inAval(j).shape[axis] as number);
        const edge = (n: number) => outAval.shape.map((_, k) => (k === axis ? n : 0));
        return op.pad(t, edge(from), edge((outAval.shape[axis] as number) - to), edge(0), 0);
      },
      (op, ct, site) => {
        const { axis } = site.params;
        const { outAval } = site;
        const { from, to } = span((j) => site.inAval(j).shape[axis] as number);
        return op.slice(
          ct,
          outAval.shape.map((_, k) => (k === axis ? from : 0)),
          outAval.shape.map((d, k) => (k === axis ? to : d)),
          outAval.shape.map(() => 1),
        );
      },
    );
  },
};

const inverse = (perm: readonly number[]) => perm.map((_, i) => perm.indexOf(i));

export const movementRules = {
  reshape: inputs<{ readonly shape: Shape }>(
    linear(
      (op, t, s) => op.reshape(t, s.outAval.shape),
      (op, ct, s) => op.reshape(ct, s.inAval(0).shape),
    ),
  ),
  stopGradient: zero("asked for"),
  transpose: inputs<{ readonly perm: readonly number[] }>(
    linear(
      (op, t, s) => op.transpose(t, s.params.perm),
      (op, ct, s) => op.transpose(ct, inverse(s.params.perm)),
    ),
  ),
  /** The walk sums a cotangent back to the shape of the input: broadcasting is undone in one place for all primitives. */
  broadcastTo: inputs<{ readonly shape: Shape }>(
    linear(
      (op, t, s) => op.broadcastTo(t, s.outAval.shape),
      (_op, ct) => ct,
    ),
  ),
  /** The cotangent goes back to its places: step - 1 zeros between, start before, the rest after. */
  slice: inputs<{ readonly start: readonly number[]; readonly stop: readonly number[]; readonly step: readonly number[] }>(
    linear(
      (op, t, s) => op.slice(t, s.params.start, s.params.stop, s.params.step),
      (op, ct, s) => {
        const { start, step } = s.params;
        const length = s.inAval(0).shape;
        const reach = s.outAval.shape.map((n, i) => (n === 0 ? 0 : (n - 1) * (step[i] as number) + 1));
        return op.pad(
          ct,
          start.map((lo, i) => (reach[i] === 0 ? (length[i] as number) : lo)),
          length.map((d, i) => (reach[i] === 0 ? 0 : d - (start[i] as number) - (reach[i] as number))),
          step.map((by) => by - 1),
          0,
        );
      },
    ),
  ),
  pad: inputs<{
    readonly low: readonly number[];
    readonly high: readonly number[];
    readonly interior: readonly number[];
    readonly value: number;
  }>(
    linear(
      (op, t, s) => op.pad(t, s.params.low, s.params.high, s.params.interior, 0),
      (op, ct, s) =>
        op.slice(
          ct,
          s.params.low,
          s.outAval.shape.map((d, i) => d - (s.params.high[i] as number)),
          s.params.interior.map((n) => n + 1),
        ),
    ),
  ),
  flip: inputs<{ readonly axes: readonly number[] }>(
    linear(
      (op, t, s) => op.flip(t, s.params.axes),
      (op, ct, s) => op.flip(ct, s.params.axes),
    ),
  ),
  concat,
};
