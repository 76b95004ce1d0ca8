/** What is thrown: values and classes of errors, out of loops and out of functions that are differentiated, which may write elsewhere. */
import type { Row } from "./programs.ts";

export const THROWN_VALUES: readonly Row[] = [
  [
    "a handler that calls what may throw, and goes on in one way where it does not",
    "function half(z: number): number { if (z > 1) throw new Error('high'); return z * 2; }\nexport function f(x: number, n: number) { let k = 0; try { try { half(x); } catch (e) { x = half(x - 1); } if (x <= n) throw new Error('low'); } catch (e) { k = 1; } return x * x + 10 * k; }",
    1.3,
    4,
  ],
  [
    "grad writes own local",
    "declare function grad(f: (t: number) => number): (t: number) => number;\nexport function f(x: number, n: number) { return grad((t: number) => { let s = 0; for (let i = 0; i < 3; i++) s += t * t * x; return s; })(x) as any; }",
    1.3,
    4,
  ],
  [
    "grad throws cond in try",
    "declare function grad(f: (t: number) => number): (t: number) => number;\nexport function f(x: number, n: number) { let s = x; try { s = grad((t: number) => { if (t > 1) throw new Error('a'); return t * t; })(x) as any; } catch { s = x * x * x; } return s; }",
    1.3,
    4,
  ],
  [
    "grad throws cond in try not",
    "declare function grad(f: (t: number) => number): (t: number) => number;\nexport function f(x: number, n: number) { let s = x; try { s = grad((t: number) => { if (t > 10) throw new Error('a'); return t * t; })(x) as any; } catch { s = x * x * x; } return s; }",
    1.3,
    4,
  ],
  [
    "grad in try, throw by known",
    "declare function grad(f: (t: number) => number): (t: number) => number;\nexport function f(x: number, n: number) { let s = x; try { s = grad((t: number) => { if (n > 1) throw new Error('a'); return t * t; })(x) as any; } catch (e) { s = (e as Error).message === 'a' ? x * x * x : 0; } return s; }",
    1.3,
    4,
  ],
  [
    "grad writes outside",
    "declare function grad(f: (t: number) => number): (t: number) => number;\nexport function f(x: number, n: number) { let c = 0; const d = grad((t: number) => { c = c + 1; return t * t * x; })(x) as any; return d * c; }",
    1.3,
    4,
  ],
  [
    "grad logs outside array",
    "declare function grad(f: (t: number) => number): (t: number) => number;\nexport function f(x: number, n: number) { const log: number[] = []; const d = grad((t: number) => { log.push(1); return t * t * x; })(x) as any; return d * log.length; }",
    1.3,
    4,
  ],
  [
    "loop throws var",
    "export function f(x: number, n: number) { const g = (k: number) => { for (let i = 0; i < k; i++) if (i * x > 2) throw { v: i * x }; return x; }; try { return g(n); } catch (e) { return (e as any).v * x; } }",
    1.3,
    4,
  ],
  [
    "loop throws message number",
    "export function f(x: number, n: number) { const g = (k: number) => { for (let i = 0; i < x * k; i++) if (i * x > 2) throw { code: i, v: x * i }; return x; }; try { return g(n); } catch (e) { return (e as any).v * (e as any).code; } }",
    1.3,
    4,
  ],
  [
    "loop throws two kinds",
    "export function f(x: number, n: number) { let r = 0; try { for (let i = 0; i < x * 8; i++) { if (i * x > 7) throw { code: 1, v: x * i }; if (Math.sin(i * x) < -0.9) throw { code: 2, v: x }; r += i; } } catch (e) { r += (e as any).v * (e as any).code; } return r * x; }",
    1.3,
    4,
  ],
  [
    "custom error class",
    "export function f(x: number, n: number) { class E2 extends Error { constructor(public v: number) { super('e2'); } } const g = (t: number) => { if (t > 1) throw new E2(t * 3); return t; }; try { return g(x); } catch (e) { return (e as E2).v * x; } }",
    1.3,
    4,
  ],
  [
    "custom error class loop",
    "export function f(x: number, n: number) { class E2 extends Error { constructor(public v: number) { super('e2'); } } try { for (let i = 0; i < x * 5; i++) if (i * x > 3) throw new E2(i * x); return x; } catch (e) { return (e as E2).v * x; } }",
    1.3,
    4,
  ],
  [
    "error cause",
    "export function f(x: number, n: number) { try { throw new Error('a', { cause: x }); } catch (e) { return ((e as any).cause ?? 2) * x; } }",
    1.3,
    4,
  ],
  [
    "error name",
    "export function f(x: number, n: number) { try { throw new TypeError('a'); } catch (e) { return (e as any).name === 'TypeError' ? x : x * x; } }",
    1.3,
    4,
  ],
  [
    "error instanceof",
    "export function f(x: number, n: number) { try { throw new TypeError('a'); } catch (e) { return e instanceof TypeError ? x : x * x; } }",
    1.3,
    4,
  ],
  [
    "rethrow open",
    "export function f(x: number, n: number) { const h = () => { try { if (x > 1) throw { v: x }; return 1; } catch (e) { if ((e as any).v > 1.2) throw { v: (e as any).v * 2 }; return 3; } }; try { return h(); } catch (e) { return (e as any).v; } }",
    1.3,
    4,
  ],
  [
    "finally overrides",
    "export function f(x: number, n: number) { const g = () => { for (let i = 0; i < 3; i++) { try { if (i * x > 1) return i * x; } finally { if (i === 1) continue; } } return -x; }; return g(); }",
    1.3,
    4,
  ],
  [
    "text of an unknown number, where nothing is thrown or it is caught",
    "export function f(x: number, n: number) { const g = (t: number) => { if (t > n) throw new Error(t + ' is more than ' + String(n)); return t * t; }; let s = 0; for (let i = 1; i < 5; i++) try { s += g(i * x); } catch { s += 3 * x; } return s; }",
    1.3,
    4,
  ],
  [
    "a gradient that does not depend on what its function throws by, within another",
    "declare function grad(f: (t: number) => number): (t: number) => any;\nfunction risky(v: number): number { if (v > 1) throw new Error('high'); return Math.sin(v); }\nexport function f(x: number, n: number) { let y = x; try { y = grad((t) => grad((u) => u * risky(x * n))(t))(0.5); } catch { y = 3 * x; } return x * y; }",
    1.3,
    0.1,
  ],
  [
    "a gradient that does not depend on what its function throws by, within another, thrown",
    "declare function grad(f: (t: number) => number): (t: number) => any;\nfunction risky(v: number): number { if (v > 1) throw new Error('high'); return Math.sin(v); }\nexport function f(x: number, n: number) { let y = x; try { y = grad((t) => grad((u) => u * risky(x * n))(t))(0.5); } catch { y = 3 * x; } return x * y; }",
    1.3,
    4,
  ],
  [
    "a jvp of a gradient whose function throws",
    "declare function jvp(f: any, x: any, d: any): any;\ndeclare function grad(f: (t: number) => number): (t: number) => any;\nfunction risky(v: number): number { if (v > 1) throw new Error('high'); return Math.sin(v); }\nexport function f(x: number, n: number) { try { return jvp((t: number) => grad((u) => u * u + 0 * risky(x * n))(t), x, 2)[1]; } catch { return 3 * x; } }",
    1.3,
    0.1,
  ],
  [
    "a jvp of a gradient whose function throws, thrown",
    "declare function jvp(f: any, x: any, d: any): any;\ndeclare function grad(f: (t: number) => number): (t: number) => any;\nfunction risky(v: number): number { if (v > 1) throw new Error('high'); return Math.sin(v); }\nexport function f(x: number, n: number) { try { return jvp((t: number) => grad((u) => u * u + 0 * risky(x * n))(t), x, 2)[1]; } catch { return 3 * x; } }",
    1.3,
    4,
  ],
];
