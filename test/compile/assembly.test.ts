/** What is joined, padded or picked by position is computed where it is stored or read: fewer launches, the same numbers. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Shape } from "../../core/base/shape.ts";
import { compile } from "../../core/compile/compile.ts";
import type { Switch } from "../../core/compile/executable.ts";
import { createWasm } from "../../core/device/wasm/device.ts";
import * as ops from "../../core/ops.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { type Tensor, useDevice } from "../../core/tensor/tensor.ts";
import { valueAndGrad } from "../../engines/tape/transforms.ts";
import { everyDevice } from "../devices.ts";

type Program = (...inputs: Tensor[]) => Tensor[];
const t = (x: Tensor | undefined) => x as Tensor;

function inputsOf(shapes: readonly Shape[]): Tensor[] {
  return shapes.map((shape, k) => {
    const size = shape.reduce((n, d) => n * d, 1);
    return ops.createTensor(
      Array.from({ length: size }, (_, i) => Math.sin(i * 1.3 + k) * 1.5),
      shape,
      "f64",
    );
  });
}

/** Launches with these switches off, after the results were compared with those of the single operations. */
function launches(f: Program, shapes: readonly Shape[], off: readonly Switch[] = []): number {
  return ops.scope(() => {
    const inputs = inputsOf(shapes);
    const g = compile(f, { off });
    const want = f(...inputs);
    const got = g(...inputs);
    for (const [k, w] of want.entries()) {
      const values = t(got[k]).toArray();
      for (const [i, x] of w.toArray().entries())
        expect(Math.abs((values[i] as number) - x) / Math.max(1, Math.abs(x))).toBeLessThan(1e-12);
    }
    const count = g.executable(...inputs).statistics.launches;
    g.dispose();
    return count;
  });
}

const cases: { name: string; f: Program; shapes: readonly Shape[]; off: Switch; with: number; without: number }[] = [
  {
    name: "pieces of a concatenation",
    f: (a, b, c) => [ops.concat([ops.tanh(t(a)), ops.mul(t(b), 2), ops.transpose(t(c), [1, 0])], 1)],
    shapes: [
      [3, 2],
      [3, 4],
      [5, 3],
    ],
    off: "fusion",
    with: 1,
    without: 6,
  },
  {
    name: "a padded activation",
    f: (a) => [
      ops.pad(
        ops.sigmoid(t(a)),
        [
          [1, 2],
          [0, 1],
        ],
        "constant",
        -1,
      ),
    ],
    shapes: [[3, 4]],
    off: "fusion",
    with: 2,
    without: 3,
  },
  {
    name: "cross-entropy by one-hot",
    f: (x, y) => [ops.neg(ops.sum(ops.mul(ops.oneHot(ops.cast(t(y), "i32"), 10, "f64"), ops.logSoftmax(t(x), 1)), [1]))],
    shapes: [[16, 10], [16]],
    off: "positions",
    with: 1,
    without: 3,
  },
  {
    name: "the gradient of slices side by side",
    f: (x, ...w) => {
      const loss = (y: unknown) => {
        const parts = ops.split(y as Tensor, [2, 3, 2], 1) as Tensor[];
        return parts.map((part, i) => ops.sum(ops.mul(part, t(w[i])))).reduce((a, b) => ops.add(a, b));
      };
      return [t(valueAndGrad(loss)(ops.matmul(t(x), t(x)))[1] as Tensor)];
    },
    shapes: [
      [7, 7],
      [7, 2],
      [7, 3],
      [7, 2],
    ],
    off: "pads",
    with: 1,
    without: 7,
  },
];

describe.each(everyDevice)("on %s", (_, open) => {
  test.each(cases)("$name", ({ f, shapes, off, with: on, without }) => {
    const device = open();
    useDevice(device);
    const before = device.stats().liveBytes;
    expect([launches(f, shapes), launches(f, shapes, [off])]).toEqual([on, without]);
    releaseConstants();
    expect(device.stats().liveBytes).toBe(before);
  });
});

test("any slices, paddings and concatenations give the same numbers, and so do the gradients", () => {
  useDevice(createWasm());
  const length = 6;
  const piece = fc.record({ from: fc.nat(length - 1), size: fc.integer({ min: 1, max: length }), kind: fc.nat(4), axis: fc.nat(1) });
  const program = fc.record({
    pieces: fc.array(piece, { minLength: 1, maxLength: 5 }),
    off: fc.subarray<Switch>(["pads", "positions", "fusion", "together", "algebra"]),
  });
  fc.assert(
    fc.property(program, ({ pieces, off }) => {
      const f: Program = (x, y) => {
        const loss = (z: unknown) => {
          const square = ops.tanh(z as Tensor);
          const parts = pieces.map(({ from, size, kind, axis }) => {
            const [start, stop] = [Math.min(from, length - 1), Math.min(length, from + size)];
            const bounds = (a: number, b: number) => [0, 1].map((i) => (i === axis ? a : b));
            const part = ops.slice(square, bounds(start, 0), bounds(stop, length));
            const changed = [part, ops.sigmoid(part), ops.mul(part, 3), ops.flip(part, [axis]), ops.neg(part)][kind] as Tensor;
            const gaps = [0, 1].map((i): [number, number] => (i === axis ? [start, length - stop] : [0, 0]));
            return ops.pad(changed, gaps, "constant", kind === 2 ? 1 : 0);
          });
          const sum = parts.reduce((a, b) => ops.add(a, b));
          const wide = ops.concat([ops.exp(sum), ...parts.slice(0, 2), square], 1);
          return ops.sum(ops.mul(ops.slice(wide, [0, 1], [length, length + 1]), ops.mul(t(y), sum)));
        };
        const [value, gradient] = valueAndGrad(loss)(t(x)) as [Tensor, Tensor];
        return [value, gradient];
      };
      launches(
        f,
        [
          [length, length],
          [length, length],
        ],
        off,
      );
    }),
    { numRuns: 80 },
  );
});
