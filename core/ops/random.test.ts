import { describe, expect, test } from "vitest";
import { grad } from "../../engines/tape/transforms.ts";
import { createRng } from "../base/rng.ts";
import { openDevice } from "../device/registry.ts";
import type { Tensor } from "../ops.ts";
import * as o from "../ops.ts";
import { useDevice } from "../tensor/tensor.ts";

const DEVICES = ["interpreter", "wasm"] as const;
const SEEDS = [0, 1, 20181129, 2 ** 40 + 3, -5];
const numbers = (x: Tensor) => [...x.toArray()];
const on = <T>(device: (typeof DEVICES)[number], body: () => T): T => {
  useDevice(openDevice(device));
  return o.scope(body);
};

describe.each(DEVICES)("on %s", (device) => {
  test.each(SEEDS)("bits, uniform numbers and split keys of seed %i are those of the host's generator", (seed) => {
    on(device, () => {
      const k = o.key(seed);
      expect(numbers(o.randomBits(k, [3, 7]))).toEqual([...new Int32Array(createRng(seed).bits(21))]);
      const host = createRng(seed).uniform(21);
      expect(numbers(o.uniform(k, [21], "f64"))).toEqual([...host]);
      expect(numbers(o.uniform(k, [7, 3]))).toEqual([...host].map((u) => Math.floor(u * 2 ** 24) / 2 ** 24));
      expect(numbers(o.bernoulli(k, 0.3, [21]))).toEqual([...createRng(seed).bernoulli(21, 0.3)]);
      for (const [i, part] of o.splitKey(k, 3).entries())
        expect(numbers(o.randomBits(part, [4]))).toEqual([...new Int32Array(createRng(seed).split(i).bits(4))]);
    });
  });

  test.each(SEEDS)("normal numbers of seed %i are those of the host but for rounding", (seed) => {
    on(device, () => {
      const host = createRng(seed).normal(1001);
      for (const [dtype, tolerance] of [
        ["f64", 1e-14],
        ["f32", 2e-6],
      ] as const) {
        const got = numbers(o.normal(o.key(seed), [1001], dtype));
        const worst = got.reduce((m, z, i) => {
          const wanted = host[i] as number;
          // Near zero radius the host's 53 bits say more than the 32 of f32.
          return Math.abs(wanted) > 4 ? m : Math.max(m, Math.abs(z - wanted) / Math.max(1, Math.abs(wanted)));
        }, 0);
        expect(worst, dtype).toBeLessThan(tolerance);
      }
    });
  });
});

test("integers and choices are the same on every device, and normal numbers within what is documented", () => {
  const all = DEVICES.map((device) =>
    on(device, () => ({
      integers: numbers(o.randomInt(o.key(3), [257], -7, 2 ** 31 - 8)),
      order: numbers(o.permutation(o.key(4), 300)),
      chosen: numbers(o.bernoulli(o.key(5), o.createTensor([0.1, 0.9], [2], "f32"), [50, 2])),
      single: numbers(o.normal(o.key(6), [4096], "f32")),
      double: numbers(o.normal(o.key(6), [4096], "f64")),
    })),
  );
  const [a, b] = all as [(typeof all)[number], (typeof all)[number]];
  expect(b.integers).toEqual(a.integers);
  expect(b.order).toEqual(a.order);
  expect(b.chosen).toEqual(a.chosen);
  const apart = (x: number[], y: number[]) =>
    x.reduce((m, v, i) => Math.max(m, Math.abs(v - (y[i] as number)) / Math.max(1, Math.abs(v))), 0);
  expect(apart(a.single, b.single)).toBeLessThan(2e-6);
  expect(apart(a.double, b.double)).toBeLessThan(1e-14);
});

describe("statistics with fixed seeds", () => {
  const N = 200_000;
  /** Mean of (x - about)^power, and how many standard deviations of such a mean it is from `expected`. */
  const deviation = (x: readonly number[], power: number, expected: number, variance: number) =>
    Math.abs(x.reduce((s, v) => s + v ** power, 0) / x.length - expected) / Math.sqrt(variance / x.length);

  test.each(["f32", "f64"] as const)("moments of uniform and normal numbers in %s are those of their distributions", (dtype) => {
    on("wasm", () => {
      const [forUniform, forNormal] = o.splitKey(o.key(11), 2) as [Tensor, Tensor];
      const u = numbers(o.uniform(forUniform, [N], dtype));
      for (const p of [1, 2, 3, 4]) {
        const variance = 1 / (2 * p + 1) - 1 / (p + 1) ** 2;
        expect(deviation(u, p, 1 / (p + 1), variance), `moment ${p}`).toBeLessThan(4);
      }
      expect(u.every((v) => v >= 0 && v < 1)).toBe(true);
      const z = numbers(o.normal(forNormal, [N], dtype));
      const moments = [1, 0, 1, 0, 3, 0, 15, 0, 105];
      for (const p of [1, 2, 3, 4]) {
        const variance = (moments[2 * p] as number) - (moments[p] as number) ** 2;
        expect(deviation(z, p, moments[p] as number, variance), `moment ${p}`).toBeLessThan(4);
      }
      // Neighbours, which share a radius, are uncorrelated.
      const products = z.slice(1).map((v, i) => v * (z[i] as number));
      expect(deviation(products, 1, 0, 1)).toBeLessThan(4);
    });
  });

  /** Pearson's statistic of counts that should be equal, in standard deviations from its mean. */
  const chiSquare = (counts: readonly number[]) => {
    const mean = counts.reduce((s, c) => s + c, 0) / counts.length;
    const statistic = counts.reduce((s, c) => s + (c - mean) ** 2 / mean, 0);
    return Math.abs(statistic - (counts.length - 1)) / Math.sqrt(2 * (counts.length - 1));
  };
  const count = (values: readonly number[], bins: number) => {
    const counts = new Array<number>(bins).fill(0);
    for (const v of values) counts[v] = (counts[v] as number) + 1;
    return counts;
  };

  test("integers, leading bits and the places that a permutation gives are evenly spread", () => {
    on("wasm", () => {
      const [a, b, c] = o.splitKey(o.key(12), 3) as [Tensor, Tensor, Tensor];
      const integers = numbers(o.randomInt(a, [N], -3, 97));
      expect(integers.every((v) => v >= -3 && v < 97)).toBe(true);
      expect(
        chiSquare(
          count(
            integers.map((v) => v + 3),
            100,
          ),
        ),
      ).toBeLessThan(4);
      expect(
        chiSquare(
          count(
            numbers(o.randomBits(b, [N])).map((w) => w >>> 24),
            256,
          ),
        ),
      ).toBeLessThan(4);
      expect(
        chiSquare(
          count(
            numbers(o.randomBits(b, [N])).map((w) => w & 255),
            256,
          ),
        ),
      ).toBeLessThan(4);
      const places = o.splitKey(c, 2000).map((k) => numbers(o.permutation(k, 6)));
      for (let position = 0; position < 6; position++)
        expect(
          chiSquare(
            count(
              places.map((p) => p[position] as number),
              6,
            ),
          ),
          `position ${position}`,
        ).toBeLessThan(4);
      expect(places.every((p) => [...p].sort().join() === "0,1,2,3,4,5")).toBe(true);
    });
  });
});

test("a draw is a constant to a derivative, and what scales it is not", () => {
  on("wasm", () => {
    const k = o.key(9);
    const loss = (sigma: Tensor) => o.sum(o.mul(sigma, o.normal(k, [5], "f64")));
    const got = grad(loss as never)(o.createTensor([2], [], "f64")) as Tensor;
    expect(got.item()).toBeCloseTo(o.sum(o.normal(k, [5], "f64")).item(), 14);
  });
});

test("what is no key, no probability and no range is refused", () => {
  const k = o.key(1);
  expect(() => o.uniform(o.createTensor([1, 2], [2], "f32"), [3])).toThrow("needs a key, which is i32[2], but was given f32[2]");
  expect(() => o.bernoulli(k, 1.5, [3])).toThrow("no probability");
  expect(() => o.randomInt(k, [3], 2, 2)).toThrow("randomInt in [2, 2)");
  expect(() => o.key(0.5)).toThrow("a seed is an integer");
});
