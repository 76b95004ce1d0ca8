/** The determinant where A⁻¹ does not exist: first and second derivatives by differences of det, on every device. */
import { describe, expect, test } from "vitest";
import { createRng } from "../../core/base/rng.ts";
import { openDevice } from "../../core/device/registry.ts";
import * as o from "../../core/ops.ts";
import { createTensor, scope, type Tensor } from "../../core/ops.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { grad, jvp } from "../../engines/tape/transforms.ts";
import { everyDeviceName } from "../devices.ts";
import { directional, worst } from "./oracle.ts";

type Fn = (...args: unknown[]) => unknown;
/** n×n of the given rank, by the product of two random factors. */
function ofRank(n: number, rank: number): Float64Array {
  const factors = createRng(10 * n + rank).uniform(2 * n * rank);
  return new Float64Array(n * n).map((_, at) => {
    const [i, j] = [Math.floor(at / n), at % n];
    let s = 0;
    for (let k = 0; k < rank; k++)
      s += (2 * (factors[i * rank + k] as number) - 1) * (2 * (factors[n * rank + j * rank + k] as number) - 1);
    return s;
  });
}

describe.each(everyDeviceName)("on %s", (device) => {
  const ranks = [1, 2, 3, 4].flatMap((n) => Array.from({ length: n + 1 }, (_, rank) => [n, rank] as const));

  test.each(ranks)("det of %i rows and rank %i: gradient, tangent and Hessian agree with differences", (n, rank) => {
    useDevice(openDevice(device));
    scope(() => {
      const a = ofRank(n, rank);
      const e = createRng(5).uniform(n * n);
      const shape = [n, n];
      const tensor = (v: Float64Array) => createTensor(v, shape, "f64");
      const host = (v: unknown) => Float64Array.from((v as Tensor).toArray());
      const det = (x: unknown) => o.det(x as Tensor);
      const slope = directional(([x]) => scope(() => host(det(tensor(x as Float64Array)))), [a], [e]);
      const gradient = host(grad(det as Fn)(tensor(a)));
      expect(worst(Float64Array.of(gradient.reduce((s, g, i) => s + g * (e[i] as number), 0)), slope)).toBeLessThan(1e-9);
      expect(worst(host(jvp(det as Fn, tensor(a), tensor(e))[1]), slope)).toBeLessThan(1e-9);
      const curvature = directional(([x]) => scope(() => host(grad(det as Fn)(tensor(x as Float64Array)))), [a], [e]);
      expect(worst(host(jvp(grad(det as Fn), tensor(a), tensor(e))[1]), curvature)).toBeLessThan(1e-9);
      const along = (x: unknown) => o.sum(o.mul(grad(det as Fn)(x) as Tensor, tensor(e)));
      expect(worst(host(grad(along as Fn)(tensor(a))), curvature)).toBeLessThan(1e-9);
    });
  });

  test("a batch of singular and other matrices has the cofactors of each, in f32 too", () => {
    useDevice(openDevice(device));
    scope(() => {
      const entries = [1, 2, 2, 4, 0, 0, 0, 0, 3, 1, 1, 2, 1e-30, 0, 0, 1e-30];
      const cofactors = [4, -2, -2, 1, 0, 0, 0, 0, 2, -1, -1, 3, 1e-30, 0, 0, 1e-30];
      for (const dtype of ["f32", "f64"] as const) {
        const gradient = grad(((x: Tensor) => o.sum(o.det(x))) as Fn)(createTensor(entries, [4, 2, 2], dtype)) as Tensor;
        [...gradient.toArray()].forEach((g, i) => {
          const wanted = cofactors[i] as number;
          expect(Math.abs(g - wanted), `${dtype} entry ${i}: ${g}`).toBeLessThanOrEqual(1e-6 * Math.abs(wanted));
        });
      }
    });
  });

  test("where rounding makes a singular matrix barely invertible, the Hessian keeps its digits", () => {
    useDevice(openDevice(device));
    scope(() => {
      const a = createTensor([1, 2, 3, 4, 5, 6, 7, 8, 9], [3, 3], "f64");
      const e = createTensor([1, 0, 0, 0, 0, 0, 0, 0, 0], [3, 3], "f64");
      const along = jvp(grad(o.det as unknown as Fn), a, e)[1] as Tensor;
      [...along.toArray()].forEach((v, i) => void expect(v).toBeCloseTo([0, 0, 0, 0, 9, -8, 0, -6, 5][i] as number, 11));
    });
  });

  test("a third derivative goes through the inverse: right where there is one, NaN where there is none", () => {
    useDevice(openDevice(device));
    scope(() => {
      const third = (scale: number) =>
        // The derivatives of det(diag(x, y, z)) by x, by y and by z: 1.
        (
          grad(((x: unknown) => {
            const byX = (m: unknown) => o.slice(o.reshape(grad(o.det as unknown as Fn)(m) as Tensor, [9]), [0], [1]);
            const byXY = (m: unknown) => o.slice(o.reshape(grad(((q: unknown) => o.sum(byX(q))) as Fn)(m) as Tensor, [9]), [4], [5]);
            return o.sum(byXY(x));
          }) as Fn)(createTensor([scale, 0, 0, 0, 2, 0, 0, 0, 3], [3, 3], "f64")) as Tensor
        ).toArray();
      const there = [...third(1)];
      there.forEach((v, i) => void expect(v).toBeCloseTo(i === 8 ? 1 : 0, 12));
      expect([...third(0)].every(Number.isNaN)).toBe(true);
    });
  });
});
