/** The report's statistics against what is known exactly, and against laws that any bootstrap of medians must keep. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  type Estimate,
  geometricMean,
  geometricMeanEstimate,
  median,
  ratioOfMedians,
  relativeToSmallest,
  seededRandom,
} from "./statistics.ts";

const measured = (samples: readonly number[]) => ({
  interval: { median: median(samples), lo: Math.min(...samples), hi: Math.max(...samples) },
  samples,
});
const times = fc.array(fc.double({ min: 1, max: 1e9, noNaN: true }), { minLength: 2, maxLength: 40 });

describe("a ratio of medians", () => {
  test("lies in an interval that lies between the extreme ratios of the samples", () => {
    fc.assert(
      fc.property(times, times, (a, b) => {
        const { lo, hi } = ratioOfMedians(measured(a), measured(b), "law");
        expect(lo).toBeLessThanOrEqual(hi);
        expect(lo).toBeGreaterThanOrEqual((Math.min(...a) / Math.max(...b)) * (1 - 1e-12));
        expect(hi).toBeLessThanOrEqual((Math.max(...a) / Math.min(...b)) * (1 + 1e-12));
      }),
      { numRuns: 40 },
    );
  });

  test("of a quantity to a multiple of itself in the same rounds has no width: the rounds are paired", () => {
    const value = [5, 9, 6, 30, 7, 8, 5.5];
    const ratio = ratioOfMedians(measured(value.map((v) => 3 * v)), measured(value), "paired");
    expect(ratio.method).toBe("paired rounds");
    expect([ratio.lo, ratio.value, ratio.hi].map((x) => x.toFixed(9))).toEqual(["3.000000000", "3.000000000", "3.000000000"]);
    expect(ratioOfMedians(measured([...value.map((v) => 3 * v), 21]), measured(value), "apart").hi).toBeGreaterThan(3);
  });

  test("covers the true ratio in about 95 of 100 experiments", () => {
    const random = seededRandom("coverage");
    let covered = 0;
    for (let k = 0; k < 300; k++) {
      const draw = (centre: number) => Array.from({ length: 25 }, () => centre * (0.9 + 0.2 * random()));
      const { lo, hi } = ratioOfMedians(measured(draw(8)), measured(draw(4)), `experiment ${k}`);
      if (lo <= 2 && 2 <= hi) covered++;
    }
    expect(covered).toBeGreaterThan(270);
    expect(covered).toBeLessThan(300);
  });

  test("without samples takes the widest interval that the stored ones allow", () => {
    const ratio = ratioOfMedians({ interval: { median: 10, lo: 9, hi: 12 } }, { interval: { median: 5, lo: 4, hi: 6 } }, "stored");
    expect(ratio).toEqual({ value: 2, lo: 1.5, hi: 3, method: "stored intervals", rounds: 0 });
  });

  test("has the same digits for the same seed and others for another", () => {
    const a = measured([3, 5, 4, 9, 6]);
    const b = measured([1, 2, 4, 1.5, 3]);
    expect(ratioOfMedians(a, b, "x")).toEqual(ratioOfMedians(a, b, "x"));
    expect(ratioOfMedians(a, b, "x").draws).not.toEqual(ratioOfMedians(a, b, "y").draws);
  });
});

describe("a geometric mean", () => {
  test("of ratios and of their inverses are inverse to one another, which no arithmetic mean is", () => {
    fc.assert(
      fc.property(times, (ratios) => {
        expect(geometricMean(ratios) * geometricMean(ratios.map((r) => 1 / r))).toBeCloseTo(1, 9);
      }),
    );
  });

  test("combines replicates, and falls back to the ends of intervals where one cell kept no samples", () => {
    const kept = ratioOfMedians(measured([4, 5, 6]), measured([2, 2.5, 3]), "kept");
    const bare: Estimate = { value: 8, lo: 7, hi: 9, method: "stored intervals", rounds: 0 };
    expect(geometricMeanEstimate([kept, kept]).method).toBe("paired rounds");
    const mixed = geometricMeanEstimate([kept, bare]);
    expect(mixed.method).toBe("stored intervals");
    expect(mixed.value).toBeCloseTo(4, 12);
    expect(mixed.lo).toBeCloseTo(Math.sqrt(kept.lo * 7), 12);
  });
});

test("relative to the smallest, the smallest is 1 and nothing is below 1", () => {
  const estimates = [
    [30, 31, 32],
    [10, 11, 12],
    [10.5, 11.5, 12.5],
  ].map((samples, i) => ratioOfMedians(measured(samples), measured([1, 1, 1]), `engine ${i}`));
  const relative = relativeToSmallest(estimates);
  expect(relative[1]?.value).toBe(1);
  expect(relative.every((r) => r.lo >= 1)).toBe(true);
  expect(relative[0]?.value).toBeCloseTo(31 / 11, 12);
});

test("the median of an even number of values is the mean of the middle two", () => {
  expect(median([9, 1, 4, 2])).toBe(3);
  expect(median([7])).toBe(7);
  expect(median([])).toBeNaN();
});
