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

/** A sum of strips of a column, each at its place, and of columns; `shape` says which partial sum takes in the next term. */
const term = fc.record({ from: fc.nat(9), size: fc.integer({ min: 1, max: 10 }), kind: fc.nat(4) });
const sums = fc.record({ terms: fc.array(term, { minLength: 2, maxLength: 12 }), tree: fc.constantFrom("chain", "mirrored", "balanced") });

test("a sum of padded tensors in layers has the bits of the sum one after the other", () => {
  useDevice(createWasm());
  let saved = 0;
  fc.assert(
    fc.property(sums, ({ terms, tree }) => {
      const f: Program = (x) => {
        const all = terms.map(({ from, size, kind }, i) => {
          const stop = Math.min(10, from + size);
          const part = ops.exp(ops.mul(ops.slice(t(x), [from, 0], [stop, 3]), 1 + i));
          if (kind === 0) return ops.tanh(ops.mul(t(x), i));
          return ops.pad(part, [
            [from, 10 - stop],
            [0, 0],
          ]);
        });
        const balanced = (list: readonly Tensor[]): Tensor =>
          list.length === 1 ? t(list[0]) : ops.add(balanced(list.slice(0, list.length >> 1)), balanced(list.slice(list.length >> 1)));
        if (tree === "balanced") return [balanced(all)];
        return [all.reduce((a, b) => (tree === "chain" ? ops.add(a, b) : ops.add(b, a)))];
      };
      ops.scope(() => {
        const x = ops.createTensor(
          Array.from({ length: 30 }, (_, i) => Math.sin(i * 1.3)),
          [10, 3],
          "f32",
        );
        const g = compile(f);
        expect([...t(g(x)[0]).toArray()]).toEqual([...t(f(x)[0]).toArray()]);
        const [pads] = g.executable(x).statistics.passes.filter((s) => s.name === "pads");
        saved += (pads?.nodesBefore ?? 0) - (pads?.nodesAfter ?? 0);
        g.dispose();
      });
    }),
    { numRuns: 300 },
  );
  expect(saved).toBeGreaterThan(100);
});

test("the gradient by every slice of a long sequence is put together once, also where the whole is read as well", () => {
  useDevice(createWasm());
  for (const n of [65, 100, 1000]) {
    const f: Program = (x) => {
      const loss = (z: unknown) => {
        const whole = z as Tensor;
        let state = ops.mul(ops.slice(whole, [0, 0], [1, 2]), 2);
        for (let i = 1; i < n; i++) state = ops.add(ops.mul(state, 0.5), ops.tanh(ops.slice(whole, [i, 0], [i + 1, 2])));
        return ops.add(ops.sum(state), ops.sum(ops.square(whole)));
      };
      return [t(valueAndGrad(loss)(t(x))[1] as Tensor)];
    };
    expect(launches(f, [[n, 2]])).toBeLessThan(n / 10);
  }
});

test("as many tensors as one likes are concatenated by one launch", () => {
  useDevice(createWasm());
  const f: Program = (...pieces) => [
    ops.concat(
      pieces.map((x) => ops.tanh(x)),
      0,
    ),
  ];
  for (const n of [65, 100, 1000]) {
    expect(
      launches(
        f,
        Array.from({ length: n }, () => [2, 3]),
      ),
    ).toBe(1);
  }
});
