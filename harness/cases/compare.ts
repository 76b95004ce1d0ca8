/**
 * Distances between what was computed and what a reference file says, each in the file's own metric, and the findings that they
 * make: a number per quantity, and for the worst quantity that is out of bounds a sentence. NaN is never close to anything.
 */
import type { FloatDType } from "../../core/base/dtype.ts";
import { showShape } from "../../core/base/shape.ts";
import { Tensor } from "../../core/tensor/tensor.ts";
import type { Check } from "../schema.ts";
import { leavesOf } from "../tree.ts";
import type { GoldenTensor } from "./formats.ts";

/** What a check measures; the names are those of the printed line. */
export type Quantity = keyof Check["checks"];

/** max |got - want| / max(1, max |want|): the golden files' metric, one scale per tensor. */
export function maxError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let scale = 1;
  let worst = 0;
  for (let i = 0; i < want.length; i++) {
    scale = Math.max(scale, Math.abs(want[i] as number));
    worst = larger(worst, Math.abs((got[i] as number) - (want[i] as number)));
  }
  return worst / scale;
}

/** ADBench's max |a - b| / max(1, |a| + |b|) or the norm-relative error, whichever is larger: the first is blind to small numbers. */
export function workloadError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let rho = 0;
  let difference = 0;
  let size = 0;
  for (let i = 0; i < want.length; i++) {
    const a = got[i] as number;
    const b = want[i] as number;
    rho = larger(rho, Math.abs(a - b) / Math.max(1, Math.abs(a) + Math.abs(b)));
    difference += (a - b) ** 2;
    size += b * b;
  }
  // Where the reference is exactly zero the absolute error, which rho is, says it all.
  return size === 0 ? rho : larger(rho, Math.sqrt(difference / size));
}

/** max |got - want|. */
export function absoluteError(got: ArrayLike<number>, want: ArrayLike<number>): number {
  let worst = 0;
  for (let i = 0; i < want.length; i++) worst = larger(worst, Math.abs((got[i] as number) - (want[i] as number)));
  return worst;
}

/** As Math.max, but NaN wins. */
function larger(a: number, b: number): number {
  return b > a || Number.isNaN(b) ? b : a;
}

/** Tolerances of the golden files: in f32 the larger of 1e-5 and twenty times what another library's f32 gives. */
export function goldenTolerance(dtype: FloatDType, quantity: Quantity, f32Error: number | undefined, isFactorisation = false): number {
  if (dtype === "f32") return quantity === "training" ? 1e-4 : Math.max(1e-5, 20 * (f32Error ?? 0));
  if (quantity === "hvp" && isFactorisation) return 1e-8;
  return quantity === "hvp" || quantity === "training" ? 1e-9 : 1e-10;
}

/** Collects the comparisons of one case. */
export class Findings {
  readonly checks: Partial<Record<Quantity, number>> = {};
  #failure: { readonly ratio: number; readonly message: string } | undefined;

  /** Notes an error of a quantity; `what` names the part compared, as "vjp of x". */
  note(quantity: Quantity, what: string, error: number, tolerance: number): void {
    if (!Number.isFinite(error)) {
      this.fail(`${what} is not finite`);
      return;
    }
    this.checks[quantity] = Math.max(this.checks[quantity] ?? 0, error);
    if (error > tolerance) this.#offer(error / tolerance, `${what} is off by ${error.toExponential(2)}; the tolerance is ${tolerance}`);
  }

  /** Notes a result that is not even comparable. */
  fail(message: string): void {
    this.#offer(Number.POSITIVE_INFINITY, message);
  }

  #offer(ratio: number, message: string): void {
    if (this.#failure === undefined || ratio > this.#failure.ratio) this.#failure = { ratio, message };
  }

  /** Compares a tensor, or a number where the reference is a scalar, with a golden tensor. */
  golden(quantity: Quantity, what: string, got: unknown, want: GoldenTensor, tolerance: number): void {
    const shape = got instanceof Tensor ? got.shape : typeof got === "number" ? [] : undefined;
    if (shape === undefined) this.fail(`${what} is ${describe(got)}, not a tensor of shape ${showShape(want.shape)}`);
    else if (shape.join() !== want.shape.join())
      this.fail(`${what} has shape ${showShape(shape)}; the reference has ${showShape(want.shape)}`);
    else this.note(quantity, what, maxError(got instanceof Tensor ? got.toArray() : [got as number], want.data), tolerance);
  }

  /** Pass, or fail with the comparison that is furthest out of bounds. */
  verdict(): Pick<Check, "status" | "worst" | "checks" | "message"> {
    const errors = Object.values(this.checks);
    const isComparable = errors.length > 0 && (this.#failure === undefined || this.#failure.ratio < Number.POSITIVE_INFINITY);
    const { checks } = this;
    const worst = isComparable ? Math.max(...errors) : null;
    if (this.#failure !== undefined) return { status: "fail", worst, checks, message: this.#failure.message };
    if (errors.length === 0) return { status: "skipped", worst, checks, message: "the file gives nothing to compare with" };
    return { status: "pass", worst, checks };
  }
}

/** The numbers of a tree of numbers and tensors, flat and in order; null where it holds anything else. */
export function flatNumbers(tree: unknown): number[] | null {
  const all: number[] = [];
  for (const { value } of leavesOf(tree)) {
    if (typeof value === "number") all.push(value);
    else if (value instanceof Tensor) for (const x of value.toArray()) all.push(x);
    else return null;
  }
  return all;
}

export function describe(x: unknown): string {
  if (x instanceof Tensor) return `a tensor of shape ${showShape(x.shape)}`;
  if (x === null || x === undefined) return String(x);
  if (Array.isArray(x)) return `an array of ${x.length}`;
  return typeof x === "object" ? "a record" : `the ${typeof x} ${String(x)}`;
}
