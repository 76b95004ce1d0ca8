import { describe, expect, it } from "vitest";
import { BenchError } from "../core/base/errors.ts";
import { loadProgram } from "./load.ts";

function refusal(source: string): BenchError | undefined {
  try {
    loadProgram({ file: "/programs/p.ts", source });
  } catch (e) {
    expect(e).toBeInstanceOf(BenchError);
    return e as BenchError;
  }
  return undefined;
}

/** Source, kind, line, column, part of the message. */
type Refused = readonly [source: string, kind: string, line: number, column: number, mentions: string];

const REFUSED: readonly Refused[] = [
  // Syntax, with the parser's words.
  ["export function f(x: number): number {\n  return x +;\n}", "syntax", 2, 13, "nexpected token"],
  ["const a = 1;\nconst a = 2;", "syntax", 1, 7, "already been declared"],
  ["export function f(x: number) {\n  with (x) {}\n}", "syntax", 2, 3, "with"],
  ["export function f(x: number) {\n  return x;\n", "syntax", 3, 1, "Expected"],
  // Names.
  ["export const f = (x: number) => x * k;", "type", 1, 37, "k is not defined"],
  ["export const f = (x: number) => {\n  return helper(x);\n};", "type", 2, 10, "helper"],
  ["export const f = (x: number) => typeof missing === 'string' ? x : 1;", "type", 1, 40, "missing"],
  ["export const f = (x: number) => { { const inner = x; }\n  return inner; };", "type", 2, 10, "inner"],
  ["declare function loss(x: number): number;\nexport const f = (x: number) => loss(x);", "unsupported", 2, 33, "loss is declared"],
  ["export const f = (x: number) => { undefinedTotal = x; return x; };", "type", 1, 35, "undefinedTotal"],
  ["export const f = (x: number) => { NaN = x; return x; };", "type", 1, 35, "NaN"],
  ["export const f = () => arguments[0];", "type", 1, 24, "arguments"],
  // The outside world.
  ["export const f = (x: number) => x * Date.now();", "unsupported", 1, 37, "Date"],
  ["export const f = (x: number) => x * new Date().getTime();", "unsupported", 1, 41, "Date"],
  ["export const f = (x: number) => x * performance.now();", "unsupported", 1, 37, "performance"],
  ["export const f = (x: number) => x * Math.random();", "unsupported", 1, 37, "Math.random"],
  ["export const f = (x: number) => x * Math['random']();", "unsupported", 1, 37, "Math.random"],
  ["const { random } = Math;\nexport const f = (x: number) => x * random();", "unsupported", 1, 9, "Math.random"],
  ["export const f = (x: number) => { setTimeout(() => {}, 1); return x; };", "unsupported", 1, 35, "setTimeout"],
  ["export const f = (x: number) => eval('x');", "unsupported", 1, 33, "eval"],
  ["export const f = (x: number) => new Function('x', 'return x')(x);", "unsupported", 1, 37, "Function"],
  ["export const f = (x: number) => process.argv.length * x;", "unsupported", 1, 33, "process"],
  ["export const f = (x: number) => globalThis.Math.sin(x);", "unsupported", 1, 33, "globalThis"],
  ["const fs = require('fs');\nexport const f = (x: number) => x;", "unsupported", 1, 12, "require"],
  ["export const f = (x: number) => { import('./a.ts'); return x; };", "unsupported", 1, 35, "import()"],
  ["export const f = (x: number) => crypto.getRandomValues(new Uint8Array(1))[0] * x;", "unsupported", 1, 33, "crypto"],
  // Async code.
  ["export const f = async (x: number) => x;", "unsupported", 1, 18, "async"],
  ["class A {\n  async m() {}\n}\nexport const f = (x: number) => x;", "unsupported", 2, 3, "async"],
  ["export const f = (x: number) => x;\nawait 1;", "unsupported", 2, 1, "async"],
  ["export function f(x: number) {\n  await x;\n  return x;\n}", "unsupported", 2, 3, "async"],
  ["export const f = async function* (x: number) { yield x; };", "unsupported", 1, 18, "async"],
  ["export const f = (x: number) => Promise.resolve(x);", "unsupported", 1, 33, "async"],
  // Constructs.
  ["enum E { A }\nexport const f = (x: number) => x + E.A;", "unsupported", 1, 1, "enum"],
  ["export namespace N { export const a = 1; }\nexport const f = (x: number) => x;", "unsupported", 1, 8, "namespace"],
  ["export const f = (x: number) => new Number(x);", "unsupported", 1, 33, "new Number"],
  ["function d(v: unknown, c: unknown): void {}\nclass A { @d m() {} }", "unsupported", 2, 11, "decorators"],
  ["import a = require('a');\nexport const f = (x: number) => x;", "unsupported", 1, 1, "import ="],
  ["export const f = (x: number) => import.meta.filename;", "unsupported", 1, 33, "import.meta"],
  // Constants.
  ["const k = 1;\nexport const f = (x: number) => {\n  (k as number) += x;\n  return k;\n};", "type", 3, 4, "k is a constant"],
  ["export const f = (x: number) => { for (const v of [x]) { v++; } return x; };", "type", 1, 58, "v is a constant"],
  ["export const f = (x: number) => { const [a, b] = [x, 1]; [a] = [b]; return a; };", "type", 1, 59, "a is a constant"],
  // Imports.
  ["import { readFileSync } from 'node:fs';\nexport const f = (x: number) => readFileSync;", "unsupported", 1, 30, "node:fs"],
];

describe("what is refused before a program runs", () => {
  for (const [source, kind, line, column, mentions] of REFUSED.slice(0, -1)) {
    it(source, () => {
      const error = refusal(source);
      expect(error?.message).toContain(mentions);
      expect({ kind: error?.kind, span: error?.span }).toEqual({ kind, span: { file: "/programs/p.ts", line, column } });
    });
  }
});

const MISSING_RETURN: readonly string[] = [
  "export function f(x: number): number { if (x > 0) { return x; } }",
  "export function f(x: number): number { x * 2; }",
  "export function f(x: number) { if (x > 0) return x; }",
  "export function f(x: number): number { while (x > 0) { return x; } }",
  "export function f(x: number): number { for (let i = 0; i < 3; i++) return x; }",
  "export function f(x: number): number { while (true) { if (x > 0) break; return 1; } }",
  "export function f(x: number): number { out: { if (x > 0) break out; return 1; } }",
  "export function f(x: number, m: string): number { switch (m) { case 'a': return x; case 'b': return 1; } }",
  "export function f(x: number): number { switch (x) { case 1: return x; default: break; } }",
  "export function f(x: number, m: 'a' | 'b' | 'c'): number { switch (m) { case 'a': return x; case 'b': return 1; } }",
  "export function f(x: number): number { try { return x; } catch { x++; } }",
  "export function f(x: number): number { try { x++; } finally { x++; } }",
  "export function f(x: number): number { do { if (x > 1) continue; return x; } while (x > 2); }",
  "export const f = (x: number): number => { if (x) return 1; else if (x > 2) return 2; };",
  "const o = { get v(): number { } };\nexport const f = (x: number) => x;",
  "class A { m(x: number): number { if (x) return 1; } }\nexport const f = (x: number) => x;",
  "type R = { a: number };\nexport function f(x: number): R { if (x > 0) return { a: x }; }",
  "export function f(x: number): number { return; }",
];

const COMPLETE: readonly string[] = [
  "export function f(x: number): number { if (x > 0) { return x; } else { return 1; } }",
  "export function f(x: number): number { while (true) { if (x > 9) return x; x++; } }",
  "export function f(x: number): number { for (;;) { if (x > 9) return x; x++; } }",
  "export function f(x: number): number { while (true) { while (true) { break; } if (x > 9) return x; } }",
  "export function f(x: number): number { out: while (true) { for (;;) { continue out; } } }",
  "export function f(x: number): number { do { return x; } while (x > 0); }",
  "export function f(x: number): number { throw new Error('no'); }",
  "export function f(x: number): number { switch (x) { case 1: case 2: return x; default: throw new Error(); } }",
  "export function f(x: number): number { switch (x) { default: return 1; case 1: x++; case 2: return x; } }",
  "export function f(x: number, m: 'a' | 'b'): number { switch (m) { case 'a': return x; case 'b': return 1; } }",
  "type S = { kind: 'a'; v: number } | { kind: 'b' };\nexport function f(x: number, s: S): number { switch (s.kind) { case 'a': return x * s.v; case 'b': return 1; } }",
  "export function f(x: number): number { try { return x; } catch { return 1; } finally { x++; } }",
  "export function f(x: number): number { try { x++; } finally { return x; } }",
  "export function f(x: number): number | undefined { if (x > 0) return x; }",
  "type M = number | undefined;\nexport function f(x: number): M { if (x > 0) return x; }",
  "export function g(x: number): void { if (x > 0) return; }\nexport const f = (x: number) => x;",
  "export function g(x: number): any { if (x > 0) return 1; }\nexport const f = (x: number) => x;",
  "function fail(): never { throw new Error('x'); }\nexport function f(x: number): number { if (x > 0) return x; fail(); }",
  "export function f(x: number): number { { { return x; } } x++; }",
  "class A { v: number; constructor(x: number) { this.v = x; if (x) return; } set w(x: number) { this.v = x; } }\nexport const f = (x: number) => new A(x).v;",
  "function* g(x: number): Generator<number> { yield x; }\nexport const f = (x: number) => [...g(x)][0];",
  "function over(x: string): string;\nfunction over(x: number): number;\nfunction over(x: any): any { return x; }\nexport const f = (x: number) => over(x);",
  "export function f(x: number): number { if (true) return x; }",
];

describe("functions that may fall off their end", () => {
  for (const source of MISSING_RETURN) {
    it(`are refused: ${source}`, () => {
      const error = refusal(source);
      expect(error?.message).toContain("not every path returns a value");
      expect(error?.kind).toBe("type");
    });
  }
  for (const source of COMPLETE)
    it(`are told from those that cannot: ${source}`, () => expect(refusal(source)?.describe()).toBeUndefined());

  it("are refused at the function's line, a method at the method's", () => {
    expect(refusal("\n\nexport function f(x: number): number {\n  if (x) return 1;\n}")?.span).toMatchObject({ line: 3, column: 8 });
    expect(refusal("class A {\n  x = 1;\n  private m(x: number): number {}\n}\nexport const f = (x: number) => x;")?.span).toMatchObject({
      line: 3,
      column: 3,
    });
  });
});

describe("what is not refused", () => {
  for (const source of [
    "export const f = (x: number) => { console.log(x); return x; };",
    "const Date = { now: () => 2 };\nexport const f = (x: number) => x * Date.now();",
    "export const f = (x: number, process: number) => x * process;",
    "export const f = (x: number) => { const o = { Date: x, process: 1 }; return o.Date * o.process; };",
    "interface Date { now(): number }\nexport const f = (x: number, d?: Date | Promise<number>) => x;",
    "export const f = (x: number) => { label: for (;;) { break label; } return x; };",
    "export const f = function (this: unknown, x: number) { return arguments.length * x; };",
  ]) {
    it(source, () => expect(refusal(source)?.describe()).toBeUndefined());
  }

  it("even with a thousand statements of a thousand names", () => {
    const lines = Array.from({ length: 3000 }, (_, i) => `  const v${i + 1} = v${i} * 0.999 + ${i % 2 ? "x" : "1"};`);
    const source = `export function f(x: number): number {\n  const v0 = x;\n${lines.join("\n")}\n  return v3000;\n}`;
    expect(refusal(source)?.describe()).toBeUndefined();
  });
});

describe("text that would crash a parser or a compiler", () => {
  for (const [name, source] of [
    ["brackets", `export const f = (x: number) => ${"(".repeat(1e5)}x${")".repeat(1e5)};`],
    ["calls", `export const f = (x: number) => ${"f(".repeat(1e5)}x${")".repeat(1e5)};`],
    ["sums", `export const f = (x: number) => ${Array(1e5).fill("x").join(" + ")};`],
    ["conditionals", `export const f = (x: number) => ${"x ? 1 : ".repeat(1e5)}0;`],
  ] as const) {
    it(`is refused: ${name}`, () => expect(refusal(source)).toMatchObject({ kind: "unsupported", span: { line: 1 } }));
  }

  it("is told from long but flat text", () => {
    expect(
      refusal(
        `export const table = [${Array(20_000).fill("[-1.5, 2e-3]").join(", ")}];\nexport const f = (x: number) => x * table.length;`,
      )?.describe(),
    ).toBeUndefined();
  });
});
