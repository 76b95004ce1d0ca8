/**
 * Primitives: the closed set of operations that the core computes and `rules/` differentiates. A primitive says what shape it
 * gives and how it becomes launches; it knows no device, no tensor and no calculus. An *op* is a primitive applied at a site.
 */
import type { Aval } from "./base/aval.ts";
import type { Launch } from "./kernel/launch.ts";

export interface Primitive<P = unknown> {
  /** Unique; the key of the rule table. */
  readonly name: string;
  /** Number of inputs, or null where any number is taken. */
  readonly arity: number | null;
  /** Aval of the result. Throws a `type` error that shows the avals where they do not fit. */
  inferAval(inputs: readonly Aval[], params: P): Aval;
  /** The launches of one application; all write to the one output. Empty: the result shares the storage of input 0. */
  lower(inputs: readonly Aval[], out: Aval, params: P): readonly Launch[];
  /** Equal strings exactly for params that lower alike. */
  paramsKey(params: P): string;
  /** Elementwise primitives only: the same function on JavaScript numbers (bool as 0 and 1). */
  readonly scalar: ((...args: number[]) => number) | undefined;
}

/** A primitive whose parameters are not known here. */
export type AnyPrimitive = Primitive<unknown>;

/** The parameters of a primitive type. */
export type ParamsOf<T> = T extends Primitive<infer P> ? P : never;
