/**
 * Whether points that are walked by strides lie at places of their own. Exact for strides of which each is longer than all that the
 * shorter ones reach, and where two at a time are interleaved (the windows of a fold); otherwise the answer is no.
 */

/** One axis of a walk: elements from a point to the next, and how many points there are. */
interface Walk {
  readonly step: number;
  readonly length: number;
}

/** True where no two points are known to meet; axes that do not move, or have one point, are passed over. */
export function arePlacesApart(strides: readonly number[], extents: readonly number[]): boolean {
  const walks = strides
    .map((s, axis): Walk => ({ step: Math.abs(s), length: extents[axis] as number }))
    .filter(({ step, length }) => step > 0 && length > 1)
    .sort((a, b) => a.step - b.step);
  // How far the shorter steps go together, and how far they go without the longest of them.
  let [reach, without] = [0, 0];
  let longest: Walk | undefined;
  for (const walk of walks) {
    if (walk.step <= reach) {
      if (longest === undefined || !areInterleaved(longest, walk, without)) return false;
      // What is interleaved is not so with a third.
      reach += walk.step * (walk.length - 1);
      longest = undefined;
      continue;
    }
    without = reach;
    reach += walk.step * (walk.length - 1);
    longest = walk;
  }
  return true;
}

/** a·i + b·j differ for all i and j, by more than `between`: a multiple of their common divisor that none of them reaches is less. */
function areInterleaved(a: Walk, b: Walk, between: number): boolean {
  let [x, y] = [a.step, b.step];
  while (y !== 0) [x, y] = [y, x % y];
  return between < x && (b.step / x >= a.length || a.step / x >= b.length);
}
