import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { BenchError } from "../core/base/errors.ts";
import * as ops from "../core/ops.ts";
import { Dual, dualIntrinsics } from "../test/loader/dual.ts";
import { loadModule, loadProgram, placeOfExport, withSpan } from "./load.ts";
import { PROJECT_ROOT, RUNTIME_MODULES } from "./resolve.ts";

function caught(run: () => unknown): BenchError {
  try {
    run();
  } catch (e) {
    expect(e).toBeInstanceOf(BenchError);
    return e as BenchError;
  }
  throw new Error("nothing was thrown");
}

function load(source: string): Record<string, unknown> {
  return { ...loadModule({ file: "/programs/p.ts", source }, dualIntrinsics).exports };
}

const folder = mkdtempSync(join(tmpdir(), "trigrad-load-"));
afterAll(() => rmSync(folder, { recursive: true }));
function files(contents: Record<string, string>): void {
  for (const [name, text] of Object.entries(contents)) writeFileSync(join(folder, name), text);
}

describe("errors while running", () => {
  /** Source of f, arguments, kind, line, column, part of the message. */
  const dual = new Dual(1, 2.5, 1);
  const cases: readonly (readonly [string, unknown[], string, number, number, string])[] = [
    ["export const f = (x: number, o?: { v: number }) =>\n  x * o.v;", [2], "runtime", 2, 9, "reading 'v'"],
    [
      "type Wide = {\n  a: number;\n  b: number;\n};\ninterface I {\n  c: number;\n}\nexport function f(\n  x: number,\n  w: Wide & I,\n): number {\n  return x +\n    w.c.toFixed(1).length * w.d.e;\n}",
      [2, { c: 1 }],
      "runtime",
      13,
      33,
      "reading 'e'",
    ],
    [
      "export function f(x: number): number {\n  if (x > 1) throw new RangeError('too big');\n  return x;\n}",
      [2],
      "runtime",
      2,
      20,
      "too big",
    ],
    ["export function f(x: number): number {\n  throw 'a word';\n}", [2], "runtime", 1, 1, "a word"],
    ["export const f = (x: number, g?: any) => x + g(x);", [2], "runtime", 1, 46, "g is not a function"],
    ["export const f = (x: number): number => f(x + 1);", [2], "runtime", 1, 41, "recurses too deeply"],
    ["export const f = (x: number, xs = [1, 2, 3]) =>\n  2 * xs[x];", [dual], "unsupported", 2, 10, "is used as an index"],
    [
      "export const f = (x: number) => {\n  const xs = [1, 2];\n  xs[x] += 1;\n  return xs;\n};",
      [dual],
      "unsupported",
      3,
      6,
      "is used as an index",
    ],
    ["export const f = (x: number) =>\n  ({ [x]: 1 });", [dual], "unsupported", 2, 7, "is used as an index"],
    ["export const f = (x: number) => new Array(x);", [dual], "unsupported", 1, 33, "is used as an index"],
    ["export const f = (x: number) => Array.from({ length: x });", [dual], "unsupported", 1, 39, "is used as an index"],
    ["export const f = (x: number) => [1, 2, 3].slice(x);", [dual], "unsupported", 1, 33, "is used as an index"],
    ["export const f = (x: number) => [1, 2, 3].at(x);", [dual], "unsupported", 1, 33, "is used as an index"],
    ["export const f = (x: number) => new Float64Array(x);", [dual], "unsupported", 1, 33, "is used as an index"],
    ["export const f = (x: number) => new Float64Array([x])[0];", [dual], "unsupported", 1, 33, "bare number"],
    ["export const f = (x: number) => new Set([1, x]);", [dual], "unsupported", 1, 33, "key of a Set"],
    [
      "export const f = (x: number) => {\n  const m = new Map<number, number>();\n  m.set(x, 1);\n  return m;\n};",
      [dual],
      "unsupported",
      3,
      5,
      "key of a Map",
    ],
    ["export const f = (x: number) => Math.fround(x);", [dual], "unsupported", 1, 38, "fround"],
    ["export const f = (x: number) => Math[['random'][0]]();", [dual], "unsupported", 1, 52, "Math.random"],
    ["export const f = (x: number) => JSON.stringify({ x });", [dual], "unsupported", 1, 38, "JSON.stringify"],
    ["export const f = (x: number) => 'abc'.charAt(x);", [dual], "unsupported", 1, 39, "bare number"],
    ["export const f = (x: number) => 1 * ([x] as any);", [dual], "type", 1, 33, "an array is used as a number"],
    ["export const f = (x: number) => 1 + BigInt(x);", [dual], "unsupported", 1, 37, "bare number"],
  ];
  for (const [source, args, kind, line, column, mentions] of cases) {
    it(source, () => {
      const run = loadProgram({ file: "/programs/p.ts", source }).overloaded(dualIntrinsics);
      const error = caught(() => run(...args));
      expect(error.message).toContain(mentions);
      expect({ kind: error.kind, span: error.span }).toEqual({ kind, span: { file: "/programs/p.ts", line, column } });
    });
  }

  it("at the module's top level have their place too", () => {
    expect(caught(() => load("const o: any = {};\nexport const v = o.a.b;")).span).toMatchObject({ line: 2, column: 22 });
  });

  it("that no frame of the program explains are placed at the exported function", () => {
    const program = loadProgram({
      file: "/programs/p.ts",
      source: "const a = 1;\nexport function f(x: number): number[] {\n  return [x, a];\n}",
    });
    const error = caught(() =>
      withSpan(program, () => {
        throw new BenchError("unsupported", "the result is not a number");
      }),
    );
    expect(error.span).toEqual({ file: "/programs/p.ts", line: 2, column: 1 });
    expect(placeOfExport(program.file, program.source, "missing").line).toBe(1);
  });

  it("inside a derivative operator are placed at the innermost line of the program", () => {
    const source =
      "declare function grad(f: (x: number) => number): (x: number) => number;\nconst g = (t: number): number => {\n  return [1, 2][t]!;\n};\nexport const f = (x: number) => grad(g)(x);";
    expect(caught(() => loadProgram({ file: "/programs/p.ts", source }).overloaded(dualIntrinsics)(1)).span).toMatchObject({ line: 3 });
  });
});

describe("tensors", () => {
  const tensor = Object.create(ops.Tensor.prototype) as ops.Tensor;
  for (const [body, mentions] of [
    ["t > 1", "where(lt(a, b), x, y)"],
    ["t === 1", "where"],
    ["t ? 1 : 2", "where"],
    ["t && 1", "where"],
    ["[1, 2][t]", "indexSelect"],
  ] as const) {
    it(`are refused in ${body}, with the way out`, () => {
      const run = loadProgram({ file: "/programs/p.ts", source: `export const f = (t: any) => ${body};` }).overloaded(dualIntrinsics);
      expect(caught(() => run(tensor))).toMatchObject({ kind: "unsupported", advice: expect.stringContaining(mentions) });
    });
  }

  it("may be compared with null and undefined", () => {
    expect(
      (load("export const f = (t: any) => [t === null, t == null, t !== undefined, typeof t];").f as (t: unknown) => unknown[])(tensor),
    ).toEqual([false, false, true, "object"]);
  });
});

describe("derivative operators", () => {
  it("are bound where they are declared, where they are free, and as values", () => {
    const square = "const g = (t: number) => t * t * t;\n";
    const text = `${square}export const f = (x: number) => [grad(g)(x), [grad].map((d) => d(g)(x))[0]];`;
    for (const source of [text, `declare function grad(f: (x: number) => number): (x: number) => number;\n${text}`]) {
      expect((load(source).f as (x: number) => unknown)(2)).toEqual([12, 12]);
    }
  });

  it("may be shadowed by functions of the program", () => {
    expect(
      (load("function grad(x: number) { return x + 1; }\nexport const f = (x: number) => grad(x);").f as (x: number) => unknown)(2),
    ).toBe(3);
  });

  it("are those of the engine that loads, loaded once for each", () => {
    const program = loadProgram({ file: "/programs/p.ts", source: "export const f = (x: number) => stopGradient(x);" });
    const seven = { ...dualIntrinsics, stopGradient: () => 7 };
    expect(program.overloaded(seven)(1)).toBe(7);
    expect(program.overloaded(dualIntrinsics)(1)).toBe(1);
    expect(program.overloaded(seven)).toBe(program.overloaded(seven));
  });
});

describe("imports", () => {
  it("of other files are loaded from source, once, with operators overloaded", () => {
    files({
      "base.ts":
        "export let count = 0;\nexport const square = (x: number): number => { bump(); return x * x; };\nexport function bump(): void { count++; }\nexport default class Box { constructor(readonly v: number) {} }\nexport type T = number;\nexport interface I { a: T }",
      "helper.ts":
        "import Box, { square as sq, type T } from './base.ts';\nimport type { I } from './base.ts';\nimport { I as J } from './base.ts';\nexport const cube = (x: T): T => sq(x) * new Box(x).v;\nexport * from './base.ts';\nexport { default as Crate, square as sqr } from './base.ts';\nexport * as all from './base.ts';\nconst w: J | I = { a: 2 };\nexport { w as weight };",
      "main.ts":
        "import { cube, Crate, sqr, weight } from './helper';\nimport * as base from './base.js';\nimport { square } from './base';\nexport const f = (x: number) => [cube(x), new Crate(x).v, sqr(x), square === sqr, base.square === sqr, weight.a, base.count];",
    });
    const program = loadProgram({ file: join(folder, "main.ts") });
    expect(program.overloaded(dualIntrinsics)(3)).toEqual([27, 3, 9, true, true, 2, 2]);
    const [cube] = program.overloaded(dualIntrinsics)(new Dual(1, 3, 1)) as Dual[];
    expect(cube?.tangent).toBe(27);
    const exports = loadModule({ file: join(folder, "helper.ts") }, dualIntrinsics).exports;
    expect(Object.keys(exports).sort()).toEqual(["Crate", "all", "bump", "count", "cube", "sqr", "square", "weight"]);
  });

  it("place errors in the file where they happen", () => {
    files({
      "inner.ts": "type A = {\n  a: number;\n};\nexport const g = (xs: number[], i: number) => xs[i];",
      "outer.ts": "import { g } from './inner.ts';\nexport const f = (x: number) => g([1], x);",
    });
    expect(caught(() => loadProgram({ file: join(folder, "outer.ts") }).overloaded(dualIntrinsics)(new Dual(1, 0, 1))).span).toEqual({
      file: join(folder, "inner.ts"),
      line: 4,
      column: 50,
    });
    files({ "wrong.ts": "export const g =\n  missing;", "usesWrong.ts": "import { g } from './wrong.ts';\nexport const f = () => g;" });
    expect(caught(() => loadProgram({ file: join(folder, "usesWrong.ts") }).overloaded(dualIntrinsics)).span).toEqual({
      file: join(folder, "wrong.ts"),
      line: 2,
      column: 3,
    });
  });

  it("of the project's modules lead to the instances that run, however the path is written", () => {
    const path = join(PROJECT_ROOT, "core/ops.ts");
    for (const specifier of [path, path.replace(/\.ts$/, ".js"), "trigrad/core/ops.ts"]) {
      const source = `import { Tensor, mul } from ${JSON.stringify(specifier)};\nexport const f = (x: number) => [Tensor, mul(x, 2)];`;
      expect((load(source).f as (x: number) => unknown[])(4)).toEqual([ops.Tensor, 8]);
    }
  });

  it("know every module of core/base", () => {
    const base = readdirSync(join(PROJECT_ROOT, "core/base")).filter((f) => f.endsWith(".ts") && !/\.(test|reference)\.ts$/.test(f));
    expect(Object.keys(RUNTIME_MODULES).filter((f) => f.startsWith("core/base/"))).toEqual(base.map((f) => `core/base/${f}`).sort());
  });

  const refused: readonly (readonly [string, string, string])[] = [
    ["import { readFileSync } from 'node:fs';\nexport const f = readFileSync;", "node:fs", "unsupported"],
    ["import lodash from 'lodash';\nexport const f = lodash;", "lodash", "unsupported"],
    ["import { f } from './absent.ts';\nexport { f };", "does not exist", "usage"],
    [
      `import { tape } from '${join(PROJECT_ROOT, "engines/registry.ts")}';\nexport const f = tape;`,
      "a module of the engines",
      "unsupported",
    ],
    [`import { nothing } from '${join(PROJECT_ROOT, "core/ops.ts")}';\nexport const f = nothing;`, "no export named nothing", "type"],
  ];
  for (const [source, mentions, kind] of refused) {
    it(`are refused at their line: ${mentions}`, () => {
      const error = caught(() => load(source));
      expect(error.message).toContain(mentions);
      expect({ kind: error.kind, line: error.span?.line, file: error.span?.file }).toEqual({ kind, line: 1, file: "/programs/p.ts" });
    });
  }

  it("in a cycle are refused with both files", () => {
    files({
      "one.ts": "import { b } from './two.ts';\nexport const a = 1;\nexport const f = () => b;",
      "two.ts": "\nimport { a } from './one.ts';\nexport const b = () => a;",
    });
    const error = caught(() => loadProgram({ file: join(folder, "one.ts") }).overloaded(dualIntrinsics));
    expect(error.message).toContain("one.ts");
    expect(error.message).toContain("two.ts");
    expect(error.span).toEqual({ file: join(folder, "two.ts"), line: 2, column: 19 });
  });

  it("of a variable that changes are refused: its importers would keep an old value", () => {
    files({
      "counter.ts": "export let n = 0;\nexport const bump = () => { n++; };",
      "reads.ts": "import { n } from './counter.ts';\nexport const f = () => n;",
    });
    expect(caught(() => loadProgram({ file: join(folder, "reads.ts") }).overloaded(dualIntrinsics)).message).toContain(
      "assigned after its declaration",
    );
  });
});

describe("programs", () => {
  it("say what they export where the name asked for is missing", () => {
    const error = caught(() =>
      loadProgram({ file: "/programs/p.ts", source: "export const g = 1;\nexport const h = () => 1;" }, "f").overloaded(dualIntrinsics),
    );
    expect(error).toMatchObject({ kind: "usage", advice: expect.stringContaining("g, h") });
    expect(
      caught(() => loadProgram({ file: "/programs/p.ts", source: "export const f = 1;" }).overloaded(dualIntrinsics)).message,
    ).toContain("not a function");
    expect(caught(() => loadProgram({ file: join(folder, "nowhere.ts") })).kind).toBe("usage");
  });

  it("may be default exports of every form", () => {
    for (const text of [
      "export default function (x: number) { return x * 2; }",
      "export default (x: number) => x * 2",
      "export default function twice(x: number) { return x * 2; }\nexport const g = twice;",
      "const t = (x: number) => x * 2;\nexport { t as default };",
      "export default ((x) => x * 2) as (x: number) => number;",
    ]) {
      expect(loadProgram({ file: "/programs/p.ts", source: text }, "default").overloaded(dualIntrinsics)(4), text).toBe(8);
    }
  });

  it("know their own place", () => {
    expect(load("export const here = import.meta.url;").here).toBe("file:///programs/p.ts");
  });
});
