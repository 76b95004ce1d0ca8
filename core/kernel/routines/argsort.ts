/** Sorting positions: a bottom-up merge sort, which is stable; keys travel with their positions, so that memory is read in order. */

const RUN = 12;

/** Keys and the positions that they come from, in step. */
interface Row {
  readonly keys: Float64Array;
  readonly at: Int32Array;
}

/** Memory for sorting up to n numbers. */
export interface SortSpace {
  readonly first: Row;
  readonly second: Row;
}

export function sortSpace(n: number): SortSpace {
  const row = () => ({ keys: new Float64Array(n), at: new Int32Array(n) });
  return { first: row(), second: row() };
}

/** Writes to `order` the stable order of positions in which `x` ascends, or descends. NaN comes last either way; 0 and -0 are equal. */
export function argsort(x: ArrayLike<number>, order: Int32Array, descending: boolean, { first, second }: SortSpace): void {
  const n = x.length;
  let count = 0;
  for (let i = 0; i < n; i++) {
    const key = x[i] as number;
    if (Number.isNaN(key)) continue;
    first.keys[count] = descending ? -key : key;
    first.at[count++] = i;
  }
  for (let start = 0; start < count; start += RUN) insertionSort(first, start, Math.min(start + RUN, count));
  let [source, target] = [first, second];
  for (let width = RUN; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      merge(source, target, start, Math.min(start + width, count), Math.min(start + 2 * width, count));
    }
    [source, target] = [target, source];
  }
  order.set(source.at.subarray(0, count));
  for (let i = 0, to = count; to < n; i++) if (Number.isNaN(x[i] as number)) order[to++] = i;
}

function insertionSort({ keys, at }: Row, start: number, end: number): void {
  for (let i = start + 1; i < end; i++) {
    const key = keys[i] as number;
    const position = at[i] as number;
    let j = i;
    for (; j > start && (keys[j - 1] as number) > key; j--) {
      keys[j] = keys[j - 1] as number;
      at[j] = at[j - 1] as number;
    }
    keys[j] = key;
    at[j] = position;
  }
}

function merge(source: Row, target: Row, start: number, middle: number, end: number): void {
  const { keys, at } = source;
  let left = start;
  let right = middle;
  for (let to = start; to < end; to++) {
    const takesLeft = left < middle && (right >= end || (keys[left] as number) <= (keys[right] as number));
    const from = takesLeft ? left++ : right++;
    target.keys[to] = keys[from] as number;
    target.at[to] = at[from] as number;
  }
}
