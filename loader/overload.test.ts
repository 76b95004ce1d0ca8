// biome-ignore-all lint/suspicious/noTemplateCurlyInString: programs in strings
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { compareWithNative } from "../test/loader/native.ts";
import { program } from "../test/loader/programs.ts";

/** Bodies of functions of (x, y, xs); each runs as JavaScript and through the loader. */
const BODIES: Readonly<Record<string, readonly string[]>> = {
  "binary and unary operators": [
    "return x + y * x - y / x % 0.75 + x ** 3;",
    "return -x + +y - -(-x) * - - y;",
    "return (x + y) * (x - y) / (1 + x * x) ** 2 ** 1;",
    "return [x % y, -x % 0.5, 7 % x];",
    "return 'a' + x + y + (x + 'b') + [x] + { a: 1 } + null + true;",
    "return [true + x, null * x, '2' * x, x - '1', undefined + x];",
    "return 1 + 2 * 3 - 4n.toString().length + x;",
    "return [2n ** 3n + 1n === 9n, -5n < x, 3n > 2n] && x;",
  ],
  "bitwise operators, whose results are integers": [
    "return (x | 0) * y + (~~(x * 10) ^ 5) + ((x * 8) >> 1) + ((x * 8) << 2) + ((x * 8) >>> 1) + (x * 9 & 6);",
    "let a = x * 17; a |= 4; a &= 0xff; a ^= 3; a <<= 1; a >>= 2; a >>>= 1; return a * y;",
  ],
  "assignment operators": [
    "let a = x; a += y; a *= x; a -= 2; a /= y; a %= 5; a **= 2; return a;",
    "const o = { p: x, q: { r: y } }; o.p += y; o['p'] *= x; o.q.r -= o.p; o.q['r'] /= 3; return [o.p, o.q.r];",
    "const a = [x, y]; let i = 0; a[i++] += x; a[i++] *= y; return [a[0], a[1], i];",
    "const a = [x]; a[0] += (a[0] = 5, 1); return a[0];",
    "let n = 0; const o = { v: x }; const g = () => { n++; return o; }; g().v *= y; g()['v'] -= 1; g()[(n += 10, 'v')] += x; return [o.v, n];",
    "let log = ''; const o = { get v() { log += 'g'; return x; }, set v(w) { log += 's'; } }; const k = () => { log += 'k'; return 'v'; }; const r = () => { log += 'r'; return y; }; o[k()] += r(); return log;",
    "const o = { v: x }; const b = (o.v += y) * (o.v *= 2); return b + o.v;",
    "const f = (a, i) => a[(i, 0)] += x; return f([y], 1);",
    "const f = (a, b = a[(0, 0)]++) => b * a[0]; return f([x]);",
    "class A { a = [x]; b = (this.a[this.a.length - 1]++, this.a[0]); static c = [y]; static { A.c[(0, 0)] += x; } #d = x; bump() { return (this.#d += y) * this.#d++ + this.#d; } } const o = new A(); return [o.b, A.c[0], o.bump()];",
    "const rec = (n) => { const a = [x, n]; if (n > 0) a[(rec(n - 1), 0)] += rec(n - 1); return a[0] * y; }; return rec(3);",
    "const o = { k: { v: x } }; const key = { toString: () => 'v' }; o.k[key] += y; return o.k.v;",
  ],
  "logical assignment": [
    "let z = x - x; z ||= y; let w = x; w &&= w * y; let u = null; u ??= x; return [z, w, u];",
    "const o = { a: 0 * x, b: x, c: undefined }; o.a ||= y; o.b &&= o.b * 3; o.c ??= x * y; o['a'] ||= 100; return [o.a, o.b, o.c];",
    "let n = 0; const o = [x - x, x]; const g = () => { n++; return o; }; g()[n++ - 1 + 0] ||= y; const v = (g()[1] &&= x * x); return [o[0] ?? 7, o[1], v, n];",
  ],
  increments: [
    "let a = x; const old = a++; const now = ++a; return [old, now, a--, --a, a];",
    "const o = { p: x }; o.p++; ++o.p; const b = o.p--; return [b, o.p, o['p']++, --o['p']];",
    "let n = 0; const a = [x, y]; const g = () => (n++, a); const v = g()[(n++, 1)]++; const w = ++g()[0]; return [v, w, a[0], a[1], n];",
    "let s = '5'; s++; let t = '4'; const u = t--; return [s, t, u, x];",
    "let b = 5n; b++; return [b === 6n ? x : y];",
    "let i = x, s = 0; for (; i < 5; i++) s += i * y; return s;",
  ],
  "comparisons and conditions": [
    "return [x < y, x <= x, x > y, x >= 1.375, x == x, x != y, x === 1.375, x !== 1.375, 1.375 === x];",
    "return [x === null, x == null, x === undefined, x === '1.375', x == '1.375', x === true, null === x];",
    "if (x - x) return 1; if (!(y * 0)) return x * y; return 2;",
    "let s = 0, t = x; while (t > 0.1) { s += t; t *= 0.5; } do { s -= t; t -= 0.05; } while (t > 0 && s); return s;",
    "return x ? (y ? x * y : 1) : 2;",
    "return [(x && y), (x - x || y), (x && y && 3), (x - x && y), (0 * x || null || y), (null ?? x), (x - x ?? y)];",
    "const b = x > 0 && y; const c = !x || y; const d = x && x > 1; return [b, c, d ? x : y];",
    "let n = Math.floor(x + 3), s = 1; while (n--) s *= x; return s;",
    "switch (Math.round(x) + (x - x)) { case 0: return y; case 1: return x * x; default: return 3; }",
    "switch (x) { case y: return 1; case x * 1: return x * y; } return 0;",
    "return [typeof x, typeof (x * y), typeof 'a', typeof xs, typeof null, typeof x === 'number' ? x : y];",
    "return [isNaN(x), isFinite(x * 2), Number.isNaN(x), Number.isFinite(x), Number.isInteger(x), Number.isSafeInteger(Math.floor(x)), Object.is(x, 1.375), Object.is(x, y), Object.is(-0, 0)];",
    "return [Number(x) * y, Number('3') * x, +x, Number.parseFloat(x), parseFloat(x) * y, parseInt(x), Number(true) + x];",
    "return [Boolean(x), !!(x - x), new Boolean(false) ? x : y];",
  ],
  "Math in all its forms": [
    "return Math.sin(x) + Math['cos'](y) + (0, Math.exp)(y);",
    "const { exp, log: ln, PI } = Math; return exp(y) * ln(x) + PI * x;",
    "const m = Math; return m.tanh(x) + xs.map(Math.sin).reduce((a, b) => a + b) + xs.map(Math.abs)[1];",
    "return [Math.max(x, y), Math.min(x, y, ...xs), Math.max(...xs), Math.max(x), Math.max(), Math.min(), Math.hypot(x, y), Math.hypot(x, y, ...xs), Math.hypot(x), Math.hypot(), Math.hypot(0 * x, 0 * x, y)];",
    "return [Math.floor(x * 3), Math.ceil(y), Math.round(x), Math.trunc(-x), Math.sign(y), Math.clz32(x), Math.imul(x * 3, 5)];",
    "return [Math.sqrt(x), Math.cbrt(x), Math.log1p(x), Math.log2(x), Math.log10(x), Math.expm1(x), Math.tan(y), Math.asin(y), Math.acos(y), Math.atan(x), Math.atan2(y, x), Math.sinh(x), Math.cosh(x), Math.asinh(x), Math.acosh(x), Math.atanh(y), Math.pow(x, y), Math.abs(y)];",
    "return [Math.max(x, NaN), Math.min('3', x), Math.abs('-2') * x, Math.max(null, y)];",
  ],
  "array methods": [
    "return [xs.indexOf(x), xs.lastIndexOf(1.375), xs.includes(x * 1), xs.includes(99), xs.indexOf(x, 3), [NaN].includes(x - x + NaN)];",
    "return xs.filter((v) => v - 7).concat(xs.filter(Boolean), xs.filter((v) => v > 0)).map((v) => v * x);",
    "return [xs.some((v) => v - v), xs.every((v) => v), xs.find((v) => v - 0.75), xs.findIndex((v) => v + 2.5), xs.findLast((v) => v - 3.25), xs.findLastIndex((v) => v * 0)];",
    "return [...xs].sort((a, b) => a - b).concat(xs.toSorted((a, b) => b * x - a * x), [...xs].sort(), [10, 9, 1].sort());",
    "return [xs.join(';'), String(xs), `${xs}`, `${x} and ${y * 2}`, x.toFixed(2), xs.at(-1), xs.slice(1, 3), xs.length];",
    "const a = [...xs]; a.splice(1, 2, x * y); a.fill(y, 0, 1); a.push(x); a.unshift(y); a.reverse(); return a;",
    "return [xs.flatMap((v) => [v, v * x]), xs.reduceRight((a, b) => a * y + b), Array.from({ length: 3 }, (_, i) => x * i), Array.from(xs, (v) => v * 2), new Array(3).fill(x), Array(x > 0 ? 2 : 3).length, [x, [y, [x]]].flat(2), Array.of(x, y)];",
    "const has = xs.includes; return [has.call(xs, x), [].indexOf.call(xs, y), [[1], xs].map((a) => a.includes(x))];",
    "class Solver { find(f) { return f(2) * x; } at(v) { return v * y; } includes(v) { return v + 1; } } const s = new Solver(); return [s.find((t) => t * t), s.at(x), s.includes(x)];",
    "const ops = { add: (a, b) => a + b, at: (v) => v * v }; return ops.add(x, ops.at(y));",
    "const o = { xs, none: undefined }; return [o?.xs.filter((v) => v > 0).map((v) => v * x)[0], o.none?.filter((v) => v).length ?? y, o.none?.find((v) => v).a.b, o?.['xs'].find((v) => v > 1), o.xs?.includes(x)];",
    "let s = 0; for (const [i, v] of xs.entries()) s += i * v; for (const k in { a: 1, b: 2 }) s += k.length * x; for (const v of [...xs, y]) s *= v; return s;",
    "return 'abcabc'.indexOf('c') * x + 'abc'.includes('b') * y + 'a,b'.split(',').length + 'abc'.at(1).length;",
    "const a = new Float64Array([3, 1, 2]); return [a.indexOf(1) * x, a.filter((v) => v > x).length, a.length, [...a.slice(1)].length];",
  ],
  "the rest of the language": [
    "const g = function* () { let t = x; while (true) { yield t; t *= y; } }; const out = []; for (const v of g()) { out.push(v); if (out.length > 4) break; } return out;",
    "outer: for (let i = 0; i < 3; i++) { for (let j = 0; j < 3; j++) { if (j > i) continue outer; if (i * j * x > 2) break outer; y += x * i; } } return y;",
    "const { a = x * 2, b: { c = y } = {}, ...rest } = { d: x, e: y }; const [p, , q = x, ...t] = xs; return [a, c, rest.d * rest.e, p * q, t[0]];",
    "let a, b; [a, b = y] = [x]; ({ p: a, q: b } = { p: b, q: a }); const o = {}; [o.u, o['v']] = [a, b]; return [a, b, o.u, o.v];",
    "class P { constructor(v) { this.v = v; } get twice() { return this.v * 2; } set twice(w) { this.v = w / 2; } static of(v) { return new P(v); } } class Q extends P { get twice() { return super.twice + x; } set twice(w) { super.twice = w; } } const q = new Q(y); q.twice += 1; return [q.v, q.twice, P.of(x).twice];",
    "try { if (x > 0) throw new Error('a'); return 1; } catch (e) { return x * e.message.length; } finally { y += 1; }",
    "function h() { return arguments.length * arguments[0]; } return h(x, y);",
    "const m = new Map([['a', x]]); m.set('b', y); const s = new Set(['a', 1]); return [m.get('a') * m.get('b'), s.has('a') ? x : y, s.size];",
    "const tag = (parts, ...vs) => parts.length * vs[0]; return tag`a${x}b`;",
    "const k = 'p'; const o = { [k]: x, [k + '2']: y, x, m(v) { return this.p * v; } }; return [o.m(y), o.p2, 'p' in o, delete o.p, o.p];",
    "const has = (k, o) => k in o; const del = (k, o) => delete o[k]; return [has(0, xs), has('b', { a: x }) || has('a', { a: x }), del(1, xs), 1 in xs];",
    "let v = (x, y); v = void 0; return [v, (1, x) * 2, x, -0 * 1];",
    "const fs = []; for (let i = 0; i < 3; i++) fs.push((t) => t * i + x); return fs.map((f) => f(y));",
    "const o = { v: x, valueOf() { return this.v * y; } }; return [o * 2, o + 1, -o, o < 5];",
    "const Math = { sin: (v) => v * v }; const Number = (v) => v * 3; return Math.sin(x) + Number(y);",
    "const _$add = x, _$ = y; let __$_$ = 1; __$_$ += _$add * _$; return __$_$;",
  ],
};

describe("a rewritten program gives the value of JavaScript and the derivative of central differences", () => {
  for (const [topic, bodies] of Object.entries(BODIES)) {
    describe(topic, () => {
      for (const body of bodies) it(body, () => void compareWithNative(body));
    });
  }

  it("with chains of five thousand operands", () => {
    const terms = Array.from({ length: 5000 }, (_, i) => (i % 3 === 0 ? "x" : i % 3 === 1 ? "y" : "0.25"));
    expect(compareWithNative(`return ${terms.join(" + ")};`)).toBe(1);
    expect(compareWithNative(`return (n => n * ${terms.slice(0, 200).join(" - ")})(x);`)).toBe(1);
  });

  it("on random programs", () => {
    let compared = 0;
    fc.assert(
      fc.property(program, (body) => {
        compared += compareWithNative(body);
      }),
      { numRuns: 400 },
    );
    expect(compared).toBeGreaterThan(400);
  });
});
