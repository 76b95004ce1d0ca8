/**
 * Random well-typed programs of the differentiable language, and what engines make of them. A program is a tree of statements, so
 * that one that fails can be made smaller by leaving statements out. All numbers stay small: what is assigned in a loop is squashed.
 */
import { expressions, type Names, PREAMBLE } from "./random-values.ts";

/** A statement: its text, or a head with the blocks that it holds, and what stands between them. */
export type Statement =
  | string
  | {
      readonly head: string;
      readonly blocks: readonly (readonly Statement[])[];
      readonly between?: "else" | "catch" | "finally" | "cases";
    };

export interface RandomProgram {
  readonly body: readonly Statement[];
  readonly args: readonly number[];
}

/** The source of a program: `f(x, y, n)`, n being a small whole number. */
export function sourceOf({ body }: Pick<RandomProgram, "body">): string {
  return `${PREAMBLE}${bodyOf({ body })}`;
}

/** Without what is around it. */
export function bodyOf({ body }: Pick<RandomProgram, "body">): string {
  return `export function f(x: number, y: number, n: number): number {\n${text(body)}return x * y + Math.sin(x) + y;\n}\n`;
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
  return texts.join(`} ${between === "catch" ? "catch (e)" : (between ?? "else")} {\n`);
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

export function drawProgram(next: () => number): RandomProgram {
  let made = 0;
  const fresh = (letter: string) => `${letter}${made++}`;
  const { pick, value, condition } = expressions(next);
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
      const kind = Math.floor(next() * 46);
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
        case 26:
        case 27: {
          if (depth <= 0) return [];
          const tried = (length: number) => block(length, inLoop, { isTried: true });
          const thrower = next() < 0.5 ? [`if (${condition(names, 1)}) throw new Error("caught");`] : [];
          const message =
            next() < 0.3 ? [`${writable()} = clamp((e as Error).message === "high" ? ${value(names, 1)} : ${value(names, 1)});`] : [];
          return [
            {
              head: "try",
              blocks: [
                [...tried(1), ...thrower, ...tried(1)],
                [...block(1, inLoop), ...message],
              ],
              between: "catch",
            },
          ];
        }
        case 28:
          if (depth <= 0) return [];
          return [{ head: "try", blocks: [block(2, inLoop), block(1, inLoop)], between: "finally" }];
        case 29: {
          const shape = () =>
            pick([
              () => `{ kind: "disc", r: ${value(names, 1)} }`,
              () => `{ kind: "box", w: ${value(names, 1)}, h: 0.5 }`,
              () => `{ kind: "dot" }`,
            ])();
          if (names.shapes.length > 0 && next() < 0.4) return [`if (${condition(names, 1)}) ${pick(names.shapes)} = ${shape()};`];
          if (next() < 0.5) {
            const made = filling(
              `for (let ${v}i = 0; ${v}i < ${bound()}; ${v}i++)`,
              `${v}d.push(${condition(names, 1)} ? ${shape()} : ${shape()});`,
            );
            const first = `const ${v}d: Shape[] = [${shape()}];`;
            names = { ...names, drawings: [...names.drawings, `${v}d`] };
            return [first, made];
          }
          const s = `let ${v}s: Shape = ${condition(names, 1)} ? ${shape()} : ${shape()};`;
          names = { ...names, shapes: [...names.shapes, `${v}s`] };
          return [s];
        }
        case 30: {
          const made = `${v}t = { v: clamp(${value(names, 1)} + 0.1 * ${v}i), left: ${v}t, right: ${condition(names, 1)} ? ${v}t : null };`;
          const s = filling(`for (let ${v}i = 0; ${v}i < ${pick(["3", "n", "n + 1 + y * y"])}; ${v}i++)`, made);
          names = { ...names, trees: [...names.trees, `${v}t`] };
          return [`let ${v}t: Tree = null;`, s];
        }
        case 31: {
          const s = `for (let ${v}i = 0; ${v}i < 3; ${v}i++) ${v}g.push((t) => t * ${value(names, 1)} + 0.1 * ${v}i);`;
          names = { ...names, tables: [...names.tables, `${v}g`] };
          return [`const ${v}g: ((t: number) => number)[] = [];`, s];
        }
        case 32: {
          if (names.records.length === 0) return [`[x, y] = [clamp(y * ${value(names, 1)}), clamp(x)];`];
          const r = pick(names.records);
          const made = pick([
            `let { a: ${v}, ...${v}z } = ${r};`,
            `let { a: ${v} = x, ${v}b = y } = ${r} as any;`,
            `let ${v} = { ...${r}, b: ${value(names, 1)} }.a;`,
          ]);
          names = { ...names, numbers: [...names.numbers, v] };
          return [made];
        }
        case 33: {
          if (depth <= 0) return [];
          const inner = block(2, true);
          return [
            `let ${v}w = 0;`,
            { head: `${prefix}do`, blocks: [[`${v}w++;`, ...inner]] },
            `while (${v}w < ${pick(["3", "n"])} && ${condition(names, 1)});`,
          ];
        }
        case 34:
          if (names.optional.length === 0) return [`${writable()} ||= ${value(names, 1)};`];
          return [`${pick(names.optional)} ??= { a: clamp(${value(names, 1)}) };`];
        case 35:
          if (depth <= 0) return [];
          return [{ head: `${v}m:`, blocks: [[...block(1, inLoop), `if (${condition(names, 1)}) break ${v}m;`, ...block(1, inLoop)]] }];
        case 36:
          if (!names.isTried) return [];
          return [`if (${condition(names, 1)}) throw new Error(${pick(['"high"', '"other"'])});`];
        case 37: {
          if (names.records.length === 0) return [];
          const r = pick(names.records);
          return [`for (const k in ${r}) ${writable()} = clamp((${r} as any)[k] * ${value(names, 1)});`];
        }
        case 39: {
          const set = next() < 0.5 ? ` set c(t: number) { this.b = clamp(t * ${value(names, 1)}); },` : "";
          const s = `const ${v}r = { a: ${value(names, 1)}, get c() { return clamp(this.a * this.b + ${value(names, 1)}); },${set} b: ${value(names, 1)} };`;
          names = { ...names, records: [...names.records, `${v}r`] };
          return [s, `${writable()} = clamp(${v}r.c);`, ...(set === "" ? [] : [`${v}r.c += ${value(names, 1)};`])];
        }
        case 40: {
          const made = `(t) => clamp(t * ${v}k + ${value(names, 1)})`;
          const other = pick([made, `(t) => t - ${v}k`]);
          const s = filling(
            `for (let ${v}i = 0; ${v}i < ${bound()}; ${v}i++)`,
            `const ${v}k = clamp(${value(names, 1)} + ${v}i); if (${condition(names, 1)}) ${v}h.push(${made}); else ${v}h.push(${other});`,
          );
          return [
            `const ${v}h: ((t: number) => number)[] = [];`,
            s,
            `for (const g of ${v}h) { ${writable()} = clamp(g(${value(names, 1)})); }`,
          ];
        }
        case 41:
        case 42: {
          if (names.rows.length === 0) return [];
          const a = pick(names.rows);
          const places = () => pick(["0", `${a}.length - 1`, `n % ${a}.length`]);
          const write = () => `${pick(["p", "q"])}.${pick(["a", "b"])} = clamp(p.a * q.b - q.a + p.b + ${value(names, 1)});`;
          const guarded = next() < 0.4 ? `if (${condition(names, 1)}) { ${write()} }` : write();
          return [
            `{ const p = ${a}[${places()}]!, q = ${a}[${places()}]!; ${write()} ${guarded} ${write()} ${writable()} = clamp(p.a + q.b); }`,
          ];
        }
        case 43: {
          if (depth <= 0) return [];
          const turn = `if (${condition(names, 1)}) throw { v: ${value(names, 1)} + 0.1 * ${v}i };`;
          const s: Statement = {
            head: `for (let ${v}i = 0; ${v}i < ${bound()}; ${v}i++)`,
            blocks: [[...block(1, true, { isTried: true }), turn]],
          };
          return [{ head: "try", blocks: [[s], [`${writable()} = clamp((e as any).v ?? ${value(names, 1)});`]], between: "catch" }];
        }
        case 44: {
          if (names.records.length === 0) return [];
          const s = `const ${v}r = settled(${pick(names.records)}, ${value(names, 1)});`;
          if (next() < 0.5) names = { ...names, records: [...names.records, `${v}r`] };
          return [s, `${writable()} = clamp(${v}r.a * ${v}r.b);`];
        }
        case 45: {
          if (depth <= 0) return [];
          const left = next() < 0.4 ? [`if (${condition(names, 1)}) ${pick(["break", `return ${value(names, 1)}`])};`] : [];
          const turn = { head: `while (${v}u.kind === "more")`, blocks: [[`${v}u = step(${v}u.to);`, ...block(1, true), ...left]] };
          const end = inside(turn).includes("break") ? `(${v}u.kind === "end" ? ${v}u.at : ${v}u.to)` : `${v}u.at`;
          return [`let ${v}u: Step = step(${value(names, 1)});`, turn, `${writable()} = clamp(${end});`];
        }
        default:
          return next() < 0.4 ? [`if (${condition(names, 1)}) return ${value(names, 2)};`] : [];
      }
    };
    return Array.from({ length: count }).flatMap(one);
  };
  const none = {
    arrays: [],
    open: [],
    rows: [],
    lists: [],
    optional: [],
    accounts: [],
    records: [],
    closures: [],
    labels: [],
    tables: [],
    shapes: [],
    drawings: [],
    trees: [],
    isTried: false,
  };
  const body = statements({ numbers: ["x", "y"], ...none }, 3, 7, false);
  return { body, args: [next() * 2 - 1, next() * 2 - 1, 1 + Math.floor(next() * 3)] };
}
