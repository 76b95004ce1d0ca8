/**
 * Random programs on objects with several names: variables, elements of arrays, fields and captured variables that hold one object or
 * another by conditions, and writes through any of them, which all others must see. What is held in the end is summed up with weights.
 */
import type { RandomProgram, Statement } from "./random-program.ts";

const VARIABLES = ["o0", "o1", "o2"] as const;
const ARRAYS = ["l0", "l1"] as const;
const FIELDS = ["a", "b"] as const;

/** One statement, so that it is kept or left out as a whole. */
const BEGINNING = `type P = { a: number; b: number };
const bump = (p: P, q: P): P => { p.a = clamp(p.a + q.b); return q; };
const swapped = (p: P, q: P): P => { const t = p.a; p.a = q.a; q.a = t; return p; };
const larger = (p: P, q: P): P => (p.a > q.a ? p : q);
const mixed = (p: P, q: P): P => ({ a: p.a, b: q.b });
let o0: P = { a: x, b: y }, o1: P = { a: y, b: 0.3 }, o2: P = o0;
let l0: P[] = [o0, { a: 0.2, b: x }], l1: P[] = [{ a: y, b: y }];
const rows: P[][] = [[o1], [{ a: x, b: 0.5 }]];
const box = { o: o1 };
const last = () => o2;
const kept = (p: P, q: P): P => { box.o = p; return q; };`;

const END = `let sum = o0.a + 2 * o0.b + 3 * o1.a + 5 * o1.b + 7 * o2.a + 11 * o2.b + 13 * box.o.a + 17 * box.o.b;
for (const l of [l0, l1]) for (const e of l) sum = sum * 0.9 + e.a - 2 * e.b;
for (const row of rows) for (const e of row) sum = sum * 0.7 + e.a * e.b;
return sum;`;

export function drawNames(next: () => number): RandomProgram {
  let made = 0;
  const pick = <T>(of: readonly T[]): T => of[Math.floor(next() * of.length)] as T;
  const field = () => pick(FIELDS);
  const array = () => pick(ARRAYS);
  const variable = () => pick(VARIABLES);
  const place = (l: string) => pick(["0", `${l}.length - 1`, `n % ${l}.length`, `(${condition()} ? 0 : ${l}.length - 1)`]);
  const row = () => `rows[${pick(["0", "1", "n % 2"])}]!`;
  const value = (depth = 1): string =>
    pick([
      () => `${variable()}.${field()}`,
      () => pick(["x", "y", (next() * 2 - 1).toFixed(2)]),
      () => (depth > 0 ? `Math.sin(${value(depth - 1)})` : "x"),
      () => (depth > 0 ? `(${value(depth - 1)} ${pick(["+", "*", "-"])} ${value(depth - 1)})` : "y"),
      () => `${array()}[0]!.${field()}`,
      () => `rows[${pick(["0", "1"])}]![0]!.${field()}`,
    ])();
  const condition = () => `${value()} ${pick(["<", ">"])} ${value()}`;
  const object = (depth = 1): string =>
    pick([
      variable,
      variable,
      () => {
        const l = array();
        return `${l}[${place(l)}]!`;
      },
      () => `{ a: ${value()}, b: ${value()} }`,
      () => `{ ...${variable()} }`,
      () => (depth > 0 ? `(${condition()} ? ${object(depth - 1)} : ${object(depth - 1)})` : variable()),
      () => `${pick(["bump", "swapped", "larger", "mixed", "kept"])}(${variable()}, ${variable()})`,
      () => `${row()}[0]!`,
      () => pick(["last()", "box.o"]),
    ])();
  /** Arrays are never empty. */
  const filled = ARRAYS.map((l) => `if (${l}.length === 0) ${l}.push({ a: x, b: y });`).join(" ");
  const block = (depth: number, count: number, inLoop: boolean): Statement[] =>
    Array.from({ length: count }).flatMap(() => statement(depth, inLoop));
  const statement = (depth: number, inLoop: boolean): Statement[] => {
    const l = array();
    return pick<() => Statement[]>([
      () => [`${variable()} = ${object()};`],
      () => [`${variable()} = ${object()};`],
      () => [`${variable()}.${field()} = clamp(${value()});`],
      () => [`${variable()}.${field()} = clamp(${value()});`],
      () => [`${variable()}.a += ${value(0)};`],
      () => [`${l}[${place(l)}] = ${object()};`],
      () => [`${l}[${place(l)}]!.${field()} = clamp(${value()});`],
      () => [`${l}.push(${object()});`],
      () => [`if (${l}.length > 1) ${variable()} = ${l}.${pick(["pop", "shift"])}()!;`],
      () => ["[o0, o1] = [o1, o0];"],
      () => [`bump(${object()}, ${variable()});`],
      () => [pick([`box.o = ${object()};`, `box.o.a = clamp(${value()});`])],
      () => [`${row()} = ${pick([l, `[${object()}, ${object()}]`])};`.replace("! =", " =")],
      () => [pick([`${row()}[0] = ${object()};`, `${row()}.push(${object()});`])],
      () => {
        const made = [`filter((e) => e.a > ${value(0)})`, `concat([${object()}])`, "slice()", "map((e) => ({ ...e }))", "reverse()"];
        return [`${l} = ${array()}.${pick(made)}; ${filled}`];
      },
      () => [`for (const e of ${l}) { e.${field()} = clamp(${value()} + e.a); }`],
      () => [`{ const k = ${object()}; k.a = clamp(k.b + ${value(0)}); ${variable()}.b = clamp(k.a); }`],
      () => {
        if (depth <= 0) return [];
        const arms = next() < 0.5 ? [block(depth - 1, 2, inLoop)] : [block(depth - 1, 2, inLoop), block(depth - 1, 2, inLoop)];
        return [{ head: `if (${condition()})`, blocks: arms }];
      },
      () => {
        if (depth <= 0) return [];
        const i = `i${made++}`;
        const end = pick(["2", "n", "2 + 2 * x * x", "n + y * y"]);
        return [{ head: `for (let ${i} = 0; ${i} < ${end}; ${i}++)`, blocks: [block(depth - 1, 2, true)] }];
      },
      () => (inLoop && next() < 0.3 ? [`if (${condition()}) ${pick(["break", "continue"])};`] : []),
    ])();
  };
  return { body: [BEGINNING, ...block(2, 7, false), END], args: [next() * 2 - 1, next() * 2 - 1, 1 + Math.floor(next() * 3)] };
}
