/**
 * Programs that must not grow, however long they run: training of a small model, and operations whose shapes never repeat. Both are
 * run in parts, and what the device and the process hold is noted after each. The short form is a test, the long one
 * `npm run test:long`.
 */
import { createRng } from "../core/base/rng.ts";
import type { Device } from "../core/device/device.ts";
import { add, createTensor, mul, scope, sub, sum, type Tensor, tanh, transpose } from "../core/ops.ts";
import { releaseConstants } from "../core/tensor/eager.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import { valueAndGrad } from "../engines/tape/transforms.ts";
import { loss } from "../suites/dense/mlp.ts";

/** Bytes: in tensors that live, held by the device with its pools and tables, and of the whole process. */
export interface Footprint {
  readonly live: number;
  readonly reserved: number;
  readonly resident: number;
}

/** A program of many steps. What `start` returns makes one step after the other, and frees all when told to `end`. */
export interface Program {
  readonly name: string;
  start(): { step(i: number): void; end(): void };
}

type Params = Parameters<typeof loss>[0];

const LAYERS = { w1: [4, 8], b1: [8], w2: [8, 8], b2: [8], w3: [8, 3], b3: [3] } as const;

/** Gradient descent on a perceptron of three layers, on the tape, with one new batch for every step. */
export const training: Program = {
  name: "training",
  start() {
    const rng = createRng(7);
    const tensor = (shape: readonly number[]) => createTensor(rng.normal(shape.reduce((n, d) => n * d, 1)), shape);
    let params = Object.fromEntries(Object.entries(LAYERS).map(([name, shape]) => [name, tensor(shape)])) as unknown as Params;
    const free = (p: Params) => {
      for (const t of Object.values(p)) (t as Tensor).dispose();
    };
    return {
      step() {
        const before = params;
        params = scope((keep) => {
          const x = tensor([5, 4]);
          const t = createTensor([0, 1, 2, 1, 0], [5], "i32");
          const [value, gradient] = valueAndGrad((p) => loss(p as Params, { x, t }))(before) as [Tensor, Params];
          if (!Number.isFinite(value.item())) throw new Error("training diverged");
          const next = Object.keys(LAYERS).map((k) => [k, sub(before[k as keyof Params], mul(gradient[k as keyof Params], 0.01))]);
          return keep(Object.fromEntries(next) as Params);
        });
        free(before);
      },
      end: () => free(params),
    };
  },
};

/** Shapes [a, b, c] that are all different for 104 017 steps, with a map, a broadcast, a transposing copy and two reductions each. */
export const shapes: Program = {
  name: "ever-changing shapes",
  start: () => ({
    step(i) {
      const [a, b, c] = [1 + (i % 41), 1 + (i % 43), 1 + (i % 59)];
      scope(() => {
        const x = createTensor(new Float32Array(a * b * c).fill(0.5), [a, b, c]);
        const row = createTensor(new Float32Array(c).fill(-0.5), [c]);
        const total = sum(mul(transpose(tanh(add(x, row)), [2, 0, 1]), 3), [1]);
        if (sum(total).item() !== 0) throw new Error(`a wrong sum for the shape [${a}, ${b}, ${c}]`);
      });
    },
    end: () => {},
  }),
};

/** Runs `steps` steps on `device` in `parts` equal parts; what is held at the start, after each part, and at the end when all is freed. */
export function endure(device: Device, program: Program, steps: number, parts: number, collect: () => void): Footprint[] {
  useDevice(device);
  const note = (): Footprint => {
    releaseConstants();
    collect();
    const { liveBytes: live, reservedBytes: reserved } = device.stats();
    return { live, reserved, resident: process.memoryUsage.rss() };
  };
  const marks = [note()];
  const { step, end } = program.start();
  for (let i = 0, part = 1; part <= parts; part++) {
    for (; i < (steps * part) / parts; i++) step(i);
    marks.push(note());
  }
  end();
  return [...marks, note()];
}
