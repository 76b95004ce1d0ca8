/** The shipped reference cases by this engine: right or refused, never wrong, and no memory is left behind. */
import { join } from "node:path";
import { expect, test } from "vitest";
import { openDevice } from "../../core/device/registry.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { runCases } from "../../harness/cases/run.ts";
import { projectRoot } from "../../harness/root.ts";
import type { Check } from "../../harness/schema.ts";
import { loadProgram } from "../../loader/load.ts";
import { programTransform } from "./engine.ts";

async function checks(folder: string): Promise<Check[]> {
  const live = () => {
    releaseConstants();
    return openDevice("wasm").stats().liveBytes;
  };
  useDevice(openDevice("wasm"));
  const before = live();
  const all: Check[] = [];
  for await (const check of runCases([join(projectRoot, "test", "data", folder)], {
    engines: [programTransform],
    devices: ["wasm"],
    dtypes: ["f64"],
  })) {
    expect(live(), `live memory after ${check.case}`).toBe(before);
    all.push(check);
  }
  return all;
}

const unlike = (all: readonly Check[], ...statuses: readonly Check["status"][]) =>
  all.filter((c) => !statuses.includes(c.status)).map((c) => `${c.case}: ${c.status} ${c.message}`);

test("every generality case passes", async () => {
  const all = await checks("generality");
  expect(all.length).toBe(98);
  expect(unlike(all, "pass")).toEqual([]);
});

test("golden operators, programs and models pass in all derivatives and trajectories", { timeout: 60_000 }, async () => {
  const all = await checks("golden");
  expect(all.length).toBe(111);
  expect(unlike(all, "pass")).toEqual([]);
});

const workload = (name: string) => join("adbench", "expected", `${name}.json`);

test("searches and simulations whose loops are left by what was found pass", { timeout: 60_000 }, async () => {
  const both = [await checks(workload("particle")), await checks(workload("saddle"))];
  expect(unlike(both.flat(), "pass")).toEqual([]);
});

const program = (source: string, ...args: number[]) =>
  programTransform
    .prepare(
      loadProgram({ file: "given.ts", source }),
      args,
      args.map((_, i) => i),
    )
    .valueAndGrad(args);

test.each([
  [
    "an object of another form in each arm",
    "export function f(x: number) { const o = x > 0 ? { a: x } : null; return o === null ? -x : o.a * o.a; }",
    3,
    9,
    6,
  ],
  [
    "a closure chosen by a condition",
    "export function f(x: number) { const g = x > 1 ? (t: number) => t * x : (t: number) => t + x; return g(2 * x); }",
    3,
    18,
    12,
  ],
  [
    "a labelled loop",
    "export function f(x: number) { let s = 0; outer: for (let i = 0; i < 5; i++) { for (let j = 0; j < 5; j++) { if (x * j > 6) continue outer; if (i * x > 7) break outer; s += x * i * j; } } return s; }",
    2,
    72,
    36,
  ],
  [
    "a return from an inner loop",
    "export function f(x: number) { for (let i = 0; ; i++) { let t = x; while (t < 100) { t *= 2; if (t > 30 && i > 1) return t * i; } } }",
    5,
    80,
    16,
  ],
  [
    "a declaration that is reached by several ways",
    "export function f(x: number) { let y = x; if (x < 0) { y = 1; } else { if (x > 5) return x; y = x * x; } if (y > 30) return y; const v = y * x; return v + x; }",
    3,
    30,
    28,
  ],
  [
    "a closure over a variable that each arm declares",
    "function make(x: number, y: number) { let k = 1; if (x > 0) { if (y > 5) return (t: number) => t; k = 2; } const v = k; return (t: number) => t * v; } export function f(x: number) { return make(x, x)(x) + make(x - 10, x)(x); }",
    3,
    9,
    3,
  ],
  [
    "a switch that falls through",
    "export function f(x: number) { let s = x; switch (Math.floor(x)) { case 1: s *= 2; case 2: s *= x; break; default: s = 0; } return s; }",
    2.5,
    6.25,
    5,
  ],
  [
    "a list sorted by its values",
    "export function f(x: number) { const a = [x * x, 3, 1 - x].sort((p, q) => p - q); return a[0]! * 100 + a[1]! * 10 + a[2]!; }",
    2,
    -100 + 30 + 4,
    -100 + 4,
  ],
  [
    "a list that a turn replaces unless it leaves the loop",
    "export function f(x: number) { let p: readonly number[] = [x, 1]; for (let i = 0; i < 1000; i++) { if (p[0]! > 50) return p[0]! * p[1]!; p = p.map((v) => v * x); } return 0; }",
    3,
    2187,
    7 * 3 ** 6,
  ],
])("%s", (_, source, x, value, slope) => {
  const result = program(source, x);
  expect(result.value).toBeCloseTo(value, 10);
  expect(result.grad[0]).toBeCloseTo(slope, 10);
});

test("an array that each turn of a loop makes anew keeps what the turn put into it", () => {
  const source =
    "export function f(x: number, n: number) { let y = [1, 1]; for (let i = 0; i < n; i++) { const o: number[] = []; o.push(y[0]! * x); o.push(y[1]! + x); y = o; } return y[0]! * y[1]!; }";
  const { value, grad } = program(source, 2, 3);
  expect(value).toBeCloseTo(56, 10);
  expect(grad[0]).toBeCloseTo(108, 10);
});

test("a checkpoint is computed again: of a turn its argument is kept alone, in all orders and modes", () => {
  const source = (mark: string) => `const step = ${mark}((y: number, x: number) => {
      let z = y;
      for (let k = 0; k < 3; k++) z = Math.sin(z) * x + 0.1 * x;
      return z;
    });
    export function f(x: number, n = 5) { let y = x; for (let i = 0; i < n; i++) y = step(y, x); return y * y; }`;
  const [marked, plain] = ["checkpoint", ""].map((mark) =>
    programTransform.prepare(loadProgram({ file: "given.ts", source: source(mark) }), [0.7, 20], [0]),
  );
  const stacks = (p: typeof marked) =>
    p
      ?.stages([0.7, 20])
      .find((s) => s.title.startsWith("generated"))
      ?.text.match(/Numbers\.room/g)?.length;
  expect([stacks(marked), stacks(plain)]).toEqual([1, 6]);
  const args = [0.7, 20];
  const both = (p: typeof marked) =>
    [p?.valueAndGrad(args), p?.jvp(args, [1, 0]), p?.hvp(args, [1, 0])].flatMap((r) => JSON.stringify(r).match(/-?\d+\.\d+/g)).map(Number);
  const [a, b] = [both(marked), both(plain)];
  expect(a.length).toBeGreaterThan(6);
  for (const [i, x] of a.entries()) expect(x).toBeCloseTo(b[i] as number, 10);
});

test("a million turns differentiate in a constant stack", () => {
  const source = "export function f(y: number, n: number) { for (let i = 0; i < n; i++) y -= 1e-6 * y * y; return y; }";
  const run = programTransform.prepare(loadProgram({ file: "given.ts", source }), [0.9, 1e6], [0]);
  const { value, grad } = run.valueAndGrad([0.9, 1e6]);
  let [y, dy] = [0.9, 1];
  for (let i = 0; i < 1e6; i++) [y, dy] = [y - 1e-6 * y * y, dy * (1 - 2e-6 * y)];
  expect(value).toBeCloseTo(y, 12);
  expect(Math.abs((grad[0] as number) / dy - 1)).toBeLessThan(1e-9);
});

test("a gradient by way of a list of 10^5 elements costs what the list does, and no stack", () => {
  const source = `type L = { v: number; next: L } | null;
    function total(l: L): number { return l === null ? 0 : Math.sin(l.v) + total(l.next); }
    function mapped(l: L, x: number): L { return l === null ? null : { v: l.v * x, next: mapped(l.next, x) }; }
    export function f(x: number, n: number) { let l: L = null; for (let i = 0; i < n; i++) l = { v: i * x / n, next: l }; return total(mapped(l, x)) + total(l); }`;
  const [x, n] = [1.1, 100_000];
  const { value, grad } = programTransform.prepare(loadProgram({ file: "list.ts", source }), [x, n], [0]).valueAndGrad([x, n]);
  let [sum, slope] = [0, 0];
  for (let i = 0; i < n; i++) {
    const k = i / n;
    sum += Math.sin(k * x * x) + Math.sin(k * x);
    slope += Math.cos(k * x * x) * 2 * k * x + Math.cos(k * x) * k;
  }
  expect(value).toBeCloseTo(sum, 6);
  expect(grad[0]).toBeCloseTo(slope, 6);
});

test.each([
  [
    "a recursion 10^4 deep",
    "export function f(x: number, n: number): number { return n <= 0 ? x : Math.sin(f(x, n - 1)) + 0.1 * x; }",
    1e4,
  ],
  [
    "a tail call 10^5 deep",
    "function g(x: number, a: number, n: number): number { return n <= 0 ? a : g(x, Math.sin(a) + 0.1 * x, n - 1); } export function f(x: number, n: number) { return g(x, x, n); }",
    1e5,
  ],
  [
    "two functions that call each other last, 10^5 deep",
    "function g(x: number, a: number, n: number): number { return n <= 0 ? a : h(x, a, n); } function h(x: number, a: number, n: number): number { return g(x, Math.sin(a) + 0.1 * x, n - 1); } export function f(x: number, n: number) { return g(x, x, n); }",
    1e5,
  ],
])("%s is differentiated", (_, source, n) => {
  const { value, grad } = programTransform.prepare(loadProgram({ file: "given.ts", source }), [0.7, n], [0]).valueAndGrad([0.7, n]);
  let [y, dy] = [0.7, 1];
  for (let i = 0; i < n; i++) [y, dy] = [Math.sin(y) + 0.07, Math.cos(y) * dy + 0.1];
  expect(value).toBeCloseTo(y, 12);
  expect(grad[0]).toBeCloseTo(dy, 12);
});
