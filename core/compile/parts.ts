/** Long lists in parts, where what is done with a list has a price that grows faster than it, or a limit. */

/** Lists of at most `most`, in order. */
export function inParts<T>(list: readonly T[], most: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / most) }, (_, i) => list.slice(i * most, (i + 1) * most));
}
