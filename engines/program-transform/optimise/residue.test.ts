/**
 * No residue: what is left of a gradient after optimisation, against a gradient that a person wrote. Both are TypeScript, both go
 * through the same front and the same passes; the gradient by transformation may have at most a tenth more nodes.
 */
import { describe, expect, test } from "vitest";
import { loadProgram } from "../../../loader/load.ts";
import type { Tree } from "../../engine.ts";
import { programTransform } from "../engine.ts";
import { type Graph, graphsBelow, nodesOf } from "../ir/graph.ts";
import { printGraph } from "../ir/print.ts";
import { Specialised } from "../specialised.ts";
import { countNodes, optimise } from "./optimise.ts";

interface Pair {
  readonly name: string;
  /** `f`, and `byHand` that gives the value and the gradient. */
  readonly source: string;
  readonly args: readonly Tree[];
  readonly wrt?: readonly number[];
}

const pairs: readonly Pair[] = [
  {
    name: "a cube",
    source: "export function f(x: number) { return x ** 3; } export function byHand(x: number) { return [x ** 3, 3 * x * x]; }",
    args: [1.3],
  },
  {
    name: "a product of three",
    source: `export function f(x: number, y: number, z: number) { return x * y * z; }
      export function byHand(x: number, y: number, z: number) { const xy = x * y; return [xy * z, y * z, x * z, xy]; }`,
    args: [1.3, 0.4, -2],
  },
  {
    name: "the valley of Rosenbrock",
    source: `export function f(x: number, y: number) { const a = 1 - x; const b = y - x * x; return a * a + 100 * b * b; }
      export function byHand(x: number, y: number) { const a = 1 - x; const b = y - x * x; const db = 200 * b; return [a * a + 100 * b * b, -2 * a - 2 * x * db, db]; }`,
    args: [1.3, 0.4],
  },
  {
    name: "sine and exponential",
    source: `export function f(x: number, y: number) { return Math.sin(x) * Math.exp(y); }
      export function byHand(x: number, y: number) { const e = Math.exp(y); const v = Math.sin(x) * e; return [v, Math.cos(x) * e, v]; }`,
    args: [1.3, 0.4],
  },
  {
    name: "the logistic function",
    source: `export function f(x: number) { return 1 / (1 + Math.exp(-x)); }
      export function byHand(x: number) { const e = Math.exp(-x); const d = 1 + e; const s = 1 / d; return [s, e * (s / d)]; }`,
    args: [0.7],
  },
  {
    name: "a maximum by an if",
    source: `export function f(x: number, y: number) { return x > y ? x : y; }
      export function byHand(x: number, y: number) { return x > y ? [x, 1, 0] : [y, 0, 1]; }`,
    args: [0.7, 0.2],
  },
  {
    name: "pieces",
    source: `export function f(x: number) { if (x > 1) return x * x; if (x > 0) return Math.sin(x); return -x; }
      export function byHand(x: number) { if (x > 1) return [x * x, 2 * x]; if (x > 0) return [Math.sin(x), Math.cos(x)]; return [-x, -1]; }`,
    args: [0.7],
  },
  {
    name: "a polynomial by Horner's rule",
    source: `export function f(x: number) { let p = 2; for (const c of [-3, 5, 7]) p = p * x + c; return p; }
      export function byHand(x: number) { const a = 2 * x - 3; const b = a * x + 5; return [b * x + 7, b + x * (a + x * 2)]; }`,
    args: [0.7],
  },
  {
    name: "a power by a loop",
    source: `export function f(x: number, n: number) { let r = 1; for (let i = 0; i < n; i++) r *= x; return r; }
      export function byHand(x: number, n: number) {
        let r = 1; const s: number[] = [];
        for (let i = 0; i < n; i++) { s.push(r); r *= x; }
        let dr = 1; let dx = 0;
        for (let i = s.length; i > 0; i--) { dx += dr * s[i - 1]!; dr *= x; }
        return [r, dx];
      }`,
    args: [1.1, 5],
    wrt: [0],
  },
  {
    name: "a root by Newton's steps",
    source: `export function f(x: number, n: number) { let y = 1; for (let i = 0; i < n; i++) y = 0.5 * (y + x / y); return y; }
      export function byHand(x: number, n: number) {
        let y = 1; const s: number[] = [];
        for (let i = 0; i < n; i++) { s.push(y); y = 0.5 * (y + x / y); }
        let dy = 1; let dx = 0;
        for (let i = s.length; i > 0; i--) { const h = 0.5 * dy; const a = s[i - 1]!; dx += h / a; dy = h * (1 - x / (a * a)); }
        return [y, dx];
      }`,
    args: [3, 5],
    wrt: [0],
  },
  {
    name: "a dot product of long arrays",
    source: `export function f(x: number[], w: number[]) { let s = 0; for (let i = 0; i < x.length; i++) s += x[i]! * w[i]!; return s; }
      export function byHand(x: number[], w: number[]) {
        let s = 0; for (let i = 0; i < x.length; i++) s += x[i]! * w[i]!;
        const dx: number[] = []; const dw: number[] = [];
        for (let i = 0; i < x.length; i++) { dx.push(w[i]!); dw.push(x[i]!); }
        return [s, dx, dw];
      }`,
    args: [Array.from({ length: 80 }, (_, i) => i / 7), Array.from({ length: 80 }, (_, i) => 3 - i / 5)],
  },
  {
    name: "functions that return functions",
    source: `const constant = (b: number) => (_c: number) => b; export function f(a: number) { return constant(a)(1); }
      export function byHand(a: number) { return [a, 1]; }`,
    args: [0.7],
  },
  {
    name: "an argument that nothing reads",
    source: `export function f(x: number, _y: number) { return x * x; }
      export function byHand(x: number, _y: number) { return [x * x, 2 * x, 0]; }`,
    args: [0.7, 2],
  },
  {
    name: "Euler's steps of two states",
    source: `export function f(p: number, k: number, n: number) { let v = 0; for (let i = 0; i < n; i++) { v = v - 0.01 * k * p; p = p + 0.01 * v; } return p * p; }
      export function byHand(p: number, k: number, n: number) {
        let v = 0; const s: number[] = [];
        for (let i = 0; i < n; i++) { s.push(p); v = v - 0.01 * k * p; p = p + 0.01 * v; }
        let dp = 2 * p; let dv = 0; let dk = 0;
        for (let i = s.length; i > 0; i--) { dv += 0.01 * dp; const t = 0.01 * dv; dk -= t * s[i - 1]!; dp -= t * k; }
        return [p * p, dp, dk];
      }`,
    args: [1, 2, 7],
    wrt: [0, 1],
  },
  {
    name: "softplus",
    source: `export function f(x: number) { return Math.log(1 + Math.exp(x)); }
      export function byHand(x: number) { const e = Math.exp(x); const d = 1 + e; return [Math.log(d), e / d]; }`,
    args: [0.7],
  },
  {
    name: "a norm",
    source: `export function f(x: number, y: number) { return Math.sqrt(x * x + y * y); }
      export function byHand(x: number, y: number) { const r = Math.sqrt(x * x + y * y); const h = 1 / r; return [r, x * h, y * h]; }`,
    args: [3, 4],
  },
  {
    name: "a density with parameters in a record",
    source: `export function f(p: { m: number; s: number }, x: number) { const z = (x - p.m) / p.s; return -0.5 * z * z - Math.log(p.s); }
      export function byHand(p: { m: number; s: number }, x: number) { const z = (x - p.m) / p.s; const q = z / p.s; return [-0.5 * z * z - Math.log(p.s), q, z * q - 1 / p.s]; }`,
    args: [{ m: 0.3, s: 1.7 }, 2],
    wrt: [0],
  },
  {
    name: "a neuron",
    source: `export function f(w: number, b: number, x: number) { const y = Math.tanh(w * x + b); return y * y; }
      export function byHand(w: number, b: number, x: number) { const y = Math.tanh(w * x + b); const g = 2 * y * (1 - y * y); return [y * y, x * g, g]; }`,
    args: [0.3, 0.1, 2],
    wrt: [0, 1],
  },
  {
    name: "a function applied twice",
    source: `const twice = (g: (t: number) => number) => (t: number) => g(g(t)); export function f(x: number) { return twice(Math.sin)(x); }
      export function byHand(x: number) { const s = Math.sin(x); return [Math.sin(s), Math.cos(s) * Math.cos(x)]; }`,
    args: [0.7],
  },
  {
    name: "quotients",
    source: `export function f(x: number, y: number) { return x / y + y / x; }
      export function byHand(x: number, y: number) { const a = x / y; const b = y / x; return [a + b, (1 - b * b) / y, (1 - a * a) / x]; }`,
    args: [0.7, 2],
  },
  {
    name: "a mean of squares by map and reduce",
    source: `const t = [1, 2, 4]; export function f(a: number, b: number) { return t.map((x) => a * x + b - x * x).map((e) => e * e).reduce((p, q) => p + q, 0) / 3; }
      export function byHand(a: number, b: number) {
        const e = a + b - 1; const g = a * 2 + b - 4; const h = a * 4 + b - 16; const c = 2 / 3;
        return [(e * e + g * g + h * h) / 3, c * (e + 2 * g + 4 * h), c * (e + g + h)];
      }`,
    args: [0.7, 2],
  },
];

function specialised({ source, args, wrt = args.map((_, i) => i) }: Pair, name: string): Specialised {
  return new Specialised(loadProgram({ file: "pair.ts", source }, name), args, wrt, () => true);
}

const optimised = (graph: Graph): Graph => optimise(graph).graph;
const flat = (t: unknown): number[] => (typeof t === "number" ? [t] : Object.values(t ?? {}).flatMap(flat));

describe("a gradient that was transformed and optimised", () => {
  test.each(pairs.map((pair) => [pair.name, pair] as const))("%s: has no residue and about the nodes of one by hand", (_, pair) => {
    const ours = optimised(specialised(pair, "f").gradient());
    const hand = optimised(specialised(pair, "byHand").graph);
    expect(countNodes(ours), `${printGraph(ours)}\n\nby hand\n\n${printGraph(hand)}`).toBeLessThanOrEqual(countNodes(hand) * 1.1);
    const traces = new Set(["inject", "isCase", "project", "invoke", "plus", "unset"]);
    for (const g of graphsBelow(ours))
      for (const n of nodesOf(g)) expect(traces.has(n.op), `${n.op} is left in\n${printGraph(ours)}`).toBe(false);

    const { args, wrt = args.map((_, i) => i), source } = pair;
    const both = programTransform.prepare(loadProgram({ file: "pair.ts", source }), args, wrt).valueAndGrad(args);
    const want = flat(programTransform.prepare(loadProgram({ file: "pair.ts", source }, "byHand"), args, []).value(args));
    const got = [...flat(both.value), ...flat(both.grad.filter((g) => g !== null))];
    expect(got.length).toBe(want.length);
    for (const [i, w] of want.entries()) expect(Math.abs((got[i] as number) - w)).toBeLessThan(1e-12 * Math.max(1, Math.abs(w)));
  });
});
