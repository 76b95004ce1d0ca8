/**
 * `npm run benchmark:transform`: gradients by program transformation against gradients that a person wrote in JavaScript, in one
 * process and interleaved round by round, and what compiling them costs, pass by pass. Values are compared before anything is timed.
 * Takes about a minute.
 */
import { BenchError } from "../core/base/errors.ts";
import { scope } from "../core/tensor/scope.ts";
import type { Prepared, Tree } from "../engines/engine.ts";
import { emitJavaScript } from "../engines/program-transform/emit/javascript.ts";
import { programTransform } from "../engines/program-transform/engine.ts";
import { countNodes, optimise, passNames } from "../engines/program-transform/optimise/optimise.ts";
import { Specialised } from "../engines/program-transform/specialised.ts";
import { sampleInterleaved } from "../harness/sample.ts";
import { bootstrapMedian, bootstrapRatio } from "../harness/statistics.ts";
import { loadProgram } from "../loader/load.ts";

interface Comparison {
  readonly name: string;
  readonly source: string;
  readonly args: readonly Tree[];
  readonly wrt: readonly number[];
  /** What `ours` is to give, by hand. */
  byHand(): readonly number[];
  /** The same by the engine; the gradient where absent. */
  ours?(prepared: Prepared): readonly number[];
}

/** What the hand-written loop pushes to, allocated once. */
const stack = new Float64Array(1_000_000);

const program = (source: string) => loadProgram({ file: "benchmark.ts", source });
const TURNS = 1_000_000;

const orbit: Comparison = {
  name: `scalar loop of ${TURNS.toExponential(0)} turns`,
  source: "export function f(y: number, n: number) { for (let i = 0; i < n; i++) y -= 1e-6 * y * y; return y; }",
  args: [0.9, TURNS],
  wrt: [0],
  byHand() {
    let y = 0.9;
    for (let i = 0; i < TURNS; i++) {
      stack[i] = y;
      y -= 1e-6 * y * y;
    }
    let dy = 1;
    for (let i = TURNS - 1; i >= 0; i--) dy -= 2e-6 * (stack[i] as number) * dy;
    return [y, dy];
  },
};

function sumOfSquares(n: number): Comparison {
  const x = Array.from({ length: n }, (_, i) => Math.sin(i));
  return {
    name: `sum of sin(x)² over ${n.toExponential(0)} numbers`,
    source:
      "export function f(x: number[]) { let s = 0; for (let i = 0; i < x.length; i++) { const y = Math.sin(x[i]!); s += y * y; } return s; }",
    args: [x],
    wrt: [0],
    byHand() {
      const dx = new Array<number>(n);
      let s = 0;
      for (let i = 0; i < n; i++) {
        const y = Math.sin(x[i] as number);
        s += y * y;
        dx[i] = 2 * y * Math.cos(x[i] as number);
      }
      return [s, ...dx.slice(0, 3)];
    },
  };
}

const second: Comparison = {
  name: "second derivative of sin(x)·exp(x²), 1000 x",
  source: `const h = (x: number) => Math.sin(x) * Math.exp(x * x); const d2 = grad(grad(h));
    export function f(x: number, n: number) { let s = 0; for (let i = 0; i < n; i++) s += d2(x + i * 1e-3); return s; }`,
  args: [0.4, 1000],
  wrt: [0],
  ours: (prepared) => [prepared.value([0.4, 1000]) as number],
  byHand() {
    let sum = 0;
    for (let i = 0; i < 1000; i++) {
      const x = 0.4 + i * 1e-3;
      const [s, c, e] = [Math.sin(x), Math.cos(x), Math.exp(x * x)];
      sum += e * (s * (1 + 4 * x * x) + 4 * x * c);
    }
    return [sum];
  },
};

function compare({ name, source, args, wrt, byHand, ours }: Comparison): void {
  const prepared = programTransform.prepare(program(source), args, wrt);
  const gradient = (p: Prepared): readonly number[] => {
    const { value, grad } = p.valueAndGrad(args);
    const [first] = grad;
    return [value as number, ...(Array.isArray(first) ? (first as number[]).slice(0, 3) : [first as number])];
  };
  const run = ours ?? gradient;
  const [got, want] = [run(prepared), byHand()];
  for (const [i, w] of want.entries())
    if (!(Math.abs((got[i] as number) - w) <= 1e-9 * Math.max(1, Math.abs(w))))
      throw new BenchError("runtime", `${name}: ${got[i]} by transformation and ${w} by hand`);
  const { samples } = sampleInterleaved(
    [
      { name: "ours", run: () => void run(prepared) },
      { name: "hand", run: () => void byHand() },
    ],
    { budgetMs: 6000, minRounds: 15, maxRounds: 100, seed: 1, sync: () => {} },
  );
  const [a, b] = [samples.ours as readonly number[], samples.hand as readonly number[]];
  const ratio = bootstrapRatio(a, b);
  const least = Math.min(...a) / Math.min(...b);
  const micro = (ns: number) => `${(ns / 1000).toFixed(2)} us`.padStart(14);
  console.log(
    `${name.padEnd(42)} ${micro(bootstrapMedian(a).median)} ${micro(bootstrapMedian(b).median)} ${ratio.median.toFixed(2).padStart(8)}  [${ratio.lo.toFixed(2)}, ${ratio.hi.toFixed(2)}] ${least.toFixed(2).padStart(7)}`,
  );
}

/** A straight line of `statements`, four kinds in turn. */
function line(statements: number): string {
  const kinds = ["a = a * b + Math.sin(a);", "b = b - a / 3;", "a = Math.exp(-b * b) + a;", "b = Math.tanh(b + a);"];
  const body = Array.from({ length: statements }, (_, i) => kinds[i % 4]).join("\n");
  return `export function f(x: number) { let a = x, b = x * 0.5;\n${body}\nreturn a * b; }`;
}

const LOOP = `export function f(x: number) {
  let y = x, z = 1;
  for (let i = 0; i < 100; i++) {
    y = Math.sin(y) * z + 0.1 * x;
    z = z * 0.99 + Math.cos(y) / (1 + y * y);
    if (y > 2) y = y * 0.5;
    z = Math.sqrt(z * z + 1) - y / 10;
  }
  return y + z;
}`;

function clocked<T>(body: () => T): [T, number] {
  const start = performance.now();
  const result = body();
  return [result, performance.now() - start];
}

/** Milliseconds of each step from source to loaded code, the best of five. */
function compileTimes(source: string): string {
  const columns = new Map<string, number[]>();
  let sizes = "";
  for (let i = 0; i < 5; i++) {
    const note = (name: string, ms: number) => columns.set(name, [...(columns.get(name) ?? []), ms]);
    const [specialised, front] = clocked(() => new Specialised(program(source), [0.5], [0], () => true));
    const [gradient, transform] = clocked(() => specialised.gradient());
    const [{ graph, passes }, all] = clocked(() => optimise(gradient));
    const [, emit] = clocked(() => emitJavaScript(graph));
    note("front", front);
    note("J", transform);
    for (const p of passes) note(p.name, p.milliseconds);
    note("emit", emit);
    note("all", front + transform + all + emit);
    sizes = `${countNodes(specialised.graph)} → ${countNodes(graph)}`;
  }
  const cell = (name: string) =>
    Math.min(...(columns.get(name) ?? []))
      .toFixed(1)
      .padStart(Math.max(7, name.length));
  return [sizes.padEnd(16), ...COLUMNS.map(cell)].join("  ");
}

const COLUMNS = ["front", "J", ...passNames, "emit", "all"];

function main(): void {
  console.log(`program transformation against JavaScript by hand, node ${process.version}\n`);
  console.log(`${"gradient of".padEnd(42)}           ours           hand    ratio  95 % interval   least`);
  compare(orbit);
  for (const n of [1_000, 10_000, 100_000]) compare(sumOfSquares(n));
  compare(second);

  console.log("\nmilliseconds to compile a gradient, the best of five\n");
  console.log(["nodes → gradient", ...COLUMNS.map((name) => name.padStart(7))].join("  "));
  for (const n of [10, 36, 100, 360, 1000, 3600]) console.log(compileTimes(line(n)));

  console.log("\nderivatives of a loop body of 20 nodes, by reverse mode upon reverse mode\n");
  for (let order = 1; order <= 4; order++) {
    const [count, ms] = clocked(() =>
      scope(() => {
        const prepared = programTransform.prepare(program(LOOP), [0.5], [0]);
        prepared.derivatives(0.5, order);
        return prepared.counts().irNodes;
      }),
    );
    console.log(`order ${order}: ${count} nodes, ${ms.toFixed(0)} ms from source to value, the orders before included`);
  }
}

main();
