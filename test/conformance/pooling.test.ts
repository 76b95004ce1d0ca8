/** Pooling against its definition by loops, small windows and large ones, and where a window has nothing but -∞ or a NaN, on every device. */
import { describe, expect, test } from "vitest";
import { openDevice } from "../../core/device/registry.ts";
import * as o from "../../core/ops.ts";
import { createTensor, scope, type Tensor } from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { grad } from "../../engines/tape/transforms.ts";
import { everyDeviceName } from "../devices.ts";

type Fn = (...args: unknown[]) => unknown;
type Pool = (x: Tensor) => Tensor;

/** Values of one plane, and the gradient of their sum weighted by 0, 1, 2, …, or by nothing. */
function run(pool: Pool, values: readonly number[], h: number, w: number, weighted = false) {
  const x = createTensor(values, [1, 1, h, w], "f64");
  const y = pool(x);
  const weights = createTensor(
    Float64Array.from({ length: y.aval.size }, (_, i) => (weighted ? i : 1)),
    y.shape,
    "f64",
  );
  const gradient = grad(((z: Tensor) => o.sum(o.where(o.eq(weights, 0), 0, o.mul(pool(z), weights)))) as Fn)(x) as Tensor;
  return { y: [...y.toArray()], gradient: [...gradient.toArray()].map((g) => g + 0) };
}

/** [elements of the image that each window holds], in row-major order. */
function windows(h: number, w: number, k: number, s: number, p: number): number[][] {
  const along = (n: number) => Math.floor((n + 2 * p - k) / s) + 1;
  return Array.from({ length: along(h) * along(w) }, (_, at) => {
    const [top, left] = [Math.floor(at / along(w)) * s - p, (at % along(w)) * s - p];
    const held: number[] = [];
    for (let i = Math.max(0, top); i < Math.min(h, top + k); i++)
      for (let j = Math.max(0, left); j < Math.min(w, left + k); j++) held.push(i * w + j);
    return held;
  });
}

describe.each(everyDeviceName)("on %s", (device) => {
  const here = (name: string, body: () => void) =>
    test(name, () => {
      useDevice(openDevice(device));
      scope(body);
    });

  here("means and maxima of windows, and their gradients, are those of loops", () => {
    const [h, w] = [9, 8];
    const values = Array.from({ length: h * w }, (_, i) => ((i * 37) % 71) - 30);
    for (const [k, stride, padding] of [
      [2, 2, 0],
      [3, 1, 1],
      [3, 2, 1],
      [2, 3, 0],
      [5, 1, 2],
      [5, 3, 1],
      [7, 7, 0],
      [8, 1, 4],
    ] as const) {
      const held = windows(h, w, k, stride, padding);
      const spread = (share: (held: readonly number[], window: number) => readonly [number, number][]) => {
        const gradient = new Array<number>(h * w).fill(0);
        for (const [i, each] of held.entries()) for (const [at, g] of share(each, i)) gradient[at] = (gradient[at] as number) + g;
        return gradient;
      };
      const place = (each: readonly number[]) => each.reduce((best, at) => ((values[at] as number) > (values[best] as number) ? at : best));
      const max = run((x) => o.maxPool2d(x, k, { stride, padding }), values, h, w, true);
      expect(max.y).toEqual(held.map((each) => values[place(each)]));
      expect(max.gradient).toEqual(spread((each, i) => [[place(each), i]]));
      for (const countIncludePad of [true, false]) {
        const divisor = (each: readonly number[]) => (countIncludePad ? k * k : each.length);
        const mean = run((x) => o.avgPool2d(x, k, { stride, padding, countIncludePad }), values, h, w, true);
        const sums = held.map((each) => each.reduce((sum, at) => sum + (values[at] as number), 0) / divisor(each));
        mean.y.forEach((y, i) => void expect(y).toBeCloseTo(sums[i] as number, 11));
        const wanted = spread((each, i) => each.map((at) => [at, i / divisor(each)]));
        mean.gradient.forEach((g, i) => void expect(g).toBeCloseTo(wanted[i] as number, 10));
      }
    }
  });

  here("the derivative of a window of -∞ goes to its first pixel, never into the padding", () => {
    const nothing = new Array<number>(9).fill(Number.NEGATIVE_INFINITY);
    const slope = (k: number, stride: number, padding: number) => run((x) => o.maxPool2d(x, k, { stride, padding }), nothing, 3, 3);
    expect(slope(2, 1, 1)).toEqual({ y: new Array(16).fill(Number.NEGATIVE_INFINITY), gradient: [4, 2, 2, 2, 1, 1, 2, 1, 1] });
    expect(slope(3, 2, 1).gradient).toEqual([1, 1, 0, 1, 1, 0, 0, 0, 0]);
    expect(slope(5, 1, 2).gradient).toEqual([9, 0, 0, 0, 0, 0, 0, 0, 0]);
  });

  here("a NaN is the largest of a window, the first of several", () => {
    const values = [1, Number.NaN, 2, Number.NaN, 3, Number.NaN, 0, 5, 4];
    expect(run((x) => o.maxPool2d(x, 2, { stride: 1 }), values, 3, 3)).toEqual({
      y: new Array(4).fill(Number.NaN),
      gradient: [0, 2, 0, 1, 0, 1, 0, 0, 0],
    });
    const many = new Array<number>(25).fill(1).map((v, i) => (i === 7 || i === 20 ? Number.NaN : v));
    const large = run((x) => o.maxPool2d(x, 5), many, 5, 5);
    expect(large.gradient.indexOf(1)).toBe(7);
  });

  here("an image without pixels is refused, an empty batch is not", () => {
    for (const pool of [o.maxPool2d, o.avgPool2d]) {
      expect(() => pool(createTensor([], [1, 1, 0, 3], "f64"), 2, { padding: 1 })).toThrow("has no pixels");
      expect(pool(createTensor([], [0, 2, 3, 3], "f64"), 2, { padding: 1 }).shape).toEqual([0, 2, 2, 2]);
    }
  });
});
