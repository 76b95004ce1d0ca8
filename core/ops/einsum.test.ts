import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { grad } from "../../engines/tape/transforms.ts";
import { createRng } from "../base/rng.ts";
import { openDevice } from "../device/registry.ts";
import * as o from "../ops.ts";
import { createTensor, type Tensor } from "../ops.ts";
import { Tensor as TensorClass, useDevice } from "../tensor/tensor.ts";
import { parseEquation } from "./einsum-equation.ts";
import { contractionOrder } from "./einsum-order.ts";

useDevice(openDevice("wasm"));

/** The sum over all labels by definition. */
function byDefinition(equation: string, xs: readonly Tensor[]): number[] {
  const { operands, result, lengths } = parseEquation(
    equation,
    xs.map((x) => x.shape),
  );
  const labels = [...lengths.keys()];
  const data = xs.map((x) => x.toArray());
  const count = (names: readonly string[]) => names.reduce((n, l) => n * (lengths.get(l) as number), 1);
  const out = new Array<number>(count(result)).fill(0);
  for (let point = 0; point < count(labels); point++) {
    const at = new Map<string, number>();
    let rest = point;
    for (const l of labels) {
      at.set(l, rest % (lengths.get(l) as number));
      rest = Math.floor(rest / (lengths.get(l) as number));
    }
    const product = operands.reduce((p, names, k) => {
      const { shape } = xs[k] as Tensor;
      const index = names.reduce((s, l, i) => s * (shape[i] as number) + (shape[i] === 1 ? 0 : (at.get(l) as number)), 0);
      return p * ((data[k] as Float64Array)[index] as number);
    }, 1);
    const to = result.reduce((s, l) => s * (lengths.get(l) as number) + (at.get(l) as number), 0);
    out[to] = (out[to] as number) + product;
  }
  return out;
}

const tensor = (shape: readonly number[], seed = 1) =>
  createTensor(createRng(seed).uniform(shape.reduce((a, d) => a * d, 1)), shape, "f64");

function check(equation: string, ...shapes: (readonly number[])[]): Tensor {
  const xs = shapes.map((s, i) => tensor(s, i + 1));
  const y = o.einsum(equation, ...xs);
  const wanted = byDefinition(equation, xs);
  const got = [...y.toArray()];
  expect(got.length, equation).toBe(wanted.length);
  const worst = got.reduce((m, g, i) => Math.max(m, Math.abs(g - (wanted[i] as number))), 0);
  expect(worst, equation).toBeLessThan(1e-12);
  return y;
}

describe("einsum", () => {
  test.each([
    ["ij,jk->ik", [2, 3], [3, 4]],
    ["ij,jk->ki", [2, 3], [3, 4]],
    ["bij,bkj->bik", [2, 3, 4], [2, 5, 4]],
    ["bhqd,bhkd->bhqk", [2, 3, 4, 5], [2, 3, 6, 5]],
    ["bqhd,bkhd->bhqk", [2, 4, 3, 5], [2, 6, 3, 5]],
    ["i,i->", [4], [4]],
    ["i,j->ji", [4], [3]],
    ["ij,ij->ij", [2, 3], [2, 3]],
    ["ij->", [2, 3]],
    ["ij->j", [2, 3]],
    ["ijk->kij", [2, 3, 4]],
    ["ii->i", [4, 4]],
    ["ii->", [4, 4]],
    ["iji->j", [3, 2, 3]],
    ["iii->i", [3, 3, 3]],
    ["iijj->ij", [2, 2, 3, 3]],
    ["ij,jk,kl->il", [2, 3], [3, 4], [4, 5]],
    ["a,b,c,d->dcba", [2], [3], [2], [3]],
    ["ij,kl->", [2, 3], [4, 2]],
    ["...ij,...jk->...ik", [2, 1, 3, 4], [5, 4, 2]],
    ["...,...->...", [3, 1], [4]],
    ["i...,ij->j...", [3, 2, 2], [3, 4]],
    ["ab...,b->...a", [2, 3, 4], [3]],
    ["ij,jk", [2, 3], [3, 4]],
    ["ba", [2, 3]],
    ["b...a", [2, 4, 3]],
    [" i j , j k -> i k ", [2, 3], [3, 4]],
    ["ij,j->i", [0, 3], [3]],
    ["ij,j->i", [2, 0], [0]],
    [",i->i", [], [3]],
    ["ijk,ilm,njm,nlk,abc->", [2, 3, 4], [2, 3, 2], [2, 3, 2], [2, 3, 4], [2, 2, 2]],
  ] as [string, ...number[][]][])("%s agrees with the sum by definition", (equation, ...shapes) => {
    o.scope(() => {
      check(equation, ...shapes);
    });
  });

  test("any equation agrees with the sum by definition", () => {
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const letters = "abcde";
        const length = [...letters].map(() => gen(fc.integer, { min: 1, max: 3 }));
        const terms = Array.from({ length: gen(fc.integer, { min: 1, max: 4 }) }, () =>
          Array.from({ length: gen(fc.integer, { min: 0, max: 4 }) }, () => letters[gen(fc.integer, { min: 0, max: 4 })] as string).join(
            "",
          ),
        );
        const used = [...new Set(terms.join(""))];
        const result = gen(fc.shuffledSubarray, used).join("");
        const shapes = terms.map((t) => [...t].map((l) => length[letters.indexOf(l)] as number));
        o.scope(() => {
          check(`${terms.join(",")}->${result}`, ...shapes);
        });
      }),
      { numRuns: 150 },
    );
  });

  test("a matrix product is one launch, whatever the order of its axes allows as flags", () => {
    const launches = (equation: string, ...shapes: number[][]) =>
      o.scope(() => {
        const xs = shapes.map((s) => tensor(s));
        const before = openDevice("wasm").stats().launches;
        o.einsum(equation, ...xs);
        return openDevice("wasm").stats().launches - before;
      });
    expect(launches("ij,jk->ik", [2, 3], [3, 4])).toBe(1);
    expect(launches("ji,kj->ik", [3, 2], [4, 3])).toBe(1);
    expect(launches("ij,jk->ki", [2, 3], [3, 4])).toBe(1);
    expect(launches("bhqd,bhkd->bhqk", [2, 3, 4, 5], [2, 3, 6, 5])).toBe(1);
    expect(launches("bij,jk->bik", [2, 3, 4], [4, 5])).toBe(1);
  });

  test("of two greedy orders the one with fewer multiplications is taken", () => {
    const order = (equation: string, lengths: Record<string, number>) => {
      const [left = "", result = ""] = equation.split("->");
      const operands = left.split(",").map((t) => [...t]);
      return contractionOrder(operands, [...result], new Map(Object.entries(lengths)));
    };
    // Matrix by vector first, although the product of the matrices would remove more elements.
    expect(order("ij,jk,k->i", { i: 40, j: 31, k: 29 })).toEqual([
      [1, 2],
      [0, 1],
    ]);
    // Vectors without a common label are not joined although that is cheapest: 900 + 900 + 30, not 900 + 27000.
    expect(order("i,j,ik,jl->kl", { i: 30, j: 30, k: 30, l: 30 })[0]).not.toEqual([0, 1]);
  });

  test("its gradient is an einsum", () => {
    o.scope(() => {
      const [x, w] = [tensor([2, 3, 3], 1), tensor([3, 4], 2)];
      const loss = (a: Tensor, b: Tensor) => o.sum(o.einsum("bii,ik->bk", a, b));
      const [, gw] = [0, 1].map((k) => grad(((v: Tensor) => (k === 0 ? loss(v, w) : loss(x, v))) as never)(k === 0 ? x : w) as Tensor);
      expect(gw).toBeInstanceOf(TensorClass);
      const wanted = [...o.broadcastTo(o.reshape(o.einsum("bii->i", x), [3, 1]), [3, 4]).toArray()];
      for (const [i, g] of (gw as Tensor).toArray().entries()) expect(g).toBeCloseTo(wanted[i] as number, 13);
    });
  });

  test("what does not fit is refused, quoting the equation and the shapes", () => {
    const run =
      (equation: string, ...shapes: number[][]) =>
      () =>
        o.einsum(equation, ...shapes.map((s) => tensor(s)));
    expect(run("ij,jk->ik", [2, 3], [4, 5])).toThrow('einsum "ij,jk->ik" of [2, 3], [4, 5]: "j" has lengths 3 and 4');
    expect(run("ij,jk->iz", [2, 3], [3, 5])).toThrow('"z" of the result is in no operand');
    expect(run("ij->ii", [2, 3])).toThrow('"i" stands twice in the result');
    expect(run("ij,jk->ik", [2, 3])).toThrow("2 operands are described and 1 given");
    expect(run("ijk->i", [2, 3])).toThrow('"ijk" names 3 axes of operand 0, which has 2');
    expect(run("ij...k->i", [2, 3])).toThrow("more axes than its operand has");
    expect(run("i1->i", [2, 3])).toThrow('"1" is not a letter');
    expect(run("i->j->i", [2])).toThrow("may stand once");
    expect(run("...i->i", [2, 3])).toThrow("drops the axes of the ellipsis");
    expect(run("...,...->...", [2, 3], [4, 3])).toThrow("axis -2 of the ellipsis has lengths 2 and 4");
    expect(() => o.einsum("i,i->", tensor([2]), o.cast(tensor([2]), "f32"))).toThrow("one float dtype");
  });
});
