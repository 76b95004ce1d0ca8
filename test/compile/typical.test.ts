/** Typical programs, compiled: the right numbers, and as few launches as fusion promises. */
import { describe, expect, test } from "vitest";
import type { Shape } from "../../core/base/shape.ts";
import { type Compiled, compile } from "../../core/compile/compile.ts";
import { createWasm } from "../../core/device/wasm/device.ts";
import type { Tensor } from "../../core/ops.ts";
import * as ops from "../../core/ops.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { valueAndGrad } from "../../engines/tape/transforms.ts";
import { everyDevice } from "../devices.ts";

const values = (n: number, seed: number) => Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + seed) * 1.5);
const tensor = (shape: Shape, seed: number) =>
  ops.createTensor(
    values(
      shape.reduce((n, d) => n * d, 1),
      seed,
    ),
    shape,
    "f64",
  );

interface Case {
  readonly name: string;
  readonly f: (...x: Tensor[]) => Tensor[];
  readonly shapes: readonly Shape[];
  readonly launches: number;
}

/** [value, gradients of all arguments] of a scalar loss. */
const gradients =
  (loss: (...x: Tensor[]) => Tensor) =>
  (...x: Tensor[]): Tensor[] => {
    const [y, g] = valueAndGrad((args) => loss(...(args as Tensor[])))(x) as [Tensor, Tensor[]];
    return [y, ...g];
  };

const t = (x: Tensor | undefined) => x as Tensor;
const mlp = (x: Tensor, w1: Tensor, b1: Tensor, w2: Tensor, y: Tensor): Tensor => {
  const h = ops.tanh(ops.add(ops.matmul(x, w1), b1));
  return ops.mseLoss(ops.matmul(h, w2), y);
};
const lstm = (x: Tensor, h: Tensor, c: Tensor, w: Tensor, u: Tensor, b: Tensor): Tensor[] => {
  const gates = ops.add(ops.add(ops.matmul(x, w), ops.matmul(h, u)), b);
  const [i, f, g, o] = ops.split(gates, [3, 3, 3, 3], 1) as [Tensor, Tensor, Tensor, Tensor];
  const next = ops.add(ops.mul(ops.sigmoid(f), c), ops.mul(ops.sigmoid(i), ops.tanh(g)));
  return [ops.mul(ops.sigmoid(o), ops.tanh(next)), next];
};
const adam = (p: Tensor, m: Tensor, v: Tensor, g: Tensor): Tensor[] => {
  const m1 = ops.add(ops.mul(m, 0.9), ops.mul(g, 0.1));
  const v1 = ops.add(ops.mul(v, 0.999), ops.mul(ops.square(g), 0.001));
  return [ops.sub(p, ops.mul(0.01, ops.div(m1, ops.add(ops.sqrt(v1), 1e-8)))), m1, v1];
};

const cases: Case[] = [
  {
    name: "gelu of a linear layer",
    f: (x, w, b) => [ops.gelu(ops.add(ops.matmul(t(x), t(w)), t(b)), "tanh")],
    shapes: [[6, 5], [5, 4], [4]],
    launches: 1,
  },
  {
    name: "relu of a convolution with bias",
    f: (x, w, b) => [ops.relu(ops.conv2d(t(x), t(w), t(b), { padding: 1 }))],
    shapes: [[2, 3, 5, 4], [6, 3, 3, 3], [6]],
    launches: 1,
  },
  {
    name: "relu of a residual block's convolution in groups",
    f: (x, w) => [ops.relu(ops.add(t(x), ops.conv2d(t(x), t(w), { padding: 1, groups: 2 })))],
    shapes: [
      [2, 4, 5, 4],
      [4, 2, 3, 3],
    ],
    launches: 1,
  },
  { name: "softmax", f: (x) => [ops.softmax(ops.mul(t(x), 0.5), 1)], shapes: [[5, 7]], launches: 1 },
  { name: "layer norm", f: (x, w, b) => [ops.layerNorm(t(x), t(w), t(b))], shapes: [[5, 7], [7], [7]], launches: 1 },
  {
    name: "layer norm, forward and backward",
    f: gradients((x, w, b, c) => ops.sum(ops.mul(ops.layerNorm(t(x), t(w), t(b)), t(c)))),
    shapes: [[5, 7], [7], [7], [5, 7]],
    launches: 3,
  },
  {
    name: "adam",
    f: (p, m, v, g) => adam(t(p), ops.square(t(m)), ops.square(t(v)), t(g)),
    shapes: [
      [9, 3],
      [9, 3],
      [9, 3],
      [9, 3],
    ],
    launches: 1,
  },
  {
    name: "lstm cell",
    f: (x, h, c, w, u, b) => lstm(t(x), t(h), t(c), t(w), t(u), t(b)),
    shapes: [[2, 4], [2, 3], [2, 3], [4, 12], [3, 12], [12]],
    launches: 3,
  },
  { name: "mlp, forward and backward", f: gradients(mlp as never), shapes: [[6, 5], [5, 4], [4], [4, 2], [6, 2]], launches: 8 },
  {
    name: "attention, forward and backward",
    f: gradients((q, k, v) => ops.mean(ops.square(ops.attention(t(q), t(k), t(v), true)))),
    shapes: [
      [2, 5, 4],
      [2, 5, 4],
      [2, 5, 4],
    ],
    launches: 9,
  },
  { name: "variance over columns", f: (x) => [ops.variance(t(x), [0]), ops.sum(ops.exp(t(x)), [0])], shapes: [[6, 4]], launches: 1 },
  {
    name: "gelu, then layer norm",
    f: (x, w, b) => [ops.layerNorm(ops.gelu(t(x), "none"), t(w), t(b))],
    shapes: [[5, 7], [7], [7]],
    launches: 2,
  },
];

describe.each(everyDevice)("on %s", (_, open) => {
  test.each(cases)("$name", ({ f, shapes, launches }) => {
    const device = open();
    useDevice(device);
    const before = device.stats().liveBytes;
    const g: Compiled<Tensor[]> = compile(f);
    ops.scope(() => {
      const inputs = shapes.map((s, i) => tensor(s, i));
      const want = f(...inputs).map((t) => [...t.toArray()]);
      const got = g(...inputs).map((t) => [...t.toArray()]);
      for (const [k, w] of want.entries()) for (const [i, x] of w.entries()) expect(got[k]?.[i]).toBeCloseTo(x, 12);
      const { statistics } = g.executable(...inputs);
      expect(statistics.launches).toBe(launches);
      expect(statistics.arenaBytes).toBeLessThanOrEqual(1.1 * statistics.lowerBound);
    });
    g.dispose();
    releaseConstants();
    expect(device.stats().liveBytes - before).toBe(0);
  });
});

test("a kernel that takes a late node in does not come to wait for itself", () => {
  useDevice(createWasm());
  const f = (x: Tensor, w: Tensor, z: Tensor): Tensor[] => {
    const early = ops.tanh(x);
    const product = ops.matmul(early, w);
    const other = ops.sigmoid(z);
    // The first kernel takes this in, and so waits for the second.
    const late = ops.tanh(ops.mul(early, ops.matmul(other, w)));
    // If the second took this in, it would wait for the first by way of the product.
    return [late, ops.tanh(ops.mul(other, product))];
  };
  const given = [tensor([4, 4], 1), tensor([4, 4], 2), tensor([4, 4], 3)] as const;
  const compiled = compile(f);
  const got = compiled(...given);
  for (const [i, want] of f(...given).entries())
    for (const [k, x] of want.toArray().entries()) expect(got[i]?.toArray()[k]).toBeCloseTo(x, 12);
  compiled.dispose();
});
