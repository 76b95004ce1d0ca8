/**
 * The form of a derivative rule. A primitive y = p(x_0, ..., x_k) has, for each input, the linear map from a tangent of that
 * input to its part of the tangent of y (`jvp`) and the transpose of this map (`vjp`). Both are written over an abstract value V
 * with the vocabulary `Ops<V>`, so one rule serves eager values, graph nodes and emitted code, and derivatives of derivatives
 * come from the same table. V is opaque: a rule cannot branch on values, and by law it does not choose by its parameters which
 * of `in(i)` and `out` it reads.
 *
 * Broadcasting is not a rule's business: a cotangent may have the shape of y where x_i was broadcast, and a tangent the shape of
 * x_i where y is larger; whoever walks undoes the one and completes the other, once, in one place.
 */
import type { Aval } from "../core/base/aval.ts";
import type { Ops } from "../core/vocabulary.ts";

/** One application of a primitive: what a rule may look at. */
export interface Site<V, P = unknown> {
  readonly params: P;
  /** Primal of input i. */
  in(i: number): V;
  /** The result. */
  readonly out: V;
  inAval(i: number): Aval;
  readonly outAval: Aval;
}

/** The derivative with respect to one input. */
export interface InputRule<P = unknown> {
  /** ȳ ↦ x̄_i = (∂y/∂x_i)ᵀ ȳ. */
  vjp<V>(op: Ops<V>, ct: V, site: Site<V, P>): V;
  /** ẋ_i ↦ (∂y/∂x_i) ẋ_i. */
  jvp<V>(op: Ops<V>, tangent: V, site: Site<V, P>): V;
}

/** The rule of a primitive: one entry per input (null: no derivative flows there), a function of i, or none at all, and why. */
export type Rule<P = unknown> =
  | { readonly kind: "inputs"; readonly inputs: readonly (InputRule<P> | null)[] }
  | { readonly kind: "variadic"; readonly input: (i: number) => InputRule<P> }
  | { readonly kind: "zero"; readonly why: string };

/** The rule for input i, or null where its derivative is zero. */
export function inputRule(rule: Rule<never> | Rule, i: number): InputRule<unknown> | null {
  switch (rule.kind) {
    case "inputs":
      return (rule.inputs[i] ?? null) as InputRule<unknown> | null;
    case "variadic":
      return rule.input(i) as InputRule<unknown>;
    case "zero":
      return null;
    default:
      return rule satisfies never;
  }
}

/** A primitive whose derivative is zero wherever it exists; results are not traced at all. */
export function zero(why: string): Rule<never> {
  return { kind: "zero", why };
}

type Partial<P> = <V>(op: Ops<V>, site: Site<V, P>) => V;

/** Elementwise: y's derivative by x_i is a factor, the same for tangents and cotangents. */
export function factor<P>(partial: Partial<P>): InputRule<P> {
  return {
    vjp: (op, ct, site) => op.mul(ct, partial(op, site)),
    jvp: (op, t, site) => op.mul(t, partial(op, site)),
  };
}

/** Elementwise: the factor is one over `divisor`. */
export function per<P>(divisor: Partial<P>): InputRule<P> {
  return {
    vjp: (op, ct, site) => op.div(ct, divisor(op, site)),
    jvp: (op, t, site) => op.div(t, divisor(op, site)),
  };
}

/** Elementwise and of derivative ±1: nothing is read. */
export const plus: InputRule<undefined> = { vjp: (_op, ct) => ct, jvp: (_op, t) => t };
export const minus: InputRule<undefined> = { vjp: (op, ct) => op.neg(ct), jvp: (op, t) => op.neg(t) };

/** A rule with one entry per input. */
export function inputs<P>(...entries: readonly (InputRule<P> | null)[]): Rule<P> {
  return { kind: "inputs", inputs: entries };
}

/** A linear map in one input, given with its transpose. */
export function linear<P>(
  jvp: <V>(op: Ops<V>, t: V, site: Site<V, P>) => V,
  vjp: <V>(op: Ops<V>, ct: V, site: Site<V, P>) => V,
): InputRule<P> {
  return { jvp, vjp };
}
