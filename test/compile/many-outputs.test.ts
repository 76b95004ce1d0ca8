/** More results of one space than a kernel stores: several kernels, each with what it needs, and the same numbers. */
import { expect, test } from "vitest";
import { compile } from "../../core/compile/compile.ts";
import * as ops from "../../core/ops.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { type Tensor, useDevice } from "../../core/tensor/tensor.ts";
import { everyDevice } from "../devices.ts";

const N = 70;

/** Maps of x, folds of its rows, and maps that read these; every second of them is read again by what follows. */
function results(x: Tensor, y: Tensor): Tensor[] {
  const out: Tensor[] = [];
  for (let i = 0; i < N; i++) {
    const map = ops.sin(ops.mul(x, 1 + i));
    const fold = ops.sum(ops.mul(map, y), [1], true);
    out.push(map, fold, ops.exp(ops.sub(map, ops.add(fold, ops.reduceMax(x, [1], true)))));
  }
  return [...out, out.filter((r) => r.shape[1] !== 1).reduce((a, b) => ops.add(a, b))];
}

test.each(everyDevice)("on %s", { timeout: 240_000 }, (_, open) => {
  const device = open();
  useDevice(device);
  releaseConstants();
  const before = device.stats().liveBytes;
  ops.scope(() => {
    const [x, y] = [0, 1].map((k) =>
      ops.createTensor(
        Array.from({ length: 12 }, (_, i) => Math.sin(i * 1.3 + k)),
        [3, 4],
        "f64",
      ),
    ) as [Tensor, Tensor];
    const compiled = compile((a: Tensor, b: Tensor) => results(a, b));
    const wanted = results(x, y).map((r) => [...r.toArray()]);
    const got = compiled(x, y).map((r) => [...r.toArray()]);
    for (const [o, want] of wanted.entries())
      for (const [i, w] of want.entries()) expect(Math.abs((got[o]?.[i] as number) - w) / Math.max(1, Math.abs(w))).toBeLessThan(1e-12);
    const { statistics } = compiled.executable(x, y);
    expect(statistics.launches).toBeLessThan(N);
    compiled.dispose();
  });
  releaseConstants();
  expect(device.stats().liveBytes).toBe(before);
});
