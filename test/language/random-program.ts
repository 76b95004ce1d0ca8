/**
 * Random well-typed programs of the differentiable language, and what engines make of them. A program is a tree of statements, so
 * that one that fails can be made smaller by leaving statements out. All numbers stay small: what is assigned in a loop is squashed.
 */
import { BenchError } from "../../core/base/errors.ts";
import { programTransform } from "../../engines/program-transform/engine.ts";
import { tape } from "../../engines/tape/engine.ts";
import { loadModule, loadProgram } from "../../loader/load.ts";

/** A statement: its text, or a head with the blocks that it holds, and what stands between them. */
export type Statement =
  | string
  | { readonly head: string; readonly blocks: readonly (readonly Statement[])[]; readonly between?: "else" | "catch" | "cases" };

export interface RandomProgram {
  readonly body: readonly Statement[];
  readonly args: readonly number[];
}

/** What is around every body: functions, recursion (over lists too), classes, checks, and the inner derivative. */
const PREAMBLE = `declare function grad(f: (t: number) => number): (t: number) => number;
function clamp(v: number): number { return Math.tanh(v); }
function twist(p: number, q: number): number { return p > q ? Math.sin(p) * q : p + q * 0.5; }
function deep(n: number, v: number): number { return n <= 0 ? v : deep(n - 1, Math.sin(v) + 0.1 * n); }
type List = { v: number; next: List } | null;
function total(l: List): number { return l === null ? 0 : l.v + 0.5 * total(l.next); }
function mapped(l: List, k: number): List { return l === null ? null : { v: Math.sin(l.v * k), next: mapped(l.next, k) }; }
function walk(l: List): number { let s = 0; for (let p = l; p !== null; p = p.next) s = clamp(s + p.v); return s; }
function check(v: number): void { if (v > 40) throw new Error("large"); }
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

/** The source of a program: `f(x, y, n)`, n being a small whole number. */
export function sourceOf({ body }: Pick<RandomProgram, "body">): string {
  return `${PREAMBLE}export function f(x: number, y: number, n: number): number {\n${text(body)}return x * y + Math.sin(x) + y;\n}\n`;
}

function text(list: readonly Statement[]): string {
  return list
    .map((s) => (typeof s === "string" ? s : `${s.head} {\n${inside(s)}}`))
    .map((s) => `${s}\n`)
    .join("");
}

function inside({ blocks, between }: Exclude<Statement, string>): string {
  const texts = blocks.map(text);
  if (between === "cases") return texts.map((t, i) => `${i < blocks.length - 1 ? `case ${i}` : "default"}: {\n${t}}\n`).join("");
  return texts.join(between === "catch" ? "} catch {\n" : "} else {\n");
}

/** Numbers in [0, 1) from a seed (mulberry32). */
export function randomNumbers(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), state | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Names {
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
  readonly labels: readonly string[];
}

export function drawProgram(next: () => number): RandomProgram {
  let made = 0;
  const fresh = (letter: string) => `${letter}${made++}`;
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
    ];
    return pick(forms)();
  };
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
  const statements = (given: Names, depth: number, count: number, inLoop: boolean): Statement[] => {
    let names = given;
    const block = (length: number, loop: boolean, extra: Partial<Names> = {}) =>
      statements({ ...names, ...extra }, depth - 1, length, loop);
    const loop = (head: string, counter: string, label: string | undefined): Statement => {
      const target = pick(names.numbers.filter((v) => /^[vxy]/.test(v)));
      const inner = block(2, true, { labels: label ? [...names.labels, label] : names.labels });
      return { head, blocks: [[...inner, `${target} = clamp(${target} + 0.1 * ${counter});`]] };
    };
    const writable = () => pick(names.numbers.filter((v) => /^[vxy]/.test(v)));
    const bound = () => pick(["3", "n", "2 + x * x * 3", "n + 1 + y * y"]);
    const filling = (head: string, made: string): Statement => ({ head, blocks: [[...block(1, true), made]] });
    const one = (): Statement[] => {
      const v = fresh("v");
      const kind = Math.floor(next() * 27);
      const label = next() < 0.4 ? fresh("l") : undefined;
      const prefix = label ? `${label}: ` : "";
      switch (kind) {
        case 0:
        case 1: {
          const s = `let ${v} = ${value(names, 2)};`;
          names = { ...names, numbers: [...names.numbers, v] };
          return [s];
        }
        case 2:
        case 3:
        case 4:
          return [`${writable()} = clamp(${value(names, 3)});`];
        case 5:
        case 6:
          if (depth <= 0) return [];
          return [
            { head: `if (${condition(names, 2)})`, blocks: next() < 0.5 ? [block(2, inLoop)] : [block(2, inLoop), block(2, inLoop)] },
          ];
        case 7:
          if (depth <= 0) return [];
          return [loop(`${prefix}for (let ${v}i = 0; ${v}i < ${pick(["3", "n", "2 + x * x * 3"])}; ${v}i++)`, `${v}i`, label)];
        case 8: {
          if (depth <= 0) return [];
          const turning = loop(`${prefix}while (${v}w < 5 && ${condition(names, 1)})`, `${v}w`, label) as Exclude<Statement, string>;
          return [`let ${v}w = 0;`, { ...turning, blocks: [[`${v}w++;`, ...(turning.blocks[0] ?? [])]] }];
        }
        case 9: {
          const s = `const ${v}a = [${value(names, 1)}, ${value(names, 1)}];`;
          names = { ...names, arrays: [...names.arrays, `${v}a`] };
          return [s];
        }
        case 10:
          if (names.arrays.length === 0) return [];
          return [`${pick(names.arrays)}[${pick(["0", "1", "n % 2"])}] = clamp(${value(names, 2)});`];
        case 11: {
          const s = `const ${v}r = { a: ${value(names, 1)}, b: ${value(names, 1)} };`;
          names = { ...names, records: [...names.records, `${v}r`] };
          return [s];
        }
        case 12:
          if (names.records.length === 0) return [];
          return [`${pick(names.records)}.${pick(["a", "b"])} = clamp(${value(names, 2)});`];
        case 13: {
          const into = writable();
          const s = `const ${v}c = (t: number) => { ${next() < 0.4 ? `${into} = clamp(${into} + 0.2 * t); ` : ""}return t * ${value(names, 1)}; };`;
          names = { ...names, closures: [...names.closures, `${v}c`] };
          return [s];
        }
        case 14: {
          if (!inLoop) return [];
          const jump = next() < 0.4 && names.labels.length > 0 ? ` ${pick(names.labels)}` : "";
          return [`if (${condition(names, 1)}) ${pick(["continue", "break"])}${jump};`];
        }
        case 16: {
          const s = filling(`for (let ${v}i = 0; ${v}i < ${bound()}; ${v}i++)`, `${v}o.push(clamp(${value(names, 2)} + 0.1 * ${v}i));`);
          names = { ...names, open: [...names.open, `${v}o`] };
          return [`const ${v}o = [${value(given, 1)}];`, s];
        }
        case 17: {
          if (names.open.length === 0) return [];
          const a = pick(names.open);
          return [
            pick([
              () => `${a}.push(clamp(${value(names, 2)}));`,
              () => `${a}.sort((p, q) => p - q);`,
              () => `${a}.reverse();`,
              () => `if (${a}.length > 2) ${writable()} = clamp(${a}.${pick(["shift", "pop"])}()!);`,
              () => `${a}.unshift(${value(names, 1)});`,
              () => `${a}[0] = ${value(names, 1)};`,
              () => `for (const e of ${a}) { ${writable()} = clamp(e * ${value(names, 1)}); }`,
              () => `${a}.forEach((e, i) => { ${writable()} = clamp(e + 0.1 * i); });`,
            ])(),
          ];
        }
        case 18: {
          const row = `{ a: clamp(${value(names, 2)}), b: clamp(${value(names, 1)} + ${v}i) }`;
          const s = filling(`for (let ${v}i = 0; ${v}i < ${bound()}; ${v}i++)`, `${v}q.push(${row});`);
          names = { ...names, rows: [...names.rows, `${v}q`] };
          return [`const ${v}q = [{ a: ${value(given, 1)}, b: ${value(given, 1)} }];`, s];
        }
        case 19: {
          if (names.rows.length === 0) return [];
          const [a, f] = [pick(names.rows), pick(["a", "b"])];
          return [
            pick([
              () => `${a}.sort((p, q) => q.${f} - p.${f});`,
              () => `for (const e of ${a}) { ${writable()} = clamp(e.${f} * ${value(names, 1)}); }`,
              () => `${a}.push({ a: ${value(names, 1)}, b: ${value(names, 1)} });`,
              () => `${a}[0]!.${f} = clamp(${value(names, 1)});`,
              () => `for (const e of ${a}) { e.${f} = clamp(e.a * e.b + ${value(names, 1)}); }`,
            ])(),
          ];
        }
        case 20: {
          const s = filling(`for (let ${v}i = 0; ${v}i < ${bound()}; ${v}i++)`, `${v}l = { v: ${value(names, 2)}, next: ${v}l };`);
          names = { ...names, lists: [...names.lists, `${v}l`] };
          return [`let ${v}l: List = null;`, s];
        }
        case 21: {
          const s = filling(
            `for (let ${v}i = 0; ${v}i < ${bound()}; ${v}i++)`,
            `if (${condition(names, 1)}) ${v}n = { a: clamp((${v}n?.a ?? 0) + ${value(names, 1)}) };`,
          );
          names = { ...names, optional: [...names.optional, `${v}n`] };
          return [`let ${v}n: { a: number } | null = null;`, s];
        }
        case 22: {
          if (depth <= 0) return [];
          const leaving = (list: Statement[]) => (next() < 0.7 ? [...list, "break;"] : list);
          const cases = [block(1, inLoop), block(2, inLoop), block(1, inLoop)].map(leaving);
          return [{ head: `switch (${pick(["n", "Math.floor(x * 2 + 2) % 3", "n % 2"])})`, blocks: cases, between: "cases" }];
        }
        case 23: {
          const s = `const ${v}p = new Account(${value(names, 1)});`;
          names = { ...names, accounts: [...names.accounts, `${v}p`] };
          return [s];
        }
        case 24: {
          if (names.accounts.length === 0) return [`check(${value(names, 1)});`];
          return [`${pick(names.accounts)}.add(${value(names, 2)});`];
        }
        case 25: {
          if (names.records.length === 0) return [];
          const s = `const ${v}r = ${pick([pick(names.records), `${condition(names, 1)} ? ${pick(names.records)} : ${pick(names.records)}`])};`;
          names = { ...names, records: [...names.records, `${v}r`] };
          return [s];
        }
        case 26: {
          if (depth <= 0) return [];
          const thrower = `if (${condition(names, 1)}) throw new Error("caught");`;
          return [{ head: "try", blocks: [[...block(1, inLoop), thrower, ...block(1, inLoop)], block(1, inLoop)], between: "catch" }];
        }
        default:
          return next() < 0.4 ? [`if (${condition(names, 1)}) return ${value(names, 2)};`] : [];
      }
    };
    return Array.from({ length: count }).flatMap(one);
  };
  const none = { arrays: [], open: [], rows: [], lists: [], optional: [], accounts: [], records: [], closures: [], labels: [] };
  const body = statements({ numbers: ["x", "y"], ...none }, 3, 7, false);
  return { body, args: [next() * 2 - 1, next() * 2 - 1, 1 + Math.floor(next() * 3)] };
}

export type Finding =
  | { readonly kind: "same" }
  /** The tape, or JavaScript, does not run it, or numbers grow so that there is nothing to compare. */
  | { readonly kind: "skipped" }
  | { readonly kind: "refused"; readonly reason: string }
  | { readonly kind: "wrong"; readonly detail: string };

/** Value and gradient by transformation, by the tape, and the value of the program as it stands. */
export function compareProgram({ source, args }: { readonly source: string; readonly args: readonly number[] }): Finding {
  const program = () => loadProgram({ file: "random.ts", source });
  const wrt = [0, 1];
  let wanted: readonly number[];
  let plain: (...a: number[]) => number;
  try {
    plain = loadModule({ file: "random.ts", source }, tape.intrinsics).exports.f as typeof plain;
    const { value, grad } = tape.prepare(program(), args, wrt).valueAndGrad(args);
    wanted = [value as number, grad[0] as number, grad[1] as number];
  } catch (error) {
    if (error instanceof BenchError) return { kind: "skipped" };
    throw error;
  }
  if (!wanted.every((v) => Number.isFinite(v) && Math.abs(v) < 1e6)) return { kind: "skipped" };
  let found: readonly number[];
  try {
    const { value, grad } = programTransform.prepare(program(), args, wrt).valueAndGrad(args);
    found = [value as number, grad[0] as number, grad[1] as number];
  } catch (error) {
    if (!(error instanceof BenchError)) return { kind: "wrong", detail: `it ends with ${(error as Error).stack}` };
    if (error.kind === "runtime") return { kind: "wrong", detail: `it ends with ${error.message}` };
    return { kind: "refused", reason: error.message };
  }
  const names = ["value", "∂x", "∂y"];
  const far = found.findIndex((v, i) => !(Math.abs(v - (wanted[i] as number)) <= 1e-9 * (1 + Math.abs(wanted[i] as number))));
  if (far >= 0) return { kind: "wrong", detail: `${names[far]} is ${found[far]}, by the tape ${wanted[far]}` };
  for (const i of wrt) {
    const [coarse, fine] = [1e-5, 1e-6].map((h) => {
      const at = (d: number) => plain(...args.map((a, k) => (k === i ? a + d : a)));
      return (at(h) - at(-h)) / (2 * h);
    }) as [number, number];
    const slope = found[i + 1] as number;
    const bound = 1e-4 * (1 + Math.abs(fine));
    // Where two steps differ there is a kink or a jump nearby.
    if (Math.abs(coarse - fine) < bound && Math.abs(slope - fine) > 10 * bound)
      return { kind: "wrong", detail: `${names[i + 1]} is ${slope}, by differences ${fine}` };
  }
  return { kind: "same" };
}

/** Leaves statements out for as long as the program still fails. */
export function minimised(program: RandomProgram, fails: (p: RandomProgram) => boolean): RandomProgram {
  let body = program.body;
  for (;;) {
    const smaller = variants(body).find((b) => fails({ ...program, body: b }));
    if (smaller === undefined) return { ...program, body };
    body = smaller;
  }
}

/** The lists with one statement less, or with a block in place of its statement; nesting is bounded by the generator. */
function variants(list: readonly Statement[]): (readonly Statement[])[] {
  return list.flatMap((s, i) => {
    const put = (...instead: readonly Statement[]) => [...list.slice(0, i), ...instead, ...list.slice(i + 1)];
    if (typeof s === "string") return [put()];
    const inner = s.blocks.flatMap((b, k) => variants(b).map((v) => put({ ...s, blocks: s.blocks.map((old, j) => (j === k ? v : old)) })));
    return [put(), ...s.blocks.map((b) => put(...b)), ...inner];
  });
}
