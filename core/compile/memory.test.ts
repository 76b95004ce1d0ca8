/** The memory plan against its definition: every buffer, the largest first, at the tightest gap among all that live with it. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { alignedBytes, type Lifetime, planArena } from "./memory.ts";

function definition(lifetimes: readonly Lifetime[]): number[] {
  const sizes = lifetimes.map((l) => alignedBytes(l.bytes));
  const at = (i: number) => lifetimes[i] as Lifetime;
  const order = [...lifetimes.keys()].sort((a, b) => (sizes[b] as number) - (sizes[a] as number) || at(a).from - at(b).from);
  const offsets = lifetimes.map(() => 0);
  const placed: number[] = [];
  for (const i of order.filter((k) => sizes[k] !== 0)) {
    const size = sizes[i] as number;
    const meets = placed.filter((j) => at(j).from <= at(i).to && at(i).from <= at(j).to);
    const ends = [0, ...meets.map((j) => (offsets[j] as number) + (sizes[j] as number))];
    const room = (start: number) => {
      const next = Math.min(...meets.filter((j) => (offsets[j] as number) >= start).map((j) => offsets[j] as number));
      const isFree = meets.every((j) => (offsets[j] as number) >= start || (offsets[j] as number) + (sizes[j] as number) <= start);
      return isFree ? next - start : 0;
    };
    const fitting = ends.filter((e) => room(e) >= size).sort((x, y) => room(x) - room(y) || x - y);
    offsets[i] = fitting[0] as number;
    placed.push(i);
  }
  return offsets;
}

test("buffers lie where the definition has them, however many there are", () => {
  const lifetime = fc.record({ bytes: fc.oneof(fc.nat(5000), fc.constantFrom(0, 64, 640)), from: fc.nat(200), length: fc.nat(40) });
  fc.assert(
    fc.property(fc.array(lifetime, { maxLength: 300, size: "max" }), (all) => {
      const lifetimes = all.map(({ bytes, from, length }) => ({ bytes, from, to: from + (bytes % 13 === 0 ? 200 : length) }));
      const plan = planArena(lifetimes);
      expect(plan.offsets).toEqual(definition(lifetimes));
      const ends = lifetimes.map((l, i) => (l.bytes === 0 ? 0 : (plan.offsets[i] as number) + alignedBytes(l.bytes)));
      expect(plan.bytes).toBe(Math.max(0, ...ends));
      expect(plan.bytes).toBeGreaterThanOrEqual(plan.lowerBound);
    }),
    { numRuns: 60 },
  );
});
