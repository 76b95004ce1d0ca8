import { describe, expect, test } from "vitest";
import { openDevice } from "../device/registry.ts";
import * as o from "../ops.ts";
import { createTensor, type Tensor } from "../ops.ts";
import { useDevice } from "../tensor/tensor.ts";

const tensor = (values: readonly number[], ...shape: number[]) => createTensor(values, shape, "f64");
const numbers = (x: Tensor) => [...x.toArray()];
const close = (x: Tensor, wanted: readonly number[]) => {
  expect(x.aval.size).toBe(wanted.length);
  for (const [i, v] of numbers(x).entries()) expect(v).toBeCloseTo(wanted[i] as number, 12);
};

describe.each(["interpreter", "wasm"] as const)("on %s", (device) => {
  const here = (name: string, body: () => void) =>
    test(name, () => {
      useDevice(openDevice(device));
      o.scope(body);
    });

  const a = () => tensor([4, 1, 0, 2, 3, 1, 0, 1, 2], 3, 3);

  here("a system has a vector, a matrix, or a batch of either on its right", () => {
    const x = tensor([1, -2, 3], 3);
    const b = o.matmul(a(), x);
    close(o.solve(a(), b), [1, -2, 3]);
    expect(o.solve(a(), b).shape).toEqual([3]);
    const many = o.broadcastTo(a(), [2, 3, 3]);
    const two = o.solve(many, o.stack([b, o.mul(b, 2)], 0));
    expect(two.shape).toEqual([2, 3]);
    close(two, [1, -2, 3, 2, -4, 6]);
    const spread = o.solve(a(), o.reshape(o.stack([b, o.mul(b, 2)], 0), [2, 3, 1]));
    expect(spread.shape).toEqual([2, 3, 1]);
    close(spread, [1, -2, 3, 2, -4, 6]);
  });

  here("an inverse times its matrix is the identity, for f32 and batches too", () => {
    const batch = o.stack([a(), o.mul(a(), -2)], 0);
    close(o.matmul(o.inverse(batch), batch), [1, 0, 0, 0, 1, 0, 0, 0, 1, 1, 0, 0, 0, 1, 0, 0, 0, 1]);
    const single = o.cast(a(), "f32");
    const back = numbers(o.matmul(o.inverse(single), single)).map((v, i) => Math.abs(v - (i % 4 === 0 ? 1 : 0)));
    expect(Math.max(...back)).toBeLessThan(1e-6);
    expect(o.inverse(single).dtype).toBe("f32");
  });

  here("matrices without rows have determinant one and an empty inverse", () => {
    const none = createTensor([], [2, 0, 0], "f64");
    expect(numbers(o.det(none))).toEqual([1, 1]);
    expect(numbers(o.logabsdet(none))).toEqual([0, 0]);
    expect(o.inverse(none).shape).toEqual([2, 0, 0]);
    expect(o.cholesky(none).shape).toEqual([2, 0, 0]);
  });

  here("a triangular system reads the lower triangle unless told otherwise", () => {
    const t = tensor([2, 9, 1, 4], 2, 2);
    close(o.triangularSolve(t, tensor([2, 5], 2)), [1, 1]);
    close(o.triangularSolve(t, tensor([11, 4], 2), { lower: false }), [1, 1]);
    close(o.triangularSolve(t, tensor([3, 4], 2), { transpose: true }), [1, 1]);
  });

  here("values are sorted along any axis, and the k largest come first", () => {
    const x = tensor([3, 1, 2, -1, 5, 0], 2, 3);
    expect(numbers(o.sort(x))).toEqual([1, 2, 3, -1, 0, 5]);
    expect(numbers(o.sort(x, 0))).toEqual([-1, 1, 0, 3, 5, 2]);
    expect(numbers(o.sort(x, -2, { descending: true }))).toEqual([3, 5, 2, -1, 1, 0]);
    expect(numbers(o.argsort(x, 0))).toEqual([1, 0, 1, 0, 1, 0]);
    expect(numbers(o.topk(x, 2))).toEqual([3, 2, 5, 0]);
    expect(numbers(o.sort(tensor([Number.NaN, 2, 1], 3), 0, { descending: true }))).toEqual([2, 1, Number.NaN]);
    expect(o.topk(x, 0).shape).toEqual([2, 0]);
  });
});

test("shapes that do not fit, and a right-hand side of two meanings, are refused with both shapes", () => {
  const cube = createTensor(new Float64Array(27), [3, 3, 3], "f64");
  const plane = createTensor(new Float64Array(9), [3, 3], "f64");
  expect(() => o.solve(cube, plane)).toThrow("solve of A [3, 3, 3] and B [3, 3]: B may be a vector for each matrix, or one matrix for all");
  expect(() => o.solve(plane, tensor([1, 2], 2))).toThrow("solve of A [3, 3] and B [2]: B needs 3 rows");
  expect(() => o.solve(tensor([1, 2], 1, 2), plane)).toThrow("A needs square matrices");
  expect(() => o.solve(plane, o.cast(plane, "f32"))).toThrow("of one dtype");
  expect(() => o.det(tensor([1, 2], 1, 2))).toThrow("det needs square matrices [..., n, n] of f32 or f64, but was given f64[1, 2]");
  expect(() => o.topk(tensor([1, 2], 2), 3)).toThrow("topk of [2] with k = 3");
});
