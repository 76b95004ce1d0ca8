import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { centralDifference } from "./oracle.ts";

describe("central differences", () => {
  test("give derivatives of smooth functions to many digits, with an honest uncertainty", () => {
    fc.assert(
      fc.property(fc.double({ min: -2, max: 2, noNaN: true }), fc.double({ min: 0.1, max: 3, noNaN: true }), (x, a) => {
        const f = (t: number): number => Math.sin(a * (x + t)) + Math.exp(x + t);
        const want = a * Math.cos(a * x) + Math.exp(x);
        const { estimate, uncertainty } = centralDifference(f, 0.01, f(0), 1e-10);
        expect(uncertainty).toBeLessThan(1e-7);
        expect(Math.abs(estimate - want)).toBeLessThanOrEqual(uncertainty + 1e-10);
      }),
    );
  });

  test("a kink beside the point is resolved by smaller steps", () => {
    const f = (t: number): number => 3 * t + Math.max(0, t - 1e-3);
    const { estimate, uncertainty } = centralDifference(f, 0.01, 0, 1e-10);
    expect(estimate).toBeCloseTo(3, 8);
    expect(uncertainty).toBeLessThan(1e-6);
  });

  test("a function without a derivative has a large uncertainty instead of a number that looks right", () => {
    const { uncertainty } = centralDifference((t) => Math.sqrt(Math.abs(t)) * Math.sign(t), 0.01, 0, 1e-10);
    expect(uncertainty).toBeGreaterThan(1);
    expect(centralDifference(() => Number.NaN, 0.01, 0, 1e-10).uncertainty).toBe(Number.POSITIVE_INFINITY);
  });
});
