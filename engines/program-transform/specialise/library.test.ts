/** The library, as JavaScript runs it, against the methods of arrays that it stands for. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { cond, switchCase, whileLoop } from "../../../core/ops.ts";
import { library } from "./library.ts";

const numbers = fc.array(fc.oneof(fc.integer({ min: -4, max: 4 }), fc.constant(Number.NaN)), { maxLength: 12 });
const place = fc.oneof(fc.integer({ min: -15, max: 15 }), fc.constant(1.7), fc.constant(-2.3), fc.constant(Number.NaN));
const isEven = (x: number) => x % 2 === 0;

const METHODS: Readonly<Record<string, (a: number[], i: number, j: number) => readonly [unknown, unknown]>> = {
  concat: (a, i) => [library.concat(a, [i, ...a]), a.concat([i, ...a])],
  entries: (a) => [library.entries(a), [...a.entries()]],
  every: (a) => [library.every(a, isEven), a.every(isEven)],
  filled: (a, i, j) => [library.filled(a, 9, i, j), [...a].fill(9, i, j)],
  filter: (a) => [library.filter(a, (x, i) => isEven(x + i)), a.filter((x, i) => isEven(x + i))],
  find: (a, i) => [library.find(a, (x) => x > i), a.find((x) => x > i)],
  findIndex: (a, i) => [library.findIndex(a, (x) => x > i), a.findIndex((x) => x > i)],
  findLast: (a, i) => [library.findLast(a, (x) => x > i), a.findLast((x) => x > i)],
  findLastIndex: (a, i) => [library.findLastIndex(a, (x) => x > i), a.findLastIndex((x) => x > i)],
  flat: (a) => [library.flat([a, [1], a]), [a, [1], a].flat()],
  flatMap: (a) => [library.flatMap(a, (x, i) => (i % 2 === 0 ? x : [x, i])), a.flatMap((x, i) => (i % 2 === 0 ? x : [x, i]))],
  fold: (a, i) => [library.fold(a, (s, x, k) => 2 * s + x * k, i, 0), a.reduce((s, x, k) => 2 * s + x * k, i)],
  foldRight: (a, i) => [library.foldRight(a, (s, x, k) => 2 * s + x * k, i, 0), a.reduceRight((s, x, k) => 2 * s + x * k, i)],
  includes: (a, i, j) => [library.includes(a, i, j), a.includes(i, j)],
  indexOf: (a, i, j) => [library.indexOf(a, i, j), a.indexOf(i, j)],
  keys: (a) => [library.keys(a), [...a.keys()]],
  lastIndexOf: (a, i) => [library.lastIndexOf(a, i), a.lastIndexOf(i)],
  map: (a, i) => [library.map(a, (x, k) => x * i + k), a.map((x, k) => x * i + k)],
  maximumOf: (a) => [library.maximumOf(a), Math.max(...a)],
  minimumOf: (a) => [library.minimumOf(a), Math.min(...a)],
  slice: (a, i, j) => [library.slice(a, i, j), a.slice(i, j)],
  some: (a) => [library.some(a, isEven), a.some(isEven)],
  toReversed: (a) => [library.toReversed(a), [...a].reverse()],
  toSorted: (a) => {
    const pairs = a.filter((x) => !Number.isNaN(x)).map((x, i) => ({ x, i }));
    return [library.toSorted(pairs, (p, q) => p.x - q.x), [...pairs].sort((p, q) => p.x - q.x)];
  },
  toSpliced: (a, i, j) => {
    const changed = [...a];
    changed.splice(i, j, 7, 8);
    return [library.toSpliced(a, i, j, [7, 8]), changed];
  },
};

test.each(Object.entries(METHODS))("%s gives what the method of arrays gives", (_, both) => {
  fc.assert(
    fc.property(numbers, place, place, (a, i, j) => {
      const [given, wanted] = both([...a], i, j);
      expect(given).toEqual(wanted);
    }),
  );
});

test("every function of the library is compared", () => {
  const inside = ["cond", "forEach", "hypotOf", "int32", "lowBits", "placeIn", "switchCase", "whileLoop"];
  expect(Object.keys(METHODS).concat(inside).sort()).toEqual(Object.keys(library).sort());
});

test("control flow of the library is that of core/ops", () => {
  for (const c of [0, 1, true, false])
    expect(
      library.cond(
        c,
        () => "a",
        () => "b",
      ),
    ).toBe(
      cond(
        c,
        () => "a",
        () => "b",
      ),
    );
  for (const i of [-1, 0, 1, 2, 0.5]) {
    const branches = [() => "a", () => "b"];
    expect(library.switchCase(i, branches, () => "c")).toBe(switchCase(i, branches, () => "c"));
  }
  const turn = [(s: number) => s < 100, (s: number) => s * 3 + 1] as const;
  for (const s of [2, 100, 250]) expect(library.whileLoop(...turn, s)).toBe(whileLoop(...turn, s));
});

test("whole numbers of 32 bits are those of operators on bits", () => {
  const edges = [
    0,
    -0,
    0.5,
    -0.5,
    2 ** 31,
    -(2 ** 31),
    2 ** 31 - 1,
    2 ** 32,
    -(2 ** 32),
    2 ** 53,
    1e300,
    Number.NaN,
    Number.POSITIVE_INFINITY,
  ];
  const any = fc.oneof(fc.constantFrom(...edges), fc.double(), fc.integer(), fc.maxSafeInteger());
  fc.assert(
    fc.property(any, fc.integer({ min: 0, max: 31 }), (x, bits) => {
      expect(library.int32(x)).toBe(x | 0);
      expect(library.lowBits(x, 2 ** 32)).toBe(x >>> 0);
      expect(library.lowBits(x, 2 ** bits)).toBe(x & (2 ** bits - 1));
    }),
  );
});
