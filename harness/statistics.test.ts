import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  bootstrapMedian,
  bootstrapRatio,
  counterBits,
  counterInteger,
  geometricMean,
  mad,
  median,
  quantile,
  shuffled,
} from "./statistics.ts";

const finite = fc.double({ min: -1e6, max: 1e6, noNaN: true });
const positive = fc.double({ min: 1e-3, max: 1e6, noNaN: true });
const samples = fc.array(finite, { minLength: 1, maxLength: 40 });

/** Exponentially distributed numbers with mean 1, whose median is ln 2. */
function exponential(seed: number, n: number): number[] {
  return Array.from({ length: n }, (_, i) => -Math.log(1 - (counterBits(seed, i) + 0.5) / 2 ** 32));
}

describe("order statistics", () => {
  test("the median of small sets is what the definition says", () => {
    expect(median([3])).toBe(3);
    expect(median([4, 1])).toBe(2.5);
    expect(median([9, 1, 5])).toBe(5);
    expect(median([1, 2, 3, 100])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  test("quantiles interpolate between order statistics", () => {
    expect(quantile([10, 20, 30, 40, 50], 0)).toBe(10);
    expect(quantile([10, 20, 30, 40, 50], 0.1)).toBeCloseTo(14, 12);
    expect(quantile([10, 20, 30, 40, 50], 1)).toBe(50);
  });

  test("half of the values lie on each side of the median", () => {
    fc.assert(
      fc.property(samples, (x) => {
        const m = median(x);
        expect(x.filter((v) => v < m).length).toBeLessThanOrEqual(x.length / 2);
        expect(x.filter((v) => v > m).length).toBeLessThanOrEqual(x.length / 2);
      }),
    );
  });

  test("the MAD ignores one outlier and scales with the data", () => {
    expect(mad([1, 2, 3, 4, 1e9])).toBe(1);
    fc.assert(
      fc.property(samples, (x) => {
        expect(mad(x.map((v) => 2 * v))).toBeCloseTo(2 * mad(x), 6);
      }),
    );
  });
});

describe("the counter-based generator", () => {
  test("is a function of seed and counter alone and fills its range evenly", () => {
    expect(counterBits(7, 12)).toBe(counterBits(7, 12));
    expect(counterBits(7, 12)).not.toBe(counterBits(8, 12));
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < 100_000; i++) counts[counterInteger(3, i, 10)] = (counts[counterInteger(3, i, 10)] as number) + 1;
    // Chi-square with 9 degrees of freedom exceeds 33.7 with probability 1e-4.
    expect(counts.reduce((sum, c) => sum + (c - 10_000) ** 2 / 10_000, 0)).toBeLessThan(33.7);
  });

  test("shuffles are permutations, and every element visits every place", () => {
    fc.assert(
      fc.property(fc.array(fc.integer()), fc.integer(), (x, seed) => {
        expect([...shuffled(x, seed)].sort()).toEqual([...x].sort());
      }),
    );
    const places = new Set(Array.from({ length: 60 }, (_, seed) => shuffled([0, 1, 2], seed).join()));
    expect(places.size).toBe(6);
  });
});

describe("bootstrap intervals", () => {
  test("an interval holds its median and lies within the samples", () => {
    fc.assert(
      fc.property(samples, fc.nat(), (x, seed) => {
        const { median: m, lo, hi } = bootstrapMedian(x, { seed, resamples: 200 });
        expect(m).toBe(median(x));
        expect(lo).toBeLessThanOrEqual(m);
        expect(hi).toBeGreaterThanOrEqual(m);
        expect(lo).toBeGreaterThanOrEqual(Math.min(...x));
        expect(hi).toBeLessThanOrEqual(Math.max(...x));
      }),
    );
  });

  test("an interval does not depend on the order of the samples and is reproducible from its seed", () => {
    fc.assert(
      fc.property(samples, fc.nat(), (x, seed) => {
        expect(bootstrapMedian(shuffled(x, 5), { seed, resamples: 100 })).toEqual(bootstrapMedian(x, { seed, resamples: 100 }));
      }),
    );
  });

  test("the 95 % interval of the median covers the true median in about 95 % of experiments", () => {
    let covered = 0;
    const experiments = 1000;
    for (let e = 0; e < experiments; e++) {
      const { lo, hi } = bootstrapMedian(exponential(e, 51), { seed: e, resamples: 400 });
      if (lo <= Math.LN2 && Math.LN2 <= hi) covered++;
    }
    // Binomial standard deviation is 0.7 %; percentile intervals of the median are known to be slightly narrow or wide at n = 51.
    expect(covered / experiments).toBeGreaterThan(0.92);
    expect(covered / experiments).toBeLessThan(0.98);
  });

  test("the ratio of an exact multiple is that multiple with an interval of no width", () => {
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1, maxLength: 30 }), fc.double({ min: 0.1, max: 10, noNaN: true }), (b, factor) => {
        const {
          median: m,
          lo,
          hi,
        } = bootstrapRatio(
          b.map((v) => v * factor),
          b,
          { resamples: 100 },
        );
        for (const v of [m, lo, hi]) expect(v / factor).toBeCloseTo(1, 9);
      }),
    );
  });

  test("pairing cancels what slowed a whole round: the interval of the ratio is narrow where that of each side is wide", () => {
    const load = exponential(1, 60);
    const a = load.map((l, i) => (1 + l) * 2 * (1 + 0.01 * (counterBits(2, i) / 2 ** 32)));
    const b = load.map((l) => 1 + l);
    const ratio = bootstrapRatio(a, b, { seed: 4 });
    const alone = bootstrapMedian(a, { seed: 4 });
    expect((ratio.hi - ratio.lo) / ratio.median).toBeLessThan(0.02);
    expect((alone.hi - alone.lo) / alone.median).toBeGreaterThan(0.1);
  });

  test("the interval of a ratio covers the true ratio in about 95 % of experiments", () => {
    let covered = 0;
    for (let e = 0; e < 600; e++) {
      const { lo, hi } = bootstrapRatio(
        exponential(2 * e, 51).map((v) => 3 * v),
        exponential(2 * e + 1, 51),
        { seed: e, resamples: 400 },
      );
      if (lo <= 3 && 3 <= hi) covered++;
    }
    expect(covered / 600).toBeGreaterThan(0.92);
    expect(covered / 600).toBeLessThan(0.99);
  });
});

describe("geometric means", () => {
  test("of closed forms", () => {
    expect(geometricMean([2, 8]).median).toBeCloseTo(4, 12);
    expect(geometricMean([5])).toEqual({ median: 5, lo: 5, hi: 5 });
    expect(geometricMean([1, 10, 100]).median).toBeCloseTo(10, 12);
  });

  test("a ratio and its inverse average to one, and the interval holds the mean", () => {
    fc.assert(
      fc.property(fc.array(positive, { minLength: 1, maxLength: 10 }), (x) => {
        expect(geometricMean([...x, ...x.map((v) => 1 / v)], { resamples: 50 }).median).toBeCloseTo(1, 9);
        const { median: m, lo, hi } = geometricMean(x, { resamples: 200 });
        expect(lo).toBeLessThanOrEqual(m * (1 + 1e-12));
        expect(hi).toBeGreaterThanOrEqual(m * (1 - 1e-12));
      }),
    );
  });
});
