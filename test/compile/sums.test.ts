/** Sums of matrix products as one product: how many launches are left, the same numbers within rounding, and where it is not done. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Shape } from "../../core/base/shape.ts";
import { compile } from "../../core/compile/compile.ts";
import { createWasm } from "../../core/device/wasm/device.ts";
import * as ops from "../../core/ops.ts";
import { type Tensor, useDevice } from "../../core/tensor/tensor.ts";
import { valueAndGrad } from "../../engines/tape/transforms.ts";
import { everyDevice } from "../devices.ts";

type Program = (...inputs: Tensor[]) => Tensor[];
const t = (x: Tensor | undefined) => x as Tensor;

/** Products of a run with the pass and without it, after both were compared with the single operations. */
function products(f: Program, shapes: readonly Shape[]): number[] {
  return ops.scope(() => {
    const inputs = shapes.map((shape, k) => {
      const size = shape.reduce((n, d) => n * d, 1);
      return ops.createTensor(
        Array.from({ length: size }, (_, i) => Math.sin(i * 1.3 + k)),
        shape,
        "f64",
      );
    });
    const want = f(...inputs);
    return ([[], ["sums"]] as const).map((off) => {
      const g = compile(f, { off: [...off, "together"] });
      for (const [k, y] of g(...inputs).entries()) {
        const values = t(want[k]).toArray();
        for (const [i, x] of y.toArray().entries()) {
          const w = values[i] as number;
          expect(Math.abs(x - w) / Math.max(1, Math.abs(w))).toBeLessThan(1e-12);
        }
      }
      const { steps } = g.executable(...inputs);
      g.dispose();
      return steps.flatMap((s) => s.launches).filter((l) => l.kind === "matmul").length;
    });
  });
}

describe.each(everyDevice)("on %s", (_, open) => {
  test("the gradient of a weight that every step of a recurrence uses is one product", () => {
    useDevice(open());
    const steps = 5;
    const f: Program = (x, w) => {
      const loss = (u: unknown) => {
        let h = t(x);
        for (let i = 0; i < steps; i++) h = ops.tanh(ops.matmul(h, u as Tensor));
        return ops.sum(ops.square(h));
      };
      return [valueAndGrad(loss)(t(w))[1] as Tensor];
    };
    const shapes: Shape[] = [
      [3, 8],
      [8, 8],
    ];
    // Forward, backward to each state but the first, and to the weight.
    expect(products(f, shapes)).toEqual([steps + steps - 1 + 1, steps + steps - 1 + steps]);
  });

  test("summands that something else uses, and operands larger than the summands, stay as they are", () => {
    useDevice(open());
    const f: Program = (a, b, c, d) => {
      const [first, second] = [ops.matmul(t(a), t(b)), ops.matmul(t(c), t(d))];
      return [ops.add(first, second), first, second];
    };
    const g: Program = (a, b, c, d) => [ops.add(ops.matmul(t(a), t(b)), ops.matmul(t(c), t(d)))];
    const shapes = (k: number): Shape[] => [
      [6, k],
      [k, 6],
      [6, k],
      [k, 6],
    ];
    expect(products(f, shapes(2))).toEqual([2, 2]);
    expect(products(g, shapes(2))).toEqual([1, 2]);
    expect(products(g, shapes(4))).toEqual([2, 2]);
  });
});

test("any sum of products with any transposes is what the single operations give", () => {
  useDevice(createWasm());
  const term = fc.record({ k: fc.integer({ min: 1, max: 3 }), turnA: fc.boolean(), turnB: fc.boolean() });
  fc.assert(
    fc.property(fc.array(term, { minLength: 2, maxLength: 6 }), (terms) => {
      const f: Program = (...given) => [
        terms
          .map(({ turnA, turnB }, i) => {
            const [a, b] = [t(given[2 * i]), t(given[2 * i + 1])];
            return ops.matmul(turnA ? ops.transpose(a, [1, 0]) : a, turnB ? ops.transpose(b, [1, 0]) : b);
          })
          .reduce((x, y) => ops.add(x, y)),
      ];
      const shapes = terms.flatMap(({ k, turnA, turnB }): Shape[] => [turnA ? [k, 9] : [9, k], turnB ? [7, k] : [k, 7]]);
      products(f, shapes);
    }),
    { numRuns: 60 },
  );
});

const many = (n: number, shapes: readonly Shape[]) => Array.from({ length: n }, () => shapes).flat();
/** u ↦ ∂/∂w (∇f(w) · v), v = cos w: what a second walk of the tape gives. */
const curvature = (f: (w: Tensor) => Tensor, w: Tensor): Tensor => {
  const slope = (u: unknown) => ops.sum(ops.mul(valueAndGrad((z) => f(z as Tensor))(u)[1] as Tensor, ops.cos(w)));
  return valueAndGrad(slope)(w)[1] as Tensor;
};

describe.each([65, 100, 1000])("sums of %d terms", (n) => {
  test("of products are one for every 64 of them, however they are nested", () => {
    useDevice(createWasm());
    const nestings: ((all: readonly Tensor[]) => Tensor)[] = [
      (all) => all.reduce((x, y) => ops.add(x, y)),
      (all) => all.reduceRight((y, x) => ops.add(x, y)),
      // With terms that are no products, one of them broadcast.
      (all) => all.reduce((x, y, i) => (i % 9 === 0 ? ops.add(ops.add(x, ops.mean(y)), y) : ops.add(x, y))),
    ];
    for (const nested of nestings) {
      const f: Program = (...given) => [nested(Array.from({ length: n }, (_, i) => ops.matmul(t(given[2 * i]), t(given[2 * i + 1]))))];
      const isMixed = nested === nestings[2];
      const shapes = many(n, [
        [5, 1],
        [1, 4],
      ]);
      // Those that something else uses stay.
      const used = isMixed ? Math.ceil(n / 9) - 1 : 0;
      expect(products(f, shapes)).toEqual([Math.ceil((n - used) / 64) + used, n]);
    }
  });

  test("of maps, and their first and second derivatives, are what the single operations give", () => {
    useDevice(createWasm());
    const f = (w: Tensor) =>
      ops.sum(Array.from({ length: n }, (_, i) => ops.sin(ops.mul(w, 1 + i / n))).reduce((x, y) => ops.add(x, ops.mul(y, y))));
    products((w) => [f(t(w)), t(valueAndGrad((z) => f(z as Tensor))(t(w))[1] as Tensor), curvature(f, t(w))], [[3, 2]]);
  });

  test("of the uses of a weight have the right first and second derivatives", () => {
    useDevice(createWasm());
    const f = (x: Tensor) => (w: Tensor) => {
      const u = ops.tanh(w);
      return ops.sum(
        ops.square(Array.from({ length: n }, (_, i) => ops.matmul(ops.mul(x, Math.cos(i)), u)).reduce((a, b) => ops.add(a, b))),
      );
    };
    const program: Program = (x, w) => [t(valueAndGrad((z) => f(t(x))(z as Tensor))(t(w))[1] as Tensor), curvature(f(t(x)), t(w))];
    const shapes: Shape[] = [
      [1, 3],
      [3, 3],
    ];
    const [joined, single] = products(program, shapes) as [number, number];
    expect(joined).toBeLessThan(single - n / 2);
  });
});
