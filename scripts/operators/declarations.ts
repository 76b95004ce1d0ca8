/**
 * What a source file says of its operators: exported functions with their words, signatures with defaults, the options that they
 * take, and the primitives and functions that they call. Read from the syntax tree; nothing is run.
 */
import { parseSync } from "oxc-parser";

export interface Declared {
  readonly name: string;
  /** `x, axis = -1`, once for each public overload. */
  readonly signatures: readonly string[];
  readonly words: string;
  /** Primitives that its text applies, and functions of this file or of others that it calls. */
  readonly primitives: ReadonlySet<string>;
  readonly calls: ReadonlySet<string>;
}

export interface OptionTable {
  readonly type: string;
  readonly options: readonly { readonly name: string; readonly words: string }[];
}

export interface Declarations {
  /** By name; those that are not exported too, since operators are made of them. */
  readonly functions: ReadonlyMap<string, Declared & { readonly isExported: boolean }>;
  readonly options: readonly OptionTable[];
}

/** Signatures of the function types of core/ops.ts. */
const SHAPES_OF_TYPES: Readonly<Record<string, string>> = { Unary: "x", Binary: "x, y", Reduce: "x, axes = all, keepdims = false" };

/** What is read of a node of the syntax tree (ESTree with types). */
interface Tree {
  readonly type: string;
  readonly start: number;
  readonly end: number;
  readonly name?: string;
  readonly optional?: boolean;
  readonly id?: Tree;
  readonly key?: Tree;
  readonly init?: Tree;
  readonly left?: Tree;
  readonly right?: Tree;
  readonly argument?: Tree;
  readonly object?: Tree;
  readonly property?: Tree;
  readonly callee?: Tree;
  readonly expression?: Tree;
  readonly typeName?: Tree;
  readonly typeAnnotation?: Tree;
  readonly declaration?: Tree;
  readonly params?: readonly Tree[];
  readonly declarations?: readonly Tree[];
  readonly body?: Tree | readonly Tree[];
}

export function declarationsIn(file: string, source: string): Declarations {
  const { program, comments } = parseSync(file, source);
  const wordsBefore = (start: number): string => {
    const comment = comments.findLast((c) => c.type === "Block" && c.value.startsWith("*") && c.end <= start);
    if (comment === undefined || source.slice(comment.end, start).trim() !== "") return "";
    return comment.value
      .replaceAll(/^\s*\* ?/gm, "")
      .replaceAll(/\{@link (\w+)\}/g, "`$1`")
      .replaceAll(/\s+/g, " ")
      .trim();
  };
  const functions = new Map<string, Declared & { readonly isExported: boolean }>();
  const options: OptionTable[] = [];
  for (const statement of program.body as unknown as readonly Tree[]) {
    const isExported = statement.type === "ExportNamedDeclaration";
    const node = isExported ? statement.declaration : statement;
    const words = wordsBefore(statement.start);
    if (node === undefined || node === null) continue;
    if (node.type === "TSInterfaceDeclaration" && node.id?.name?.endsWith("Options")) {
      const fields = (node.body as Tree).body as readonly Tree[];
      options.push({ type: node.id.name, options: fields.map((f) => ({ name: f.key?.name as string, words: wordsBefore(f.start) })) });
    }
    for (const { name, value } of namedFunctions(node)) {
      const before = functions.get(name);
      const isOverload = node.type === "TSDeclareFunction";
      const own = signatureOf(value, source, before?.signatures ?? [], isOverload);
      functions.set(name, {
        name,
        isExported,
        words: before?.words || words,
        signatures: own,
        ...usesOf(value),
      });
    }
  }
  return { functions, options };
}

function namedFunctions(node: Tree): { name: string; value: Tree }[] {
  if (node.type === "FunctionDeclaration" || node.type === "TSDeclareFunction") return [{ name: node.id?.name as string, value: node }];
  return (node.declarations ?? []).flatMap(({ id, init }) => (init && id?.name ? [{ name: id.name, value: init }] : []));
}

/** The public signatures: overloads as they come, completed by the defaults of the implementation; its own where there are none. */
function signatureOf(value: Tree, source: string, overloads: readonly string[], isOverload: boolean): string[] {
  if (value.type === "TSAsExpression") {
    const type = value.typeAnnotation;
    const inner = value.expression?.type === "ParenthesizedExpression" ? value.expression.expression : value.expression;
    const known = SHAPES_OF_TYPES[type?.typeName?.name ?? ""];
    return [known ?? withDefaults(parameters(type?.params ?? [], source), inner?.params ?? [], source)];
  }
  if (value.type === "CallExpression") return [SHAPES_OF_TYPES.Reduce as string];
  const own = parameters(value.params ?? [], source);
  if (isOverload) return [...overloads, own];
  return overloads.length > 0
    ? overloads.map((o) => withDefaults(o, value.params ?? [], source))
    : [withDefaults(own, value.params ?? [], source)];
}

/** Names, and types of those that are no tensors. */
function parameters(params: readonly Tree[], source: string): string {
  return params
    .map((p) => {
      const target: Tree = p.left ?? p.argument ?? p;
      const dots = p.type === "RestElement" ? "..." : "";
      return `${dots}${target.name}${target.optional || p.type === "AssignmentPattern" ? "?" : ""}${typeText(target, p, source)}`;
    })
    .join(", ");
}

function typeText(target: Tree, parameter: Tree, source: string): string {
  const type = (target.typeAnnotation ?? parameter.typeAnnotation)?.typeAnnotation;
  if (!type) return "";
  const text = source.slice(type.start, type.end).replaceAll("readonly ", "").replaceAll(/\s+/g, " ");
  return ["Tensor", "Value", "Operand", "number", "boolean"].includes(text) ? "" : `: ${text}`;
}

/** `axis?` becomes `axis = -1` where the implementation says so. */
function withDefaults(signature: string, params: readonly Tree[], source: string): string {
  let text = signature;
  for (const { left, right } of params) {
    if (left?.name === undefined || right === undefined) continue;
    const value = source.slice(right.start, right.end);
    const optional = new RegExp(`\\b${left.name}\\?(: (?:[^,{(<[]|\\{[^}]*\\}|\\[[^\\]]*\\]|<[^>]*>)*)?`);
    text = text.replace(optional, (_, type = "") => `${left.name}${type} = ${value}`);
  }
  return text;
}

function usesOf(value: Tree): { primitives: Set<string>; calls: Set<string> } {
  const primitives = new Set<string>();
  const calls = new Set<string>();
  const work: unknown[] = [value];
  while (work.length > 0) {
    const node = work.pop();
    if (typeof node !== "object" || node === null) continue;
    const { type, object, property, callee } = node as Tree;
    if (type === "MemberExpression" && object?.name === "v") primitives.add(property?.name as string);
    if (type === "CallExpression" && callee?.name !== undefined) calls.add(callee.name);
    work.push(...Object.values(node));
  }
  return { primitives, calls };
}
