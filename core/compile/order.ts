/**
 * The order of steps for memory: of the steps that can run, the one next after which the least is live. So a weight's gradient is computed
 * as soon as its operands are there, and not when all that the program was asked for before it is done, which keeps every activation and
 * every cotangent until the end. The order of the program stays where this one saves little, as it has equal launches closer together.
 * List scheduling with the net change of live bytes as priority, as of registers in Goodman and Hsu 1988, "Code scheduling and register
 * allocation in large basic blocks".
 */
import { sizeOf } from "../base/dtype.ts";
import type { Value } from "./program.ts";
import type { Step } from "./steps.ts";

/** The other order is taken where at most so much of the peak is left. */
const WORTH = 0.9;

/** The steps in one of the two orders; `returned` values are held by nobody here. O(n log n) for n operands of steps. */
export function orderForMemory(steps: readonly Step[], returned: ReadonlySet<Value>): readonly Step[] {
  const ordered = greedily(steps, returned);
  return peakOf(ordered, returned) <= WORTH * peakOf(steps, returned) ? ordered : steps;
}

const bytesOf = ({ aval }: Value) => aval.size * sizeOf(aval.dtype);

/** The most bytes of intermediates that are live during a step. */
function peakOf(steps: readonly Step[], returned: ReadonlySet<Value>): number {
  const lastUse = new Map<Value, number>();
  for (const [i, s] of steps.entries()) {
    for (const o of s.outputs) lastUse.set(o, i);
    for (const { value } of s.inputs) if (lastUse.has(value)) lastUse.set(value, i);
  }
  const freed = new Array<number>(steps.length).fill(0);
  for (const [value, i] of lastUse) if (!returned.has(value)) freed[i] = (freed[i] as number) + bytesOf(value);
  let live = 0;
  let peak = 0;
  for (const [i, s] of steps.entries()) {
    for (const o of s.outputs) if (!returned.has(o)) live += bytesOf(o);
    peak = Math.max(peak, live);
    live -= freed[i] as number;
  }
  return peak;
}

interface Entry {
  /** Position in the order that was given. */
  readonly at: number;
  readonly step: Step;
  /** Intermediates that it reads. */
  readonly reads: readonly Value[];
  /** How many steps that come before it are to come. */
  waits: number;
  /** Those that come after it. */
  readonly followers: Set<Entry>;
  /** How much more is live after it than before. */
  change: number;
  isDone: boolean;
}

/** An entry as it was when it was put on the heap: it is passed over where it has changed since. */
interface Candidate {
  readonly entry: Entry;
  readonly change: number;
}

function greedily(steps: readonly Step[], returned: ReadonlySet<Value>): Step[] {
  const maker = new Map<Value, Entry>();
  const readers = new Map<Value, Set<Entry>>();
  const entryOf = new Map<Step, Entry>();
  const entries = steps.map((step, at): Entry => {
    const made = step.outputs.filter((o) => !returned.has(o));
    const reads = [...new Set(step.inputs.map((i) => i.value))].filter((v) => maker.has(v));
    const before = new Set([...reads.map((v) => maker.get(v) as Entry), ...(step.after ?? []).map((s) => entryOf.get(s) as Entry)]);
    const entry: Entry = {
      at,
      step,
      reads,
      waits: before.size,
      followers: new Set(),
      change: made.reduce((n, o) => n + bytesOf(o), 0),
      isDone: false,
    };
    entryOf.set(step, entry);
    for (const b of before) b.followers.add(entry);
    for (const o of step.outputs) maker.set(o, entry);
    for (const v of reads) {
      const list = readers.get(v);
      if (list === undefined) readers.set(v, new Set([entry]));
      else list.add(entry);
    }
    return entry;
  });
  const heap = new Heap<Candidate>((a, b) => a.change - b.change || a.entry.at - b.entry.at);
  const offer = (entry: Entry) => {
    if (entry.waits === 0) heap.push({ entry, change: entry.change });
  };
  /** The last reader frees what it reads. */
  const releasedBy = (v: Value) => {
    const list = readers.get(v);
    const [only] = list ?? [];
    if (list?.size !== 1 || only === undefined || returned.has(v)) return;
    only.change -= bytesOf(v);
    offer(only);
  };
  for (const v of readers.keys()) releasedBy(v);
  for (const entry of entries) offer(entry);
  const out: Step[] = [];
  for (let next = heap.pop(); next !== undefined; next = heap.pop()) {
    const { entry, change } = next;
    if (entry.isDone || entry.change !== change) continue;
    entry.isDone = true;
    out.push(entry.step);
    for (const v of entry.reads) {
      readers.get(v)?.delete(entry);
      releasedBy(v);
    }
    for (const follower of entry.followers) {
      follower.waits--;
      offer(follower);
    }
  }
  return out;
}

/** A binary heap, the least first. */
class Heap<T> {
  private readonly items: T[] = [];
  private readonly compare: (a: T, b: T) => number;

  constructor(compare: (a: T, b: T) => number) {
    this.compare = compare;
  }

  push(item: T): void {
    const { items, compare } = this;
    let at = items.push(item) - 1;
    while (at > 0) {
      const above = (at - 1) >> 1;
      if (compare(items[above] as T, item) <= 0) break;
      items[at] = items[above] as T;
      at = above;
    }
    items[at] = item;
  }

  pop(): T | undefined {
    const { items, compare } = this;
    const [first] = items;
    const last = items.pop();
    if (items.length === 0 || last === undefined) return first;
    let at = 0;
    for (;;) {
      let below = 2 * at + 1;
      if (below >= items.length) break;
      if (below + 1 < items.length && compare(items[below + 1] as T, items[below] as T) < 0) below++;
      if (compare(last, items[below] as T) <= 0) break;
      items[at] = items[below] as T;
      at = below;
    }
    items[at] = last;
    return first;
  }
}
