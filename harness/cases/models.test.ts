/** Families at sizes that the golden files do not have, against independent numbers. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createTensor } from "../../core/tensor/tensor.ts";
import { projectRoot } from "../root.ts";
import { convolve } from "./models/cnn.ts";
import * as gmm from "./models/gmm.ts";

const tensor = (data: number[], shape: number[]) => createTensor(data, shape, "f64");

test("the convolution is its definition, for strides, groups and odd sizes", () => {
  for (const stride of [1, 2, 3]) {
    for (const groups of [1, 2, 3]) {
      const [n, c, h, w, o] = [2, 6, 5, 7, 6] as const;
      const per = c / groups;
      const x = Array.from({ length: n * c * h * w }, (_, i) => Math.sin(i));
      const k = Array.from({ length: o * per * 9 }, (_, i) => Math.cos(i));
      const y = convolve(tensor(x, [n, c, h, w]), tensor(k, [o, per, 3, 3]), tensor([1, 2, 3, 4, 5, 6], [o]), stride, groups);
      const [oh, ow] = [Math.floor((h - 1) / stride) + 1, Math.floor((w - 1) / stride) + 1];
      expect(y.shape).toEqual([n, o, oh, ow]);
      y.toArray().forEach((got, at) => {
        const [b, f, i, j] = [Math.floor(at / (o * oh * ow)), Math.floor(at / (oh * ow)) % o, Math.floor(at / ow) % oh, at % ow];
        let want = f + 1;
        for (let q = 0; q < per; q++)
          for (let r = 0; r < 9; r++) {
            const [row, column] = [stride * i + Math.floor(r / 3) - 1, stride * j + (r % 3) - 1];
            if (row < 0 || row >= h || column < 0 || column >= w) continue;
            const channel = Math.floor(f / (o / groups)) * per + q;
            want += (x[((b * c + channel) * h + row) * w + column] as number) * (k[(f * per + q) * 9 + r] as number);
          }
        expect(got).toBeCloseTo(want, 12);
      });
    }
  }
});

test("the mixture is ADBench's for one, two and three dimensions", () => {
  const file = join(projectRoot, "test/data/adbench/expected/gmm.json");
  type Input = { d: number; k: number; n: number; gamma: number; m: number } & Record<"alpha", number[]> &
    Record<"mu" | "q" | "l" | "x", number[][]>;
  const { cases } = JSON.parse(readFileSync(file, "utf8")) as {
    cases: { input: Input; expected: { adbench_sign: { objective: number } } }[];
  };
  expect(cases.map((c) => c.input.d)).toEqual([1, 2, 3, 2]);
  for (const { input, expected } of cases) {
    const { d, k, n, alpha, mu, q, l, x } = input;
    const icf = q.flatMap((row, j) => [...row, ...(l[j] as number[])]);
    const params = { alphas: tensor(alpha, [k]), means: tensor(mu.flat(), [k, d]), icf: tensor(icf, [k, icf.length / k]) };
    const loss = gmm.loss(params, { x: tensor(x.flat(), [n, d]) }, input).item();
    expect(-n * loss).toBeCloseTo(expected.adbench_sign.objective, 9);
  }
});
