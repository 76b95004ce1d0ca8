/** Getters and setters of objects: fields that call a function when they are read or written. */
import type { Row } from "./programs.ts";

export const ACCESSORS: readonly Row[] = [
  [
    "obj getter live",
    "export function f(x: number, n: number) { const o = { v: x, get w() { return this.v * this.v; } }; o.v = 3 * x; const a = o.w; o.v += 1; return a + o.w; }",
    1.3,
    4,
  ],
  [
    "obj setter",
    "export function f(x: number, n: number) { const o = { v: x, set w(t: number) { this.v = t * 2; }, get w() { return this.v; } }; o.w = x * x; return o.w + o.v; }",
    1.3,
    4,
  ],
  [
    "obj getter captured",
    "export function f(x: number, n: number) { let c = x; const o = { get w() { return c * c; } }; c = 2 * x; return o.w; }",
    1.3,
    4,
  ],
  [
    "obj getter computed",
    "export function f(x: number, n: number) { const o = { v: x, get ['w' + 1]() { return this.v * 3; } }; return (o as any).w1; }",
    1.3,
    4,
  ],
  [
    "obj getter spread",
    "export function f(x: number, n: number) { const o = { v: x, get w() { return this.v * 3; } }; const q = { ...o, v: 0 }; return q.w + q.v; }",
    1.3,
    4,
  ],
  [
    "obj getter destructured",
    "export function f(x: number, n: number) { const o = { v: x, get w() { return this.v * 3; } }; const { w, v } = o; return w * v; }",
    1.3,
    4,
  ],
  [
    "obj getter in loop",
    "export function f(x: number, n: number) { const o = { v: x, get w() { return this.v * 0.3; } }; for (let i = 0; i < x * 3; i++) o.v += o.w; return o.w; }",
    1.3,
    4,
  ],
  [
    "obj getter in arm",
    "export function f(x: number, n: number) { const o = x > 1 ? { v: x, get w() { return this.v * 3; } } : { v: 1, get w() { return this.v * 5; } }; return o.w; }",
    1.3,
    4,
  ],
  [
    "obj getter list",
    "export function f(x: number, n: number) { const a = [1, 2, 3].map((k) => ({ v: x * k, get sq() { return this.v ** 2; } })); return a.reduce((s, e) => s + e.sq, 0); }",
    1.3,
    4,
  ],
  [
    "obj getter open list",
    "export function f(x: number, n: number) { const a: { v: number; readonly sq: number }[] = []; for (let i = 0; i < x * 3; i++) a.push({ v: x * i, get sq() { return this.v ** 2; } }); return a.reduce((s, e) => s + e.sq, 0); }",
    1.3,
    4,
  ],
  [
    "obj getter keys",
    "export function f(x: number, n: number) { const o = { v: x, get w() { return this.v * 3; } }; let s = 0; for (const k in o) s += (o as any)[k]; return s + Object.keys(o).length + Object.values(o).reduce((a, b) => a + b, 0); }",
    1.3,
    4,
  ],
  [
    "obj getter optional",
    "export function f(x: number, n: number) { const o = x > 0 ? { get w() { return x; } } : null; return (o?.w ?? 3) * x; }",
    1.3,
    4,
  ],
  [
    "obj getter compound",
    "export function f(x: number, n: number) { const o = { v: x, get w() { return this.v; }, set w(t) { this.v = t + 1; } }; o.w += x; o.w++; return o.v * x; }",
    1.3,
    4,
  ],
  [
    "getter in arm chosen",
    "export function f(x: number, n: number) { const o = n > 3 ? { v: x, get w() { return this.v * 3; } } : { v: 1, w: x }; return o.w; }",
    1.3,
    4,
  ],
  [
    "getter vs field open cond",
    "export function f(x: number, n: number) { const o = x > 1 ? { v: x, get w() { return this.v * 3; } } : { v: 1, w: x }; return o.w; }",
    1.3,
    4,
  ],
  [
    "getter in class literal mix",
    "export function f(x: number, n: number) { class P { constructor(public v: number) {} view() { const self = this; return { get sq() { return self.v ** 2; }, set sq(t: number) { self.v = Math.sqrt(t); } }; } } const p = new P(x); const w = p.view(); w.sq = w.sq * 4; return p.v; }",
    1.3,
    4,
  ],
  [
    "getter open write",
    "export function f(x: number, n: number) { const a: { v: number, w: number }[] = []; for (let i = 0; i < x * 3; i++) a.push({ v: x * i, get w() { return this.v * 2; }, set w(t) { this.v = t; } }); for (const e of a) e.w = e.w + x; return a.reduce((s, e) => s + e.w, 0); }",
    1.3,
    4,
  ],
];
