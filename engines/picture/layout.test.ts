import fc from "fast-check";
import { expect, test } from "vitest";
import { type Level, layout } from "./layout.ts";

const level = fc.integer({ min: 0, max: 40 }).chain((n) =>
  fc.record({
    widths: fc.array(fc.integer({ min: 10, max: 400 }), { minLength: n, maxLength: n }),
    heights: fc.array(fc.integer({ min: 10, max: 300 }), { minLength: n, maxLength: n }),
    edges: n === 0 ? fc.constant([]) : fc.array(fc.tuple(fc.nat(n - 1), fc.nat(n - 1)), { maxLength: 3 * n }),
  }),
);

test("boxes never overlap, lie on the sheet, and edges that close no cycle go down", () => {
  fc.assert(
    fc.property(level, ({ widths, heights, edges }) => {
      const pairs: readonly (readonly [number, number])[] = edges;
      const { x, y, width, height, bends } = layout({ widths, heights, edges });
      const box = (i: number) => ({
        left: x[i] as number,
        top: y[i] as number,
        right: (x[i] as number) + (widths[i] as number),
        bottom: (y[i] as number) + (heights[i] as number),
      });
      const wrong: string[] = [];
      for (let i = 0; i < widths.length; i++) {
        const a = box(i);
        if (a.left < -1e-6 || a.top < -1e-6 || a.right > width + 1e-6 || a.bottom > height + 1e-6) wrong.push(`${i} lies off the sheet`);
        for (let j = 0; j < i; j++) {
          const b = box(j);
          const isApart = a.left >= b.right - 1e-6 || b.left >= a.right - 1e-6 || a.top >= b.bottom - 1e-6 || b.top >= a.bottom - 1e-6;
          if (!isApart) wrong.push(`${i} lies over ${j}`);
        }
      }
      const isAcyclic = pairs.every(([a, b]) => a < b);
      for (const [e, [from, to]] of pairs.entries()) {
        const down = (bends[e] as [number, number][]).map(([, at]) => at);
        const sorted = [...down].sort((a, b) => (box(from).top <= box(to).top ? a - b : b - a));
        if (down.join() !== sorted.join()) wrong.push(`the way from ${from} to ${to} turns back`);
        if (isAcyclic && box(from).bottom >= box(to).top) wrong.push(`the edge from ${from} to ${to} goes up`);
      }
      expect(wrong).toEqual([]);
    }),
    { numRuns: 300 },
  );
});

test("a chain is a straight column, and its order is kept", () => {
  const n = 30;
  const chain: Level = {
    widths: Array.from({ length: n }, (_, i) => 50 + i),
    heights: new Array(n).fill(20),
    edges: Array.from({ length: n - 1 }, (_, i) => [i, i + 1] as const),
  };
  const { x, y } = layout(chain);
  const middles = x.map((left, i) => left + (chain.widths[i] as number) / 2);
  for (const m of middles) expect(m).toBeCloseTo(middles[0] as number, 6);
  for (let i = 1; i < n; i++) expect(y[i] as number).toBeGreaterThan(y[i - 1] as number);
});

test("two chains that are joined crosswise at the start are untangled", () => {
  // 0 and 1 above, 3 below 0, 2 below 1: in the order of numbers the edges would cross.
  const { x } = layout({
    widths: [40, 40, 40, 40],
    heights: [20, 20, 20, 20],
    edges: [
      [0, 3],
      [1, 2],
    ],
  });
  expect(Math.sign((x[0] as number) - (x[1] as number))).toBe(Math.sign((x[3] as number) - (x[2] as number)));
});

test("a level of thousands of boxes is laid out without deep recursion", () => {
  const n = 20_000;
  const { height } = layout({
    widths: new Array(n).fill(50),
    heights: new Array(n).fill(20),
    edges: Array.from({ length: n - 1 }, (_, i) => [i, i + 1] as const),
  });
  expect(height).toBeGreaterThan(n * 20);
});
