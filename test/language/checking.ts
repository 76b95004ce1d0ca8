/** Programs that check and throw, or catch, for arguments for which they give a result. */
import type { Row } from "./programs.ts";

export const CHECKING: readonly Row[] = [
  [
    "check in helper",
    "function check(x: number) { if (x < 0) throw new Error('neg'); }\nexport function f(x: number, n: number) { check(x); return x * x; }",
    2,
    1,
  ],
  [
    "check in loop",
    "function check(x: number) { if (x > 100) throw new Error('large'); }\nexport function f(x: number, n: number) { let s = x; for (let i = 0; i < n; i++) { check(s); s = s * x; } return s; }",
    2,
    4,
  ],
  [
    "recursive check",
    "type L = { v: number, next: L } | null;\nfunction check(l: L) { if (l === null) return; if (l.v > 7) throw new Error('large'); check(l.next); }\nexport function f(x: number, n: number) { let l: L = null; for (let i = 0; i < n; i++) l = { v: i * x, next: l }; check(l); return x * x; }",
    2,
    4,
  ],
  [
    "check in grad",
    "declare function grad(f: (t: number) => number): (t: number) => number;\nfunction check(x: number) { if (x < 0) throw new Error('neg'); }\nexport function f(x: number, n: number) { return grad((t) => { check(t - 1); return t * t * x; })(x); }",
    2,
    5,
  ],
  [
    "loop that only throws, no turns",
    "export function f(x: number, n: number) { for (let i = 0; i < n; i++) throw new Error('turn'); return x * x; }",
    2,
    0,
  ],
  [
    "check in callback",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < n; i++) a.push(i * x); a.forEach((v) => { if (v > 100) throw new Error('large'); }); return a.reduce((s, v) => s + v * x, 0); }",
    2,
    4,
  ],
  [
    "try catch throw",
    "export function f(x: number, n: number) { let s = x; try { s = 5 * x; throw new Error('a'); } catch (e) { s = s * 3; } return s; }",
    2,
    1,
  ],
  [
    "try cond",
    "export function f(x: number, n: number) { let s = x; try { if (x > 1) throw new Error('a'); s = s * x; } catch (e) { s = s * 3; } return s; }",
    2,
    1,
  ],
  [
    "try cond 2",
    "export function f(x: number, n: number) { let s = x; try { if (x > 1) throw new Error('a'); s = s * x; } catch (e) { s = s * 3; } return s; }",
    0.5,
    1,
  ],
  [
    "try helper",
    "function g(o: {v: number}) { o.v = o.v * 7; throw new Error('always'); }\nexport function f(x: number, n: number) { const o = {v: x}; try { g(o); o.v = 0; } catch (e) { if ((e as Error).message === 'always') o.v += x; } finally { o.v *= x; } return o.v; }",
    2,
    1,
  ],
  [
    "try in loop",
    "export function f(x: number, n: number) { let s = 0; for (let i = 0; i < n; i++) { try { if (i % 3 === 2) throw new Error('a'); s += x * i; if (s > 8) throw { message: 'b' }; s += 1; } catch (e) { s += (e as Error).message === 'a' ? x : -x * x; continue; } finally { s += 0.5 * x; } s *= x; } return s; }",
    1.1,
    6,
  ],
  [
    "loop in try",
    "export function f(x: number, n: number) { let s = x; try { for (let i = 0; i < n * 10; i++) { s *= x; if (s > 5) throw new Error('found'); } s = 0; } catch { s = s * s; } return s; }",
    1.1,
    6,
  ],
  [
    "nested try",
    "export function f(x: number, n: number) { let s = x; try { try { if (x > 1) throw new Error('in'); s = 0; } finally { s *= 2; } s = 0; } catch (e) { s = s * x + (e as Error).message.length; } const g = () => { try { throw new Error('x'); } catch { return s; } finally { s += 1; } }; return g() * x + s; }",
    1.1,
    6,
  ],
  [
    "while on a chosen record",
    "export function f(x: number, n: number) { let p: {v: number} | null = n > 2 ? {v: x} : null; let s = 0; while (p!.v < 5) { p = {v: p!.v * x}; s += p.v; } return s; }",
    1.3,
    6,
  ],
  [
    "and guards",
    "export function f(x: number, n: number) { let p: {v: number, q: {w: number} | null} | null = null; for (let i = 0; i < n; i++) { if (p !== null && p.v > 2 && p.q) p = {v: p.v + p.q.w, q: null}; else p = {v: (p?.v ?? 0) + x, q: i % 2 ? {w: x} : null}; } return p!.v * x + (p?.q?.w ?? 1); }",
    1.3,
    6,
  ],
  [
    "a test that writes",
    "export function f(x: number, n: number) { let s = x; let i = 0; while (i++ < n) { if (i === 2) continue; s *= x; } let k = n; do { s += x; } while (--k > 0 && s < 40); const q = [x, 2 * x]; let v: number | undefined; for (let j = 0; (v = q[j % 2]! * j) < 6 * x; j++) s += v; return s * (i + k); }",
    1.2,
    4,
  ],
  [
    "nothing, by two conditions that were joined",
    "function clamp(v: number): number { return Math.tanh(v); }\nexport function f(x: number, n: number) { let v: { a: number } | null = null; for (let i = 0; i < 3; i++) { if ((x < x && x > 0)) v = { a: clamp((v?.a ?? 0) + x) }; } return x * 2 + (v?.a ?? x); }",
    0.3,
    2,
  ],
];
