/**
 * Trains the perceptron of `suites/dense/mlp.ts` on the handwritten digits with Adam (Kingma and Ba 2015), its gradient by the engine
 * that is named, and reports the accuracy on a quarter of the digits that it never saw.
 *
 *     npm run build && node dist/examples/train-digits.js [--engine tape|graph|program-transform]
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";
import { gunzipSync } from "node:zlib";
import { createRng } from "../core/base/rng.ts";
import { add, argmax, createTensor, div, indexSelect, mul, scope, sqrt, square, sub, type Tensor } from "../core/ops.ts";
import type { EngineName, Tree } from "../engines/engine.ts";
import { engineByName } from "../engines/registry.ts";
import { lossProgram } from "../harness/discover.ts";
import { digits, predict } from "../suites/dense/mlp.ts";

const PIXELS = 64;
const CLASSES = 10;
const LAYERS = ["w1", "b1", "w2", "b2", "w3", "b3"] as const;
type Params = Record<(typeof LAYERS)[number], Tensor>;

export interface TrainOptions {
  readonly epochs: number;
  readonly engine?: EngineName;
  readonly width?: number;
  readonly batch?: number;
  readonly rate?: number;
  readonly seed?: number;
  /** Called after each epoch. */
  readonly onEpoch?: (epoch: number, meanLoss: number, accuracy: number) => void;
}

/** Accuracy on the held-out quarter after the last epoch, in [0, 1]. */
export function trainDigits({ epochs, engine = "tape", width = 64, batch = 32, rate = 0.003, seed = 1, onEpoch }: TrainOptions): number {
  return scope(() => {
    const rng = createRng(seed);
    const { train, held } = splitDigits(rng.split(0).permutation(1797));
    let state = start(rng.split(1), width);
    const example = { x: firstRows(train.x, batch), t: firstRows(train.t.tensor, batch) };
    const model = engineByName(engine).prepare(lossProgram(join(root(), "suites/dense/mlp.ts")), [state.params, example], [0]);
    let step = 0;
    let accuracy = 0;
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const order = rng.split(1 + epoch).permutation(train.t.length);
      let total = 0;
      let steps = 0;
      for (let at = 0; at + batch <= order.length; at += batch) {
        step++;
        const before = state;
        const { next, value } = scope((keep) => {
          const rows = createTensor(order.subarray(at, at + batch), [batch], "i32");
          const x = indexSelect(train.x, rows, 0);
          const t = indexSelect(train.t.tensor, rows, 0);
          const { value, grad } = model.valueAndGrad([state.params, { x, t }] as Tree[]);
          return { next: keep(adam(state, grad[0] as Params, step, rate)), value: (value as Tensor).item() };
        });
        state = next;
        for (const tensors of Object.values(before)) for (const tensor of Object.values(tensors as Params)) tensor.dispose();
        total += value;
        steps++;
      }
      accuracy = measure(state.params, held);
      onEpoch?.(epoch, total / steps, accuracy);
    }
    return accuracy;
  });
}

const firstRows = (x: Tensor, count: number) =>
  indexSelect(
    x,
    createTensor(
      Array.from({ length: count }, (_, i) => i),
      [count],
      "i32",
    ),
    0,
  );

interface State {
  readonly params: Params;
  /** Running means of the gradient and of its square. */
  readonly m: Params;
  readonly s: Params;
}

function each(f: (name: keyof Params) => Tensor): Params {
  return Object.fromEntries(LAYERS.map((name) => [name, f(name)])) as Params;
}

function start(rng: ReturnType<typeof createRng>, width: number): State {
  const shapes: Record<keyof Params, readonly number[]> = {
    w1: [PIXELS, width],
    b1: [width],
    w2: [width, width],
    b2: [width],
    w3: [width, CLASSES],
    b3: [CLASSES],
  };
  const size = (name: keyof Params) => shapes[name].reduce((n, d) => n * d, 1);
  const zeros = (name: keyof Params) => createTensor(new Float32Array(size(name)), shapes[name], "f32");
  return {
    params: each((name) => {
      const fanIn = shapes[name].length === 2 ? (shapes[name][0] as number) : Number.POSITIVE_INFINITY;
      return createTensor(
        rng.normal(size(name)).map((v) => v / Math.sqrt(fanIn)),
        shapes[name],
        "f32",
      );
    }),
    m: each(zeros),
    s: each(zeros),
  };
}

/** One step: m and s move towards g and g², and p goes down by rate·m̂/(√ŝ + ε), hats correcting for the start at zero. */
function adam({ params, m, s }: State, g: Params, step: number, rate: number): State {
  const m2 = each((name) => add(mul(m[name], 0.9), mul(g[name], 0.1)));
  const s2 = each((name) => add(mul(s[name], 0.999), mul(square(g[name]), 0.001)));
  const p2 = each((name) => {
    const scale = add(sqrt(mul(s2[name], 1 / (1 - 0.999 ** step))), 1e-8);
    return sub(params[name], div(mul(m2[name], rate / (1 - 0.9 ** step)), scale));
  });
  return { params: p2, m: m2, s: s2 };
}

interface Part {
  readonly x: Tensor;
  readonly t: { readonly length: number; readonly values: readonly number[]; readonly tensor: Tensor };
}

/** Three quarters of the digits to train on and the rest held out, in a random order. */
function splitDigits(order: Int32Array): { train: Part; held: Part } {
  const { pixels, classes } = digits(gunzipSync(readFileSync(join(root(), "suites/data/digits/digits.csv.gz"))).toString("utf8"));
  const part = (rows: Int32Array): Part => {
    const t = Array.from(rows, (r) => classes[r] as number);
    const x = Array.from(rows, (r) => pixels.slice(r * PIXELS, (r + 1) * PIXELS)).flat();
    return {
      x: createTensor(x, [rows.length, PIXELS], "f32"),
      t: { length: t.length, values: t, tensor: createTensor(t, [t.length], "i32") },
    };
  };
  const cut = Math.floor((order.length * 3) / 4);
  return { train: part(order.subarray(0, cut)), held: part(order.subarray(cut)) };
}

function measure(params: Params, { x, t }: Part): number {
  return scope(() => {
    const guesses = argmax(predict(params, x), 1).toArray();
    return t.values.filter((c, i) => guesses[i] === c).length / t.length;
  });
}

/** The project's folder, from its sources or from dist. */
function root(): string {
  const here = dirname(fileURLToPath(import.meta.url));
  return here.includes(`${join("dist", "examples")}`) ? join(here, "../..") : join(here, "..");
}

if (process.argv[1] !== undefined && import.meta.url === pathToFileURL(process.argv[1]).href) {
  const { values } = parseArgs({ options: { engine: { type: "string", default: "tape" } } });
  const began = performance.now();
  const accuracy = trainDigits({
    epochs: 25,
    engine: values.engine as EngineName,
    onEpoch: (epoch, l, a) =>
      console.log(`epoch ${String(epoch).padStart(2)}   loss ${l.toFixed(4)}   held-out accuracy ${(100 * a).toFixed(2)} %`),
  });
  console.log(`${(100 * accuracy).toFixed(2)} % after ${((performance.now() - began) / 1000).toFixed(1)} s`);
}
