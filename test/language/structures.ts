/** Programs on arrays of structures, lists and trees, of a length or depth that is not known before they run. */
import type { Row } from "./programs.ts";

export const STRUCTURES: readonly Row[] = [
  [
    "open records",
    "export function f(x: number, n: number) { const a: {p: number, q: number}[] = []; for (let i = 0; i < x * 3; i++) a.push({p: i * x, q: x * x}); let s = 0; for (const e of a) s += e.p * e.q; return s; }",
    1.5,
    5,
  ],
  [
    "open tuples",
    "export function f(x: number, n: number) { const a: [number, number][] = []; for (let i = 0; i < x * 3; i++) a.push([i * x, x * x]); let s = 0; for (const [p, q] of a) s += p * q; return s + a.length; }",
    1.5,
    5,
  ],
  [
    "open list",
    "export function f(x: number, n: number) { type L = {v: number, next: L} | null; let l: L = null; for (let i = 0; i < x * 3; i++) l = {v: i * x, next: l}; let s = 0; for (let p: L = l; p !== null; p = p.next) s += p.v * p.v; return s; }",
    1.5,
    5,
  ],
  [
    "open null record",
    "export function f(x: number, n: number) { let o: {v: number} | null = null; for (let i = 0; i < x * 3; i++) { if (o === null) o = {v: x}; else o = {v: o.v * x}; } return o === null ? 0 : o.v; }",
    1.5,
    5,
  ],
  [
    "open list depth",
    "export function f(x: number, n: number) { type T = {v: number, l: T} | null; const mk = (d: number, v: number): T => d <= 0 ? null : {v, l: mk(d - 1, v * x)}; const sum = (t: T): number => t === null ? 0 : t.v * t.v + sum(t.l); return sum(mk(x * 3, x)); }",
    1.1,
    3,
  ],
  [
    "open tree depth",
    "export function f(x: number, n: number) { type T = {v: number, l: T, r: T} | null; const mk = (d: number, v: number): T => d <= 0 ? null : {v, l: mk(d - 1, v * x), r: mk(d - 2, v + x)}; const sum = (t: T): number => t === null ? 0 : t.v * t.v + sum(t.l) + 2 * sum(t.r); return sum(mk(n * 2, x)); }",
    1.1,
    3,
  ],
  [
    "map of open records",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < x * 3; i++) a.push(i * x); return a.map((v) => ({v, w: v * x})).reduce((s, o) => s + o.v * o.w, 0); }",
    1.1,
    3,
  ],
  [
    "open matrix built by rows",
    "export function f(x: number, n: number) { const a: number[][] = []; for (let i = 0; i < x * 3; i++) { const row: number[] = []; for (let j = 0; j < 2; j++) row.push(i * x + j); a.push(row); } let s = 0; for (const r of a) for (const v of r) s += v * x; return s; }",
    1.1,
    3,
  ],
  [
    "open string",
    "export function f(x: number, n: number) { let k = 'a'; for (let i = 0; i < x * 3; i++) { k = i % 2 === 0 ? 'b' : 'c'; } return k === 'b' ? x : x * x; }",
    1.1,
    3,
  ],
  [
    "alias chosen",
    "export function f(x: number, n: number) { const a = {v: x}; const b = {v: 2 * x}; const p = x > 0 ? a : b; p.v = 7 * x; return a.v + 10 * b.v; }",
    2,
    1,
  ],
  [
    "tagged union",
    "type S = {kind: 'circle', r: number} | {kind: 'box', w: number, h: number} | {kind: 'tri', w: number, b: number};\nexport function f(x: number, n: number) { const all: S[] = []; for (let i = 0; i < n; i++) { all.push(i % 3 === 0 ? {kind: 'circle', r: i * x} : i % 3 === 1 ? {kind: 'box', w: x, h: i * x} : {kind: 'tri', w: x, b: x * x}); } const area = (s: S): number => { switch (s.kind) { case 'circle': return 3 * s.r * s.r; case 'box': return s.w * s.h; default: return s.w * s.b / 2; } }; return all.map(area).reduce((p, q) => p + q, 0) + (all.find((s) => s.kind === 'tri') as any).b; }",
    1.3,
    6,
  ],
  [
    "tree with children",
    "export function f(x: number, n: number) { type T = {v: number, kids: T[]}; const mk = (d: number, v: number): T => ({v, kids: d <= 0 ? [] : [mk(d - 1, v * x), mk(d - 2, v + x)]}); const sum = (t: T): number => t.kids.reduce((s, k) => s + sum(k), t.v * t.v); return sum(mk(n, x)); }",
    1.1,
    3,
  ],
  [
    "insert in a tree",
    "export function f(x: number, n: number) { type T = {k: number, l: T, r: T} | null; const insert = (t: T, k: number): T => t === null ? {k, l: null, r: null} : k < t.k ? {k: t.k, l: insert(t.l, k), r: t.r} : {...t, r: insert(t.r, k)}; let t: T = null; for (let i = 0; i < n; i++) t = insert(t, Math.sin(i * 3) * x); const walk = (t: T, d: number): number => t === null ? 0 : walk(t.l, d + 1) + t.k * d + walk(t.r, d + 1); return walk(t, 1); }",
    1.3,
    7,
  ],
  [
    "particles",
    "export function f(x: number, n: number) { let ps: {p: number, v: number}[] = []; for (let i = 0; i < n; i++) ps.push({p: i * x, v: 1 / (i + 1)}); for (let t = 0; t < 3; t++) ps = ps.map((a) => ({p: a.p + 0.1 * a.v, v: a.v - 0.1 * ps.reduce((s, b) => s + (a.p - b.p), 0)})); return ps.reduce((s, a) => s + a.p * a.v, 0); }",
    1.1,
    4,
  ],
  [
    "class instances",
    "class P { constructor(public p: number, public v: number) {} step(h: number): P { return new P(this.p + h * this.v, this.v - h * this.p); } get energy(): number { return this.p * this.p + this.v * this.v; } }\nexport function f(x: number, n: number) { const ps: P[] = []; for (let i = 0; i < n; i++) ps.push(new P(x * i, x)); return ps.map((a) => a.step(0.1).step(0.1 * x)).filter((a) => a.p > 0.2).reduce((s, a) => s + a.energy, 0); }",
    1.1,
    4,
  ],
  [
    "sort records",
    "export function f(x: number, n: number) { const a: {k: number, v: number}[] = []; for (let i = 0; i < n; i++) a.push({k: Math.sin(i * 2), v: i * x}); a.sort((p, q) => p.k - q.k); return a.reduce((s, e, i) => s + e.v * i * x, 0) + a[0]!.v + a.at(-1)!.k * x; }",
    1.1,
    6,
  ],
  [
    "best so far",
    "export function f(x: number, n: number) { let best: {i: number, v: number} | undefined; for (let i = 0; i < n; i++) { const v = Math.sin(i) * x; if (best === undefined || v > best.v) best = {i, v}; } return best!.v * best!.i + best!.v * x; }",
    1.1,
    6,
  ],
  [
    "optional number",
    "export function f(x: number, n: number) { let best: number | undefined; for (let i = 0; i < n; i++) { const v = Math.sin(i) * x; if (best === undefined || v > best) best = v; } return best! * x + (best ?? 3); }",
    1.1,
    6,
  ],
  [
    "stack machine",
    "export function f(x: number, n: number) { let st: {v: number, rest: any} | null = null; for (let i = 0; i < n; i++) { st = {v: x + i, rest: st}; if (i % 3 === 2) { const a: any = st; const b: any = a.rest; st = {v: a.v * b.v, rest: b.rest}; } } let s = 0; while (st) { s = s * 0.5 + st.v; st = st.rest; } return s; }",
    1.1,
    6,
  ],
  [
    "reversed list",
    "export function f(x: number, n: number) { type L = {v: number, next: L} | null; let l: L = null; for (let i = 0; i < n; i++) l = {v: i * x, next: l}; const rev = (l: L, acc: L): L => l === null ? acc : rev(l.next, {v: l.v, next: acc}); let s = 0; let k = 1; for (let p = rev(l, null); p !== null; p = p.next) { s += k * p.v; k *= x; } return s; }",
    1.1,
    6,
  ],
  [
    "map a list",
    "type L = {v: number, next: L} | null;\nfunction map(l: L, f: (v: number) => number): L { return l === null ? null : {v: f(l.v), next: map(l.next, f)}; }\nfunction fold(l: L, f: (s: number, v: number) => number, s: number): number { return l === null ? s : fold(l.next, f, f(s, l.v)); }\nexport function f(x: number, n: number) { let l: L = null; for (let i = 0; i < n; i++) l = {v: i * x, next: l}; return fold(map(l, (v) => v * v * x), (s, v) => s * 0.9 + v, x); }",
    1.1,
    6,
  ],
  [
    "expression tree",
    "type E = {op: 'x'} | {op: 'k', v: number} | {op: '+' | '*', a: E, b: E};\nexport function f(x: number, n: number) { const mk = (d: number): E => d <= 0 ? (n > 2 ? {op: 'x'} : {op: 'k', v: 2}) : d % 2 > 0.5 ? {op: '+', a: mk(d - 1), b: {op: 'k', v: d}} : {op: '*', a: mk(d - 1), b: mk(d - 2)}; const ev = (e: E): number => { switch (e.op) { case 'x': return x; case 'k': return e.v * x; case '+': return ev(e.a) + ev(e.b); default: return ev(e.a) * ev(e.b); } }; return ev(mk(n + 1)); }",
    1.1,
    3,
  ],
  [
    "open array of arrays nested",
    "export function f(x: number, n: number) { const a: number[][] = []; for (let i = 0; i < n; i++) { const r: number[] = []; for (let j = 0; j <= i; j++) r.push(x * i + j); a.push(r); } return a.map((r) => r.reduce((s, v) => s + v, 0)).reduce((s, v) => s * 0.5 + v * x, 0) + a.flat().length + a[2]![1]! * x; }",
    1.1,
    4,
  ],
  [
    "entries of filter",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < n; i++) a.push(i * x); let s = 0; for (const [i, v] of a.filter((v) => v > 1).entries()) s += i * v; for (const k of a.keys()) s += k * x; return s; }",
    1.1,
    6,
  ],
];
