/**
 * `npm run benchmark:compile`: training steps compiled with a pass of the compile service and without it, in one process and
 * interleaved round by round; results are compared before anything is timed. Ratios below 1: the pass pays. Takes a minute or two.
 */
import { aval } from "../core/base/aval.ts";
import { BenchError } from "../core/base/errors.ts";
import type { Shape } from "../core/base/shape.ts";
import { type Compiled, compile } from "../core/compile/compile.ts";
import type { Switch } from "../core/compile/executable.ts";
import type { Device } from "../core/device/device.ts";
import { describeDevices, openDevice } from "../core/device/registry.ts";
import {
  add,
  attention,
  cast,
  conv2d,
  createTensor,
  div,
  embedding,
  floor,
  layerNorm,
  matmul,
  minimum,
  mseLoss,
  mul,
  relu,
  scope,
  sigmoid,
  split,
  sqrt,
  square,
  sub,
  sum,
  type Tensor,
  tanh,
} from "../core/ops.ts";
import { Tensor as Stored, useDevice } from "../core/tensor/tensor.ts";
import { valueAndGrad } from "../engines/tape/transforms.ts";
import { sampleInterleaved } from "../harness/sample.ts";
import { bootstrapMedian, bootstrapRatio } from "../harness/statistics.ts";

interface Case {
  readonly name: string;
  readonly off: Switch;
  readonly shapes: readonly Shape[];
  readonly step: (...inputs: Tensor[]) => Tensor[];
}

/** The loss and its gradients by all inputs after the first. */
function gradients(loss: (x: Tensor, ...weights: Tensor[]) => Tensor): Case["step"] {
  return (x, ...weights) => {
    const [value, g] = valueAndGrad((w) => loss(x as Tensor, ...(w as Tensor[])))(weights) as [Tensor, Tensor[]];
    return [value, ...g];
  };
}

const projections = gradients((x, wq, wk, wv) => {
  const [q, k, v] = [wq, wk, wv].map((w) => matmul(x, w as Tensor)) as [Tensor, Tensor, Tensor];
  return sum(square(attention(q, k, v, true)));
});

/** `steps` steps of an LSTM whose gates have weights of their own; x is the input of every step. */
function lstm(steps: number, hidden: number, batch: number): Case {
  const names = 4;
  const loss = (x: Tensor, ...w: Tensor[]) => {
    let [h, c] = [mul(x, 0), mul(x, 0)];
    for (let t = 0; t < steps; t++) {
      const gates = Array.from({ length: names }, (_, g) => add(matmul(x, w[g] as Tensor), matmul(h, w[names + g] as Tensor)));
      const [i, f, g, o] = gates as [Tensor, Tensor, Tensor, Tensor];
      c = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
      h = mul(sigmoid(o), tanh(c));
    }
    return sum(square(h));
  };
  const weights = Array.from({ length: 2 * names }, (): Shape => [hidden, hidden]);
  return {
    name: `LSTM, gates apart, ${steps} steps, ${batch} x ${hidden}`,
    off: "together",
    shapes: [[batch, hidden], ...weights],
    step: gradients(loss),
  };
}

/** An MLP of equal layers by Adam, gradients clipped to a norm of one. */
function clipped(layers: number, width: number, batch: number): Case {
  const params = Array.from({ length: 2 * layers }, (_, i): Shape => (i % 2 === 0 ? [width, width] : [width]));
  const step: Case["step"] = (x, ...state) => {
    const [p, m, v] = [0, 1, 2].map((i) => state.slice(i * params.length, (i + 1) * params.length)) as [Tensor[], Tensor[], Tensor[]];
    const loss = (w: unknown) => {
      let h = x as Tensor;
      for (let l = 0; l < layers; l++) h = tanh(add(matmul(h, (w as Tensor[])[2 * l] as Tensor), (w as Tensor[])[2 * l + 1] as Tensor));
      return mseLoss(h, x as Tensor);
    };
    const [value, g] = valueAndGrad(loss)(p) as [Tensor, Tensor[]];
    const norm = sqrt(g.map((t) => sum(square(t))).reduce(add));
    const scale = minimum(1, div(1, norm));
    const next = p.map((w, i) => {
      const gradient = mul(g[i] as Tensor, scale);
      const m1 = add(mul(m[i] as Tensor, 0.9), mul(gradient, 0.1));
      const v1 = add(mul(v[i] as Tensor, 0.999), mul(square(gradient), 0.001));
      return [sub(w, mul(0.001, div(m1, add(sqrt(v1), 1e-8)))), m1, v1];
    });
    return [value, ...next.flat()];
  };
  return {
    name: `MLP, ${layers} layers, ${batch} x ${width}, clipped Adam`,
    off: "together",
    shapes: [[batch, width], ...params, ...params, ...params],
    step,
  };
}

const qkv = (batch: number, length: number, width: number): Case => ({
  name: `attention, q k v apart, ${batch} x ${length} x ${width}`,
  off: "together",
  shapes: [
    [batch, length, width],
    [width, width],
    [width, width],
    [width, width],
  ],
  step: projections,
});

/** An LSTM with its gates in one product, which are slices of it; the gradient puts theirs together. */
const packed = (steps: number, hidden: number, batch: number): Case => ({
  name: `LSTM, gates in one, ${steps} steps, ${batch} x ${hidden}`,
  off: "pads",
  shapes: [
    [batch, hidden],
    [hidden, 4 * hidden],
    [hidden, 4 * hidden],
  ],
  step: gradients((x, w, u) => {
    let [h, c] = [mul(x, 0), mul(x, 0)];
    for (let t = 0; t < steps; t++) {
      const gates = split(add(matmul(x, w as Tensor), matmul(h, u as Tensor)), [hidden, hidden, hidden, hidden], 1);
      const [i, f, g, o] = gates as [Tensor, Tensor, Tensor, Tensor];
      c = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
      h = mul(sigmoid(o), tanh(c));
    }
    return sum(square(h));
  }),
});

const embedded = (vocabulary: number, batch: number, length: number, width: number): Case => ({
  name: `embedding, position, norm, ${batch} x ${length} x ${width}`,
  off: "gathers",
  shapes: [
    [batch, length],
    [vocabulary, width],
    [length, width],
  ],
  step: (x, table, positions) => {
    const ids = cast(floor(mul(x as Tensor, vocabulary - 1)), "i32");
    const filled = (value: number) => createTensor(new Array<number>(width).fill(value), [width], "f32");
    return [layerNorm(add(embedding(table as Tensor, ids), positions as Tensor), filled(1), filled(0))];
  },
});

const convolution = (batch: number, channels: number, side: number): Case => ({
  name: `convolution, bias, relu, ${batch} x ${channels} x ${side} x ${side}`,
  off: "epilogues",
  shapes: [[batch, channels, side, side], [channels, channels, 3, 3], [channels]],
  step: (x, w, b) => [relu(conv2d(x as Tensor, w as Tensor, b as Tensor, { padding: 1 }))],
});

const cases: readonly Case[] = [
  qkv(1, 16, 64),
  qkv(1, 64, 128),
  qkv(4, 128, 256),
  lstm(10, 32, 8),
  lstm(10, 128, 32),
  clipped(12, 64, 16),
  clipped(12, 256, 64),
  clipped(12, 512, 64),
  { ...lstm(10, 32, 8), off: "sums" },
  { ...lstm(10, 128, 32), off: "sums" },
  { ...lstm(20, 256, 16), off: "sums" },
  packed(10, 32, 8),
  packed(10, 128, 32),
  convolution(8, 16, 32),
  convolution(8, 64, 56),
  embedded(1000, 8, 64, 64),
  embedded(10_000, 16, 128, 256),
];

function inputsOf(shapes: readonly Shape[]): Tensor[] {
  return shapes.map((shape, k) => {
    const { size } = aval(shape, "f32");
    // Positive, since among the inputs are second moments.
    const values = Float32Array.from({ length: size }, (_, i) => (1 + Math.sin(i * 0.7 + k)) / (2 * Math.sqrt(shape.at(-1) ?? 1)));
    return createTensor(values, shape, "f32");
  });
}

function compare({ name, off, shapes, step }: Case, device: Device): void {
  scope(() => {
    const inputs = inputsOf(shapes);
    const [on, without] = [compile(step), compile(step, { off: [off] })] as [Compiled<Tensor[]>, Compiled<Tensor[]>];
    const want = without(...inputs).map((t) => t.toArray());
    for (const [k, t] of on(...inputs).entries()) {
      for (const [i, x] of t.toArray().entries()) {
        const w = want[k]?.[i] as number;
        if (!(Math.abs(x - w) <= 1e-5 * Math.max(1, Math.abs(w))))
          throw new BenchError("runtime", `${name}: ${x} with ${off} and ${w} without`);
      }
    }
    const task = (f: Compiled<Tensor[]>) => () => {
      for (const t of f(...inputs)) if (t instanceof Stored) t.dispose();
    };
    const { samples } = sampleInterleaved(
      [
        { name: "on", run: task(on) },
        { name: "off", run: task(without) },
      ],
      { budgetMs: 3000, minRounds: 15, maxRounds: 200, seed: 1, sync: () => device.sync() },
    );
    const [a, b] = [samples.on as readonly number[], samples.off as readonly number[]];
    const ratio = bootstrapRatio(a, b);
    const launches = [on, without].map((f) => String(f.executable(...inputs).statistics.launches));
    const arena = [on, without].map((f) => `${Math.ceil(f.executable(...inputs).statistics.arenaBytes / 1024)}`);
    const micro = (ns: number) => `${(ns / 1000).toFixed(1)}`.padStart(9);
    console.log(
      `${name.padEnd(46)} ${off.padEnd(10)} ${launches.join(" / ").padStart(9)} ${arena.join(" / ").padStart(15)} ${micro(bootstrapMedian(a).median)} ${micro(bootstrapMedian(b).median)} ${ratio.median.toFixed(2).padStart(6)}  [${ratio.lo.toFixed(2)}, ${ratio.hi.toFixed(2)}] ${(Math.min(...a) / Math.min(...b)).toFixed(2).padStart(6)}`,
    );
    on.dispose();
    without.dispose();
  });
}

for (const name of ["native", "wasm"] as const) {
  const known = describeDevices().find((d) => d.name === name);
  if (!known?.available) {
    console.log(`without ${name}: ${known?.detail ?? "unknown"}`);
    continue;
  }
  const device = openDevice(name);
  useDevice(device);
  console.log(`\n${name}, node ${process.version}, with / without\n`);
  console.log(`${"step".padEnd(46)} pass        launches       arena KiB   with us   w/o us  ratio  95 % interval  least`);
  for (const c of cases) if (process.argv.length < 3 || process.argv.slice(2).some((word) => c.name.includes(word))) compare(c, device);
}
