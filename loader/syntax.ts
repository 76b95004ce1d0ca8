/**
 * Source text to syntax: parses a TypeScript file (oxc, exact UTF-16 spans) and lists its nodes that exist at run time in
 * preorder. Every later pass is a loop over that list, forwards (parents first) or backwards (children first), so no pass
 * recurses over the depth of the user's program.
 */
import { type Node, type Program, parseSync, visitorKeys } from "oxc-parser";
import { BenchError, type ErrorKind, unsupported } from "../core/base/errors.ts";
import type { Span } from "../core/base/span.ts";

export interface Syntax {
  readonly file: string;
  readonly source: string;
  readonly program: Program;
  /** Nodes with a meaning at run time, in preorder; of types only the outermost node of each statement is listed. */
  readonly nodes: readonly Node[];
  readonly parent: ReadonlyMap<Node, Node>;
  /** The field of the parent that holds the node. */
  readonly field: ReadonlyMap<Node, string>;
  spanAt(offset: number): Span;
}

/** Something in the text for which the program is not run. */
export interface Refusal {
  readonly at: Node;
  readonly kind: ErrorKind;
  readonly message: string;
  readonly advice?: string;
}

/** Fields that hold types, erased before the program runs. */
const TYPE_FIELDS = new Set([
  "typeAnnotation",
  "typeParameters",
  "typeArguments",
  "returnType",
  "superTypeArguments",
  "implements",
  "decorators",
]);

/** TypeScript nodes that wrap something that runs. */
const WRAPPERS = new Set([
  "TSAsExpression",
  "TSSatisfiesExpression",
  "TSTypeAssertion",
  "TSNonNullExpression",
  "TSInstantiationExpression",
  "TSParameterProperty",
]);

/** Parses `source`. Throws a `syntax` error with the parser's message at the place of the first mistake. */
export function parse(file: string, source: string): Syntax {
  const starts = lineStarts(source);
  const spanAt = (offset: number): Span => spanOf(file, starts, offset);
  refuseExtremeNesting(source, spanAt);
  const result = parseSync(file, source, {
    lang: "ts",
    sourceType: "module",
    astType: "ts",
    preserveParens: true,
    showSemanticErrors: true,
  });
  const mistake = result.errors.find((e) => e.severity === "Error");
  if (mistake) {
    const isAwait = mistake.message.includes("`await`");
    throw new BenchError(isAwait ? "unsupported" : "syntax", mistake.message, {
      advice: isAwait
        ? "async code cannot be differentiated; compute the value before and pass it as an argument"
        : (mistake.helpMessage ?? undefined),
      span: spanAt(mistake.labels[0]?.start ?? 0),
    });
  }
  const { nodes, parent, field } = list(result.program);
  return { file, source, program: result.program, nodes, parent, field, spanAt };
}

/** Depths from which the parser's or the compiler's own recursion would end in a crash of the process. */
const MAX_NESTING = 1500;
const MAX_CHAIN = 30_000;

/** Counts open brackets (and `? :`) and, inside the same bracket, operators since the last `,` or `;`: an upper bound of the depth of the syntax. */
function refuseExtremeNesting(source: string, spanAt: (offset: number) => Span): void {
  const chains: number[] = [];
  let chain = 0;
  let open = 0;
  let inner = 0;
  let questions = 0;
  for (let i = 0; i < source.length; i++) {
    switch (source[i]) {
      case "(":
      case "[":
      case "{":
        chains.push(inner);
        inner = 0;
        open++;
        break;
      case ")":
      case "]":
      case "}":
        chain -= inner;
        inner = chains.pop() ?? 0;
        open = Math.max(0, open - 1);
        break;
      case ",":
      case ";":
        chain -= inner;
        inner = 0;
        questions = 0;
        break;
      case "?":
        questions++;
        break;
      case "+":
      case "-":
      case "*":
      case "/":
      case "%":
      case "&":
      case "|":
      case "^":
      case ".":
      case "!":
        inner++;
        chain++;
        break;
    }
    if (open + questions > MAX_NESTING || chain > 2 * MAX_CHAIN || inner > MAX_CHAIN) {
      throw unsupported(
        "this expression or block is nested too deeply to be loaded",
        "split it over several statements or functions, or use a loop over an array",
        spanAt(i),
      );
    }
  }
}

function list(program: Program): { nodes: Node[]; parent: Map<Node, Node>; field: Map<Node, string> } {
  const nodes: Node[] = [];
  const parent = new Map<Node, Node>();
  const field = new Map<Node, string>();
  const work: Node[] = [program];
  const children: Node[] = [];
  for (let node = work.pop(); node !== undefined; node = work.pop()) {
    nodes.push(node);
    if ((node.type.startsWith("TS") && !WRAPPERS.has(node.type)) || ("declare" in node && node.declare)) continue;
    children.length = 0;
    for (const key of visitorKeys[node.type] ?? []) {
      if (TYPE_FIELDS.has(key)) continue;
      const value = (node as unknown as Record<string, unknown>)[key];
      for (const child of Array.isArray(value) ? value : [value]) {
        if (!isNode(child)) continue;
        parent.set(child, node);
        field.set(child, key);
        children.push(child);
      }
    }
    for (let i = children.length - 1; i >= 0; i--) work.push(children[i] as Node);
  }
  return { nodes, parent, field };
}

function isNode(value: unknown): value is Node {
  return typeof value === "object" && value !== null && "type" in value;
}

function lineStarts(source: string): number[] {
  const starts = [0];
  for (let i = 0; i < source.length; i++) {
    const c = source.charCodeAt(i);
    if (c === 10 || c === 0x2028 || c === 0x2029 || (c === 13 && source.charCodeAt(i + 1) !== 10)) starts.push(i + 1);
  }
  return starts;
}

function spanOf(file: string, starts: readonly number[], offset: number): Span {
  let lo = 0;
  let hi = starts.length;
  while (hi - lo > 1) {
    const mid = (lo + hi) >> 1;
    if ((starts[mid] as number) <= offset) lo = mid;
    else hi = mid;
  }
  return { file, line: lo + 1, column: offset - (starts[lo] as number) + 1 };
}

/** The function that `node` belongs to, or the program. */
export function enclosingFunction(syntax: Syntax, node: Node): Node {
  for (let n = syntax.parent.get(node); n !== undefined; n = syntax.parent.get(n)) if (isFunction(n)) return n;
  return syntax.program;
}

export function isFunction(node: Node): boolean {
  return node.type === "FunctionDeclaration" || node.type === "FunctionExpression" || node.type === "ArrowFunctionExpression";
}

/** The expression inside parentheses and type assertions, which change nothing at run time. */
export function unwrap(node: Node): Node {
  let n = node;
  while (n.type === "ParenthesizedExpression" || (WRAPPERS.has(n.type) && "expression" in n))
    n = (n as unknown as { expression: Node }).expression;
  return n;
}

/** The method that a function expression is the body of, so that a place starts at the method's first word; else the function. */
export function methodOf(syntax: Syntax, fn: Node): Node {
  const parent = syntax.parent.get(fn);
  if (!parent || syntax.field.get(fn) !== "value") return fn;
  return parent.type === "MethodDefinition" || (parent.type === "Property" && (parent.method || parent.kind !== "init")) ? parent : fn;
}
