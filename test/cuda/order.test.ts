/** The order in which a GPU takes threads, blocks, streams and nodes of graphs is open: whatever it is, the bits are the same. */
import fc from "fast-check";
import { afterEach, describe, expect, test } from "vitest";
import { compile } from "../../core/compile/compile.ts";
import { createCuda } from "../../core/device/cuda/device.ts";
import * as ops from "../../core/ops.ts";
import { type Tensor, useDevice } from "../../core/tensor/tensor.ts";
import { valueAndGrad } from "../../engines/tape/transforms.ts";
import { drawKernelCase, runKernelCase } from "../arbitrary-kernel.ts";
import { cuda } from "../cuda.ts";
import { fakeCuda } from "../fake-cuda/fake-cuda.ts";

const SEEDS = ["0", "1", "2", "3", "4"];

/** The results of a body under every order. */
function underSeeds<T>(body: () => T): T[] {
  return SEEDS.map((seed) => {
    process.env.FAKE_CUDA_SEED = seed;
    return body();
  });
}

describe.runIf(fakeCuda() !== undefined && cuda.available)("in every order", { timeout: 240_000 }, () => {
  afterEach(() => {
    delete process.env.FAKE_CUDA_SEED;
  });

  test("random kernels give the same bits", () => {
    const device = createCuda();
    const seed = Date.now() % 2 ** 31;
    const cases = fc.sample(
      fc.gen().map((gen) => drawKernelCase(gen)),
      { seed, numRuns: 40 },
    );
    for (const [i, c] of cases.entries()) {
      const [first, ...others] = underSeeds(() => runKernelCase(device, c));
      for (const other of others) expect(other, `seed ${seed}, case ${i}: ${c.kernel.key}`).toEqual(first);
    }
  });

  test("training steps give the same bits, on the stream and as graphs with branches", () => {
    const device = createCuda();
    useDevice(device);
    const numbers = (shape: readonly number[], k: number) =>
      ops.createTensor(
        Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i * 1.7 + k)),
        shape,
        "f32",
      );
    const loss = (x: Tensor) => (p: unknown) => {
      const [u, v, w] = p as [Tensor, Tensor, Tensor];
      const hidden = ops.mul(ops.tanh(ops.matmul(x, u)), ops.sigmoid(ops.matmul(x, v)));
      return ops.mean(ops.square(ops.matmul(hidden, w)));
    };
    const shapes = [
      [9, 20],
      [9, 20],
      [20, 5],
    ];
    const run = () => {
      const step = compile(
        (u: Tensor, v: Tensor, w: Tensor, x: Tensor) => {
          const [value, gradient] = valueAndGrad(loss(x))([u, v, w]) as unknown as [Tensor, Tensor[]];
          return [...[u, v, w].map((p, i) => ops.sub(p, ops.mul(gradient[i] as Tensor, 0.5))), value];
        },
        { donate: [0, 1, 2] },
      );
      const x = numbers([33, 9], 5);
      let params = shapes.map(numbers);
      const values: number[] = [];
      for (let i = 0; i < 5; i++) {
        const out = step(...(params as [Tensor, Tensor, Tensor]), x) as Tensor[];
        values.push(Number((out[3] as Tensor).toArray()[0]));
        (out[3] as Tensor).dispose();
        params = out.slice(0, 3);
      }
      const bits = [values, ...params.map((p) => [...p.toArray()])];
      for (const t of [...params, x]) t.dispose();
      step.dispose();
      return bits;
    };
    const [first, ...others] = underSeeds(run);
    const values = first?.[0] as number[];
    expect(values.at(-1)).toBeLessThan(values[0] as number);
    for (const other of others) expect(other).toEqual(first);
  });
});
