import { describe, expect, it } from "vitest";
import { ERF, ERFC, LGAMMA, POLYGAMMA } from "../../test/special.reference.ts";
import { digamma, erf, erfc, lgamma, polygamma } from "./special.ts";

/** Relative error, absolute below 1 ulp of the smallest normal number. */
function relative(actual: number, wanted: number): number {
  return actual === wanted ? 0 : Math.abs(actual - wanted) / Math.max(Math.abs(wanted), 2.3e-308);
}

describe("special functions against mpmath", () => {
  it.each(ERF)("erf(%d) is right to 1e-15", (x, wanted) => {
    expect(relative(erf(x), wanted)).toBeLessThan(1e-15);
  });
  it.each(ERFC)("erfc(%d) is right to 2e-15", (x, wanted) => {
    expect(relative(erfc(x), wanted)).toBeLessThan(2e-15);
  });
  it.each(LGAMMA)("lgamma(%d) is right to 1e-14", (x, wanted) => {
    expect(relative(lgamma(x), wanted)).toBeLessThan(1e-14);
  });
  it.each(POLYGAMMA)("polygamma(%d, %d) is right to 1e-14", (n, x, wanted) => {
    expect(relative(polygamma(n, x), wanted)).toBeLessThan(1e-14);
  });
});

describe("special values", () => {
  it("keeps NaN, signed zeros and limits", () => {
    for (const f of [erf, erfc, lgamma, digamma, (x: number) => polygamma(2, x)]) expect(f(Number.NaN)).toBeNaN();
    expect(erf(-0)).toBe(-0);
    expect([erf(Infinity), erf(-Infinity), erfc(Infinity), erfc(-Infinity), erfc(0)]).toEqual([1, -1, 0, 2, 1]);
    expect([lgamma(1), lgamma(2)]).toEqual([0, 0]);
    expect([lgamma(0), lgamma(-3), lgamma(Infinity), lgamma(-Infinity)]).toEqual([Infinity, Infinity, Infinity, Infinity]);
    expect([digamma(Infinity), polygamma(1, Infinity), polygamma(3, -2)]).toEqual([Infinity, 0, Infinity]);
    expect([digamma(0), digamma(-2), polygamma(2, -2), polygamma(-1, 2), polygamma(1.5, 2)].every(Number.isNaN)).toBe(true);
  });

  it("has denormal results where the function has them", () => {
    expect(erfc(27)).toBeGreaterThan(0);
    expect(erf(5e-324)).toBeGreaterThan(0);
    expect(lgamma(-5e-324)).toBeCloseTo(744.4400719213812, 10);
  });
});
