/**
 * Residuals: which primals must stay alive for the backward rule of an input. Nobody writes this down: the rule is run once over
 * a carrier that computes nothing and notes what it touches (`mul`: the other factor; `tanh`: the result; `add`: nothing). A
 * tape saves only these, so what no rule reads is free to go.
 */
import type { Aval } from "../core/base/aval.ts";
import { opsOver } from "../core/vocabulary.ts";
import { inputRule, type Rule, type Site } from "./rule.ts";

/** Set in a mask when the result is read; bit j stands for input j. */
export const READS_OUT = 1 << 30;

/** A value of which nothing is known but that it was asked for. */
class Touched {
  readonly touched = true;
}
const touched = new Touched();
const touchOps = opsOver<Touched>(() => touched);

/** What the vjp rule of input i reads: bit j for `in(j)`, {@link READS_OUT} for `out`. */
export function residualsOf(rule: Rule, i: number, inAvals: readonly Aval[], outAval: Aval, params: unknown): number {
  let mask = 0;
  const site: Site<Touched> = {
    params,
    in(j) {
      mask |= 1 << j;
      return touched;
    },
    get out() {
      mask |= READS_OUT;
      return touched;
    },
    inAval: (j) => inAvals[j] as Aval,
    outAval,
  };
  inputRule(rule, i)?.vjp(touchOps, touched, site);
  return mask;
}
