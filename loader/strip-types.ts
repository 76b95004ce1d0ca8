/**
 * Erases types by the syntax tree. Each erased stretch becomes a space; statements that ended without a semicolon get one, so
 * that erasing can never join two statements. Parameter properties, the one type-level construct with an effect, become
 * assignments. Enums and namespaces, which make code out of types, have been refused before.
 */
import type { Node } from "oxc-parser";
import { unsupported } from "../core/base/errors.ts";
import type { Edits } from "./edits.ts";
import type { Syntax } from "./syntax.ts";

export function stripTypes(syntax: Syntax, edits: Edits): void {
  for (const node of syntax.nodes) {
    stripStatement(syntax, edits, node);
    stripFields(syntax, edits, node);
  }
}

/** Declarations that are erased as a whole, and semicolons. */
function stripStatement(syntax: Syntax, edits: Edits, node: Node): void {
  switch (node.type) {
    case "TSInterfaceDeclaration":
    case "TSTypeAliasDeclaration":
    case "TSDeclareFunction":
    case "TSModuleDeclaration":
    case "TSEnumDeclaration":
    case "TSNamespaceExportDeclaration":
    case "TSImportEqualsDeclaration":
      eraseStatement(syntax, edits, node);
      return;
    case "VariableDeclaration":
    case "FunctionDeclaration":
    case "ClassDeclaration":
      if (node.declare) {
        eraseStatement(syntax, edits, node);
        return;
      }
      if (node.type === "VariableDeclaration" && !isLoopHead(syntax, node)) endStatement(edits, node);
      return;
    case "TSAbstractMethodDefinition":
    case "TSAbstractPropertyDefinition":
    case "TSIndexSignature":
      edits.erase(node.start, node.end);
      return;
    case "ExpressionStatement":
    case "ReturnStatement":
    case "ThrowStatement":
    case "BreakStatement":
    case "ContinueStatement":
    case "DebuggerStatement":
      endStatement(edits, node);
      return;
    case "PropertyDefinition":
      if (node.declare) {
        edits.erase(node.start, node.end);
        return;
      }
      endStatement(edits, node);
      return;
    case "MethodDefinition":
      if ((node.value.type as string) === "TSEmptyBodyFunctionExpression") edits.erase(node.start, node.end);
      return;
  }
}

function eraseStatement(syntax: Syntax, edits: Edits, node: Node): void {
  const parent = syntax.parent.get(node);
  const whole = parent?.type === "ExportNamedDeclaration" || parent?.type === "ExportDefaultDeclaration" ? parent : node;
  edits.replace(whole.start, whole.end, ";");
}

function isLoopHead(syntax: Syntax, node: Node): boolean {
  const field = syntax.field.get(node);
  return field === "init" || field === "left";
}

function endStatement(edits: Edits, node: Node): void {
  if (!edits.source.slice(node.start, node.end).endsWith(";")) edits.text.appendLeft(node.end, ";");
}

/** Types inside a node that stays. */
function stripFields(syntax: Syntax, edits: Edits, node: Node): void {
  const { source } = edits;
  switch (node.type) {
    case "TSAsExpression":
    case "TSSatisfiesExpression":
    case "TSNonNullExpression":
    case "TSInstantiationExpression":
      edits.erase(node.expression.end, node.end);
      return;
    case "TSTypeAssertion":
      edits.erase(node.start, node.expression.start);
      return;
    case "Identifier":
      if ((node.typeAnnotation || node.optional) && !edits.consumed.has(node)) edits.erase(node.start + node.name.length, node.end);
      return;
    case "ArrayPattern":
    case "ObjectPattern":
    case "RestElement":
      if (node.typeAnnotation) edits.erase(node.typeAnnotation.start, node.typeAnnotation.end);
      if (node.optional) eraseMark(edits, "?", node.end);
      return;
    case "FunctionDeclaration":
    case "FunctionExpression":
    case "ArrowFunctionExpression": {
      const [first] = node.params;
      if (first?.type === "Identifier" && first.name === "this") {
        edits.consumed.add(first);
        const comma = node.params.length > 1 ? source.indexOf(",", first.end) + 1 : first.end;
        edits.erase(first.start, comma);
      }
      if (node.typeParameters) edits.erase(node.typeParameters.start, node.typeParameters.end);
      // Back over white space: no line may end between the parameters and the arrow.
      if (node.returnType) edits.erase(backOverSpace(source, node.returnType.start), node.returnType.end);
      return;
    }
    case "CallExpression":
    case "NewExpression":
    case "TaggedTemplateExpression":
      if (node.typeArguments && !edits.consumed.has(node)) edits.erase(node.typeArguments.start, node.typeArguments.end);
      return;
    case "ClassDeclaration":
    case "ClassExpression":
      stripClassHead(edits, node);
      return;
    case "MethodDefinition":
      if ((node.value.type as string) === "TSEmptyBodyFunctionExpression") return;
      eraseModifiers(edits, node.start, node.key.start);
      if (node.optional) eraseMark(edits, "?", node.key.end);
      return;
    case "PropertyDefinition":
      if (node.declare) return;
      eraseModifiers(edits, node.start, node.key.start);
      if (node.optional) eraseMark(edits, "?", node.key.end);
      if (node.definite) eraseMark(edits, "!", node.key.end);
      if (node.typeAnnotation) edits.erase(node.typeAnnotation.start, node.typeAnnotation.end);
      return;
    case "TSParameterProperty":
      rewriteParameterProperty(syntax, edits, node);
      return;
  }
}

const MODIFIERS = /\b(?:private|public|protected|readonly|override|declare|abstract)\b/g;

function eraseModifiers(edits: Edits, start: number, end: number): void {
  for (const m of edits.source.slice(start, end).matchAll(MODIFIERS)) edits.erase(start + m.index, start + m.index + m[0].length);
}

/** Erases the mark that follows `from`, after white space and a closing bracket of a computed key. */
function eraseMark(edits: Edits, mark: string, from: number): void {
  const at = edits.source.indexOf(mark, from);
  if (at >= 0) edits.erase(at, at + 1);
}

function backOverSpace(source: string, from: number): number {
  let i = from;
  while (i > 0 && /\s/.test(source[i - 1] as string)) i--;
  return i;
}

function stripClassHead(edits: Edits, node: Extract<Node, { type: "ClassDeclaration" | "ClassExpression" }>): void {
  const { source } = edits;
  if (node.abstract) eraseModifiers(edits, node.start, source.indexOf("class", node.start));
  if (node.typeParameters) edits.erase(node.typeParameters.start, node.typeParameters.end);
  if (node.superTypeArguments) edits.erase(node.superTypeArguments.start, node.superTypeArguments.end);
  const list = node.implements ?? [];
  const [first] = list;
  const last = list.at(-1);
  if (!first || !last) return;
  const from = source.lastIndexOf("implements", first.start);
  edits.erase(from, last.end);
}

/** `constructor(private readonly a: number) {` → `constructor(a) { this.a = a;`, after `super(...)` where there is one. */
function rewriteParameterProperty(syntax: Syntax, edits: Edits, node: Extract<Node, { type: "TSParameterProperty" }>): void {
  const { parameter } = node;
  const id = parameter.type === "AssignmentPattern" ? parameter.left : parameter;
  const fn = syntax.parent.get(node);
  const body = fn && "body" in fn ? (fn.body as Node | null) : null;
  edits.erase(node.start, parameter.start);
  if (id.type !== "Identifier" || body?.type !== "BlockStatement") return;
  const text = `; this.${id.name} = ${id.name};`;
  const method = syntax.parent.get(fn as Node);
  const owner = method && syntax.parent.get(syntax.parent.get(method) as Node);
  if (!(owner && "superClass" in owner && owner.superClass)) {
    edits.text.appendLeft(body.start + 1, text);
    return;
  }
  const call = body.body.find(
    (s) => s.type === "ExpressionStatement" && s.expression.type === "CallExpression" && s.expression.callee.type === "Super",
  );
  if (!call)
    throw unsupported(
      "a constructor with parameter properties calls super(...) inside another statement",
      "make super(...) a statement of its own",
      syntax.spanAt(node.start),
    );
  edits.text.appendLeft(call.end, text);
}
