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

/** A plan in which no two buffers that live together overlap. O(n·m) for n buffers that each live with m others. */
export function planArena(lifetimes: readonly Lifetime[]): ArenaPlan {
  const sizes = lifetimes.map((l) => alignedBytes(l.bytes));
  const offsets = lifetimes.map(() => 0);
  const order = lifetimes
    .map((_, i) => i)
    .sort((a, b) => (sizes[b] as number) - (sizes[a] as number) || (lifetimes[a] as Lifetime).from - (lifetimes[b] as Lifetime).from);
  const placed = new Placed();
  let bytes = 0;
  for (const i of order) {
    const size = sizes[i] as number;
    if (size === 0) continue;
    const { from, to } = lifetimes[i] as Lifetime;
    let end = 0;
    let best = -1;
    let bestGap = Number.POSITIVE_INFINITY;
    for (const run of placed.runs) {
      if (run.from > to || run.to < from) continue;
      for (const other of run.buffers) {
        if (other.from > to || other.to < from) continue;
        const gap = other.start - end;
        if (gap >= size && gap < bestGap) {
          best = end;
          bestGap = gap;
        }
        if (other.end > end) end = other.end;
      }
    }
    const start = best < 0 ? end : best;
    offsets[i] = start;
    placed.add({ start, end: start + size, from, to });
    bytes = Math.max(bytes, start + size);
  }
  return { offsets, bytes, lowerBound: peakOf(lifetimes, sizes), unshared: sizes.reduce((n, s) => n + s, 0) };
}

interface PlacedBuffer {
  readonly start: number;
  readonly end: number;
  readonly from: number;
  readonly to: number;
}

const RUN = 64;

/**
 * Buffers that have a place, by start and then by time, in runs of up to 64 of which it is known when any of them lives: a look at the
 * buffers that live at some time passes over most of the others by the run.
 */
class Placed {
  readonly runs: { buffers: PlacedBuffer[]; from: number; to: number }[] = [];

  add(buffer: PlacedBuffer): void {
    const isAfter = (other: PlacedBuffer) => other.start > buffer.start || (other.start === buffer.start && other.from > buffer.from);
    // The last run that begins before it.
    let [low, high] = [0, this.runs.length];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (isAfter(this.runs[middle]?.buffers[0] as PlacedBuffer)) high = middle;
      else low = middle + 1;
    }
    const at = Math.max(0, low - 1);
    const run = this.runs[at];
    if (run === undefined) {
      this.runs.push({ buffers: [buffer], from: buffer.from, to: buffer.to });
      return;
    }
    const next = run.buffers.findIndex(isAfter);
    run.buffers.splice(next < 0 ? run.buffers.length : next, 0, buffer);
    run.from = Math.min(run.from, buffer.from);
    run.to = Math.max(run.to, buffer.to);
    if (run.buffers.length > RUN) this.runs.splice(at, 1, runOf(run.buffers.slice(0, RUN / 2)), runOf(run.buffers.slice(RUN / 2)));
  }
}

function runOf(buffers: PlacedBuffer[]): Placed["runs"][number] {
  return {
    buffers,
    from: buffers.reduce((n, b) => Math.min(n, b.from), Number.POSITIVE_INFINITY),
    to: buffers.reduce((n, b) => Math.max(n, b.to), 0),
  };
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
