import { describe, expect, test } from "vitest";
import { createRng } from "../../base/rng.ts";
import { cofactorsInPlace, cofactorsTangentInPlace } from "./cofactors.ts";
import { determinantOf } from "./lu.ts";

/** A without some rows and columns. */
const minor = (a: Float64Array, n: number, rows: readonly number[], columns: readonly number[]) =>
  determinantOf(
    a.filter((_, at) => !rows.includes(Math.floor(at / n)) && !columns.includes(at % n)),
    n - rows.length,
  );
const signOf = (i: number, j: number) => ((i + j) % 2 === 0 ? 1 : -1);

/** By definition: signed determinants of what is left without row i and column j. */
const cofactorsByMinors = (a: Float64Array, n: number) =>
  a.map((_, at) => signOf(Math.floor(at / n), at % n) * minor(a, n, [Math.floor(at / n)], [at % n]));

/** By definition: each cofactor is linear in each other entry, with the minor without both rows and columns as its slope. */
function tangentByMinors(a: Float64Array, e: Float64Array, n: number): Float64Array {
  return a.map((_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let sum = 0;
    for (let k = 0; k < n; k++)
      for (let l = 0; l < n; l++) {
        if (k === i || l === j) continue;
        const within = signOf(k - Number(k > i), l - Number(l > j));
        sum += (e[k * n + l] as number) * signOf(i, j) * within * minor(a, n, [i, k], [j, l]);
      }
    return sum;
  });
}

const uniform = (length: number, seed: number) =>
  createRng(seed)
    .uniform(length)
    .map((u) => 2 * u - 1);

function ofRank(n: number, rank: number, seed: number): Float64Array {
  const [left, right] = [uniform(n * rank, seed), uniform(n * rank, seed + 1)];
  return new Float64Array(n * n).map((_, at) => {
    let s = 0;
    for (let k = 0; k < rank; k++) s += (left[Math.floor(at / n) * rank + k] as number) * (right[k * n + (at % n)] as number);
    return s;
  });
}

const close = (got: Float64Array, wanted: Float64Array) =>
  got.forEach((g, i) => void expect(Math.abs(g - (wanted[i] as number)), `entry ${i}: ${g} for ${wanted[i]}`).toBeLessThan(1e-13));

describe.each([1, 2, 3, 4, 5, 6])("of %i rows", (n) => {
  test.each(Array.from({ length: n + 1 }, (_, i) => i))(
    "and rank %i: cofactors and their derivative are those of the definition",
    (rank) => {
      const a = ofRank(n, rank, 10 * n + rank);
      const e = uniform(n * n, 3);
      const got = Float64Array.from(a);
      cofactorsInPlace(got, n);
      close(got, cofactorsByMinors(a, n));
      const slope = Float64Array.from(a);
      cofactorsTangentInPlace(slope, e, n);
      close(slope, tangentByMinors(a, e, n));
    },
  );
});

test("small whole numbers of a singular matrix give whole cofactors", () => {
  const a = Float64Array.of(1, 2, 2, 4);
  cofactorsInPlace(a, 2);
  expect([...a]).toEqual([4, -2, -2, 1]);
  const zeros = new Float64Array(9);
  cofactorsInPlace(zeros, 3);
  expect([...zeros].map((x) => x + 0)).toEqual(new Array(9).fill(0));
});

test("determinants beyond the range of doubles leave cofactors that are within it", () => {
  const n = 40;
  const huge = new Float64Array(n * n);
  for (let i = 0; i < n; i++) huge[i * n + i] = i === 0 ? 1e-200 : i === 1 ? 1e-150 : 1e12;
  const cofactors = Float64Array.from(huge);
  cofactorsInPlace(cofactors, n);
  expect((cofactors[0] as number) / 1e306).toBeCloseTo(1, 10);
  expect((cofactors[n + 1] as number) / 1e256).toBeCloseTo(1, 10);
  huge[0] = 0;
  cofactorsInPlace(huge, n);
  expect((huge[0] as number) / 1e306).toBeCloseTo(1, 10);
  expect(huge[n + 1]).toBe(0);
});

test("a matrix with an infinity or a NaN has no cofactors", () => {
  for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
    const a = Float64Array.of(1, 2, 3, bad);
    cofactorsTangentInPlace(a, undefined, 2);
    expect([...a]).toEqual(new Array(4).fill(Number.NaN));
  }
});
