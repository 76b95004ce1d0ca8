import { describe, expect, test } from "vitest";
import { centralDifference, type HostLeaves, type Oracle } from "./oracle.ts";
import { tolerance } from "./tolerance.ts";
import { checkDirections, compareGradients, gradientLeaves } from "./verify-cell.ts";

const tolerated = tolerance("f64", "directional");
const point: HostLeaves = new Map([
  ["w", Float64Array.of(0.3, -1.2, 0.8, 2)],
  ["b", Float64Array.of(1e-3)],
]);

/** f = 1000 sum sin(w) + b^2 cos(w0): the gradient of b is a millionth of that of w. */
function f(leaves: HostLeaves): number {
  const w = leaves.get("w") as Float64Array;
  const b = (leaves.get("b") as Float64Array)[0] as number;
  return 1000 * w.reduce((sum, x) => sum + Math.sin(x), 0) + b * Math.cos(w[0] as number);
}

function trueGradient(): Map<string, Float64Array> {
  const w = point.get("w") as Float64Array;
  const b = (point.get("b") as Float64Array)[0] as number;
  const gw = w.map((x, i) => 1000 * Math.cos(x) - (i === 0 ? b * Math.sin(x) : 0));
  return new Map([
    ["w", gw],
    ["b", Float64Array.of(Math.cos(w[0] as number))],
  ]);
}

const oracle: Oracle = {
  point,
  value: f(point),
  directional(direction, enough) {
    const along = (t: number): number =>
      f(new Map([...point].map(([path, x]) => [path, x.map((v, i) => v + t * (direction.get(path)?.[i] ?? 0))])));
    return centralDifference(along, 0.01, f(point), enough);
  },
};

function broken(change: (gradient: Map<string, Float64Array>) => void): Map<string, Float64Array> {
  const gradient = trueGradient();
  change(gradient);
  return gradient;
}

describe("checking a gradient against central differences", () => {
  test("the true gradient passes for any seed", () => {
    for (let seed = 0; seed < 20; seed++) expect(checkDirections(oracle, trueGradient(), seed, tolerated)).not.toHaveProperty("problem");
  });

  test.each<[string, (g: Map<string, Float64Array>) => void]>([
    [
      "is scaled",
      (g) =>
        g.set(
          "w",
          (g.get("w") as Float64Array).map((x) => x * 1.00001),
        ),
    ],
    ["lacks a term", (g) => g.set("w", (g.get("w") as Float64Array).with(2, 0))],
    ["is transposed", (g) => g.set("w", (g.get("w") as Float64Array).toReversed())],
    [
      "has the wrong sign",
      (g) =>
        g.set(
          "w",
          (g.get("w") as Float64Array).map((x) => -x),
        ),
    ],
    ["is zero", (g) => g.set("w", new Float64Array(4)).set("b", new Float64Array(1))],
    ["is not a number", (g) => g.set("w", new Float64Array(4).fill(Number.NaN))],
    ["is wrong in a bias beside a large weight", (g) => g.set("b", Float64Array.of(-5))],
  ])("a gradient that %s fails", (_, change) => {
    for (let seed = 0; seed < 5; seed++) expect(checkDirections(oracle, broken(change), seed, tolerated).problem).toBeDefined();
  });

  test("an error in one small parameter is seen where the tolerance over all parameters would hide it", () => {
    const gradient = broken((g) => g.set("b", Float64Array.of(1.3)));
    for (let seed = 0; seed < 5; seed++)
      expect(checkDirections(oracle, gradient, seed, tolerance("f32", "directional")).problem).toMatch(/direction of b/);
  });

  test("a loss of tiny gradients is not passed by zeros", () => {
    const tiny: Oracle = {
      ...oracle,
      value: 1e-9 * oracle.value,
      directional: (d, enough) =>
        centralDifference(
          (t) => 1e-9 * f(new Map([...point].map(([path, x]) => [path, x.map((v, i) => v + t * (d.get(path)?.[i] ?? 0))]))),
          0.01,
          1e-9,
          enough,
        ),
    };
    const zero = broken((g) => g.set("w", new Float64Array(4)).set("b", new Float64Array(1)));
    expect(checkDirections(tiny, zero, 1, tolerance("f32", "directional")).problem).toBeDefined();
  });

  test("an oracle that does not converge fails the check instead of passing it", () => {
    const noise: Oracle = { ...oracle, directional: () => ({ estimate: 1, uncertainty: Number.POSITIVE_INFINITY }) };
    expect(checkDirections(noise, trueGradient(), 1, tolerated).problem).toMatch(/did not converge/);
  });
});

describe("comparing gradients", () => {
  test("equal gradients have error 0, and an error is relative to the parameter's own norm", () => {
    expect(compareGradients(trueGradient(), trueGradient(), 1e-9)).toEqual({ error: 0 });
    const bias = compareGradients(
      broken((g) => g.set("b", Float64Array.of(1.5))),
      trueGradient(),
      1e-9,
    );
    expect(bias.problem).toMatch(/gradient of b/);
    const nan = compareGradients(
      broken((g) => g.set("b", Float64Array.of(Number.NaN))),
      trueGradient(),
      1e-9,
    );
    expect(nan.problem).toBeDefined();
  });

  test("a gradient must be shaped like its parameters", () => {
    expect(() => gradientLeaves({ a: 1, b: [2, 3] }, { a: 1, b: [2] })).toThrow(/nothing for the parameter b\[1\]/);
    expect(() => gradientLeaves({ a: 1 }, { a: 1, c: 2 })).toThrow(/c, which is no/);
    expect(gradientLeaves({ a: 1, mode: "x" }, { a: 4, mode: null }).get("a")?.[0]).toBe(4);
  });
});
