/** Sorting positions: a bottom-up merge sort, which is stable and compares keys without calling anyone. */

const RUN = 12;

/**
 * Writes to `order` the stable order of positions in which `x` ascends, or descends. NaN comes last either way; 0 and -0 are equal.
 * `keys` and `spare` have the length of x and are overwritten.
 */
export function argsort(x: ArrayLike<number>, order: Int32Array, descending: boolean, keys: Float64Array, spare: Int32Array): void {
  const n = x.length;
  let count = 0;
  for (let i = 0; i < n; i++) {
    const key = x[i] as number;
    keys[i] = descending ? -key : key;
    if (!Number.isNaN(key)) order[count++] = i;
  }
  for (let i = 0, at = count; at < n; i++) if (Number.isNaN(x[i] as number)) order[at++] = i;
  for (let start = 0; start < count; start += RUN) insertionSort(order, keys, start, Math.min(start + RUN, count));
  let [source, target] = [order, spare];
  for (let width = RUN; width < count; width *= 2) {
    for (let start = 0; start < count; start += 2 * width) {
      merge(source, target, keys, start, Math.min(start + width, count), Math.min(start + 2 * width, count));
    }
    [source, target] = [target, source];
  }
  if (source !== order) for (let i = 0; i < count; i++) order[i] = source[i] as number;
}

function insertionSort(order: Int32Array, keys: Float64Array, start: number, end: number): void {
  for (let i = start + 1; i < end; i++) {
    const position = order[i] as number;
    const key = keys[position] as number;
    let j = i;
    for (; j > start && (keys[order[j - 1] as number] as number) > key; j--) order[j] = order[j - 1] as number;
    order[j] = position;
  }
}

function merge(source: Int32Array, target: Int32Array, keys: Float64Array, start: number, middle: number, end: number): void {
  let left = start;
  let right = middle;
  for (let at = start; at < end; at++) {
    const takesLeft =
      left < middle && (right >= end || (keys[source[left] as number] as number) <= (keys[source[right] as number] as number));
    target[at] = source[takesLeft ? left++ : right++] as number;
  }
}
