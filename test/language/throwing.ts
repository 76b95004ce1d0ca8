/** Programs that throw when they run: what they throw is the error. */
import type { Row } from "./programs.ts";

/** Programs that throw for these arguments, with the message. */
export const THROWING: readonly (readonly [...Row, message: string])[] = [
  ["throw dropped", "export function f(x: number, n: number) { if (x < 0) throw new RangeError('neg'); return x; }", -1, 1, "neg"],
  [
    "open index out",
    "export function f(x: number, n: number) { const a = [x, 2 * x, 3 * x]; return (a[n] ?? 100) * x; }",
    3,
    7,
    "index 7 is out of range [0, 3)",
  ],
  ["throws always", "export function f(x: number, n: number) { throw new Error('no'); }", 3, 5, "no"],
  [
    "throw taken helper",
    "function g(x: number) { if (x > 2) throw new Error('big'); return 2; }\nexport function f(x: number, n: number) { return g(x) * x; }",
    3,
    5,
    "big",
  ],
  [
    "check in helper fails",
    "function check(x: number) { if (x < 0) throw new Error('neg'); }\nexport function f(x: number, n: number) { check(x); return x * x; }",
    -2,
    1,
    "neg",
  ],
  [
    "check in loop fails",
    "function check(x: number) { if (x > 100) throw new Error('large'); }\nexport function f(x: number, n: number) { let s = x; for (let i = 0; i < n; i++) { check(s); s = s * x; } return x; }",
    2,
    9,
    "large",
  ],
  [
    "recursive check fails",
    "type L = { v: number, next: L } | null;\nfunction check(l: L) { if (l === null) return; if (l.v > 7) throw new Error('large'); check(l.next); }\nexport function f(x: number, n: number) { let l: L = null; for (let i = 0; i < n; i++) l = { v: i * x, next: l }; check(l); return x * x; }",
    2,
    5,
    "large",
  ],
  [
    "unused result that throws fails",
    "function sqrt(x: number) { if (x < 0) throw new Error('neg'); return Math.sqrt(x); }\nexport function f(x: number, n: number) { const y = sqrt(x); return x * x; }",
    -2,
    5,
    "neg",
  ],
  [
    "check in grad fails",
    "declare function grad(f: (t: number) => number): (t: number) => number;\nfunction check(x: number) { if (x < 0) throw new Error('neg'); }\nexport function f(x: number, n: number) { return grad((t) => { check(t - 3); return t * t * x; })(x); }",
    2,
    5,
    "neg",
  ],
  [
    "loop that only throws fails",
    "export function f(x: number, n: number) { for (let i = 0; i < n; i++) throw new Error('turn'); return x * x; }",
    2,
    1,
    "turn",
  ],
  [
    "check in callback fails",
    "export function f(x: number, n: number) { const a: number[] = []; for (let i = 0; i < n; i++) a.push(i * x); a.forEach((v) => { if (v > 100) throw new Error('large'); }); return a.reduce((s, v) => s + v * x, 0); }",
    2,
    60,
    "large",
  ],
  [
    "rethrow fails",
    "export function f(x: number, n: number) { let s = x; try { if (x > 1) throw new Error('in'); s = x * x; } catch (e) { s = 3; throw new Error('out'); } return s; }",
    1.1,
    6,
    "out",
  ],
  [
    "text of an unknown number",
    "export function f(x: number, n: number) { let y = x; for (let i = 0; i < n; i++) { const next = (y + x / y) / 2; if (Math.abs(next - y) < 1e-12) return next; y = next; } throw new Error('no root of ' + x + ' in ' + n.toFixed(0) + ' turns'); }",
    2,
    2,
    "no root of … in … turns",
  ],
  [
    "a check in a gradient that does not depend on it",
    "declare function grad(f: (t: number) => number): (t: number) => any;\nfunction check(v: number) { if (v > 1) throw new Error('large'); }\nexport function f(x: number, n: number) { return grad((t) => { check(x); return t * t; })(0.3); }",
    2,
    1,
    "large",
  ],
  [
    "a check in a gradient of a gradient",
    "declare function grad(f: (t: number) => number): (t: number) => any;\nfunction check(v: number) { if (v > 1) throw new Error('large'); }\nexport function f(x: number, n: number) { return grad((t) => grad((u) => { check(x); return u * u; })(t) * t)(0.3); }",
    2,
    1,
    "large",
  ],
];
