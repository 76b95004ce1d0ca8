/**
 * Folds in C: the type in which a reduction accumulates, what is folded in, and how the result is read. Sums of f32 accumulate in
 * float64, long ones by sums of four terms (the error is at most two roundings of f32 per term, whatever the length, and the result
 * does not depend on how lanes are joined but for the last bit of a float64); extremes of floats are folded as integer keys of the same order, in which NaN and the sign of zero
 * take care of themselves and any order of folding gives the same result.
 */
import type { DType } from "../base/dtype.ts";
import type { Reduction } from "../kernel/kernel.ts";

export interface Fold {
  /** C type of the accumulator. */
  readonly type: string;
  readonly identity: string;
  /** What a value contributes. */
  term(x: string): string;
  readonly joins: "+" | "max" | "min";
  /** True for argmax and argmin, which look for the first position of the extreme. */
  readonly seeksPosition: boolean;
  /** The result in the reduction's dtype, from the accumulator. Not for positions. */
  result(accumulator: string): string;
}

/**
 * Extremes of f32 in half the instructions: keys as the bits give them, without a test for NaN. NaNs of one sign are beyond the
 * infinity that is looked for and win by themselves; a guard `g` that folds the opposite extreme finds those of the other sign.
 */
export interface Guard {
  readonly identity: string;
  readonly joins: "max" | "min";
  term(x: string): string;
  /** The statement that settles accumulator `a` after the loop. */
  settle(a: string): string;
}

/** The guard of a fold over f32 for an extreme without its position; none for others. */
export function guardOf(r: Reduction): Guard | undefined {
  if (r.of.dtype !== "f32" || (r.op !== "max" && r.op !== "min")) return undefined;
  const most = r.op === "max";
  return {
    identity: most ? "INT32_MAX" : "INT32_MIN",
    joins: most ? "min" : "max",
    term: (x) => `tg_raw_key_f32(${x})`,
    settle: (a) => `if (g ${most ? "<" : ">"} tg_key_f32(${most ? "-" : ""}TG_INF_F32, 0)) ${a} = ${most ? "INT32_MAX" : "INT32_MIN"};`,
  };
}

/** A sum of which a few terms may be added in f32 before they are converted. */
export function isSumOfFloats(r: Reduction): boolean {
  return r.op === "sum" && r.of.dtype === "f32";
}

export function foldOf(r: Reduction): Fold {
  const dtype = r.of.dtype;
  const seeksPosition = r.op === "argmax" || r.op === "argmin";
  if (r.op === "sum" && dtype !== "bool") return { ...sum(dtype), seeksPosition };
  // A sum of truth values is true where one is.
  const joins = r.op === "min" || r.op === "argmin" ? "min" : "max";
  if (dtype === "i32" || dtype === "bool") {
    const identity = dtype === "bool" ? (joins === "max" ? "0" : "1") : joins === "max" ? "INT32_MIN" : "INT32_MAX";
    return { type: "int32_t", identity, term: (x) => x, joins, seeksPosition, result: (a) => a };
  }
  const bits = dtype === "f32" ? 32 : 64;
  const infinity = `${joins === "max" ? "-" : ""}TG_INF_${bits === 32 ? "F32" : "F64"}`;
  return {
    type: `int${bits}_t`,
    identity: `tg_key_${dtype}(${infinity}, 0)`,
    // To argmax and argmin the two zeros are equal.
    term: (x) =>
      `tg_key_${dtype}(${seeksPosition ? `${x} + 0.0${dtype === "f32" ? "f" : ""}` : x}, INT${bits}_${joins === "max" ? "MAX" : "MIN"})`,
    joins,
    seeksPosition,
    result: (a) => `tg_unkey_${dtype}(${a})`,
  };
}

function sum(dtype: DType): Omit<Fold, "seeksPosition"> {
  if (dtype === "i32")
    return { type: "uint32_t", identity: "0", term: (x) => `(uint32_t)${x}`, joins: "+", result: (a) => `(int32_t)${a}` };
  return { type: "double", identity: "0", term: (x) => `(double)${x}`, joins: "+", result: (a) => (dtype === "f32" ? `(float)${a}` : a) };
}

/** The accumulator `a` joined with a term; `t` is a name. */
export function joined(fold: Fold, a: string, t: string): string {
  return fold.joins === "+" ? `${a} + ${t}` : `${t} ${fold.joins === "max" ? ">" : "<"} ${a} ? ${t} : ${a}`;
}

/** Whether a term wins over the accumulator. */
export function wins(fold: Fold, a: string, t: string): string {
  return `${t} ${fold.joins === "max" ? ">" : "<"} ${a}`;
}
