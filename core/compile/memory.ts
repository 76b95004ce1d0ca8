/**
 * The memory plan: where each intermediate buffer lies in one arena. A buffer lives from the step that writes it to the last that
 * reads it; buffers that live at one time do not overlap. Offsets are given greedily, the largest buffer first, each at the
 * tightest gap between those that it meets (Pisarchyk and Lee 2020, "Efficient Memory Management for Deep Neural Net Inference").
 */

export interface Lifetime {
  readonly bytes: number;
  /** First and last step, both included. */
  readonly from: number;
  readonly to: number;
}

export interface ArenaPlan {
  /** Start of each buffer, in bytes; aligned to 64. */
  readonly offsets: readonly number[];
  readonly bytes: number;
  /** The most that lives at one step: no plan for these lifetimes can be smaller. */
  readonly lowerBound: number;
  /** What buffers of their own would take. */
  readonly unshared: number;
}

const ALIGNMENT = 64;

export function alignedBytes(bytes: number): number {
  return Math.ceil(bytes / ALIGNMENT) * ALIGNMENT;
}

/** A plan in which no two buffers that live together overlap. O(n²) in the number of buffers. */
export function planArena(lifetimes: readonly Lifetime[]): ArenaPlan {
  const sizes = lifetimes.map((l) => alignedBytes(l.bytes));
  const offsets = lifetimes.map(() => 0);
  const order = lifetimes
    .map((_, i) => i)
    .sort((a, b) => (sizes[b] as number) - (sizes[a] as number) || (lifetimes[a] as Lifetime).from - (lifetimes[b] as Lifetime).from);
  const placed: number[] = [];
  let bytes = 0;
  for (const i of order) {
    const size = sizes[i] as number;
    if (size === 0) continue;
    const mine = lifetimes[i] as Lifetime;
    const meets = placed
      .filter((j) => {
        const other = lifetimes[j] as Lifetime;
        return other.from <= mine.to && mine.from <= other.to;
      })
      .sort((a, b) => (offsets[a] as number) - (offsets[b] as number));
    let end = 0;
    let best = -1;
    let bestGap = Number.POSITIVE_INFINITY;
    for (const j of meets) {
      const gap = (offsets[j] as number) - end;
      if (gap >= size && gap < bestGap) {
        best = end;
        bestGap = gap;
      }
      end = Math.max(end, (offsets[j] as number) + (sizes[j] as number));
    }
    offsets[i] = best < 0 ? end : best;
    placed.push(i);
    bytes = Math.max(bytes, (offsets[i] as number) + size);
  }
  return { offsets, bytes, lowerBound: peakOf(lifetimes, sizes), unshared: sizes.reduce((n, s) => n + s, 0) };
}

function peakOf(lifetimes: readonly Lifetime[], sizes: readonly number[]): number {
  const steps = lifetimes.reduce((n, l) => Math.max(n, l.to + 1), 0);
  const change = new Array<number>(steps + 1).fill(0);
  for (const [i, l] of lifetimes.entries()) {
    change[l.from] = (change[l.from] as number) + (sizes[i] as number);
    change[l.to + 1] = (change[l.to + 1] as number) - (sizes[i] as number);
  }
  let live = 0;
  let peak = 0;
  for (const c of change) {
    live += c;
    peak = Math.max(peak, live);
  }
  return peak;
}
