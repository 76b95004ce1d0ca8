import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createTensor } from "../../core/tensor/tensor.ts";
import { absoluteError, Findings, flatNumbers, goldenTolerance, maxError, workloadError } from "./compare.ts";
import type { GoldenTensor } from "./formats.ts";

const numbers = fc.array(fc.double({ noNaN: true, noDefaultInfinity: true, min: -1e6, max: 1e6 }), { minLength: 1, maxLength: 8 });

describe("metrics", () => {
  test("the golden metric has one scale per tensor, and is absolute below one", () => {
    expect(maxError([1, 200], [0, 100])).toBe(1);
    expect(maxError([0.25, 0], [0.5, 0])).toBe(0.25);
    expect(maxError([], [])).toBe(0);
  });

  test("ADBench's metric is blind to small numbers, and the norm-relative error is not", () => {
    expect(workloadError([0, 0], [1e-12, 1e-12])).toBe(1);
    expect(workloadError([3, 0], [1, 0])).toBe(2);
    // Where the norm hides one component rho sees it.
    expect(workloadError([1e9, 1], [1e9, 0])).toBe(1);
    expect(workloadError([1e-9], [0])).toBe(1e-9);
  });

  test("equal numbers have no error, and NaN is never right", () => {
    fc.assert(
      fc.property(numbers, (xs) => {
        for (const metric of [maxError, workloadError, absoluteError]) {
          expect(metric(xs, xs)).toBe(0);
          for (let i = 0; i < xs.length; i++) expect(metric(xs.with(i, Number.NaN), xs)).toBeNaN();
          expect(metric(xs.slice(1), xs)).toBeNaN();
        }
      }),
    );
  });
});

test("tolerances are those of the golden files", () => {
  expect(goldenTolerance("f64", "vjp", 1e-3)).toBe(1e-10);
  expect(goldenTolerance("f64", "hvp", undefined)).toBe(1e-9);
  expect(goldenTolerance("f64", "hvp", undefined, true)).toBe(1e-8);
  expect(goldenTolerance("f64", "value", undefined, true)).toBe(1e-10);
  expect(goldenTolerance("f32", "value", 2e-8)).toBe(1e-5);
  expect(goldenTolerance("f32", "hvp", 1e-6)).toBeCloseTo(2e-5, 12);
  expect(goldenTolerance("f32", "training", 1)).toBe(1e-4);
});

describe("findings", () => {
  const want: GoldenTensor = { name: "y", shape: [2], dtype: "f64", data: [1, 2] };

  test("pass with the worst error of each quantity", () => {
    const f = new Findings();
    f.note("value", "a", 1e-12, 1e-10);
    f.note("vjp", "b", 3e-12, 1e-10);
    f.note("vjp", "c", 2e-12, 1e-10);
    expect(f.verdict()).toEqual({ status: "pass", worst: 3e-12, checks: { value: 1e-12, vjp: 3e-12 } });
  });

  test("fail with the comparison that is furthest out of its own bounds", () => {
    const f = new Findings();
    f.note("value", "value", 1e-3, 1e-4);
    f.note("hvp", "hvp of x", 1e-5, 1e-9);
    const verdict = f.verdict();
    expect(verdict).toMatchObject({ status: "fail", worst: 1e-3 });
    expect(verdict.message).toContain("hvp of x is off by 1.00e-5");
  });

  test("fail on a wrong shape, a wrong kind of result, NaN, and a wrong number in the last place", () => {
    const failing: [unknown, string][] = [
      [createTensor([1, 2], [1, 2], "f64"), "has shape [1, 2]"],
      [1, "has shape []"],
      [undefined, "is undefined"],
      [createTensor([1, Number.NaN], [2], "f64"), "is not finite"],
      [createTensor([1, 2 + 1e-9], [2], "f64"), "off by 5.00e-10"],
    ];
    for (const [got, message] of failing) {
      const f = new Findings();
      f.golden("value", "y", got, want, 1e-10);
      expect(f.verdict().status).toBe("fail");
      expect(f.verdict().message).toContain(message);
    }
    const right = new Findings();
    right.golden("value", "y", createTensor([1, 2], [2], "f64"), want, 1e-10);
    expect(right.verdict().status).toBe("pass");
  });

  test("nothing compared is not a pass", () => {
    expect(new Findings().verdict().status).toBe("skipped");
  });
});

test("flat numbers of a tree go through arrays, records and tensors, and refuse anything else", () => {
  expect(flatNumbers({ a: 1, b: [2, createTensor([3, 4], [2], "f64")] })).toEqual([1, 2, 3, 4]);
  expect(flatNumbers([1, null])).toBeNull();
});
