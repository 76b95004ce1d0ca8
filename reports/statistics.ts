/**
 * The statistics behind the report's figures: ratios of medians with percentile bootstrap intervals, and geometric means of such
 * ratios. The unit that is resampled is the round: where two quantities were sampled in the same rounds, one draw picks the same
 * rounds for both, so that a slow moment of the machine cancels out of the ratio. Everything is seeded by the cell's name, so a
 * rebuilt report has the same digits. (Efron & Tibshirani, An Introduction to the Bootstrap, 1993, ch. 13.)
 */

/** Number of bootstrap resamples behind every interval. */
export const RESAMPLES = 1000;

/** A figure with its 95 % interval. `draws` are the bootstrap replicates; absent where only stored intervals were known. */
export interface Estimate {
  readonly value: number;
  readonly lo: number;
  readonly hi: number;
  readonly method: "paired rounds" | "independent samples" | "stored intervals";
  /** Samples behind the figure: the smaller of the two counts. 0 where only stored intervals were known. */
  readonly rounds: number;
  readonly draws?: Float64Array;
}

/** What was measured of one quantity: its stored interval and, if kept, its samples. */
export interface Measured {
  readonly interval: { readonly median: number; readonly lo: number; readonly hi: number };
  readonly samples?: readonly number[] | undefined;
}

/** Uniform numbers in [0, 1) by mulberry32, seeded with the FNV-1a hash of `name`. */
export function seededRandom(name: string): () => number {
  let state = 0x811c9dc5;
  for (let i = 0; i < name.length; i++) state = Math.imul(state ^ name.charCodeAt(i), 0x01000193);
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

/** The middle value, or the mean of the two middle ones. NaN for no values. */
export function median(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  if (sorted.length === 0) return Number.NaN;
  return sorted.length % 2 === 1 ? (sorted[half] as number) : ((sorted[half - 1] as number) + (sorted[half] as number)) / 2;
}

/** exp(mean(log x)) of positive numbers. NaN for no values. */
export function geometricMean(values: readonly number[]): number {
  let sum = 0;
  for (const value of values) sum += Math.log(value);
  return Math.exp(sum / values.length);
}

/**
 * median(top) / median(bottom) with a 95 % interval. Sample arrays of equal length are resampled together, others apart; without
 * samples the interval is the widest that the two stored intervals allow.
 */
export function ratioOfMedians(top: Measured, bottom: Measured, seed: string): Estimate {
  const value = top.interval.median / bottom.interval.median;
  const a = top.samples ?? [];
  const b = bottom.samples ?? [];
  if (a.length < 2 || b.length < 2) {
    const lo = top.interval.lo / bottom.interval.hi;
    return { value, lo, hi: top.interval.hi / bottom.interval.lo, method: "stored intervals", rounds: 0 };
  }
  const random = seededRandom(seed);
  const paired = a.length === b.length;
  const upper = medianSampler(a);
  const lower = medianSampler(b);
  const draws = new Float64Array(RESAMPLES);
  for (let r = 0; r < RESAMPLES; r++) {
    for (let i = 0; i < a.length; i++) {
      const round = Math.floor(random() * a.length);
      upper.add(round);
      if (paired) lower.add(round);
    }
    if (!paired) for (let i = 0; i < b.length; i++) lower.add(Math.floor(random() * b.length));
    draws[r] = upper.take() / lower.take();
  }
  const method = paired ? "paired rounds" : "independent samples";
  return { value, ...interval95(draws), method, rounds: Math.min(a.length, b.length), draws };
}

/** The median of one quantity with its bootstrap replicates; the interval is the stored one where there are no samples. */
export function medianEstimate(measured: Measured, seed: string): Estimate {
  const one = { interval: { median: 1, lo: 1, hi: 1 }, samples: (measured.samples ?? []).map(() => 1) };
  return ratioOfMedians(measured, one, seed);
}

/** Geometric mean over a fixed set of cells. Replicates are combined one by one; without them the ends of the intervals are. */
export function geometricMeanEstimate(estimates: readonly Estimate[]): Estimate {
  const value = geometricMean(estimates.map((e) => e.value));
  const rounds = Math.min(...estimates.map((e) => e.rounds));
  const replicates = estimates.flatMap((e) => (e.draws ? [e.draws] : []));
  if (replicates.length < estimates.length) {
    const lo = geometricMean(estimates.map((e) => e.lo));
    return { value, lo, hi: geometricMean(estimates.map((e) => e.hi)), method: "stored intervals", rounds: 0 };
  }
  const draws = new Float64Array(RESAMPLES);
  for (let r = 0; r < RESAMPLES; r++) draws[r] = geometricMean(replicates.map((d) => d[r] as number));
  const paired = estimates.every((e) => e.method === "paired rounds");
  return { value, ...interval95(draws), method: paired ? "paired rounds" : "independent samples", rounds, draws };
}

/** Each estimate relative to the smallest of them, replicate by replicate: "how many times as long as the fastest". */
export function relativeToSmallest(estimates: readonly Estimate[]): Estimate[] {
  const least = Math.min(...estimates.map((e) => e.value));
  const all = estimates.map((e) => e.draws);
  return estimates.map((e, k) => {
    const own = all[k];
    if (own === undefined || all.some((d) => d === undefined)) {
      return { value: e.value / least, lo: e.lo / least, hi: e.hi / least, method: "stored intervals", rounds: 0 };
    }
    const draws = own.map((x, r) => x / Math.min(...all.map((d) => (d as Float64Array)[r] as number)));
    return { value: e.value / least, ...interval95(draws), method: "independent samples", rounds: e.rounds, draws };
  });
}

function interval95(draws: Float64Array): { lo: number; hi: number } {
  const sorted = draws.slice().sort();
  const at = (q: number) => sorted[Math.min(sorted.length - 1, Math.max(0, Math.round(q * (sorted.length - 1))))] as number;
  return { lo: at(0.025), hi: at(0.975) };
}

/** Takes the median of a multiset of positions in linear time: positions are counted by the rank of their value. */
function medianSampler(values: readonly number[]): { add(position: number): void; take(): number } {
  const order = Array.from(values.keys()).sort((i, j) => (values[i] as number) - (values[j] as number));
  const rank = new Int32Array(values.length);
  for (const [r, i] of order.entries()) rank[i] = r;
  const count = new Int32Array(values.length);
  const size = values.length;
  return {
    add(position) {
      const r = rank[position] as number;
      count[r] = (count[r] as number) + 1;
    },
    take() {
      const low = (size - 1) >> 1;
      const high = size >> 1;
      let seen = 0;
      let first = Number.NaN;
      let second = Number.NaN;
      for (let r = 0; r < size; r++) {
        const next = seen + (count[r] as number);
        const value = values[order[r] as number] as number;
        if (seen <= low && low < next) first = value;
        if (seen <= high && high < next) second = value;
        seen = next;
        count[r] = 0;
      }
      return (first + second) / 2;
    },
  };
}
