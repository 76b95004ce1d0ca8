// biome-ignore-all lint/suspicious/noTemplateCurlyInString: programs in strings
import { describe, expect, it } from "vitest";
import { compile } from "./compile.ts";

/** Names of the run-time functions that the rewritten text calls. */
function used(source: string): string[] {
  return compile("/programs/p.ts", source)
    .used.filter((name) => name !== "export" && name !== "imports")
    .sort();
}

describe("operators on provably plain operands stay as they are", () => {
  for (const body of [
    "let s = 0; for (let i = 0; i < 10; i++) s += i * 2; return s;",
    "for (let i = xs.length - 1; i >= 0; i--) { const j = i % 2; if (j === 0 && !j) xs[i - j] = 1; } return xs;",
    "let n = 3; while (n-- > 0) { if (n ? n : 1) continue; } return -n + ~n;",
    "const k = [1, 2]; let i = 0; while (i < k.length) { const isLast = i + 1 === k.length; if (isLast) break; i++; } return i;",
    "const a = typeof x; const b = x === null; return a === 'number' || b || `text` + 'a';".replace("typeof x", "'number'"),
    "var t = Math.PI * 2 ** 3; t = t > 5 ? t : (t, 4); t ||= 1; return t;".replace("Math.PI", "3"),
  ]) {
    it(body, () => expect(used(`export function f(x: number, xs: number[]): any { ${body} }`)).toEqual([]));
  }
});

describe("operators are rewritten where an operand may be traced", () => {
  for (const [body, want] of [
    ["let s = 0; for (let i = 0; i < 3; i++) s += x; return s;", ["add"]],
    ["let i = 0; i = x; return i < 2;", ["lt"]],
    ["let i = 0; const g = () => { i = x; }; g(); return i + 1;", ["add"]],
    ["let i = 0; [i] = xs; return i + 1;", ["add"]],
    ["let i = 0; for (i of xs) break; return i + 1;", ["add"]],
    ["let i = 0; ({ a: i } = { a: x }); return i + 1;", ["add"]],
    ["let i = 0; ({ i } = { i: x }); return i + 1;", ["add"]],
    ["let i = 0; ({ i = x } = {}); return i + 1;", ["add"]],
    ["let i = 0; (i as any) = x; return i + 1;", ["add"]],
    ["let i = 0, j = 0, k = 0; k = j; j = i; i = x; return k * 2;", ["mul"]],
    ["let i = 0; i += x; return i;", ["add"]],
    ["let i = 0; i ||= x; return -i;", ["neg", "truth"]],
    ["let i = 0; if (i) i = x; return xs[i];", ["index", "truth"]],
    ["const o = { length: x }; return o.length * 2;", ["mul"]],
    ["const n = xs.length; return n === 3;", ["same"]],
    ["const n = xs.length; return n < 3 ? xs[n] : 1;", ["index"]],
    ["for (let i = 0; i < n(); i++) return i; return 1; function n() { return x; }", ["lt"]],
    ["try { throw x; } catch (i) { return i * 2; }", ["mul"]],
    ["const h = (i = 0) => i * 2; return h(x);", ["mul"]],
    ["var i = 0; { var i = x; } return i * 2;", ["mul"]],
    ["let i = 0; const set = (v: number) => (i = v); set(x); return i * 2;", ["mul"]],
  ] as const) {
    it(body, () => expect(used(`export function f(x: any, xs: number[]): any { ${body} }`)).toEqual(want));
  }

  it("however long the chain of assignments", () => {
    const chain = Array.from({ length: 5000 }, (_, i) => `let v${i + 1} = v${i};`).join("\n");
    expect(used(`export function f(x: number): any { let v0 = 1;\n${chain}\nv0 = x; return v5000 * 2; }`)).toEqual(["mul"]);
  });
});
