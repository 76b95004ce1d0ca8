/** Gathers as loads: fewer launches, the same numbers, and the same refusals of indices that are out of range. */
import fc from "fast-check";
import { afterAll, describe, expect, test } from "vitest";
import { BenchError } from "../../core/base/errors.ts";
import type { Shape } from "../../core/base/shape.ts";
import { compile } from "../../core/compile/compile.ts";
import { createInterpreter } from "../../core/device/interpreter/device.ts";
import { findNative } from "../../core/device/native/availability.ts";
import { createNative } from "../../core/device/native/device.ts";
import { createWasm } from "../../core/device/wasm/device.ts";
import * as ops from "../../core/ops.ts";
import { type Tensor, useDevice } from "../../core/tensor/tensor.ts";
import { grad } from "../../engines/tape/transforms.ts";

const native = findNative();
if (!native.available) console.warn(`without the native device: ${native.detail}`);
const devices = [createInterpreter(), createWasm(), ...(native.available ? [createNative()] : [])];
afterAll(() => {
  useDevice(createWasm());
});

const values = (shape: Shape, seed = 1, dtype: "f32" | "f64" = "f32") =>
  ops.createTensor(
    Array.from({ length: shape.reduce((n, d) => n * d, 1) }, (_, i) => Math.sin(i * 12.9898 + seed)),
    shape,
    dtype,
  );
const indices = (list: readonly number[], shape: Shape = [list.length]) => ops.createTensor([...list], shape, "i32");

const embedded = (table: Tensor, ids: Tensor, positions: Tensor): Tensor => ops.add(ops.embedding(table, ids), positions);

describe.each(devices.map((d) => [d.name, d] as const))("on %s", (_, device) => {
  const launchesOf = (f: (...inputs: Tensor[]) => Tensor, inputs: readonly Tensor[]) => {
    const on = compile(f);
    const off = compile(f, { off: ["gathers"] });
    const [got, want] = [on, off].map((g) => [...g(...inputs).toArray()]) as [number[], number[]];
    for (const [i, w] of want.entries()) expect(got[i]).toBeCloseTo(w, 5);
    const [a, b] = [on, off].map((g) => g.executable(...inputs).statistics);
    on.dispose();
    off.dispose();
    return { launches: a?.launches, without: b?.launches, fused: a?.fusedGathers, unfused: b?.fusedGathers };
  };

  test("an embedding is a load of what is added to it, and of a norm that follows", () => {
    useDevice(device);
    ops.scope(() => {
      const inputs = [values([10, 8]), indices([3, 0, 9, 3, 7, 1], [2, 3]), values([3, 8], 5)];
      expect(launchesOf(embedded, inputs)).toEqual({ launches: 1, without: 2, fused: 1, unfused: 0 });
      const normed = (table: Tensor, ids: Tensor, positions: Tensor) =>
        ops.layerNorm(embedded(table, ids, positions), values([8], 2), values([8], 3));
      expect(launchesOf(normed, inputs)).toEqual({ launches: 1, without: 2, fused: 1, unfused: 0 });
    });
  });

  test("what a loss picks from its rows is summed where it is read", () => {
    useDevice(device);
    ops.scope(() => {
      const picked = (x: Tensor, labels: Tensor) => ops.neg(ops.sum(ops.gather(ops.tanh(x), ops.expandDims(labels, [1]), 1)));
      expect(launchesOf(picked, [values([4, 5]), indices([1, 4, 0, 2])])).toEqual({ launches: 2, without: 3, fused: 1, unfused: 0 });
    });
  });

  test("a long gather whose index moves along the last axis stands alone, since its readers would lose their vectors", () => {
    useDevice(device);
    ops.scope(() => {
      const ids = indices(
        Array.from({ length: 1200 }, (_, i) => (i * 7) % 40),
        [30, 40],
      );
      const f = (x: Tensor, at: Tensor) => ops.tanh(ops.gather(x, at, 1));
      expect(launchesOf(f, [values([30, 40]), ids])).toEqual({ launches: 2, without: 2, fused: 0, unfused: 0 });
    });
  });

  test("an index that follows from a fold of the same rows is stored first", () => {
    useDevice(device);
    ops.scope(() => {
      const best = (x: Tensor) => ops.mul(ops.gather(x, ops.expandDims(ops.argmax(x, 1), [1]), 1), ops.sum(x, [1], true));
      expect(launchesOf(best, [values([6, 7])])).toEqual({ launches: 2, without: 3, fused: 1, unfused: 0 });
    });
  });

  test("an index out of range is refused wherever the gather is read, in part too, and the device works afterwards", () => {
    useDevice(device);
    const before = device.stats().liveBytes;
    ops.scope(() => {
      const [table, good, bad] = [values([5, 4]), indices([4, 0, 2]), indices([4, 5, 2])];
      const forms: Record<string, (table: Tensor, ids: Tensor) => Tensor> = {
        alone: (t, ids) => ops.embedding(t, ids),
        "in a map": (t, ids) => ops.tanh(ops.embedding(t, ids)),
        "in a sum": (t, ids) => ops.sum(ops.embedding(t, ids)),
        "down columns": (t, ids) => ops.sum(ops.square(ops.embedding(t, ids)), [0]),
        "in a softmax": (t, ids) => ops.softmax(ops.embedding(t, ids), 1),
        "of which a slice is read": (t, ids) => ops.exp(ops.slice(ops.embedding(t, ids), [2, 0], [3, 4])),
        "of which nothing is read": (t, ids) => ops.add(ops.slice(ops.embedding(t, ids), [0, 0], [0, 4]), 1),
        "in a concatenation": (t, ids) => ops.concat([ops.embedding(t, ids), t], 0),
        "of a product": (t, ids) => ops.embedding(ops.matmul(t, ops.transpose(t, [1, 0])), ids),
        "before a product": (t, ids) => ops.matmul(ops.embedding(t, ids), ops.transpose(t, [1, 0])),
        "where it is not chosen": (t, ids) => ops.where(ops.lt(ops.embedding(t, ids), 9), 1, ops.embedding(t, ids)),
      };
      for (const [name, f] of Object.entries(forms)) {
        const [g, plain] = [compile(f), compile(f, { off: ["gathers"] })];
        const want = [...plain(table, good).toArray()];
        expect([...g(table, good).toArray()], name).toEqual(want);
        let error: unknown;
        try {
          g(table, bad);
        } catch (caught) {
          error = caught;
        }
        expect(error, name).toBeInstanceOf(BenchError);
        expect((error as BenchError).message, name).toContain("index 5 is out of range [0, 5)");
        expect([...g(table, good).toArray()], `${name}, after the error`).toEqual(want);
        g.dispose();
        plain.dispose();
      }
    });
    expect(device.stats().liveBytes).toBe(before);
  });

  test("any tables, indices and readers give the same numbers, and so do the gradients", { timeout: 120_000 }, () => {
    useDevice(device);
    const choices = fc.record({
      rows: fc.integer({ min: 1, max: 6 }),
      width: fc.integer({ min: 1, max: 5 }),
      ids: fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }),
      axis: fc.nat(1),
      whole: fc.boolean(),
      turned: fc.boolean(),
      readers: fc.array(fc.nat(6), { minLength: 1, maxLength: 4 }),
    });
    fc.assert(
      fc.property(choices, ({ rows, width, ids, axis, whole, turned, readers }) => {
        const shape = [rows, width];
        const extent = shape[axis] as number;
        const f = (x: Tensor, given: Tensor) => {
          const table = turned ? ops.transpose(ops.transpose(ops.tanh(x), [1, 0]), [1, 0]) : x;
          const at = ops.reshape(given, axis === 0 ? [-1, 1] : [1, -1]);
          const other = shape.map((d, i) => (i === axis ? ids.length : d));
          let y = whole ? ops.indexSelect(table, given, axis) : ops.gather(table, ops.broadcastTo(at, other), axis);
          for (const r of readers) {
            y = [
              () => ops.exp(y),
              () => ops.mul(y, ops.add(y, 1)),
              () => ops.softmax(y, 1),
              () => ops.transpose(y, [1, 0]),
              () => ops.add(y, ops.sum(y, [0], true)),
              () => ops.mul(y, ops.reduceMax(y, [1], true)),
              () => ops.concat([y, y], 0),
            ][r]?.() as Tensor;
          }
          return y;
        };
        ops.scope(() => {
          const inputs = [values(shape, rows, "f64"), indices(ids.map((i) => i % extent))] as const;
          const gradient = (x: Tensor, given: Tensor) => grad((t) => ops.sum(f(t as Tensor, given)))(x) as Tensor;
          for (const way of [f, gradient]) {
            const g = compile(way);
            const [got, want] = [g(...inputs), way(...inputs)].map((t) => [...t.toArray()]) as [number[], number[]];
            for (const [i, w] of want.entries()) {
              const error = Math.abs((got[i] as number) - w) / Math.max(1, Math.abs(w));
              expect(Object.is(got[i], w) || error < 1e-9, `element ${i}: ${got[i]} for ${w}`).toBe(true);
            }
            g.dispose();
          }
        });
      }),
      // On the native device each program is a run of the C compiler.
      { numRuns: device.name === "native" ? 12 : 150 },
    );
  });
});
