/** Random programs: compiled with any set of passes, and any inputs donated, they give what the single operations give. */
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Shape } from "../../core/base/shape.ts";
import { compile } from "../../core/compile/compile.ts";
import type { Switch } from "../../core/compile/executable.ts";
import type { Tensor } from "../../core/ops.ts";
import * as ops from "../../core/ops.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { everyDevice } from "../devices.ts";

type Step = (pool: Tensor[]) => Tensor | undefined;
const SWITCHES: readonly Switch[] = [
  "fold",
  "algebra",
  "pads",
  "positions",
  "transposes",
  "sums",
  "fusion",
  "gathers",
  "epilogues",
  "together",
  "order",
  "inPlace",
  "sharing",
];

/** A program as choices: each step takes what fits from the values so far. */
const programs = fc.record({
  shapes: fc.array(fc.constantFrom<Shape>([4, 3], [3], [4, 1], [2, 4, 3], [], [3, 4], [12], [4, 3]), { minLength: 2, maxLength: 4 }),
  steps: fc.array(fc.record({ kind: fc.nat(35), a: fc.nat(1000), b: fc.nat(1000), axis: fc.nat(1000) }), { minLength: 3, maxLength: 18 }),
  outputs: fc.array(fc.nat(1000), { minLength: 1, maxLength: 3 }),
  off: fc.subarray([...SWITCHES]),
  recompute: fc.boolean(),
  donate: fc.subarray([0, 1, 2, 3]),
});
type Choices = typeof programs extends fc.Arbitrary<infer T> ? T : never;

function broadcasts(x: Shape, y: Shape): boolean {
  return [...x]
    .reverse()
    .every((d, i) => d === 1 || [...y].reverse()[i] === undefined || [...y].reverse()[i] === 1 || d === [...y].reverse()[i]);
}

/** Indices below `extent` that jump about. */
function ids(length: number, extent: number): Tensor {
  return ops.createTensor(
    Array.from({ length }, (_, i) => (i * 7 + 3) % extent),
    [length],
    "i32",
  );
}

function stepOf({ kind, a, b, axis }: Choices["steps"][number]): Step {
  return (pool) => {
    const x = pool[a % pool.length] as Tensor;
    const y = pool[b % pool.length] as Tensor;
    const { shape } = x;
    const ax = shape.length === 0 ? undefined : axis % shape.length;
    switch (kind) {
      case 0:
      case 1:
      case 2:
      case 3:
      case 4:
        return broadcasts(x.shape, y.shape) ? [ops.add, ops.sub, ops.mul, ops.maximum, ops.add][kind]?.(x, y) : undefined;
      case 5:
        return ops.tanh(x);
      case 6:
        return ops.neg(x);
      case 7:
        return ops.mul(x, 0.5);
      case 8:
        return ops.add(1, x);
      case 9:
        return ops.sigmoid(x);
      case 10:
      case 11:
        return ax === undefined ? undefined : ops.sum(x, [ax], kind === 10);
      case 12:
        return ops.mean(x);
      case 13:
        return ax === undefined ? undefined : ops.softmax(x, ax);
      case 14:
        return ax === undefined ? undefined : ops.reduceMax(x, [ax], true);
      case 15:
        return ax === undefined ? undefined : ops.logsumexp(x, [ax], true);
      case 16:
        return shape.length < 2 ? undefined : ops.transpose(x, [...shape.keys()].reverse());
      case 17:
        return ops.reshape(x, [-1]);
      case 18:
        return x.aval.size === 12 ? ops.reshape(x, axis % 2 ? [3, 4] : [2, 6]) : undefined;
      case 19:
        return ax === undefined ? undefined : ops.flip(x, [ax]);
      case 20:
        return ax === undefined || shape[ax] === 1
          ? undefined
          : ops.slice(
              x,
              shape.map((_, i) => (i === ax ? 1 : 0)),
              [...shape],
            );
      case 21:
        return ops.broadcastTo(x, [2, ...shape]);
      case 22:
      case 23: {
        const inner = kind === 22 ? x.shape.at(-1) : undefined;
        return x.shape.length === 2 && y.shape.length === 2 && inner === y.shape[0] ? ops.matmul(x, y) : undefined;
      }
      case 24:
        return x.shape.length >= 2
          ? ops.layerNorm(
              x,
              ops.createTensor([...Array(shape.at(-1)).keys()], [shape.at(-1) as number], "f64"),
              ops.createTensor(Array(shape.at(-1)).fill(0.5), [shape.at(-1) as number], "f64"),
            )
          : undefined;
      case 25:
        return ax === undefined ? undefined : ops.concat([x, x], ax);
      case 26:
        return broadcasts(x.shape, y.shape) ? ops.where(ops.gt(x, y), x, y) : undefined;
      case 27:
        return ax === undefined ? undefined : ops.variance(x, [ax], axis % 2 === 0);
      case 28:
        return ax === undefined ? undefined : ops.cumsum(x, ax);
      case 29:
        return ops.square(x);
      case 31:
        return ax === undefined ? undefined : ops.indexSelect(x, ids(1 + (b % 3), x.shape[ax] as number), ax);
      case 32:
        return ax === undefined ? undefined : ops.gather(x, ops.broadcastTo(ids(1, shape[ax] as number), shape), ax);
      case 33:
        return ax === undefined ? undefined : ops.gather(x, ops.expandDims(ops.argmax(x, ax), [ax]), ax);
      case 34:
        return ax === undefined || y.shape.length === 0 || (y.shape[0] as number) < (shape[ax] as number)
          ? undefined
          : ops.indexSelect(y, ops.argmax(x, ax), 0);
      case 35:
        return shape.length === 2 && y.shape.length === 2 && x.aval.size <= 12
          ? ops.indexSelect(y, ops.indexSelect(ids(5, y.shape[0] as number), ids(3, 5), 0), 0)
          : undefined;
      default:
        return ops.exp(ops.minimum(x, 1));
    }
  };
}

function runSteps({ steps, outputs }: Choices, inputs: readonly Tensor[]): Tensor[] {
  const pool = [...inputs];
  for (const s of steps) {
    const made = stepOf(s)(pool);
    if (made !== undefined && made.aval.size <= 200 && made.shape.length <= 5) pool.push(made);
  }
  const made = pool.slice(inputs.length);
  return outputs.map((o) => (o % 7 === 0 || made.length === 0 ? pool[o % pool.length] : made[o % made.length]) as Tensor);
}

// Where a compiler runs for every program there are few of them: scripts/fuzz-programs.ts is for many.
test.each(everyDevice)("on %s", { timeout: 240_000 }, (name, open) => {
  const device = open();
  useDevice(device);
  releaseConstants();
  const before = device.stats().liveBytes;
  fc.assert(
    fc.property(programs, (choices) => {
      const f = (...inputs: Tensor[]) => runSteps(choices, inputs);
      const g = compile(f, {
        off: choices.off,
        recompute: choices.recompute,
        donate: choices.donate.filter((i) => i < choices.shapes.length),
      });
      ops.scope(() => {
        // Anew for each run, which uses up those that are donated.
        const inputsOf = () =>
          choices.shapes.map((shape, k) => {
            const n = shape.reduce((m, d) => m * d, 1);
            return ops.createTensor(
              Array.from({ length: n }, (_, i) => Math.sin(i * 12.9898 + k * 4.1) * 1.5),
              shape,
              "f64",
            );
          });
        const wanted = f(...inputsOf()).map((x) => [...x.toArray()]);
        for (let turn = 0; turn < 2; turn++) {
          const got = g(...inputsOf()).map((x) => [...x.toArray()]);
          for (const [o, want] of wanted.entries())
            for (const [i, w] of want.entries()) {
              const error = Math.abs((got[o]?.[i] as number) - w) / Math.max(1, Math.abs(w));
              expect(Object.is(got[o]?.[i], w) || error < 1e-9, `output ${o}, element ${i}: ${got[o]?.[i]} for ${w}`).toBe(true);
            }
        }
        const { statistics } = g.executable(...inputsOf());
        if (choices.off.length === 0 && !choices.recompute) expect(statistics.launches).toBeLessThanOrEqual(statistics.unfusedLaunches);
      });
      g.dispose();
    }),
    { numRuns: name === "native" || name === "cuda" ? 25 : 400 },
  );
  releaseConstants();
  expect(device.stats().liveBytes).toBe(before);
});
