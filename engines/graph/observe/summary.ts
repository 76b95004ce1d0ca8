/** Values for a reader: type, first elements, range, and how many are no numbers or not finite. */
import { Tensor } from "../../../core/tensor/tensor.ts";
import { List } from "../execute/lists.ts";
import { showType } from "../type.ts";

/** Elements that are shown. */
const SHOWN = 4;

export interface Summary {
  readonly elements: number;
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly nan: number;
  readonly infinite: number;
  /** Position of the first element that is not finite; -1 where all are. */
  readonly firstBad: number;
}

/** Of finite elements: min, max, mean (NaN where there are none). O(elements). */
export function summarise(values: ArrayLike<number>): Summary {
  let [min, max, sum, nan, infinite, firstBad] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, 0, 0, -1];
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as number;
    if (Number.isFinite(x)) {
      if (x < min) min = x;
      if (x > max) max = x;
      sum += x;
      continue;
    }
    if (firstBad < 0) firstBad = i;
    if (Number.isNaN(x)) nan++;
    else infinite++;
  }
  const finite = values.length - nan - infinite;
  const none = Number.NaN;
  const [low, high] = finite === 0 ? [none, none] : [min, max];
  return { elements: values.length, min: low, max: high, mean: finite === 0 ? none : sum / finite, nan, infinite, firstBad };
}

const short = (x: number) => (Number.isInteger(x) && Math.abs(x) < 1e6 ? String(x) : Number(x.toPrecision(5)).toString());

/** `f64[2, 3] = 0.5, 1, NaN, … from 0.5 to 4, mean 2; 1 NaN`. */
export function showValue(value: number | Tensor | List): string {
  if (typeof value === "number") return `number = ${short(value)}`;
  if (value instanceof List) return `list of ${value.length} ${showType(value.of)}`;
  const values = value.toArray();
  const { elements, min, max, mean, nan, infinite } = summarise(values);
  const first = Array.from(values.subarray(0, SHOWN), short).join(", ");
  const range = elements > SHOWN && elements > nan + infinite ? `, … from ${short(min)} to ${short(max)}, mean ${short(mean)}` : "";
  const bad = [nan > 0 ? `${nan} NaN` : "", infinite > 0 ? `${infinite} infinite` : ""].filter((s) => s !== "").join(", ");
  return `${value.dtype}[${value.shape.join(", ")}] = ${first}${range}${bad === "" || elements === 1 ? "" : `; ${bad}`}`;
}

/** Position as an index of each axis: `[1, 0]`. */
export function showPosition(at: number, shape: readonly number[]): string {
  const index: number[] = [];
  let rest = at;
  for (const extent of [...shape].reverse()) {
    index.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return `[${index.join(", ")}]`;
}

export function valuesOf(value: number | Tensor): ArrayLike<number> {
  return value instanceof Tensor ? value.toArray() : [value];
}
