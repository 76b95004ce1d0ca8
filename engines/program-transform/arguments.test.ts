/** What programs give, as JavaScript gives it. */
import { expect, test } from "vitest";
import { loadModule, loadProgram } from "../../loader/load.ts";
import type { Tree } from "../engine.ts";
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
