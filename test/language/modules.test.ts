/** Imports of programs that are transformed, each followed to its source, and refusals as they are printed. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { programTransform } from "../../engines/program-transform/engine.ts";
import { loadProgram } from "../../loader/load.ts";

const FILES: Readonly<Record<string, string>> = {
  "default.ts": "export default function square(x: number) { return x * x; }",
  "default-value.ts": "const cube = (x: number) => x * x * x;\nexport default cube;",
  "named.ts":
    "export const k = 3;\nexport function scaled(x: number) { return k * x; }\nexport class Box { constructor(public v: number) {} }",
  "again.ts":
    "export * from './named.ts';\nexport { scaled as times, k as factor } from './named.ts';\nexport { default as square } from './default.ts';",
  "even.ts":
    "import { odd } from './odd.ts';\nexport function even(n: number, x: number): number { return n <= 0 ? x : odd(n - 1, Math.sin(x)); }",
  "odd.ts":
    "import { even } from './even.ts';\nexport function odd(n: number, x: number): number { return n <= 0 ? -x : even(n - 1, 2 * x); }",
};

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "modules-"));
  for (const [name, text] of Object.entries(FILES)) writeFileSync(join(folder, name), text);
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

function gradient(source: string, ...args: number[]) {
  const program = loadProgram({ file: join(folder, "main.ts"), source });
  return programTransform.prepare(program, args, [0]).valueAndGrad(args);
}

test.each([
  ["a default export", "import square from './default.ts'; export function f(x: number) { return square(x) * x; }", 8, 12],
  ["a default value", "import cube from './default-value.ts'; export function f(x: number) { return cube(x); }", 8, 12],
  ["a namespace", "import * as m from './named.ts'; export function f(x: number) { return m.scaled(x) * m.k * new m.Box(x).v; }", 36, 36],
  ["a renamed import", "import { scaled as s, k } from './named.ts'; export function f(x: number) { return s(x) * k; }", 18, 9],
  [
    "exports of exports",
    "import { times, factor, square, k } from './again.ts'; export function f(x: number) { return times(x) * factor + square(x) * k; }",
    30,
    21,
  ],
  [
    "a type",
    "import type { Box } from './named.ts'; import { type Box as B, k } from './named.ts'; export function f(x: number) { const b: Box | B = { v: x }; return b.v * k; }",
    6,
    3,
  ],
] as const)("%s is followed to its source", (_, source, value, slope) => {
  expect(gradient(source, 2)).toEqual({ value, grad: [slope] });
});

test("modules that import each other call each other", () => {
  const source = "import { even } from './even.ts'; export function f(x: number, n: number) { return even(n, x); }";
  const { value, grad } = gradient(source, 0.5, 3);
  // even(3): odd(2, sin x), even(1, 2 sin x), odd(0, sin(2 sin x)) = -sin(2 sin x).
  expect(value).toBeCloseTo(-Math.sin(2 * Math.sin(0.5)), 12);
  expect(grad[0]).toBeCloseTo(-Math.cos(2 * Math.sin(0.5)) * 2 * Math.cos(0.5), 12);
});

test("a name that a module does not export is refused with those that it does", () => {
  expect(() => gradient("import { gone } from './named.ts'; export function f(x: number) { return gone(x); }", 2)).toThrow(
    /has no export named gone|does not export/,
  );
});
