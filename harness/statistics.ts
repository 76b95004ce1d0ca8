/**
 * Statistics of samples: medians with percentile bootstrap intervals, ratios of paired medians, geometric means. Timings are
 * skewed and have outliers, so nothing here assumes a normal distribution and outliers are neither removed nor averaged in.
 * Resampling draws from a counter-based generator, so every figure is reproducible from its seed (Efron and Tibshirani 1993).
 */
import { assert } from "../core/base/errors.ts";
import type { Interval } from "./schema.ts";

export interface BootstrapOptions {
  readonly seed?: number;
  /** Number of resamples; 2000 where absent. */
  readonly resamples?: number;
  /** Coverage of the interval; 0.95 where absent. */
  readonly level?: number;
}

/** A uniform 32-bit integer that depends only on (seed, counter): the finaliser of MurmurHash3, twice. */
export function counterBits(seed: number, counter: number): number {
  return mix(mix((seed ^ 0x9e3779b9) >>> 0) ^ Math.imul(counter + 1, 0x85ebca6b)) >>> 0;
}

/** A uniform integer in [0, n). */
export function counterInteger(seed: number, counter: number, n: number): number {
  return Math.floor((counterBits(seed, counter) / 2 ** 32) * n);
}

/** A seeded permutation of the elements (Fisher and Yates). */
export function shuffled<T>(items: readonly T[], seed: number): T[] {
  const out = [...items];
  for (let i = out.length - 1; i > 0; i--) {
    const j = counterInteger(seed, i, i + 1);
    [out[i], out[j]] = [out[j] as T, out[i] as T];
  }
  return out;
}

/** The middle value, or the mean of the two middle ones. Of no values it is NaN. */
export function median(values: ArrayLike<number>): number {
  return quantile(values, 0.5);
}

/** Linear interpolation between order statistics (type 7 of Hyndman and Fan 1996). */
export function quantile(values: ArrayLike<number>, q: number): number {
  return quantileOfSorted(Float64Array.from(values).sort(), q);
}

/** Median absolute deviation from the median, without a scale factor. */
export function mad(values: ArrayLike<number>): number {
  const m = median(values);
  return median(Array.from(values, (v) => Math.abs(v - m)));
}

/** Percentile bootstrap of the median. Of one value the interval is that value. */
export function bootstrapMedian(values: ArrayLike<number>, options: BootstrapOptions = {}): Interval {
  assert(values.length > 0, "an interval of no samples");
  const sorted = Float64Array.from(values).sort();
  const { seed, resamples, level } = { ...DEFAULTS, ...options };
  const counts = new Uint32Array(sorted.length);
  const medians = new Float64Array(resamples);
  let counter = 0;
  for (let r = 0; r < resamples; r++) {
    counts.fill(0);
    for (let i = 0; i < sorted.length; i++) {
      const j = counterInteger(seed, counter++, sorted.length);
      counts[j] = (counts[j] as number) + 1;
    }
    medians[r] = medianOfCounts(sorted, counts);
  }
  return { median: quantileOfSorted(sorted, 0.5), ...percentiles(medians, level) };
}

/**
 * median(a) / median(b) where a[i] and b[i] were taken in the same round: rounds are resampled as pairs, so that what slowed a
 * whole round cancels.
 */
export function bootstrapRatio(a: ArrayLike<number>, b: ArrayLike<number>, options: BootstrapOptions = {}): Interval {
  assert(a.length === b.length && a.length > 0, `a ratio of paired samples needs pairs, not ${a.length} and ${b.length} samples`);
  const { seed, resamples, level } = { ...DEFAULTS, ...options };
  const n = a.length;
  const left = rankOrder(a);
  const right = rankOrder(b);
  const leftCounts = new Uint32Array(n);
  const rightCounts = new Uint32Array(n);
  const ratios = new Float64Array(resamples);
  let counter = 0;
  for (let r = 0; r < resamples; r++) {
    leftCounts.fill(0);
    rightCounts.fill(0);
    for (let i = 0; i < n; i++) {
      const j = counterInteger(seed, counter++, n);
      const l = left.rank[j] as number;
      const s = right.rank[j] as number;
      leftCounts[l] = (leftCounts[l] as number) + 1;
      rightCounts[s] = (rightCounts[s] as number) + 1;
    }
    ratios[r] = medianOfCounts(left.sorted, leftCounts) / medianOfCounts(right.sorted, rightCounts);
  }
  return { median: median(a) / median(b), ...percentiles(ratios, level) };
}

/** Geometric mean of positive ratios, with a percentile bootstrap interval over them (the ratios are the sampled unit: models). */
export function geometricMean(ratios: ArrayLike<number>, options: BootstrapOptions = {}): Interval {
  assert(ratios.length > 0, "a mean of no ratios");
  const { seed, resamples, level } = { ...DEFAULTS, ...options };
  const logs = Float64Array.from(ratios, Math.log);
  const n = logs.length;
  const means = new Float64Array(resamples);
  let counter = 0;
  for (let r = 0; r < resamples; r++) {
    let sum = 0;
    for (let i = 0; i < n; i++) sum += logs[counterInteger(seed, counter++, n)] as number;
    means[r] = Math.exp(sum / n);
  }
  const centre = Math.exp(logs.reduce((sum, v) => sum + v, 0) / n);
  return { median: centre, ...percentiles(means, level) };
}

const DEFAULTS = { seed: 1, resamples: 2000, level: 0.95 };

function mix(value: number): number {
  let h = value >>> 0;
  for (let round = 0; round < 2; round++) {
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h = (h ^ (h >>> 16)) >>> 0;
  }
  return h;
}

function quantileOfSorted(sorted: ArrayLike<number>, q: number): number {
  if (sorted.length === 0) return Number.NaN;
  const position = q * (sorted.length - 1);
  const low = Math.floor(position);
  const below = sorted[low] as number;
  const above = sorted[Math.ceil(position)] as number;
  return below === above ? below : below + (position - low) * (above - below);
}

/** The median of a resample given as how often each element of a sorted array was drawn; the counts sum to its length. */
function medianOfCounts(sorted: ArrayLike<number>, counts: ArrayLike<number>): number {
  const n = sorted.length;
  const lower = Math.floor((n - 1) / 2);
  const upper = Math.floor(n / 2);
  let seen = 0;
  let first = Number.NaN;
  for (let i = 0; i < n; i++) {
    seen += counts[i] as number;
    if (Number.isNaN(first) && seen > lower) first = sorted[i] as number;
    if (seen > upper) return (first + (sorted[i] as number)) / 2;
  }
  return first;
}

function rankOrder(values: ArrayLike<number>): { sorted: Float64Array; rank: Uint32Array } {
  const order = Array.from({ length: values.length }, (_, i) => i).sort((i, j) => (values[i] as number) - (values[j] as number));
  const rank = new Uint32Array(values.length);
  order.forEach((original, position) => {
    rank[original] = position;
  });
  return { sorted: Float64Array.from(order, (i) => values[i] as number), rank };
}

function percentiles(estimates: Float64Array, level: number): { lo: number; hi: number } {
  const sorted = estimates.sort();
  return { lo: quantileOfSorted(sorted, (1 - level) / 2), hi: quantileOfSorted(sorted, (1 + level) / 2) };
}
