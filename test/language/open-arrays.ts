/** Programs on arrays whose length is not known before they run: what is asked of them, and what they are made into. */
import type { Row } from "./programs.ts";

export const OPEN_ARRAYS: readonly Row[] = [
  [
    "methods",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < x * 3; i++) a.push(i * x); return a.concat([x]).length + a.filter((v) => v > 1).map((v) => v * v).reduce((p, q) => p + q, 0) + (a.some((v) => v > 2) ? x : 0) + (a.every((v) => v > 0) ? x : 0) + (a.find((v) => v > 1) ?? 0) + a.indexOf(3) + [...a].reverse()[0]! + Math.max(...a); }",
    1.1,
    3,
  ],
  [
    "sort",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < x * 29; i++) a.push(Math.sin(i * x)); a.sort((p, q) => p - q); let s = 0; for (let i = 0; i < a.length; i++) s += a[i]! * i * x; return s; }",
    1.1,
    3,
  ],
  [
    "reverse",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < x * 3; i++) a.push(Math.sin(i * x)); a.reverse(); return a[0]! * x; }",
    1.1,
    3,
  ],
  [
    "shift loop",
    "export function f(x: number, n: number) { const q = [x, 2 * x, 3]; let s = 0; while (q.length > 0) { const v = q.shift()!; s += v * v; if (v > 2 && q.length < 5 && s < 20) q.push(v * 0.5); } return s; }",
    1.1,
    3,
  ],
  [
    "unshift splice at fill",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < x * 6; i++) a.push(i * x); a.unshift(x, 7); const r = a.splice(1, 2, x * x, 5, 6); a.fill(x, 4, -1); return a.reduce((s, v, i) => s + v * (i + 1), 0) + r.length + r[1]! * x + a.at(-1)! + a.at(0)!; }",
    1.1,
    3,
  ],
  [
    "splice more",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < x * 6; i++) a.push(i * x); a.splice(-3); a.splice(n, 1); a.splice(1, -2, x); return a.reduceRight((s, v, i) => s * 0.5 + v * (i + 1)) + a.length; }",
    1.1,
    3,
  ],
  [
    "spread push",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < x * 6; i++) a.push(i * x); const b = [1, ...a, x, ...a]; b.push(...a, 3); const g = (...r: number[]) => r.reduce((s, t) => s + t * t, 0); const [p, , q, ...rest] = a; return b.reduce((s, v, i) => s + v * i, 0) + g(x, ...a) + Math.min(...a, -x) + Math.hypot(...a) + p! + q! * x + rest.length * x + rest[0]!; }",
    1.1,
    3,
  ],
  [
    "nested callbacks",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < x * 6; i++) a.push(i * x); return a.map((v) => a.map((w) => v * w).reduce((s, t) => s + t, 0)).filter((v) => a.some((w) => w > v)).length * x + a.map((v) => a.filter((w) => w < v).length * v).reduce((s, t) => s + t * x, 0); }",
    1.1,
    3,
  ],
  [
    "index search",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < x * 6; i++) a.push(i % 3); return x * (a.indexOf(1, 2) + 10 * a.lastIndexOf(1) + 100 * a.findIndex((v) => v === 2) + 1000 * a.findLastIndex((v) => v === 2) + (a.includes(2, -1) ? 5 : 7) + (a.includes(9) ? 5 : 7) + (a.findLast((v, i) => v === 0 && i > 100) ?? 3)) ; }",
    1.1,
    3,
  ],
  [
    "known list, unknown cut",
    "export function f(x: number, n: number) { const a = [x, 2 * x, 3 * x, x * x]; const b = a.slice(n - 2, n); const c = a.concat(b); a.splice(n, 1, ...b); return b.reduce((s, v) => s + v * x, 0) + c.length + a.reduce((s, v, i) => s + v * i, 0); }",
    1.1,
    3,
  ],
  [
    "sort 12",
    "export function f(x: number, n: number) { const a = [5, 3, x, 2 * x, 8, 1, x * x, 7, 9, 2, x * 5, 0]; return a.sort((p, q) => q - p).map((v, i) => v * i).reduce((s, t) => s + t, 0) + a[0]! * x; }",
    1.1,
    3,
  ],
  [
    "sort in arm",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < n * 3; i++) a.push(Math.cos(i) * x); if (x > 0) a.sort((p, q) => p - q); else a.reverse(); return a[1]! * a[2]!; }",
    1.1,
    3,
  ],
  [
    "sum of prelude in loop",
    "export function f(x: number, n: number) { let a = [x]; for (let i = 0; i < n; i++) { a = a.concat(a.map((v) => v * x)); } return a.reduce((s, v) => s + v, 0); }",
    1.1,
    3,
  ],
  [
    "median",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < n; i++) a.push(Math.sin(i * i) * x); const s = [...a].sort((p, q) => p - q); return s[Math.floor(s.length / 2)]! + s.slice(1, -1).reduce((p, q) => p + q, 0) / (s.length - 2); }",
    1.1,
    7,
  ],
  [
    "flatMap",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < n; i++) a.push(i * x); return a.flatMap((v, i) => [v, i]).reduce((p, q) => p + q * x, 0); }",
    1.1,
    7,
  ],
  [
    "gradient by an array of records",
    "declare function grad<A>(f: (t: A) => number): (t: A) => A;\nexport function f(x: number, n: number) { const r: {a: number, b: number}[] = []; for (let i = 0; i < n; i++) r.push({a: i * x, b: x * x}); const g = grad((q: typeof r) => q.reduce((s, e) => s + e.a * e.b * e.b * x, 0))(r); return g.reduce((s, e, i) => s + e.a * x + e.b * i, 0) + g.length; }",
    1.1,
    5,
  ],
  [
    "gradient by an array of arrays",
    "declare function grad<A>(f: (t: A) => number): (t: A) => A;\nexport function f(x: number, n: number) { const r: number[][] = []; for (let i = 0; i < n; i++) { const q: number[] = []; for (let j = 0; j <= i; j++) q.push(x * j + i); r.push(q); } const g = grad((q: number[][]) => { let s = 0; for (const row of q) for (const v of row) s += v * v * v * x; return s; })(r); let t = 0; for (const row of g) for (const v of row) t += v; return t; }",
    1.1,
    4,
  ],
];
