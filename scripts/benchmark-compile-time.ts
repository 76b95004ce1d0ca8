/**
 * `npm run benchmark:compile-time [names] [sizes]`: what planning costs, in microseconds for each node, of programs that grow from a thousand
 * nodes to thirty thousand. A column that grows says that some part of core/compile takes more than its share. Programs are traced
 * before the clock starts and planned for the null device, where no kernel has to be compiled. Launches and arena stand beside the
 * times, so that a quicker plan can be seen to be no worse. Takes a minute.
 */
import { aval } from "../core/base/aval.ts";
import type { Shape } from "../core/base/shape.ts";
import { compileProgram } from "../core/compile/executable.ts";
import { nodesOf, type Program } from "../core/compile/program.ts";
import { traceProgram } from "../core/compile/trace.ts";
import { createNull } from "../core/device/null/device.ts";
import { add, concat, div, exp, matmul, mul, sigmoid, slice, sqrt, square, sub, sum, type Tensor, tanh } from "../core/ops.ts";
import { valueAndGrad } from "../engines/tape/transforms.ts";
import { median } from "../harness/statistics.ts";

type Step = (...inputs: Tensor[]) => Tensor[];

interface Family {
  readonly name: string;
  /** A program of about `size` units of its own kind; `perUnit` of them make a node. */
  readonly make: (size: number) => { readonly shapes: readonly Shape[]; readonly step: Step };
  /** Nodes of one unit, roughly. */
  readonly perUnit: number;
}

const gradients =
  (loss: (x: Tensor, w: readonly Tensor[]) => Tensor): Step =>
  (x, ...weights) => {
    const [value, g] = valueAndGrad((w) => loss(x as Tensor, w as Tensor[]))(weights) as [Tensor, Tensor[]];
    return [value, ...g];
  };

const times = (n: number, f: (i: number) => void) => {
  for (let i = 0; i < n; i++) f(i);
};

/** One LSTM cell of which the gates are products apart. */
function cell(x: Tensor, h: Tensor, c: Tensor, w: readonly Tensor[]): readonly [Tensor, Tensor] {
  const gate = (g: number) => add(matmul(x, w[g] as Tensor), matmul(h, w[4 + g] as Tensor));
  const next = add(mul(sigmoid(gate(0)), c), mul(sigmoid(gate(1)), tanh(gate(2))));
  return [mul(sigmoid(gate(3)), tanh(next)), next];
}

const families: readonly Family[] = [
  {
    name: "chain of maps",
    perUnit: 3,
    make: (n) => ({
      shapes: [[64], [64]],
      step: (x, w) => {
        let h = x as Tensor;
        times(n, (i) => {
          h = i % 4 === 0 ? tanh(add(mul(h, w as Tensor), 0.1)) : add(mul(h, w as Tensor), square(h));
        });
        return [h];
      },
    }),
  },
  {
    name: "sums of many maps",
    perUnit: 4,
    make: (n) => ({
      shapes: [[64], [64]],
      step: (x, w) => {
        let total = sum(x as Tensor);
        times(n, (i) => {
          total = add(total, sum(exp(mul(x as Tensor, mul(w as Tensor, 1 + i / n)))));
        });
        return [total];
      },
    }),
  },
  {
    name: "LSTM and gradient",
    perUnit: 75,
    make: (n) => ({
      shapes: Array.from({ length: 9 }, (_, i): Shape => (i === 0 ? [4, 16] : [16, 16])),
      step: gradients((x, w) => {
        let [h, c] = [mul(x, 0), mul(x, 0)];
        times(n, () => {
          [h, c] = cell(x, h, c, w) as [Tensor, Tensor];
        });
        return sum(square(h));
      }),
    }),
  },
  {
    name: "slices of one input and gradient",
    perUnit: 14,
    make: (n) => ({
      shapes: [[n, 8], [8]],
      step: gradients((x, [w]) => {
        let state = mul(w as Tensor, 0);
        let loss = sum(state);
        times(n, (i) => {
          const row = sum(slice(x, [i, 0], [i + 1, 8]), [0]);
          state = tanh(add(mul(state, w as Tensor), row));
          loss = add(loss, sum(mul(state, row)));
        });
        return loss;
      }),
    }),
  },
  {
    name: "Adam of many parameters",
    perUnit: 22,
    make: (n) => ({
      shapes: Array.from({ length: 4 * n }, (_, i): Shape => [8 + ((i % n) % 3)]),
      step: (...state) => {
        const [p, g, m, v] = [0, 1, 2, 3].map((k) => state.slice(k * n, (k + 1) * n)) as [Tensor[], Tensor[], Tensor[], Tensor[]];
        const norm = sqrt(g.map((t) => sum(square(t))).reduce(add));
        return p.flatMap((w, i) => {
          const gradient = div(g[i] as Tensor, norm);
          const m1 = add(mul(m[i] as Tensor, 0.9), mul(gradient, 0.1));
          const v1 = add(mul(v[i] as Tensor, 0.999), mul(square(gradient), 0.001));
          return [sub(w, mul(0.001, div(m1, add(sqrt(v1), 1e-8)))), m1, v1];
        });
      },
    }),
  },
  {
    name: "parameters in one vector",
    perUnit: 16,
    make: (n) => ({
      shapes: [[4, 8], [n * 8]],
      step: gradients((x, [flat]) => {
        let h = x;
        times(n, (i) => {
          const w = slice(flat as Tensor, [i * 8], [(i + 1) * 8]);
          h = concat([tanh(add(mul(h, w), w)), slice(h, [0, 0], [1, 8])], 0);
          h = slice(h, [1, 0], [5, 8]);
        });
        return sum(square(h));
      }),
    }),
  },
];

const SIZES = [1000, 3000, 10_000, 30_000];

function traced({ make, perUnit }: Family, size: number): Program {
  const { shapes, step } = make(Math.max(1, Math.round(size / perUnit)));
  return traceProgram(
    step,
    shapes.map((s) => aval(s, "f32")),
  );
}

function timed(program: Program) {
  const device = createNull();
  const plan = () => {
    const start = performance.now();
    const executable = compileProgram(program, device);
    const ms = performance.now() - start;
    executable.dispose();
    return { ms, statistics: executable.statistics };
  };
  const first = plan();
  const rounds = first.ms > 3000 ? 1 : 5;
  const all = Array.from({ length: rounds }, plan);
  return { ms: median(all.map((a) => a.ms)), statistics: first.statistics };
}

const given = process.argv.slice(2);
const wanted = given.filter((word) => !(Number(word) > 0));
const sizes = given.map(Number).filter((n) => n > 0);
console.log(`node ${process.version}\n\n${"program".padEnd(34)}    nodes   ms        us a node  launches  arena KiB`);
for (const family of families) {
  if (wanted.length > 0 && !wanted.some((word) => family.name.includes(word))) continue;
  for (const size of sizes.length > 0 ? sizes : SIZES) {
    const program = traced(family, size);
    const nodes = nodesOf(program).length;
    const { ms, statistics } = timed(program);
    const { launches, arenaBytes } = statistics;
    const numbers = [
      `${nodes}`.padStart(8),
      ms.toFixed(1).padStart(9),
      ((ms * 1000) / nodes).toFixed(1).padStart(11),
      `${launches}`.padStart(9),
      (arenaBytes / 1024).toFixed(1).padStart(10),
    ];
    console.log(`${family.name.padEnd(34)}${numbers.join(" ")}`);
  }
}
