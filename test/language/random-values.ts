/** Random expressions of the differentiable language that are numbers, and the functions and classes that they use. */

/** What is around every body: functions, recursion (over lists too), classes, checks, and the inner derivative. */
export const PREAMBLE = `declare function grad<A>(f: (t: A) => number): (t: A) => A;
declare function valueAndGrad(f: (t: number) => number): (t: number) => [number, number];
declare function vjp(f: (t: number) => number, x: number): [number, (d: number) => number];
declare function jvp(f: (t: number) => number, x: number, d: number): [number, number];
function clamp(v: number): number { return Math.tanh(v); }
function twist(p: number, q: number): number { return p > q ? Math.sin(p) * q : p + q * 0.5; }
function deep(n: number, v: number): number { return n <= 0 ? v : deep(n - 1, Math.sin(v) + 0.1 * n); }
type List = { v: number; next: List } | null;
function total(l: List): number { return l === null ? 0 : l.v + 0.5 * total(l.next); }
function mapped(l: List, k: number): List { return l === null ? null : { v: Math.sin(l.v * k), next: mapped(l.next, k) }; }
function walk(l: List): number { let s = 0; for (let p = l; p !== null; p = p.next) s = clamp(s + p.v); return s; }
type Shape = { kind: "disc"; r: number } | { kind: "box"; w: number; h: number } | { kind: "dot" };
function area(s: Shape): number {
  switch (s.kind) { case "disc": return 3 * s.r * s.r; case "box": { const { w, h } = s; return w * h; } default: return 0.25; }
}
function grown(s: Shape, k: number): Shape { return s.kind === "disc" ? { ...s, r: s.r * k } : s.kind === "box" ? { kind: "disc", r: s.w + s.h } : s; }
type Tree = { v: number; left: Tree; right: Tree } | null;
function summed(t: Tree): number { return t === null ? 0 : Math.tanh(t.v + summed(t.left) - 0.5 * summed(t.right)); }
function pruned(t: Tree, k: number): Tree { return t === null || t.v > k ? null : { v: t.v * k, left: pruned(t.left, k), right: t.right }; }
function even(n: number, v: number): number { return n <= 0 ? v : odd(n - 1, Math.cos(v)); }
function odd(n: number, v: number): number { return n <= 0 ? -v : even(n - 1, v * 0.5 + 0.1); }
function blend(p: number, q = 0.5, ...rest: number[]): number { let s = p * q; for (const r of rest) s = s * 0.5 + r; return s; }
const scaled = (p: number) => (q: number) => p * q + p;
const by = (mode: string) => mode === "sin" ? Math.sin : mode === "cos" ? Math.cos : (v: number) => v * 0.5;
function risky(v: number): number { if (v > 0.6) throw new Error("high"); if (v < -0.9) throw new Error("low"); return Math.sin(v); }
function guarded(v: number): number { try { return risky(v) * 2; } catch (e) { return (e as Error).message === "high" ? v : -v * v; } }
function check(v: number): void { if (v > 40) throw new Error("large: " + v); }
function turned(v: number, k: number): number { return k > 4 || Math.abs(v) > 0.9 ? v * k : turned(v * 1.3 + 0.1, k + 1); }
function settled<R extends { a: number; b: number }>(r: R, k: number): R | { a: number; b: number } { return k > 2 || r.a > 0.4 ? r : settled({ a: r.a + 0.5, b: clamp(r.b * k + 0.2) }, k + 1); }
function sorted(a: number[]): number[] { if (a.length < 2) return a; const [p, ...rest] = a; return [...sorted(rest.filter((e) => e < p!)), p!, ...sorted(rest.filter((e) => e >= p!))]; }
type Step = { kind: "more"; to: number } | { kind: "end"; at: number };
function step(v: number): Step { return v < 2 ? { kind: "more", to: v + 0.6 + v * v } : { kind: "end", at: Math.sin(v) }; }
class Account {
  sum = 0;
  constructor(public a: number) {}
  add(d: number): this { this.sum = clamp(this.sum + d); if (d > this.a) this.a = clamp(d); return this; }
}
class Point {
  constructor(public a: number, public b: number) {}
  get area(): number { return this.a * this.b; }
  moved(d: number): Point { return new Point(this.a + d, this.b - d * this.a); }
}
`;

/** What an expression may read, by what it is. */
export interface Names {
  readonly numbers: readonly string[];
  readonly arrays: readonly string[];
  /** Arrays whose length is not known, of one number or more. */
  readonly open: readonly string[];
  /** Arrays of records `{ a, b }` whose length is not known. */
  readonly rows: readonly string[];
  readonly lists: readonly string[];
  /** Null or a record `{ a }`. */
  readonly optional: readonly string[];
  readonly accounts: readonly string[];
  readonly records: readonly string[];
  readonly closures: readonly string[];
  /** Arrays of functions. */
  readonly tables: readonly string[];
  readonly shapes: readonly string[];
  /** Arrays of shapes whose length is not known. */
  readonly drawings: readonly string[];
  readonly trees: readonly string[];
  readonly labels: readonly string[];
  /** A handler is around: what throws may be called. */
  readonly isTried: boolean;
}

interface Expressions {
  pick<T>(of: readonly T[]): T;
  value(names: Names, depth: number): string;
  condition(names: Names, depth: number): string;
}

export function expressions(next: () => number): Expressions {
  const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;
  const value = (names: Names, depth: number): string => {
    const sub = () => value(names, depth - 1);
    if (depth <= 0 || next() < 0.25) return next() < 0.75 ? pick(names.numbers) : `(${(next() * 2 - 1).toFixed(2)})`;
    const forms: (() => string)[] = [
      () => `(${sub()} ${pick(["+", "-", "*"])} ${sub()})`,
      () => `Math.${pick(["sin", "cos", "tanh", "abs", "atan"])}(${sub()})`,
      () => `Math.${pick(["max", "min"])}(${sub()}, ${sub()})`,
      () => `(${condition(names, depth - 1)} ? ${sub()} : ${sub()})`,
      () => `twist(${sub()}, ${sub()})`,
      () => `deep(n, ${sub()})`,
      () => `turned(${sub()}, ${pick(["0", "n", pick(names.numbers)])})`,
      () => `((t: number) => t * ${pick(names.numbers)})(${sub()})`,
      () => `grad((t) => t * t * ${pick(names.numbers)} + Math.sin(t * ${sub()}))(${sub()})`,
      () => `new Point(${sub()}, ${sub()}).${pick(["area", "moved(0.5).a", "moved(x).area"])}`,
      () => (names.arrays.length > 0 ? `${pick(names.arrays)}[${pick(["0", "1", "n % 2"])}]!` : sub()),
      () => (names.arrays.length > 0 ? `${pick(names.arrays)}.map((e) => e * ${sub()}).reduce((p, q) => p + q, 0)` : sub()),
      () => (names.records.length > 0 ? `${pick(names.records)}.${pick(["a", "b"])}` : sub()),
      () => (names.open.length > 0 ? ofOpen(names, pick(names.open), sub) : sub()),
      () => (names.open.length > 0 ? ofOpen(names, pick(names.open), sub) : sub()),
      () => (names.rows.length > 0 ? ofRows(pick(names.rows), sub) : sub()),
      () =>
        names.lists.length > 0
          ? `${pick(["total", "walk"])}(${pick([pick(names.lists), `mapped(${pick(names.lists)}, ${sub()})`])})`
          : sub(),
      () => (names.optional.length > 0 ? `(${pick(names.optional)}?.a ?? ${sub()})` : sub()),
      () => (names.accounts.length > 0 ? `${pick(names.accounts)}.${pick(["a", "sum", `add(${sub()}).sum`])}` : sub()),
      () => (names.closures.length > 0 ? `${pick(names.closures)}(${sub()})` : sub()),
      () => `blend(${Array.from({ length: 1 + Math.floor(next() * 4) }, sub).join(", ")})`,
      () => `scaled(${sub()})(${sub()})`,
      () => `${pick(["even", "odd"])}(n, ${sub()})`,
      () => `by(${pick(['"sin"', '"none"', `${condition(names, 0)} ? "sin" : "cos"`])})(${sub()})`,
      () => `(({ a, b = ${sub()} }: { a: number; b?: number }) => a * b)({ a: ${sub()} })`,
      () => `(([p, q = ${sub()}]: number[]) => p! - q!)([${pick([sub(), `${sub()}, ${sub()}`])}])`,
      () => derivative(names, sub),
      () => derivative(names, sub),
      () => `guarded(${sub()})`,
      () => (names.isTried ? `risky(${sub()})` : sub()),
      () => (names.isTried ? `risky(${sub()})` : sub()),
      () =>
        names.tables.length > 0
          ? pick([`${pick(names.tables)}[${pick(["0", "1"])}]!(${sub()})`, `${pick(names.tables)}.reduce((p, g) => clamp(g(p)), ${sub()})`])
          : sub(),
      () => (names.shapes.length > 0 ? `area(${pick([pick(names.shapes), `grown(${pick(names.shapes)}, ${sub()})`])})` : sub()),
      () => (names.drawings.length > 0 ? ofDrawing(pick(names.drawings), sub) : sub()),
      () => (names.trees.length > 0 ? `summed(${pick([pick(names.trees), `pruned(${pick(names.trees)}, ${sub()})`])})` : sub()),
    ];
    return pick(forms)();
  };
  /** A function of `t` that may read everything. */
  const body = (sub: () => string): string =>
    pick([
      () => `(t) => Math.sin(t * ${sub()}) * t`,
      () => `(t) => (t > ${sub()} ? t * t * ${sub()} : Math.cos(t))`,
      () => `(t) => { let s = t; for (let i = 0; i < n; i++) s = Math.sin(s * ${sub()}) + t; return s; }`,
      () => `(t) => deep(n, t * ${sub()})`,
      () => `(t) => guarded(t * ${sub()}) * t`,
      () => `(t) => grad((u) => u * u * t + Math.sin(u * ${sub()}))(t)`,
      () => `(t) => { const a = [t, ${sub()}]; a[n % 2] = t * a[0]!; return a[0]! * a[1]!; }`,
    ])();
  const derivative = (names: Names, sub: () => string): string =>
    pick([
      () => `grad(${body(sub)})(${sub()})`,
      () => `valueAndGrad(${body(sub)})(${sub()})[${pick(["0", "1"])}]`,
      () => `vjp(${body(sub)}, ${sub()})[1](${sub()})`,
      () => `jvp(${body(sub)}, ${sub()}, ${sub()})[${pick(["0", "1"])}]`,
      () => `clamp(grad(grad(${body(sub)}))(${sub()}))`,
      () => `grad((p: { a: number; b: number }) => p.a * p.b * ${sub()} + p.a)({ a: ${sub()}, b: ${sub()} }).${pick(["a", "b"])}`,
      () => `grad((v: number[]) => v.reduce((p, q) => p * 0.5 + q * q, ${sub()}))([${sub()}, ${sub()}])[${pick(["0", "1"])}]!`,
      () => (names.open.length > 0 ? `grad((v: number[]) => v.reduce((p, q) => p + q * q * ${sub()}, 0))(${pick(names.open)})[0]!` : sub()),
    ])();
  const ofDrawing = (a: string, sub: () => string): string =>
    pick([
      () => `${a}.reduce((p, e) => p + area(e), 0)`,
      () => `area(${a}.find((e) => area(e) > ${sub()}) ?? { kind: "dot" })`,
      () => `area(grown(${a}[0]!, ${sub()}))`,
      () => `${a}.map((e) => grown(e, ${sub()})).reduce((p, e) => p + area(e), 0)`,
      () => `${a}.filter((e) => e.kind !== "dot").length * ${sub()}`,
    ])();
  const ofOpen = (names: Names, a: string, sub: () => string): string =>
    pick([
      () => `${a}[${pick(["0", `${a}.length - 1`])}]!`,
      () => `${a}.reduce((p, q) => p + q * ${sub()}, 0)`,
      () => `${a}.map((e, i) => e * ${sub()} + i).reduce((p, q) => p + q, 0)`,
      () => `clamp(${a}.filter((e) => e > ${sub()}).concat(${pick(names.open)}).reduce((p, q) => p + q, 0))`,
      () => `[...${a}].sort((p, q) => ${pick(["p - q", "q - p"])})[${pick(["0", `${a}.length - 1`])}]!`,
      () => `(${a}.${pick(["find", "findLast"])}((e) => e > ${sub()}) ?? ${sub()})`,
      () => `[${sub()}, ...${a}.slice(${pick(["1", "-2", "0, 2", "n"])})].reduce((p, q) => p * 0.5 + q, 0)`,
      () => `Math.${pick(["max", "min"])}(...${a})`,
      () => `sorted(${a})[0]!`,
      () => `sorted(${a}.map((e) => e * ${sub()})).reduce((p, q) => clamp(p * 0.5 + q), 0)`,
      () => `(${a}.${pick(["some", "every"])}((e) => e < ${sub()}) ? ${sub()} : ${sub()})`,
    ])();
  const ofRows = (a: string, sub: () => string): string =>
    pick([
      () => `${a}.reduce((s, e) => s + e.a * e.b, 0)`,
      () => `(${a}.find((e) => e.a > ${sub()})?.b ?? ${sub()})`,
      () => `${a}.map((e) => ({ a: e.b, b: e.a * ${sub()} })).reduce((s, e) => s + e.a + e.b, 0)`,
      () => `[...${a}].sort((p, q) => p.a - q.a)[0]!.b`,
      () => `${a}[${pick(["0", `${a}.length - 1`])}]!.${pick(["a", "b"])}`,
    ])();
  const condition = (names: Names, depth: number): string => {
    const plain = `${value(names, depth)} ${pick(["<", ">", "<=", ">="])} ${value(names, depth)}`;
    return next() < 0.15 ? `(${plain} ${pick(["&&", "||"])} ${value(names, 0)} > 0)` : plain;
  };
  return { pick, value, condition };
}
