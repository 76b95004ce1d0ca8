/** Places of points: never said to be apart where two points meet, and said so for what primitives ask. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { arePlacesApart } from "./apart.ts";

/** Whether two points of a walk meet, by a look at all of them. */
function meet(strides: readonly number[], extents: readonly number[]): boolean {
  let places = [0];
  for (const [axis, s] of strides.entries())
    places = places.flatMap((p) => (s === 0 ? [p] : Array.from({ length: extents[axis] as number }, (_, i) => p + i * s)));
  return new Set(places).size < places.length;
}

test("places that meet are never said to be apart, and of one or two axes it is known exactly", () => {
  const axis = fc.record({ stride: fc.integer({ min: -12, max: 12 }), extent: fc.nat(6) });
  fc.assert(
    fc.property(fc.array(axis, { maxLength: 4 }), (axes) => {
      const [strides, extents] = [axes.map((a) => a.stride), axes.map((a) => a.extent)];
      const apart = arePlacesApart(strides, extents);
      if (axes.length <= 2 && !extents.includes(0)) expect(apart).toBe(!meet(strides, extents));
      else if (apart) expect(meet(strides, extents)).toBe(false);
    }),
    { numRuns: 3000 },
  );
});

test("dense tensors, transposes, gaps and the blocks of a fold are apart, windows that overlap are not", () => {
  expect(arePlacesApart([12, 4, 1], [5, 3, 4])).toBe(true);
  expect(arePlacesApart([1, -5, 20], [5, 4, 3])).toBe(true);
  expect(arePlacesApart([64, 2], [8, 8])).toBe(true);
  // Taps 0, 2, 4 of windows at 0, 3, 6, … in both directions of an image of 40 columns.
  expect(arePlacesApart([80, 2, 120, 3], [3, 3, 10, 11])).toBe(true);
  expect(arePlacesApart([1, 1], [3, 8])).toBe(false);
  expect(arePlacesApart([1, 2], [3, 8])).toBe(false);
});
