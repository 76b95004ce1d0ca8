/** The order of units while kernels grow: never one that waits for itself. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Unit } from "../../core/compile/group.ts";
import { Group } from "../../core/compile/group.ts";
import { UnitOrder } from "../../core/compile/unit-order.ts";

/** What a unit needs, directly or not: the definition. */
function needed(unit: Unit): Set<Unit> {
  const all = new Set<Unit>();
  const stack = [...unit.deps];
  for (let u = stack.pop(); u !== undefined; u = stack.pop()) {
    if (all.has(u)) continue;
    all.add(u);
    stack.push(...u.deps);
  }
  return all;
}

test("units that come to need others, and take others over, stay in an order in which they can run", () => {
  const steps = fc.array(fc.record({ kind: fc.nat(5), a: fc.nat(1000), b: fc.nat(1000), c: fc.nat(1000) }), { maxLength: 60 });
  fc.assert(
    fc.property(steps, (all) => {
      const order = new UnitOrder<Unit>();
      for (const { kind, a, b, c } of all) {
        const { list } = order;
        const [x, y, z] = [a, b, c].map((n) => list[n % Math.max(1, list.length)]);
        if (kind < 2 || x === undefined || y === undefined || z === undefined) {
          const group = new Group([]);
          order.need(
            group,
            [x, y].filter((u) => u !== undefined),
          );
          order.add(group);
        } else {
          const circular = y === x || needed(y).has(x);
          expect(order.depends(y, x)).toBe(circular);
          if (circular) continue;
          if (kind < 5) order.need(x, order.depends(z, x) ? [y] : [y, z]);
          else if (!order.depends(x, y)) order.replace(y, x);
        }
        let before = -1;
        for (const u of order.list) {
          expect(u.place).toBeGreaterThan(before);
          before = u.place;
          for (const d of u.deps) {
            expect(order.list).toContain(d);
            expect(d.place).toBeLessThan(u.place);
          }
        }
      }
    }),
    { numRuns: 300 },
  );
});
