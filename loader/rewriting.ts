/**
 * What the rewriting passes share: the syntax, the edits, the names that they inject. Injected names start with a prefix that
 * occurs nowhere in the user's text, so they can collide with nothing. Temporaries are local to the function that needs them,
 * so recursion and generators are safe.
 */
import type { Node } from "oxc-parser";
import type { Edits } from "./edits.ts";
import type { Plainness } from "./plain.ts";
import type { Names } from "./scope.ts";
import { isFunction, type Syntax, unwrap } from "./syntax.ts";

/** Binary operators and the run-time functions (`operators.ts`) that stand for them. */
export const ARITHMETIC: Readonly<Record<string, string>> = { "+": "add", "-": "sub", "*": "mul", "/": "div", "%": "rem", "**": "pow" };
export const BITWISE: Readonly<Record<string, string>> = { "&": "and", "|": "or", "^": "xor", "<<": "shl", ">>": "shr", ">>>": "ushr" };

export class Rewriting {
  readonly syntax: Syntax;
  readonly names: Names;
  readonly plainness: Plainness;
  readonly edits: Edits;
  readonly prefix: string;
  /** Run-time functions that the rewritten text calls. */
  readonly used = new Set<string>();
  /** Temporaries by the function body, initialiser or program that declares them. */
  readonly hosts = new Map<Node, string[]>();
  #count = 0;

  constructor(syntax: Syntax, names: Names, plainness: Plainness, edits: Edits) {
    this.syntax = syntax;
    this.names = names;
    this.plainness = plainness;
    this.edits = edits;
    this.prefix = freshPrefix(syntax.source);
  }

  /** The injected name of a run-time function. */
  use(name: string): string {
    this.used.add(name);
    return this.prefix + name;
  }

  /** `node` → `name(node)`. A sequence is one argument, not several. */
  wrapCall(node: Node, name: string): void {
    const isSequence = node.type === "SequenceExpression";
    this.edits.wrap(node, `${this.use(name)}(${isSequence ? "(" : ""}`, isSequence ? "))" : ")");
  }

  /** A temporary of the function that runs `node`. */
  temporary(node: Node): string {
    const name = `${this.prefix}${this.#count++}`;
    const host = hostOf(this.syntax, node);
    const list = this.hosts.get(host);
    if (list) list.push(name);
    else this.hosts.set(host, [name]);
    return name;
  }

  /** A local variable or `this`/`super`, which may be written twice without being evaluated twice. */
  isSimple(node: Node): boolean {
    if (node.type === "Identifier") {
      const binding = this.names.references.get(node);
      return binding !== null && binding !== undefined && binding.kind !== "declared";
    }
    return node.type === "ThisExpression" || node.type === "Super" || (node.type === "Literal" && !("regex" in node));
  }

  /** A target whose text may be repeated: a variable, or a member of simple parts. */
  isSimpleTarget(node: Node): boolean {
    if (node.type !== "MemberExpression") return this.isSimple(node);
    return this.isSimple(node.object) && (!node.computed || this.isSimple(node.property));
  }
}

function freshPrefix(source: string): string {
  let prefix = "_$";
  while (source.includes(prefix)) prefix = `_${prefix}_$`;
  return prefix;
}

/** The body (or the initialiser of a parameter or field, or the program) in which a temporary of `node` is declared. */
function hostOf(syntax: Syntax, node: Node): Node {
  let initialiser: Node | undefined;
  let child = node;
  for (let parent = syntax.parent.get(child); parent !== undefined; child = parent, parent = syntax.parent.get(child)) {
    const field = syntax.field.get(child);
    if (isFunction(parent)) return field === "body" || initialiser === undefined ? child : initialiser;
    if (parent.type === "PropertyDefinition" && field === "value") return child;
    if (parent.type === "StaticBlock") return parent;
    if ((parent.type === "AssignmentPattern" && field === "right") || (parent.type === "Property" && field === "key")) initialiser = child;
  }
  return syntax.program;
}

/** Declares the temporaries where they belong. Called when the pass reaches `node`, before it edits what is inside. */
export function declareTemporaries(r: Rewriting, node: Node): void {
  const list = r.hosts.get(node);
  if (!list || node.type === "Program") return;
  const declaration = `let ${list.join(", ")};`;
  if (node.type === "StaticBlock") r.edits.text.appendLeft(r.edits.source.indexOf("{", node.start) + 1, declaration);
  else if (node.type === "BlockStatement") r.edits.text.appendLeft(node.start + 1, declaration);
  else if (r.syntax.field.get(node) === "body") r.edits.wrap(node, `{ ${declaration} return `, "; }");
  else r.edits.wrap(node, `(() => { ${declaration} return `, "; })()");
}

/** The value of the expression is not looked at. */
export function isUnused(syntax: Syntax, node: Node): boolean {
  let child = node;
  for (let parent = syntax.parent.get(child); parent !== undefined; child = parent, parent = syntax.parent.get(child)) {
    const field = syntax.field.get(child);
    if (parent.type === "ExpressionStatement") return true;
    if (parent.type === "ForStatement") return field === "update" || field === "init";
    if (parent.type === "SequenceExpression") {
      if (parent.expressions.at(-1) !== child) return true;
    } else if (parent.type === "UnaryExpression") return parent.operator === "void";
    else if (unwrap(parent) === parent) return false;
  }
  return false;
}
