/**
 * `npm run benchmark`: the tensor core and the tape against TensorFlow.js on its wasm backend, the one comparable system in the
 * same language, in one process and interleaved round by round. Prints a table of medians and ratios with 95 % intervals, and the
 * floors: nanoseconds per operation, GFLOP/s. Then the wasm device on all its threads against itself on one. Takes two minutes.
 *
 *     eager   a chain of 200 operations on 16 floats (tanh, mul, add, sin in turn): forward, and forward plus backward
 *     matmul  f32 n×n by n×n, one thread (TensorFlow.js starts its threads in browsers only)
 */

import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import * as tf from "@tensorflow/tfjs";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import { threadLimit } from "../core/device/threads.ts";
import { createWasm } from "../core/device/wasm/device.ts";
import { add, conv2d, createTensor, exp, matmul, mul, scope, sin, softmax, sum, type Tensor, tanh, transpose } from "../core/ops.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import { grad } from "../engines/tape/transforms.ts";
import { sampleInterleaved, type Task } from "../harness/sample.ts";
import { bootstrapMedian, bootstrapRatio } from "../harness/statistics.ts";

const CHAIN = 200;
const WIDTH = 16;

async function main(): Promise<void> {
  const require = createRequire(import.meta.url);
  setWasmPaths(join(dirname(require.resolve("@tensorflow/tfjs-backend-wasm")), "/"));
  setThreadsCount(1);
  await tf.setBackend("wasm");
  await tf.ready();
  const device = createWasm({ threads: 1 });
  useDevice(device);
  const sync = () => device.sync();

  const values = Array.from({ length: WIDTH }, (_, i) => Math.sin(i + 1) / 2);
  const x = createTensor(values, [WIDTH], "f32");
  const w = createTensor(
    values.map((v) => v + 1),
    [WIDTH],
    "f32",
  );
  const tx = tf.tensor1d(values);
  const tw = tf.tensor1d(values.map((v) => v + 1));

  const ours = (y0: Tensor): Tensor => {
    let y = y0;
    for (let i = 0; i < CHAIN; i += 4) y = sin(add(mul(tanh(y), w), w));
    return sum(y);
  };
  const theirs = (y0: tf.Tensor): tf.Scalar => {
    let y = y0;
    for (let i = 0; i < CHAIN; i += 4) y = tf.sin(tf.add(tf.mul(tf.tanh(y), tw), tw));
    return tf.sum(y) as tf.Scalar;
  };
  const ourGradient = grad(ours as (...args: unknown[]) => unknown);
  const theirGradient = tf.grad(theirs as (x: tf.Tensor) => tf.Tensor);

  // What is compared is the same: values and gradients agree before anything is timed.
  scope(() => {
    close("value", ours(x).toArray(), theirs(tx).dataSync());
    close("gradient", (ourGradient(x) as Tensor).toArray(), theirGradient(tx).dataSync());
  });

  console.log(`trigrad wasm against tfjs ${tf.version_core} wasm, one thread, node ${process.version}\n`);
  console.log("case                              trigrad          tfjs    trigrad/tfjs  95 % interval    per op or GFLOP/s");
  compare(
    "eager forward",
    () => scope(() => void ours(x)),
    () => tf.tidy(() => void theirs(tx)),
    CHAIN + 1,
  );
  compare(
    "eager forward + backward",
    () => scope(() => void ourGradient(x)),
    () => tf.tidy(() => void theirGradient(tx)),
    CHAIN + 1,
  );
  for (const n of [256, 512, 768, 1024]) {
    const random = Float32Array.from({ length: n * n }, (_, i) => Math.sin(i * 0.7) / 2);
    const a = createTensor(random, [n, n], "f32");
    const ta = tf.tensor2d(random, [n, n]);
    scope(() => close(`matmul ${n}`, matmul(a, a).toArray(), tf.matMul(ta as tf.Tensor2D, ta as tf.Tensor2D).dataSync()));
    compare(
      `matmul ${n}`,
      () => scope(() => void matmul(a, a)),
      () => tf.tidy(() => void tf.matMul(ta as tf.Tensor2D, ta as tf.Tensor2D)),
      -2 * n ** 3,
    );
    a.dispose();
    ta.dispose();
  }
  compareThreads();

  /** `work`: operations of a call, or minus the floating-point operations of it. */
  function compare(name: string, mine: () => void, other: () => void, work: number): void {
    const tasks: readonly Task[] = [
      { name: "ours", run: mine },
      { name: "theirs", run: other },
    ];
    const { samples } = sampleInterleaved(tasks, { budgetMs: 6000, minRounds: 15, maxRounds: 60, seed: 1, sync });
    const [a, b] = [samples.ours as readonly number[], samples.theirs as readonly number[]];
    const ratio = bootstrapRatio(a, b);
    const [ma, mb] = [bootstrapMedian(a).median, bootstrapMedian(b).median];
    const rate = (ns: number) => (work > 0 ? `${(ns / work / 1000).toFixed(2)} us` : `${(-work / ns).toFixed(1)}`);
    console.log(
      `${name.padEnd(26)} ${micro(ma)} ${micro(mb)} ${ratio.median.toFixed(3).padStart(15)}  [${ratio.lo.toFixed(3)}, ${ratio.hi.toFixed(3)}]    ${rate(ma)} and ${rate(mb)}`,
    );
  }
}

/** Launches that threads share, on one thread and on all. */
function compareThreads(): void {
  const threads = threadLimit();
  if (threads === 1) {
    console.log("\none thread here: nothing to share");
    return;
  }
  console.log(`\ntrigrad wasm on ${threads} threads against one\n`);
  console.log("case                          one thread       threads  threads/one    95 % interval    least");
  const one = createWasm({ threads: 1 });
  const all = createWasm({ threads });
  const f32 = (shape: readonly number[]) => {
    const length = shape.reduce((n, e) => n * e, 1);
    return createTensor(
      Float32Array.from({ length }, (_, i) => Math.sin(i * 0.7) / 2),
      shape,
      "f32",
    );
  };
  const cases: Readonly<Record<string, readonly [shapes: readonly (readonly number[])[], f: (...xs: Tensor[]) => Tensor]>> = {
    ...Object.fromEntries(
      [128, 256, 512, 1024].map((n) => [
        `matmul ${n}`,
        [
          [
            [n, n],
            [n, n],
          ],
          (a: Tensor, b: Tensor) => matmul(a, b),
        ],
      ]),
    ),
    "matmul 64 of 64 x 64": [
      [
        [64, 64, 64],
        [64, 64, 64],
      ],
      (a, b) => matmul(a as Tensor, b as Tensor),
    ],
    "conv2d 16 x 16 x 28 x 28, 3 x 3": [
      [
        [16, 16, 28, 28],
        [32, 16, 3, 3],
      ],
      (x, w) => conv2d(x as Tensor, w as Tensor, { padding: 1 }),
    ],
    "exp of 2^20": [[[2 ** 20]], (x) => exp(x as Tensor)],
    "sin of 2^20": [[[2 ** 20]], (x) => sin(x as Tensor)],
    "add of 2^20": [[[2 ** 20], [2 ** 20]], (x, y) => add(x as Tensor, y as Tensor)],
    "sum of 2^20": [[[2 ** 20]], (x) => sum(x as Tensor)],
    "softmax 1024 x 1024": [[[1024, 1024]], (x) => softmax(x as Tensor, 1)],
    "transpose 1024 x 1024": [[[1024, 1024]], (x) => transpose(x as Tensor)],
  };
  for (const [name, [shapes, f]] of Object.entries(cases)) {
    const tasks = [one, all].map((device, i): Task => {
      useDevice(device);
      const operands = shapes.map(f32);
      const run = () => {
        useDevice(device);
        scope(() => void f(...operands));
      };
      return { name: i === 0 ? "one" : "all", run };
    });
    const { samples } = sampleInterleaved(tasks, { budgetMs: 4000, minRounds: 15, maxRounds: 60, seed: 1, sync: () => {} });
    const [a, b] = [samples.all as readonly number[], samples.one as readonly number[]];
    const ratio = bootstrapRatio(a, b);
    const least = Math.min(...a) / Math.min(...b);
    console.log(
      `${name.padEnd(26)} ${micro(bootstrapMedian(b).median)} ${micro(bootstrapMedian(a).median)} ${ratio.median.toFixed(3).padStart(12)}   [${ratio.lo.toFixed(3)}, ${ratio.hi.toFixed(3)}]    ${least.toFixed(3)}`,
    );
  }
}

const micro = (ns: number) => `${(ns / 1000).toFixed(1)} us`.padStart(14);

function close(what: string, got: ArrayLike<number>, want: ArrayLike<number>): void {
  let scale = 1;
  let worst = 0;
  for (let i = 0; i < want.length; i++) scale = Math.max(scale, Math.abs(want[i] as number));
  for (let i = 0; i < want.length; i++) worst = Math.max(worst, Math.abs((got[i] as number) - (want[i] as number)) / scale);
  if (!(worst < 1e-4) || got.length !== want.length) throw new Error(`${what} differs from tfjs by ${worst}`);
}

await main();
