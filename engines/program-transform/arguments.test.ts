/** What programs give, as JavaScript gives it. */
import { expect, test } from "vitest";
import { loadModule, loadProgram } from "../../loader/load.ts";
import type { Tree } from "../engine.ts";
import { tape } from "../tape/engine.ts";
import { programTransform } from "./engine.ts";

const LIST = "type L = { v: number; next: L } | null;\n";

const RESULTS: readonly (readonly [name: string, source: string])[] = [
  ["an array of records", "const r = []; for (let i = 0; i < n; i++) r.push({ a: i * x, b: [x, i] }); return r;"],
  [
    "an array of arrays",
    "const r: number[][] = []; for (let i = 0; i < n; i++) { const q = []; for (let j = 0; j < i; j++) q.push(x * j); r.push(q); } return r;",
  ],
  ["an array of records of one number", "const r = []; for (let i = 0; i < n; i++) r.push({ a: i * x, kind: 'k' }); return r;"],
  ["a list", "let l: L = null; for (let i = 0; i < n; i++) l = { v: i * x, next: l }; return { l, x };"],
  [
    "an array of lists",
    "let l: L = null; const all: L[] = []; for (let i = 0; i < n; i++) { l = { v: i * x, next: l }; all.push(l); } return all;",
  ],
  ["nothing or a record", "return [x > 1 ? { a: x } : null, x > 9 ? { a: x } : null, x > 1 ? 'yes' : undefined, n > 2];"],
  ["one of several forms", "let o: any = null; for (let i = 0; i < n; i++) o = i % 2 ? { a: x, i } : i % 3 ? [x, i] : 'none'; return o;"],
  ["constants", "return { a: 'text', b: null, c: [true, 1], d: undefined };"],
];

test.each(RESULTS)("%s is given as JavaScript gives it", (_, body) => {
  const source = `${LIST}export function f(x: number, n: number) { ${body} }`;
  const plain = loadModule({ file: "given.ts", source }, programTransform.intrinsics).exports.f as (x: number, n: number) => unknown;
  for (const n of [0, 1, 2, 3, 5])
    expect(programTransform.prepare(loadProgram({ file: "given.ts", source }), [1.5, n], [0]).value([1.5, n])).toEqual(plain(1.5, n));
});

test("a list of 10^5 elements is given without recursion", () => {
  const source = `${LIST}export function f(x: number, n: number) { let l: L = null; for (let i = 0; i < n; i++) l = { v: i * x, next: l }; return l; }`;
  let l = programTransform.prepare(loadProgram({ file: "given.ts", source }), [2, 1e5], [0]).value([2, 1e5]);
  let length = 0;
  for (; l !== null; l = (l as { next: Tree }).next) length++;
  expect(length).toBe(1e5);
});

test("a tangent of what has several forms is refused", () => {
  const source = "export function f(x: number) { return x > 1 ? { a: x } : null; }";
  const run = programTransform.prepare(loadProgram({ file: "given.ts", source }), [2], [0]);
  expect(() => run.jvp([2], [1])).toThrow(/one of several forms has no form to be given in/);
  expect(() => run.vjp([2], { a: 1 })).toThrow(/one of several forms has no form to be given in/);
});

type Row = { a: number; b: [number, number] };
const rows = (n: number): Row[] => Array.from({ length: n }, (_, i) => ({ a: Math.sin(i), b: [Math.cos(i), i / n] }));

const BY_ROWS: readonly (readonly [name: string, body: string, args: (n: number) => Tree[]])[] = [
  [
    "records",
    "let s = 0; for (const { a, b } of rows) s += a > x ? a * b[0]! * x : b[1]! * a; return s * rows.length;",
    (n) => [0.3, rows(n)],
  ],
  ["numbers", "return rows.reduce((s: number, r: number, i: number) => s + r * r * i * x, 0);", (n) => [0.3, rows(n).map((r) => r.a)]],
  [
    "records of one number",
    "return rows.map((r: any) => r.a * x).reduce((p: number, q: number) => p + q * q, 0);",
    (n) => [0.3, rows(n).map(({ a }) => ({ a }))],
  ],
  [
    "pairs",
    "return rows.filter(([p]: number[]) => p! > x).reduce((s: number, [p, q]: number[]) => s + p! * q! * q!, x);",
    (n) => [0.3, rows(n).map((r) => r.b)],
  ],
  [
    "long rows",
    "let s = 0; for (const r of rows) for (let j = 0; j < r.length; j++) s += r[j] * r[j] * j * x; return s;",
    (n) => [0.3, rows(n).map((_, i) => Array.from({ length: 70 }, (_, j) => Math.sin(i + j)))],
  ],
];

test.each(BY_ROWS)("a long array of %s is one argument, with the derivatives that the tape finds", (_, body, args) => {
  const program = () => loadProgram({ file: "given.ts", source: `export function f(x: number, rows: any) { ${body} }` });
  const run = programTransform.prepare(program(), args(70), [0, 1]);
  let transforming: number | undefined;
  for (const n of [70, 130]) {
    const [given, tangents] = [args(n), args(n + 1).map((a) => (Array.isArray(a) ? a.slice(0, n) : a))];
    const want = tape.prepare(program(), given, [0, 1]);
    const [a, b] = [run.valueAndGrad(given), want.valueAndGrad(given)];
    expect(flat([a.value, a.grad])).toEqual(flat([b.value, b.grad]).map((v) => expect.closeTo(v, 9)));
    expect(flat(run.jvp(given, tangents).tangent)).toEqual(flat(want.jvp(given, tangents).tangent).map((v) => expect.closeTo(v, 9)));
    // Another length is no other program.
    expect(run.phases.transform).toBe(transforming ?? run.phases.transform);
    transforming = run.phases.transform;
  }
});

test("the cotangent of an array has its elements", () => {
  const source =
    "export function f(x: number, n: number) { const r = []; for (let i = 0; i < n; i++) r.push({ a: i * x, b: x * x }); return r; }";
  const run = programTransform.prepare(loadProgram({ file: "given.ts", source }), [1.5, 3], [0]);
  const ct = [1, 2, 3].map((v) => ({ a: v, b: 10 * v }));
  expect(run.vjp([1.5, 3], ct).grad[0]).toBeCloseTo(0 * 1 + 1 * 2 + 2 * 3 + 60 * 2 * 1.5, 12);
  expect(run.jvp([1.5, 3], [2]).tangent).toEqual([0, 2, 4].map((a) => ({ a, b: 6 })));
});

/** The numbers in a tree, in order. */
function flat(t: unknown): number[] {
  return typeof t === "number" ? [t] : typeof t === "object" && t !== null ? Object.values(t).flatMap(flat) : [];
}
