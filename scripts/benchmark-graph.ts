/**
 * `npm run benchmark:graph`: what the graph engine makes of training steps (loss and all gradients). Launches against the tape, the
 * five rows of MXNet's table of memory plans, and what each pass is worth in nodes, launches, bytes and time, one left out at a time.
 * Counts are of a device that computes nothing; times are of native, or wasm without a compiler, in shuffled rounds. About three minutes.
 */
import { aval } from "../core/base/aval.ts";
import { type CompileOptions, compileProgram, type Switch } from "../core/compile/executable.ts";
import { describeDevices, openDevice } from "../core/device/registry.ts";
import {
  add,
  cond,
  conv2d,
  createTensor,
  crossEntropy,
  item,
  lt,
  matmul,
  maxPool2d,
  mseLoss,
  mul,
  relu,
  reshape,
  scan,
  sigmoid,
  split,
  sum,
  type Tensor,
  tanh,
  transpose,
  whileLoop,
} from "../core/ops.ts";
import { scope } from "../core/tensor/scope.ts";
import { currentDevice, useDevice } from "../core/tensor/tensor.ts";
import type { Program, Tree } from "../engines/engine.ts";
import { emit } from "../engines/graph/execute/emit.ts";
import { type Executor, load } from "../engines/graph/execute/load.ts";
import type { Graph } from "../engines/graph/graph.ts";
import { OPTIONAL, optimise, type PassName, passNames } from "../engines/graph/optimise/optimise.ts";
import { TracedProgram } from "../engines/graph/traced-program.ts";
import { countNodes } from "../engines/graph/walk.ts";
import { tape } from "../engines/tape/engine.ts";
import { machineRecord } from "../harness/machine.ts";
import { shuffled } from "../harness/statistics.ts";
import { cnn, type Network, transformer } from "./performance/plans.ts";

const [STEPS, BATCH, INPUT, HIDDEN] = [32, 16, 32, 64] as const;
const TURNS = 128;

/** What is said and what is remembered, of the sums of products with the weights and what was remembered. */
function cell(z: Tensor, c: Tensor): readonly [Tensor, Tensor] {
  const [i, f, g, o] = split(z, [HIDDEN, HIDDEN, HIDDEN, HIDDEN], 1) as [Tensor, Tensor, Tensor, Tensor];
  const next = add(mul(sigmoid(f), c), mul(sigmoid(i), tanh(g)));
  return [mul(sigmoid(o), tanh(next)), next];
}

/** A layer of long short-term memory over 32 steps, as a scan, with a read-out at each. */
const lstm: Network = {
  name: "LSTM, 32 steps",
  params: [[INPUT, 4 * HIDDEN], [HIDDEN, 4 * HIDDEN], [4 * HIDDEN], [HIDDEN, 8]],
  data: [aval([STEPS, BATCH, INPUT], "f32"), aval([STEPS, BATCH, 8], "f32")],
  loss: ([wx, wh, b, wy], x, target) => {
    const zero = createTensor(new Float32Array(BATCH * HIDDEN), [BATCH, HIDDEN]);
    const [, ys] = scan(
      ([h, c]: readonly [Tensor, Tensor], row: Tensor) => {
        const [out, next] = cell(add(add(matmul(row, wx as Tensor), matmul(h, wh as Tensor)), b as Tensor), c);
        return [[out, next] as const, matmul(out, wy as Tensor)] as const;
      },
      [zero, zero] as const,
      x as Tensor,
    );
    return mseLoss(ys, target as Tensor);
  },
};

/** A layer that reads what it said: how often it turns is a number that the graph does not know. */
const decoder: Network = {
  name: `LSTM that reads its own output, ${TURNS} steps known when it runs`,
  params: [[INPUT, 4 * HIDDEN], [HIDDEN, 4 * HIDDEN], [4 * HIDDEN], [HIDDEN, INPUT]],
  data: [aval([BATCH, INPUT], "f32"), aval([], "f64")],
  loss: ([wx, wh, b, wy], first, count) => {
    const zero = createTensor(new Float32Array(BATCH * HIDDEN), [BATCH, HIDDEN]);
    const turns = item(count as Tensor);
    const { x } = whileLoop(
      (s) => lt(s.turn, turns),
      (s) => {
        const [out, next] = cell(add(add(matmul(s.x, wx as Tensor), matmul(s.h, wh as Tensor)), b as Tensor), s.c);
        return { turn: add(s.turn, 1), h: out, c: next, x: matmul(out, wy as Tensor) };
      },
      { turn: 0, h: zero, c: zero, x: first as Tensor },
    );
    return mseLoss(x, first as Tensor);
  },
};

/** The CNN as TensorFlow has images: channels last. What works on channels first is called between transposes. */
const channelsLast: Network = {
  name: "CNN, batch 32, channels last",
  params: cnn.params,
  data: [aval([32, 32, 32, 3], "f32"), aval([32], "i32")],
  loss: ([w1, b1, w2, b2, w3, b3, w4, b4], x, labels) => {
    const first = (t: Tensor) => transpose(t, [0, 3, 1, 2]);
    const last = (t: Tensor) => transpose(t, [0, 2, 3, 1]);
    const layer = (t: Tensor, w: Tensor, b: Tensor) => {
      const made = relu(add(last(conv2d(first(t), w, { padding: 1 })), b));
      return last(maxPool2d(first(made), 2));
    };
    const images = layer(layer(x as Tensor, w1 as Tensor, b1 as Tensor), w2 as Tensor, b2 as Tensor);
    const hidden = relu(add(matmul(reshape(images, [32, 64 * 8 * 8]), w3 as Tensor), b3 as Tensor));
    return crossEntropy(add(matmul(hidden, w4 as Tensor), b4 as Tensor), labels as Tensor);
  },
};

const networks = [lstm, decoder, cnn, channelsLast, transformer];

function programOf({ loss, params }: Network): Program {
  const f = (p: readonly Tensor[], ...data: Tensor[]) => loss(p.slice(0, params.length), ...data);
  return asProgram(f as never);
}

const asProgram = (f: (...args: never[]) => unknown): Program => ({
  file: "",
  exportName: "loss",
  source: "",
  overloaded: () => f as never,
  sources: undefined as never,
});

/** Arguments of a network: small numbers, labels of two classes, and how often a loop turns. */
function argsOf({ params, data }: Network): Tree[] {
  const tensor = (shape: readonly number[], dtype: "f32" | "f64" | "i32" | "bool") => {
    const n = shape.reduce((a, d) => a * d, 1);
    const values = Array.from({ length: n }, (_, i) =>
      shape.length === 0 ? TURNS : dtype === "i32" ? i % 2 : Math.sin(i * 12.9898 + shape.length) * 0.1,
    );
    return createTensor(values, shape, dtype);
  };
  return [params.map((s) => tensor(s, "f32")), ...data.map((a) => tensor(a.shape, a.dtype))];
}

interface Figures {
  readonly nodes: number;
  readonly launches: number;
  readonly arenaBytes: number;
  readonly lowerBound: number;
}

/** What the current device would do for a graph. */
function figuresOf(graph: Graph, options: CompileOptions = {}): Figures {
  const { text, programs } = emit(graph);
  const plans = programs.map((p) => compileProgram(p, currentDevice(), options));
  const sum = (pick: (s: (typeof plans)[number]["statistics"]) => number) => plans.reduce((n, p) => n + pick(p.statistics), 0);
  for (const p of plans) p.dispose();
  return {
    nodes: countNodes(graph),
    launches: sum((s) => s.launches) + (text.match(/= apply\(/g) ?? []).length,
    arenaBytes: sum((s) => s.arenaBytes),
    lowerBound: sum((s) => s.lowerBound),
  };
}

function tapeLaunches(network: Network): number {
  return scope(() => {
    const args = argsOf(network);
    const prepared = tape.prepare(programOf(network), args, [0]);
    const before = currentDevice().stats().launches;
    prepared.valueAndGrad(args);
    return currentDevice().stats().launches - before;
  });
}

const KINDS: readonly (readonly [name: string, off: readonly Switch[]])[] = [
  ["none", ["inPlace", "sharing"]],
  ["in place", ["sharing"]],
  ["sharing", ["inPlace"]],
  ["both", []],
];
const MiB = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;

function counts(network: Network): readonly string[] {
  const args = scope((keep) => keep(argsOf(network)));
  const traced = scope(() => new TracedProgram(programOf(network), args, [0]));
  const gradient = optimise(traced.gradient()).graph;
  const value = optimise(traced.value()).graph;
  const whole = figuresOf(gradient);
  const byTape = tapeLaunches(network);
  const rows = KINDS.map(([name, off]) => `| ${name} | ${MiB(figuresOf(gradient, { off }).arenaBytes)} |`);
  const forward = figuresOf(value);
  const none = figuresOf(gradient, { off: ["inPlace", "sharing"] }).arenaBytes;
  return [
    `## ${network.name}`,
    "",
    `${whole.launches} launches a step; the tape makes ${byTape}, ${(byTape / whole.launches).toFixed(1)} times as many. Both in place and sharing, the plan is`,
    `${(whole.arenaBytes / none).toFixed(2)} of none.`,
    "",
    "| memory plan | bytes |",
    "| --- | --- |",
    ...rows,
    `| both, with recomputation | ${MiB(figuresOf(gradient, { recompute: true }).arenaBytes)} |`,
    `| forward only, both | ${MiB(forward.arenaBytes)} |`,
    `| the least that lifetimes need | ${MiB(whole.lowerBound)} (the plan is ${(whole.arenaBytes / whole.lowerBound).toFixed(2)} of it) |`,
    "",
  ];
}

/** A way to make the step, with the median of its times. */
interface Way {
  readonly name: string;
  readonly figures: Figures;
  readonly executor: Executor;
  readonly nanoseconds: number[];
}

const SWITCHES: readonly Switch[] = [
  "fold",
  "algebra",
  "transposes",
  "sums",
  "pads",
  "positions",
  "fusion",
  "gathers",
  "epilogues",
  "order",
  "together",
  "inPlace",
  "sharing",
];
const ROUNDS = 41;

function ablation(network: Network): readonly string[] {
  return scope(() => {
    const args = argsOf(network);
    const leaves = [...(args[0] as readonly Tensor[]), ...(args.slice(1) as Tensor[])];
    const traced = new TracedProgram(programOf(network), args, [0]);
    const gradient = traced.gradient();
    const make = (name: string, passes: readonly PassName[], options: CompileOptions = {}, on: readonly PassName[] = []): Way => {
      const { graph } = optimise(gradient, passes, on);
      return { name, figures: figuresOf(graph, options), executor: load(graph, options), nanoseconds: [] };
    };
    const ways = [
      make("all passes", []),
      ...passNames.map((p) => (OPTIONAL.has(p) ? make(`with ${p}`, [], {}, [p]) : make(`without ${p}`, [p]))),
      ...SWITCHES.map((s) => make(`without ${s} (compile)`, [], { off: [s] })),
      make("with recompute (compile)", [], { recompute: true }),
    ];
    const time = ({ executor }: Way): number => {
      const start = process.hrtime.bigint();
      scope(() => {
        executor.run(leaves);
      });
      currentDevice().sync();
      return Number(process.hrtime.bigint() - start);
    };
    for (const w of ways) for (let i = 0; i < 3; i++) time(w);
    for (let round = 0; round < ROUNDS; round++) for (const w of shuffled(ways, round)) w.nanoseconds.push(time(w));
    const peak = (w: Way): number => {
      const before = currentDevice().stats().liveBytes;
      currentDevice().resetPeak();
      time(w);
      return currentDevice().stats().peakBytes - before;
    };
    const median = (w: Way) => w.nanoseconds.sort((a, b) => a - b)[ROUNDS >> 1] as number;
    const [all] = ways as [Way];
    const rows = ways.map((w) => {
      const { nodes, launches, arenaBytes } = w.figures;
      return `| ${w.name} | ${nodes} | ${launches} | ${MiB(arenaBytes)} | ${MiB(peak(w))} | ${(median(w) / median(all)).toFixed(2)} |`;
    });
    for (const w of ways) w.executor.dispose();
    return [
      `## ${network.name}: what each pass is worth`,
      "",
      `All passes: ${(median(all) / 1e6).toFixed(2)} ms a step on ${currentDevice().name}. Times are ratios of medians to that.`,
      "",
      "| passes | nodes | launches | arena | peak | time |",
      "| --- | --- | --- | --- | --- | --- |",
      ...rows,
      "",
    ];
  });
}

/** Programs that are unrolled where they are written: a loop of JavaScript over matrices, with a decision in each turn. */
function scaling(): readonly string[] {
  const sizes = [48, 480, 2400];
  const found = sizes.map((turns) =>
    scope(() => {
      const program = (x: Tensor, w: Tensor): Tensor => {
        let y = x;
        for (let i = 0; i < turns; i++) {
          const z = tanh(add(matmul(y, w), x));
          y = cond(
            lt(item(sum(z)), 0),
            () => z,
            () => mul(z, x),
          );
        }
        return sum(y);
      };
      const args = [createTensor(new Float32Array(32), [4, 8]), createTensor(new Float32Array(64), [8, 8])];
      const start = performance.now();
      const traced = new TracedProgram(asProgram(program as never), args, [0, 1]);
      const gradient = traced.gradient();
      const built = performance.now() - start;
      return { nodes: countNodes(gradient), built, passes: optimise(gradient).passes };
    }),
  );
  const row = (name: string, of: (f: (typeof found)[number]) => number) =>
    `| ${name} | ${found.map((f) => ((of(f) / f.nodes) * 1e3).toFixed(2)).join(" | ")} |`;
  return [
    "## Time of passes by size of the graph",
    "",
    "Gradients of a program that is unrolled as it is traced, with a product and a decision in each turn; microseconds a node, in all rounds.",
    "",
    `| | ${found.map((f) => `${f.nodes} nodes`).join(" | ")} |`,
    `| --- |${found.map(() => " --- |").join("")}`,
    row("tracing and derivative", (f) => f.built),
    ...passNames.map((name) => row(name, (f) => f.passes.find((p) => p.name === name)?.milliseconds ?? 0)),
    "",
  ];
}

/** Convolutions of 3 by 3: images, channels, height and width, filters. */
const LAYERS = [
  [32, 3, 32, 32],
  [32, 32, 16, 64],
  [32, 64, 8, 128],
] as const;

/** Whether images with channels last could be worth a pass: convolutions beside the product that any layout computes, and transposes. */
function layouts(): readonly string[] {
  const rows = LAYERS.map(([images, channels, side, filters]) =>
    scope(() => {
      const filled = (...shape: number[]) =>
        createTensor(
          Float32Array.from({ length: shape.reduce((a, d) => a * d, 1) }, (_, i) => Math.sin(i)),
          shape,
        );
      const [x, w] = [filled(images, channels, side, side), filled(filters, channels, 3, 3)];
      const [a, b] = [filled(images * side * side, channels * 9), filled(channels * 9, filters)];
      const ways = [() => conv2d(x, w, { padding: 1 }), () => matmul(a, b), () => transpose(x, [0, 2, 3, 1])].map((run) => ({
        run,
        times: [] as number[],
      }));
      for (let round = 0; round < ROUNDS; round++)
        for (const { run, times } of shuffled(ways, round)) {
          const start = process.hrtime.bigint();
          scope(() => {
            run();
          });
          currentDevice().sync();
          times.push(Number(process.hrtime.bigint() - start) / 1e6);
        }
      const [convolution, product, turned] = ways.map(({ times }) => times.sort((p, q) => p - q)[ROUNDS >> 1]) as [number, number, number];
      return `| ${images}×${channels}×${side}×${side} by ${filters} | ${convolution.toFixed(2)} ms | ${(convolution / product).toFixed(2)} | ${(turned / convolution).toFixed(2)} |`;
    }),
  );
  return [
    `## Layout of images, on ${currentDevice().name}`,
    "",
    "A convolution of 3 by 3 as images are laid out, channels first; the same beside one matrix product of its size, which is what any layout",
    "computes, with unfolding for nothing; and the transpose of its input to channels last beside it.",
    "",
    "| images by filters | convolution | of the product | the transpose, of it |",
    "| --- | --- | --- | --- |",
    ...rows,
    "",
  ];
}

const machine = machineRecord();
console.log(`# What the graph engine makes of training steps

Written by \`npm run -s benchmark:graph > docs/graph.md\` (three minutes) on ${machine.cpu}, ${machine.cores} cores, Node ${machine.node},
${new Date().toISOString().slice(0, 10)}; load average of the last minute before it began ${machine.loadAverage[0]?.toFixed(2)}. A step is the loss and all gradients. The bytes are those
of intermediates: the arena of the plan; the peak is of what a run holds beside its arguments, with what loops keep of
their turns, in a run after the first. Where a loop remains, what a turn launches is counted once; rows of the same counts show how far times vary.
`);
useDevice(openDevice("null"));
// A device that computes nothing does not say how often the decoder turns.
for (const n of networks) if (n !== decoder) console.log(counts(n).join("\n"));
const native = describeDevices().find((d) => d.name === "native")?.available === true;
useDevice(openDevice(native ? "native" : "wasm"));
for (const n of networks) console.log(ablation(n).join("\n"));
for (const device of native ? (["native", "wasm"] as const) : (["wasm"] as const)) {
  useDevice(openDevice(device));
  console.log(layouts().join("\n"));
}
useDevice(openDevice("null"));
console.log(scaling().join("\n"));
