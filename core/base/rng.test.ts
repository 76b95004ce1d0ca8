import fc from "fast-check";
import { expect, test } from "vitest";
import { createRng, threefry2x32 } from "./rng.ts";

function block(k0: number, k1: number, c0: number, c1: number): string {
  const out = new Uint32Array(2);
  threefry2x32(k0, k1, c0, c1, out, 0);
  return [...out].map((w) => w.toString(16).padStart(8, "0")).join(" ");
}

test("threefry2x32 with 20 rounds gives the known answers of its authors", () => {
  expect(block(0, 0, 0, 0)).toBe("6b200159 99ba4efe");
  expect(block(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff)).toBe("1cb996fc bb002be7");
  expect(block(0x13198a2e, 0x03707344, 0x243f6a88, 0x85a308d3)).toBe("c4923a9c 483df7a0");
});

test("the same seed gives the same numbers, and a split does not depend on what was drawn", () => {
  const a = createRng(7);
  const b = createRng(7);
  b.uniform(13);
  expect([...a.split(3).bits(5)]).toEqual([...b.split(3).bits(5)]);
  expect([...createRng(7).normal(6)]).toEqual([...createRng(7).normal(6)]);
  expect([...createRng(7).bits(4)]).not.toEqual([...createRng(8).bits(4)]);
});

test("uniform numbers are in [0, 1) with the mean and variance of the distribution", () => {
  const u = createRng(1).uniform(100_000);
  const mean = u.reduce((s, v) => s + v, 0) / u.length;
  const variance = u.reduce((s, v) => s + (v - mean) ** 2, 0) / u.length;
  expect(u.every((v) => v >= 0 && v < 1)).toBe(true);
  expect(Math.abs(mean - 0.5)).toBeLessThan(5 * Math.sqrt(1 / 12 / u.length));
  expect(Math.abs(variance - 1 / 12)).toBeLessThan(0.002);
});

test("normal numbers have mean 0, variance 1 and normal tails", () => {
  const z = createRng(2).normal(100_001);
  const moment = (k: number) => z.reduce((s, v) => s + v ** k, 0) / z.length;
  expect(z.length).toBe(100_001);
  expect(Math.abs(moment(1))).toBeLessThan(0.02);
  expect(Math.abs(moment(2) - 1)).toBeLessThan(0.03);
  expect(Math.abs(moment(4) - 3)).toBeLessThan(0.15);
});

test("integers stay below their bound and permutations permute", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 2 ** 40 }), fc.integer({ min: 1, max: 50 }), (seed, n) => {
      const rng = createRng(seed);
      expect(rng.integers(20, n).every((v) => v >= 0 && v < n)).toBe(true);
      expect([...rng.permutation(n)].sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
    }),
  );
});

test("a seed that is not an integer is refused", () => {
  expect(() => createRng(0.5)).toThrow("integer");
});
