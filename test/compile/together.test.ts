/** Launches that need nothing of each other run as one: how many are left, with the pass and without it, and the same bits. */
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import type { Shape } from "../../core/base/shape.ts";
import { compile } from "../../core/compile/compile.ts";
import type { Device } from "../../core/device/device.ts";
import { createInterpreter } from "../../core/device/interpreter/device.ts";
import { createWasm } from "../../core/device/wasm/device.ts";
import * as ops from "../../core/ops.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { type Tensor, useDevice } from "../../core/tensor/tensor.ts";
import { valueAndGrad } from "../../engines/tape/transforms.ts";
import { everyDevice } from "../devices.ts";

const devices: readonly (readonly [string, () => Device])[] = [
  ...everyDevice,
  // Chunks so small that everything is shared among threads.
  ["wasm, small chunks", () => createWasm({ threads: 2, grain: 1 / 4096 })],
];

function inputsOf(shapes: readonly Shape[]): Tensor[] {
  return shapes.map((shape, k) => {
    const size = shape.reduce((n, d) => n * d, 1);
    return ops.createTensor(
      Array.from({ length: size }, (_, i) => (1 + Math.sin(i * 0.7 + k)) / 4),
      shape,
      "f32",
    );
  });
}

type Step = (...inputs: Tensor[]) => Tensor[];
const bits = (list: readonly Tensor[]) => list.map((t) => [...t.toArray()]);

/** Runs `f` with the pass and without it; the bits must be the same. Returns the launches of both. */
function launches(device: Device, f: Step, shapes: readonly Shape[], donate: readonly number[] = []): [number, number] {
  useDevice(device);
  const before = device.stats().liveBytes;
  const counts = ops.scope(() => {
    const [on, off] = [compile(f, { donate }), compile(f, { donate, off: ["together"] })];
    const want = bits(off(...inputsOf(shapes)));
    expect(bits(on(...inputsOf(shapes)))).toEqual(want);
    const found = [on, off].map((g) => {
      const { launches: count, joinedLaunches } = g.executable(...inputsOf(shapes)).statistics;
      g.dispose();
      return { count, joinedLaunches };
    });
    expect(found[1]?.joinedLaunches).toBe(0);
    expect(found[0]?.joinedLaunches).toBe((found[1]?.count as number) - (found[0]?.count as number));
    return found.map((x) => x.count);
  });
  releaseConstants();
  expect(device.stats().liveBytes).toBe(before);
  return counts as [number, number];
}

const withBias = (x: Tensor, w: Tensor, b: Tensor): Tensor => ops.tanh(ops.add(ops.matmul(x, w), b));

/** `layers` layers of width 4, trained by Adam on gradients that are clipped together, so that no update can begin before all are known. */
function clippedAdam(layers: number): { readonly f: Step; readonly shapes: readonly Shape[] } {
  const params = Array.from({ length: 2 * layers }, (_, i): Shape => (i % 2 === 0 ? [4, 4] : [4]));
  const f: Step = (x, ...state) => {
    const [p, m, v] = [0, 1, 2].map((i) => state.slice(i * params.length, (i + 1) * params.length)) as [Tensor[], Tensor[], Tensor[]];
    const loss = (w: unknown) => {
      let h = x as Tensor;
      for (let l = 0; l < layers; l++) h = withBias(h, (w as Tensor[])[2 * l] as Tensor, (w as Tensor[])[2 * l + 1] as Tensor);
      return ops.sum(ops.square(h));
    };
    const [value, g] = valueAndGrad(loss)(p) as [Tensor, Tensor[]];
    const scale = ops.minimum(1, ops.div(1, ops.sqrt(g.map((t) => ops.sum(ops.square(t))).reduce(ops.add))));
    const next = p.map((w, i) => {
      const gradient = ops.mul(g[i] as Tensor, scale);
      const m1 = ops.add(ops.mul(m[i] as Tensor, 0.9), ops.mul(gradient, 0.1));
      const v1 = ops.add(ops.mul(v[i] as Tensor, 0.999), ops.mul(ops.square(gradient), 0.001));
      return [ops.sub(w, ops.mul(0.01, ops.div(m1, ops.add(ops.sqrt(v1), 1e-8)))), m1, v1];
    });
    return [value, ...next.flat()];
  };
  return { f, shapes: [[3, 4], ...params, ...params, ...params] };
}

describe.each(devices)("on %s", (_, open) => {
  test("products that share an operand are one launch, each with its own epilogue", () => {
    const f: Step = (x, wq, wk, wv, b) => [wq, wk, wv].map((w) => withBias(x as Tensor, w as Tensor, b as Tensor));
    expect(launches(open(), f, [[6, 5], [5, 4], [5, 4], [5, 7], [1]])).toEqual([1, 3]);
  });

  test("the gradients of weights that share an input are one launch", () => {
    const f: Step = (x, w1, w2, c1, c2) => {
      const loss = (w: unknown) => {
        const [a, b] = (w as Tensor[]).map((t) => ops.matmul(x as Tensor, t)) as [Tensor, Tensor];
        return ops.add(ops.sum(ops.mul(a, c1 as Tensor)), ops.sum(ops.mul(b, c2 as Tensor)));
      };
      return valueAndGrad(loss)([w1, w2])[1] as Tensor[];
    };
    expect(
      launches(open(), f, [
        [6, 5],
        [5, 4],
        [5, 3],
        [6, 4],
        [6, 3],
      ]),
    ).toEqual([1, 2]);
  });

  test("products of one shape that share nothing are one launch; a chain of products is not", () => {
    const apart: Step = (a, b, c, d) => [ops.matmul(a as Tensor, b as Tensor), ops.matmul(c as Tensor, d as Tensor)];
    const chain: Step = (a, b, c) => [ops.matmul(ops.matmul(a as Tensor, b as Tensor), c as Tensor)];
    const square: Shape = [5, 5];
    expect(launches(open(), apart, [square, square, square, square])).toEqual([1, 2]);
    expect(launches(open(), chain, [square, square, square])).toEqual([2, 2]);
  });

  test("an optimiser's updates of all parameters are one launch, and so are the norms of all gradients", () => {
    const [few, many] = [4, 8].map((layers) => {
      const { f, shapes } = clippedAdam(layers);
      const donate = shapes.map((_, i) => i).slice(1);
      return launches(open(), f, shapes, donate);
    }) as [[number, number], [number, number]];
    // A layer more: forward, backward to its input, to its weights and to its bias; with the pass off, two norms and two updates too.
    expect(many[1] - few[1]).toBe(4 * 8);
    expect(many[0] - few[0]).toBeLessThanOrEqual(4 * 4);
  });
});

test("an input that is donated is still updated where it is", () => {
  const device = createInterpreter();
  useDevice(device);
  const { f, shapes } = clippedAdam(3);
  const donate = shapes.map((_, i) => i).slice(1);
  ops.scope(() => {
    const step = compile(f, { donate });
    const inputs = inputsOf(shapes);
    const addresses = inputs.slice(1).map((t) => t.storage.address);
    const [, ...next] = step(...inputs);
    expect(new Set(next.map((t) => t.storage.address))).toEqual(new Set(addresses));
    step.dispose();
  });
});

test("any set of products and updates gives the same bits with the pass and without it", () => {
  const device = createWasm();
  const sizes = fc.integer({ min: 1, max: 5 });
  const program = fc.record({ m: sizes, k: sizes, n: sizes, picks: fc.array(fc.nat(1000), { minLength: 4, maxLength: 24 }) });
  fc.assert(
    fc.property(program, ({ m, k, n, picks }) => {
      const f: Step = (...given) => {
        const pool = [...given];
        for (let i = 0; i + 1 < picks.length; i += 2) {
          const [a, b] = [picks[i], picks[i + 1]].map((p) => pool[(p as number) % pool.length]) as [Tensor, Tensor];
          if (a.shape[1] === b.shape[0]) pool.push(ops.tanh(ops.matmul(a, b)));
          else if (a.shape[0] === b.shape[0]) pool.push(ops.matmul(ops.transpose(a, [1, 0]), b));
          else pool.push(ops.exp(ops.neg(a)), ops.add(ops.sum(ops.square(b), [0], true), b));
        }
        return pool.slice(-6);
      };
      launches(
        device,
        f,
        [
          [m, k],
          [k, n],
          [k, n],
          [m, n],
        ],
        picks.slice(0, 2).map((p) => p % 4),
      );
    }),
    { numRuns: 60 },
  );
});
