/**
 * `npm run docs:operators`: writes docs/operators.md, the list of all operators. Nothing in it is written twice: names, signatures,
 * options and words come from core/ops.ts and core/ops/, whether an operator is a primitive, a fused one or composed from the tables
 * of primitives, its derivative from the table of rules, and the dtypes of elementwise ones from asking them. A test holds the file
 * to what this makes.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { pathToFileURL } from "node:url";
import { aval } from "../core/base/aval.ts";
import type { DType } from "../core/base/dtype.ts";
import { BenchError } from "../core/base/errors.ts";
import type { AnyPrimitive } from "../core/primitive.ts";
import { fusedPrimitives } from "../core/primitives/fused.ts";
import { type PrimitiveName, primitives } from "../core/primitives/table.ts";
import { projectRoot } from "../harness/root.ts";
import type { Rule } from "../rules/rule.ts";
import { rules } from "../rules/table.ts";
import { binaryTable, reductionTable, unaryTable } from "./operators/behaviour.ts";
import { type Declared, declarationsIn } from "./operators/declarations.ts";

/** The sections, and the file of each; the elementwise functions and what is built on them stand in core/ops.ts. */
const SECTIONS: readonly { readonly title: string; readonly file: string }[] = [
  { title: "Elementwise functions, reductions and products", file: "core/ops.ts" },
  { title: "Statistics", file: "core/ops/statistics.ts" },
  { title: "Movement", file: "core/ops/movement.ts" },
  { title: "Indexing", file: "core/ops/indexing.ts" },
  { title: "Sorting", file: "core/ops/sorting.ts" },
  { title: "Einstein summation", file: "core/ops/einsum.ts" },
  { title: "Matrices", file: "core/ops/decomposition.ts" },
  { title: "Images", file: "core/ops/windows.ts" },
  { title: "Losses, normalisation, attention", file: "core/ops/losses.ts" },
  { title: "Random numbers", file: "core/ops/random.ts" },
];

export const OPERATORS_PAGE = join(projectRoot, "docs", "operators.md");

const DTYPES: readonly DType[] = ["f32", "f64", "i32", "bool"];

/** The dtypes that an elementwise primitive takes, found by asking it. */
function dtypesOf(primitive: AnyPrimitive): string {
  const takes = DTYPES.filter((dtype) => {
    try {
      primitive.inferAval(new Array(primitive.arity ?? 1).fill(aval([1], dtype)), undefined);
      return true;
    } catch (error) {
      if (error instanceof BenchError) return false;
      throw error;
    }
  });
  return takes.length === DTYPES.length ? "any" : takes.join(" ");
}

type Functions = ReturnType<typeof declarationsIn>["functions"];

/** The primitives that an operator is made of, through all functions that it calls. */
function primitivesOf(start: Declared, own: Functions, all: ReadonlyMap<string, Declared>): PrimitiveName[] {
  const found = new Set<string>();
  const seen = new Set<Declared>();
  const work: Declared[] = [start];
  while (work.length > 0) {
    const f = work.pop() as Declared;
    if (seen.has(f)) continue;
    seen.add(f);
    for (const name of f.primitives) if (name in primitives) found.add(name);
    for (const name of f.calls) {
      const called = own.get(name) ?? all.get(name);
      if (called !== undefined) work.push(called);
    }
  }
  return [...found].sort() as PrimitiveName[];
}

const isPrimitive = ({ name }: Declared, parts: readonly PrimitiveName[]) => parts.length === 1 && parts[0] === name;

function kindOf(f: Declared, parts: readonly PrimitiveName[]): string {
  const fused: Readonly<Record<string, string>> = fusedPrimitives;
  if (!isPrimitive(f, parts)) return parts.length === 0 ? "host" : parts.map((p) => `\`${p}\``).join(", ");
  return fused[f.name] === undefined ? "primitive" : `fused: ${cell(fused[f.name] as string)}`;
}

/** None where the primitive of the same name has none, where all parts have none, or where the numbers are random. */
function derivativeOf(name: string, parts: readonly PrimitiveName[]): string {
  const concerned = name in primitives ? [name as PrimitiveName] : parts;
  const zeros = concerned.flatMap((p) => (rules[p].kind === "zero" ? [rules[p] as Rule & { readonly why: string }] : []));
  const random = zeros.find((rule) => rule === rules.randomUniform);
  if (random === undefined && concerned.length > zeros.length) return "yes";
  const why = (random ?? zeros[0])?.why;
  return why === undefined ? "none" : `none: ${why}`;
}

const cell = (text: string) => text.replaceAll("|", "\\|");

function rowOf(f: Declared, parts: readonly PrimitiveName[]): string {
  const primitive = primitives[f.name as PrimitiveName] as AnyPrimitive | undefined;
  const dtypes = isPrimitive(f, parts) && primitive?.scalar !== undefined && f.name !== "item" ? dtypesOf(primitive) : "";
  const signature = f.signatures.map((s) => `\`${f.name}(${cell(s)})\``).join("<br>");
  return `| <a id="${f.name}"></a>${signature} | ${cell(f.words)} | ${dtypes} | ${derivativeOf(f.name, parts)} | ${kindOf(f, parts)} |`;
}

/** docs/operators.md. */
export function operatorsPage(): string {
  const files = readdirSync(join(projectRoot, "core", "ops")).filter((f) => f.endsWith(".ts") && !f.endsWith(".test.ts"));
  const read = (file: string) => declarationsIn(file, readFileSync(join(projectRoot, file), "utf8"));
  const modules = new Map(["core/ops.ts", ...files.map((f) => `core/ops/${f}`)].map((file) => [file, read(file)]));
  const all = new Map([...modules.values()].flatMap((m) => [...m.functions].filter(([, f]) => f.isExported)));
  const listed = SECTIONS.map(({ title, file }) => {
    const { functions, options } = modules.get(file) as ReturnType<typeof declarationsIn>;
    const operators = [...functions.values()].filter((f) => f.isExported);
    const parts = new Map(operators.map((f) => [f.name, primitivesOf(f, functions, all)]));
    return { title, options, operators, parts };
  });
  const names = listed.flatMap((s) => s.operators.map((f) => f.name)).sort((a, b) => a.localeCompare(b, "en"));
  const elementwise = (arity: number) =>
    names.filter(
      (n) => (primitives[n as PrimitiveName] as AnyPrimitive | undefined)?.scalar && primitives[n as PrimitiveName].arity === arity,
    );
  const [one, two] = [elementwise(1), elementwise(2)].map((list) => list.filter((n) => !["item", "stopGradient", "polygamma"].includes(n)));
  const onFloats = (list: readonly string[] | undefined) => (list as string[]).filter((n) => !n.startsWith("logical"));
  const lines = [
    "# Operators",
    "",
    "Made by `npm run docs:operators` from the sources and by running the operators; change those, not this page. Import them from",
    "`core/ops.ts`. What holds for all of them (broadcasting, dtypes, order of sums, indices) is in [conventions](conventions.md).",
    "",
    "- *Made of*: **primitive**, one kernel with a derivative rule of its own; **fused**, one that a composition could replace, with that",
    "  composition; **host**, computed without a kernel; else the primitives that it is composed of.",
    "- *dtypes*: those that an elementwise primitive takes; operands are first widened to a common one.",
    "- An operand of another shape, dtype or kind than is asked for, an index outside its axis, and an unknown option are errors.",
    "- Sizes of 0 are allowed everywhere, unless said otherwise; a shape of [] is a tensor of one element.",
    "",
    names.map((n) => `[${n}](#${n})`).join(" "),
    "",
    ...listed.flatMap(({ title, options, operators, parts }) => [
      `## ${title}`,
      "",
      "| operator | | dtypes | derivative | made of |",
      "| --- | --- | --- | --- | --- |",
      ...operators.map((f) => rowOf(f, parts.get(f.name) as PrimitiveName[])),
      "",
      ...options.flatMap((o) => [`\`${o.type}\`: ${o.options.map((f) => `\`${f.name}\` (${f.words})`).join("; ")}`, ""]),
    ]),
    "## Values and derivatives at particular points",
    "",
    unaryTable(onFloats(one)),
    "",
    "Value (derivative by the first; by the second):",
    "",
    binaryTable(onFloats(two)),
    "",
    reductionTable(["sum", "mean", "prod", "reduceMax", "reduceMin", "logsumexp", "variance", "std", "norm", "argmax", "argmin"]),
    "",
  ];
  return lines.join("\n");
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) writeFileSync(OPERATORS_PAGE, operatorsPage());
