/**
 * Derivatives through branches and loops against central differences of the program run as it stands: first order, second order in
 * reverse over reverse and forward over reverse, and third order.
 */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { createWasm } from "../../core/device/wasm/device.ts";
import * as ops from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { valueOps } from "../../core/tensor/values.ts";
import { expression, programOf } from "../../test/graph/expressions.ts";
import type { Engine, Program } from "../engine.ts";
import { tape } from "../tape/engine.ts";
import { graph } from "./engine.ts";

useDevice(createWasm());

type F = (x: number) => number;
const program = (f: F): Program => ({
  file: "f.ts",
  exportName: "f",
  source: "",
  overloaded: () => f as never,
  sources: undefined as never,
});
const prepare = (f: F, x: number, engine: Engine = graph) => engine.prepare(program(f), [x], [0]);

const item = (x: ops.Tensor) => valueOps.item(x) as number;
const { add, mul, sub, div, sin, exp, lt, gt, abs, cond, whileLoop, scan, switchCase, mapRows } = ops;

/** Derivatives of order 0 to 3 by the graph engine, each held against differences of the one before. */
function check(f: F, x: number, orders = 3): void {
  const prepared = prepare(f, x);
  const near = (a: number, b: number, tolerance: number) =>
    expect(Math.abs(a - b), `${a} is not ${b}`).toBeLessThan(tolerance * (1 + Math.abs(b)));
  const all = prepared.derivatives(x, orders);
  near(all[0] as number, f(x), 1e-12);
  const h = 1e-5;
  for (let n = 1; n <= orders; n++) {
    const before = (t: number) => (n === 1 ? f(t) : (prepared.derivatives(t, n - 1)[n - 1] as number));
    near(all[n] as number, (before(x + h) - before(x - h)) / (2 * h), 1e-5);
  }
  const { grad, hvp } = prepared.hvp([x], [1.5]);
  near(grad[0] as number, all[1] as number, 1e-12);
  if (orders > 1) near(hvp[0] as number, 1.5 * (all[2] as number), 1e-11);
  const { tangent } = prepared.jvp([x], [2]);
  near(tangent as number, 2 * (all[1] as number), 1e-11);
}

const cases: readonly (readonly [name: string, f: F])[] = [
  [
    "a branch",
    (x) =>
      cond(
        gt(x, 1),
        () => mul(x, sin(x)),
        () => exp(x),
      ),
  ],
  [
    "branches that give a constant",
    (x) =>
      add(
        x,
        cond(
          gt(x, 1),
          () => 2,
          () => mul(x, x),
        ),
      ),
  ],
  [
    "branches of records",
    (x) => {
      const { a, b } = cond(
        lt(x, 1),
        () => ({ a: mul(x, 2), b: 3 }),
        () => ({ a: 1, b: exp(x) }),
      );
      return mul(a, b);
    },
  ],
  ["one of several", (x) => switchCase(ops.floor(x), [() => sin(x), () => mul(x, mul(x, x))], () => exp(x))],
  [
    "a loop of a known count",
    (x) =>
      whileLoop(
        ({ i }) => lt(i, 5),
        ({ i, y }) => ({ i: add(i, 1), y: mul(y, sin(x)) }),
        { i: 0, y: x },
      ).y,
  ],
  [
    "a loop that ends by its values",
    (x) =>
      whileLoop(
        (y) => gt(abs(sub(mul(y, y), x)), 1e-9),
        (y) => mul(0.5, add(y, div(x, y))),
        add(x, 1),
      ),
  ],
  [
    "a loop that never turns",
    (x) =>
      whileLoop(
        (y) => lt(y, -100),
        (y) => mul(y, y),
        mul(x, x),
      ),
  ],
  [
    "states that change places",
    (x) => {
      const [a, b] = whileLoop(
        ([, , i]) => lt(i, 4),
        ([p, q, i]) => [q, mul(p, add(q, x)), add(i, 1)],
        [x, 1, 0] as [number, number, number],
      );
      return add(a, b);
    },
  ],
  [
    "a loop in a loop",
    (x) =>
      whileLoop(
        ({ i }) => lt(i, 3),
        ({ i, y }) => ({
          i: add(i, 1),
          y: whileLoop(
            ({ j }) => lt(j, add(i, 1)),
            ({ j, z }) => ({ j: add(j, 1), z: mul(z, sin(add(z, mul(x, j)))) }),
            { j: 0, z: add(y, x) },
          ).z,
        }),
        { i: 0, y: x },
      ).y,
  ],
  [
    "a branch in a loop",
    (x) =>
      whileLoop(
        ({ i }) => lt(i, 6),
        ({ i, y }) => ({
          i: add(i, 1),
          y: cond(
            lt(y, 1),
            () => mul(add(y, x), 1.1),
            () => sin(mul(y, x)),
          ),
        }),
        { i: 0, y: x },
      ).y,
  ],
  [
    "a loop in a branch",
    (x) =>
      cond(
        gt(x, 0),
        () =>
          whileLoop(
            ({ i }) => lt(i, 3),
            ({ i, y }) => ({ i: add(i, 1), y: mul(y, exp(mul(x, 0.1))) }),
            { i: 0, y: x },
          ).y,
        () => x,
      ),
  ],
  [
    "branches in branches in a loop",
    (x) =>
      whileLoop(
        ({ i }) => lt(i, 5),
        ({ i, y }) => ({
          i: add(i, 1),
          y: cond(
            lt(y, 1),
            () =>
              cond(
                lt(i, 2),
                () => mul(y, add(x, 1)),
                () => exp(mul(y, 0.3)),
              ),
            () => sub(mul(y, x), 0.5),
          ),
        }),
        { i: 0, y: x },
      ).y,
  ],
  [
    "what a loop does not change",
    (x) => {
      const k = sin(x);
      return whileLoop(
        ({ i }) => lt(i, 4),
        ({ i, y, c }) => ({ i: add(i, 1), y: add(mul(y, k), c), c }),
        { i: 0, y: x, c: exp(x) },
      ).y;
    },
  ],
  [
    "a loop over tensors",
    (x) => {
      const v = mul(ops.createTensor([0.5, -1, 2], [3], "f64"), x) as ops.Tensor;
      const end = whileLoop(
        ({ i }) => lt(i, 3),
        ({ i, w }) => ({ i: add(i, 1), w: ops.tanh(mul(w, add(v, 1))) as ops.Tensor }),
        { i: 0, w: v },
      );
      return item(ops.sum(end.w));
    },
  ],
  [
    "a scan",
    (x) => {
      const rows = ops.createTensor([1, 2, 3, 4, 5, 6], [3, 2], "f64");
      const [last, ys] = scan(
        (c: ops.Tensor, r: ops.Tensor) => {
          const next = ops.tanh(add(mul(c, x), mul(r, 0.3))) as ops.Tensor;
          return [next, mul(next, next) as ops.Tensor] as const;
        },
        ops.createTensor([0.1, 0.2], [2], "f64"),
        rows,
      );
      return item(ops.sum(add(mul(last, x), ops.sum(mul(ys, rows), [0])) as ops.Tensor));
    },
  ],
  [
    "rows that depend on the argument",
    (x) => {
      const rows = mul(ops.createTensor([1, 2, 3], [3], "f64"), x) as ops.Tensor;
      const squares = mapRows((r: ops.Tensor) => mul(r, sin(r)) as ops.Tensor, rows);
      return item(ops.sum(squares));
    },
  ],
];

describe("derivatives through control flow", () => {
  test.each(cases)("%s", (_, f) => {
    for (const x of [0.4, 1.3, 2.2]) check(f, x);
  });

  test.each(cases)("%s, as the tape has it", (_, f) => {
    const x = 0.7;
    const [a, b] = [graph, tape].map((e) => prepare(f, x, e).derivatives(x, 3)) as [number[], number[]];
    for (const [i, d] of a.entries()) expect(Math.abs(d - (b[i] as number))).toBeLessThan(1e-9 * (1 + Math.abs(d)));
  });
});

test("random loops and branches have the derivatives of what they compute", () => {
  const point = fc.integer({ min: -20, max: 20 }).map((n) => n / 11 + 0.0137);
  fc.assert(
    fc.property(expression, point, (e, x) => {
      const f = programOf(e);
      const prepared = prepare(f, x);
      const h = 1e-4;
      const slopes = [-h, -h / 2, h / 2, h].map((d) => (prepared.value([x + d]) as number) - (prepared.value([x]) as number));
      // At a branch that changes there is no derivative to compare with.
      const [wide, near] = [((slopes[3] as number) - (slopes[0] as number)) / (2 * h), ((slopes[2] as number) - (slopes[1] as number)) / h];
      fc.pre(slopes.every((s) => Math.abs(s) < 1) && Math.abs((slopes[0] as number) + (slopes[3] as number)) < 1e-2);
      // A jump by J changes one quotient by J / 2h and the other by J / h; a smooth function brings them together.
      fc.pre(Math.abs(wide - near) < 1e-3 * (1 + Math.abs(near)));
      const [y, d1, d2] = prepared.derivatives(x, 2) as [number, number, number];
      expect(Math.abs(y - f(x))).toBeLessThan(1e-12 * (1 + Math.abs(y)));
      const reference = prepare(f, x, tape).derivatives(x, 2);
      for (const [i, d] of [y, d1, d2].entries()) expect(Math.abs(d - (reference[i] as number))).toBeLessThan(1e-8 * (1 + Math.abs(d)));
      const slope = (4 * near - wide) / 3;
      expect(Math.abs(d1 - slope)).toBeLessThan(1e-3 * (1 + Math.abs(d1) + Math.abs(d2)));
    }),
    { numRuns: 100 },
  );
});
