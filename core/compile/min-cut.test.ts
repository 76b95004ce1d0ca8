/** Minimum cuts against all cuts of small networks. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { Network } from "./min-cut.ts";

const NODES = 7;

test("no other cut is cheaper, and none as cheap has less on the sink's side", () => {
  const edge = fc.record({
    from: fc.nat(NODES - 1),
    to: fc.nat(NODES - 1),
    capacity: fc.oneof({ weight: 4, arbitrary: fc.nat(6) }, { weight: 1, arbitrary: fc.constant(Number.POSITIVE_INFINITY) }),
  });
  let cuts = 0;
  fc.assert(
    fc.property(fc.array(edge, { minLength: 8, maxLength: 20, size: "max" }), (edges) => {
      // Node 0 is the source and node 1 the sink; sides as bits, the sink's set.
      const cost = (side: number) =>
        edges.reduce((n, e) => (((side >> e.from) & 1) === 0 && ((side >> e.to) & 1) === 1 ? n + e.capacity : n), 0);
      const sides = Array.from({ length: 2 ** NODES }, (_, side) => side).filter((side) => (side & 3) === 2);
      const least = Math.min(...sides.map(cost));
      if (least === Number.POSITIVE_INFINITY) return;
      const network = new Network();
      for (let i = 0; i < NODES; i++) network.node();
      for (const { from, to, capacity } of edges) network.edge(from, to, capacity);
      const isBehind = network.cut(0, 1);
      const side = Array.from({ length: NODES }, (_, i) => (isBehind(i) ? 1 << i : 0)).reduce((a, b) => a | b);
      expect(cost(side)).toBe(least);
      for (const other of sides) if (cost(other) === least) expect(side & ~other, "beside another cut as cheap").toBe(0);
      if (least > 0) cuts++;
    }),
    { numRuns: 500 },
  );
  expect(cuts).toBeGreaterThan(100);
});
