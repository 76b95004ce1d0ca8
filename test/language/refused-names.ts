/** Objects of which it is not known which names they have, one of which is written. */
import type { Row } from "./programs.ts";

/** Programs that are refused before they run, with a part of the reason. */
export const UNKNOWN_NAMES: readonly (readonly [...Row, reason: string])[] = [
  [
    "recursion alias",
    "export function f(x: number, n: number) { const g = (k: number, o: {v: number}): {v: number} => k <= 0 ? o : g(k - 1, {v: o.v * x}); const a = {v: x}; const r = g(x * 3, a); r.v += 1; return r.v * a.v; }",
    1.1,
    3,
    "which object is written depends on a condition",
  ],
  [
    "recursion same obj",
    "export function f(x: number, n: number) { const g = (k: number, o: {v: number}): {v: number} => k <= 0 ? o : g(k - 1, o); const a = {v: x}; const r = g(x * 3, a); r.v += 1; return r.v * a.v; }",
    1.1,
    3,
    "which object is written depends on a condition",
  ],
  [
    "an object given back by a recursion under a condition, and written",
    "export function f(x: number, n: number) { const g = (a: {v: number}, k: number): {v: number} | null => k <= 0 ? (a.v > 0 ? a : null) : g({v: a.v * x}, k - 1); const o = {v: x}; const r = g(o, Math.floor(x) * n); o.v = 7 * x; return r!.v * r!.v; }",
    1.5,
    0,
    "which object is written depends on a condition",
  ],
  [
    "an object given back by a recursion in a function, and written",
    "export function f(x: number, n: number) { const g = (a: {v: number}, k: number): (() => number) => k <= 0 ? () => a.v : g(a, k - 1); const o = {v: x}; const r = g(o, Math.floor(x) * n); o.v = 9 * x; return r(); }",
    1.5,
    0,
    "which object is written depends on a condition",
  ],
  [
    "an object of the function around a recursion",
    "export function f(x: number, n: number) { const o = {v: x}; const p = {v: 3}; const g = (k: number): {v: number} => k <= 0 ? (x > 1 ? o : p) : g(k - 1); const r = g(Math.floor(x) * n); r.v = 9 * x; return o.v; }",
    1.5,
    2,
    "an object of the function around it",
  ],
  [
    "an array that was given one of two objects, one of which is written",
    "export function f(x: number, n: number) { const o = { a: x }; const l: { a: number }[] = []; for (let i = 0; i < x * n; i++) l.push(i > x ? o : { a: 2 }); o.a = 5 * x; let s = 0; for (const e of l) s = s * 0.9 + e.a; return s; }",
    1.3,
    3,
    "which object is written depends on a condition",
  ],
];
