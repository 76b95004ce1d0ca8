/** What the reductions mean: identities, order of extremes, and a compensated sum. */
import type { DType } from "../../base/dtype.ts";
import type { ReduceOp, Reduction } from "../../kernel/kernel.ts";

/** A float64 sum with Neumaier's compensation: its error does not grow with the number of terms. */
export class Sum {
  private sum = 0;
  private lost = 0;

  add(x: number): void {
    const t = this.sum + x;
    this.lost += Math.abs(this.sum) >= Math.abs(x) ? this.sum - t + x : x - t + this.sum;
    this.sum = t;
  }

  /** Infinite and NaN sums are those of plain addition. */
  value(): number {
    return Number.isFinite(this.sum) ? this.sum + this.lost : this.sum;
  }
}

/** What an extreme over no elements is; sums start at 0. */
export function identity(op: ReduceOp, dtype: DType): number {
  if (op === "sum") return 0;
  const isMax = op === "max" || op === "argmax";
  switch (dtype) {
    case "f32":
    case "f64":
      return isMax ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
    case "i32":
      return isMax ? -2147483648 : 2147483647;
    case "bool":
      return isMax ? 0 : 1;
    default:
      return dtype satisfies never;
  }
}

/** True when `x` replaces the extreme so far: the first NaN wins over all numbers, the first of equals over the later ones. */
export function takes(op: ReduceOp, x: number, extreme: number, first: boolean): boolean {
  if (first) return true;
  if (Number.isNaN(extreme)) return false;
  if (Number.isNaN(x)) return true;
  const isMax = op === "max" || op === "argmax";
  if (x === 0 && extreme === 0 && (op === "max" || op === "min")) return isMax ? Object.is(extreme, -0) : Object.is(x, -0);
  return isMax ? x > extreme : x < extreme;
}

/** The result of one reduction, from its sum, its extreme and the extreme's position (0 where there are no elements). */
export function finish(reduction: Reduction, sum: number, extreme: number, position: number): number {
  switch (reduction.op) {
    case "sum":
      return sumOf(reduction.dtype, sum);
    case "max":
    case "min":
      return extreme;
    case "argmax":
    case "argmin":
      return position;
    default:
      return reduction.op satisfies never;
  }
}

/** A sum as a number of its dtype. */
function sumOf(dtype: DType, sum: number): number {
  switch (dtype) {
    case "f32":
      return Math.fround(sum);
    case "f64":
      return sum;
    case "i32":
      return Number(BigInt.asIntN(32, BigInt(sum)));
    case "bool":
      return Number(sum !== 0);
    default:
      return dtype satisfies never;
  }
}
