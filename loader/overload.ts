/**
 * Operator overloading by rewriting: `a * b` → `mul(a, b)`, `if (c)` → `if (truth(c))`, `Math` → its replacement, wherever the
 * static pass (`plain.ts`) has not proved the operands plain. Inserted text stands before the operand that it belongs to, so a
 * stack frame inside it maps to the start of the user's expression.
 */
import type { Node } from "oxc-parser";
import { rewriteAssignment, rewriteLogicalAssignment, rewriteUpdate } from "./assignment.ts";
import { type FastPaths, findFastPaths } from "./fast-path.ts";
import { globalMeaning, INTRINSICS } from "./globals.ts";
import { INDEX_ARGUMENTS, isTest, type MethodName, methods } from "./methods.ts";
import { ARITHMETIC, BITWISE, declareTemporaries, type Rewriting } from "./rewriting.ts";
import { unwrap } from "./syntax.ts";

const ORDER: Readonly<Record<string, string>> = { "<": "lt", "<=": "le", ">": "gt", ">=": "ge" };
const EQUALITY: Readonly<Record<string, string>> = { "===": "same", "!==": "differ", "==": "equal", "!=": "unequal" };

/** Left-nested chains longer than this (`a + b + c + ...`) become sequences, which the compiler of JavaScript does not nest. */
const LONG_CHAIN = 64;

export function overload(r: Rewriting): void {
  const tests = conditions(r);
  const chains = longChains(r);
  const fastPaths = findFastPaths(r, (node) => chains.has(node));
  // Temporaries first: the text that declares them goes before that of the nodes inside.
  const plans = r.syntax.nodes.map((node) => plan(r, node, tests, chains, fastPaths));
  r.syntax.nodes.forEach((node, i) => {
    declareTemporaries(r, node);
    if (tests.has(node) && isLeafOfCondition(node) && r.plainness.of(node) < 2) r.wrapCall(node, "truth");
    plans[i]?.();
  });
}

/** Expressions of which only the truth is used. */
function conditions(r: Rewriting): Set<Node> {
  const tests = new Set<Node>();
  for (const node of r.syntax.nodes) {
    switch (node.type) {
      case "IfStatement":
      case "WhileStatement":
      case "DoWhileStatement":
      case "ForStatement":
      case "ConditionalExpression":
        if (node.test) tests.add(node.test);
        if (node.type === "ConditionalExpression" && tests.has(node)) tests.add(node.consequent).add(node.alternate);
        break;
      case "UnaryExpression":
        if (node.operator === "!") tests.add(node.argument);
        break;
      case "LogicalExpression":
        if (tests.has(node) && node.operator !== "??") tests.add(node.left).add(node.right);
        break;
      default:
        if (tests.has(node) && unwrap(node) !== node) tests.add((node as unknown as { expression: Node }).expression);
    }
  }
  return tests;
}

/** Not made of other conditions, which carry their own test. */
function isLeafOfCondition(node: Node): boolean {
  return unwrap(node) === node && node.type !== "ConditionalExpression" && !(node.type === "LogicalExpression" && node.operator !== "??");
}

interface Chain {
  readonly root: Node;
  readonly temporary: string;
}

/** Each link of a chain of rewritten arithmetic that is longer than {@link LONG_CHAIN}. */
function longChains(r: Rewriting): Map<Node, Chain> {
  const chains = new Map<Node, Chain>();
  for (const node of r.syntax.nodes) {
    if (chains.has(node) || !isRewrittenArithmetic(r, node)) continue;
    const links: Node[] = [];
    for (let n: Node = node; isRewrittenArithmetic(r, n); n = (n as Extract<Node, { type: "BinaryExpression" }>).left) links.push(n);
    if (links.length <= LONG_CHAIN) continue;
    const chain = { root: node, temporary: r.temporary(node) };
    for (const link of links) chains.set(link, chain);
  }
  return chains;
}

function isRewrittenArithmetic(r: Rewriting, node: Node): boolean {
  return node.type === "BinaryExpression" && node.operator in ARITHMETIC && isCoerced(r, node.left, node.right);
}

/** Some operand of a coercing operator may be carried. */
function isCoerced(r: Rewriting, a: Node, b: Node): boolean {
  return r.plainness.of(a) === 0 || r.plainness.of(b) === 0;
}

type Plan = (() => void) | undefined;

/** The edits of one node; what needs temporaries allocates them now. */
function plan(r: Rewriting, node: Node, tests: ReadonlySet<Node>, chains: ReadonlyMap<Node, Chain>, fastPaths: FastPaths): Plan {
  const { edits, plainness } = r;
  switch (node.type) {
    case "Identifier":
      return () => rewriteName(r, node);
    case "BinaryExpression":
      return planBinary(r, node, chains.get(node), fastPaths);
    case "UnaryExpression":
      return () => rewriteUnary(r, node, fastPaths.of(node));
    case "LogicalExpression":
      return tests.has(node) ? undefined : planLogical(r, node);
    case "AssignmentExpression":
      if (node.operator === "=" || node.operator === "??=") return undefined;
      return node.operator === "&&=" || node.operator === "||="
        ? rewriteLogicalAssignment(r, node)
        : rewriteAssignment(r, node, fastPaths.ofAssignment(node));
    case "UpdateExpression":
      return rewriteUpdate(r, node);
    case "MemberExpression":
      return () => {
        if (node.computed) wrapIndex(r, node.property);
        else rewriteMethodValue(r, node);
      };
    case "Property":
    case "MethodDefinition":
    case "PropertyDefinition":
      return node.computed ? () => wrapIndex(r, node.key) : undefined;
    case "SwitchStatement":
      return () => {
        for (const e of [node.discriminant, ...node.cases.map((c) => c.test)]) if (e && plainness.of(e) < 2) r.wrapCall(e, "key");
      };
    case "CallExpression":
      return () => rewriteCall(r, node);
    case "MetaProperty":
      return node.meta.name === "import" ? () => edits.replace(node.start, node.end, r.use("meta")) : undefined;
    default:
      return undefined;
  }
}

function wrapIndex(r: Rewriting, key: Node): void {
  if (r.plainness.of(key) === 2 || key.type === "PrivateIdentifier") return;
  if (key.type === "Identifier" && r.isSimple(key))
    r.edits.wrap(key, `typeof ${key.name} === "number" ? ${key.name} : ${r.use("index")}(`, ")");
  else r.wrapCall(key, "index");
}

/** Free names that stand for replaced globals or for derivative operators. */
function rewriteName(r: Rewriting, node: Extract<Node, { type: "Identifier" }>): void {
  const binding = r.names.references.get(node);
  const isDeclared = binding?.kind === "declared" && (INTRINSICS as readonly string[]).includes(node.name);
  if (binding !== null && !isDeclared) return;
  const { kind } = globalMeaning(node.name);
  if (kind !== "replaced" && kind !== "intrinsic") return;
  const parent = r.syntax.parent.get(node);
  const label = parent?.type === "Property" && parent.shorthand ? `${node.name}: ` : "";
  r.edits.replace(node.start, node.start + node.name.length, label + r.use(node.name));
}

function planBinary(r: Rewriting, node: Extract<Node, { type: "BinaryExpression" }>, chain: Chain | undefined, fastPaths: FastPaths): Plan {
  const { edits, plainness } = r;
  const { operator, left, right } = node;
  if (operator === "in") return plainness.of(left) === 2 || left.type === "PrivateIdentifier" ? undefined : () => r.wrapCall(left, "index");
  if (chain) return () => rewriteLink(r, node, chain);
  let name = ARITHMETIC[operator] ?? BITWISE[operator] ?? ORDER[operator];
  if (name !== undefined ? !isCoerced(r, left, right) : isDecided(r, operator, left, right)) return undefined;
  name ??= EQUALITY[operator];
  if (name === undefined) return undefined;
  const called = name;
  // A strict comparison of a proved operand with an unproved one still needs the rewriting: the latter may be traced.
  if (operator in EQUALITY && plainness.of(left) === 2 && plainness.of(right) === 2) return undefined;
  const fast = fastPaths.of(node);
  return () => {
    edits.wrap(node, `${fast === undefined ? "" : `(${fast} : `}${r.use(called)}(`, fast === undefined ? ")" : "))");
    edits.replace(left.end, right.start, ", ");
  };
}

/** A comparison with a literal that is no number needs no look at the other side: a traced number is never identical to it. */
function isDecided(r: Rewriting, operator: string, left: Node, right: Node): boolean {
  if (!(operator in EQUALITY)) return true;
  const strict = operator === "===" || operator === "!==";
  return [left, right].some((n) => {
    const e = unwrap(n);
    if (e.type === "Identifier") return e.name === "undefined" && r.names.references.get(e) === null;
    if (e.type !== "Literal" || "regex" in e) return false;
    return e.value === null ? !("bigint" in e) : strict && (typeof e.value === "string" || typeof e.value === "boolean");
  });
}

/** `a + b - c` → `(t = add(a, b), t = sub(t, c), t)`. */
function rewriteLink(r: Rewriting, node: Extract<Node, { type: "BinaryExpression" }>, { root, temporary }: Chain): void {
  const { edits } = r;
  const name = r.use(ARITHMETIC[node.operator] as string);
  const isFirst = !isRewrittenArithmetic(r, node.left);
  const last = node === root ? `, ${temporary})` : "";
  if (isFirst) {
    edits.wrap(node, `(${temporary} = ${name}(`, `)${last}`);
    edits.replace(node.left.end, node.right.start, ", ");
  } else {
    edits.wrap(node, "", `)${last}`);
    edits.replace(node.left.end, node.right.start, `, ${temporary} = ${name}(${temporary}, `);
  }
}

function rewriteUnary(r: Rewriting, node: Extract<Node, { type: "UnaryExpression" }>, fast: string | undefined): void {
  const { argument, operator } = node;
  const name = { "-": "neg", "+": "pos", "~": "not", typeof: "type", "!": undefined, void: undefined, delete: undefined }[operator];
  if (name === undefined || r.plainness.of(argument) >= (operator === "typeof" ? 2 : 1)) return;
  r.edits.replace(node.start, argument.start, `${fast === undefined ? "" : `(${fast} : `}${r.use(name)}(`);
  r.edits.wrap(argument, "", fast === undefined ? ")" : "))");
}

/** `a && b` → `(truth(a) ? b : a)` where the value matters and `a` may be traced. */
function planLogical(r: Rewriting, node: Extract<Node, { type: "LogicalExpression" }>): Plan {
  const { edits, plainness } = r;
  const { left, right, operator } = node;
  if (operator === "??" || plainness.of(left) === 2) return undefined;
  const core = unwrap(left);
  const isName = core.type === "Identifier" && r.isSimple(core);
  const again = isName ? core.name : r.temporary(node);
  return () => {
    const open = `(${r.use("truth")}(${isName ? "" : `${again} = `}`;
    edits.wrap(node, open, operator === "&&" ? ` : ${again})` : ")");
    edits.wrap(left, "", ")");
    edits.replace(left.end, right.start, operator === "&&" ? " ? " : ` ? ${again} : `);
  };
}

function methodNamed(name: string): name is MethodName {
  return Object.hasOwn(methods, name);
}

/** `xs.filter(f)` → `filter(xs, f)`. */
function rewriteCall(r: Rewriting, node: Extract<Node, { type: "CallExpression" }>): void {
  const callee = node.callee;
  if (callee.type !== "MemberExpression" || node.optional || callee.object.type === "Super") return;
  const name = memberName(callee);
  if (name === undefined || !methodNamed(name)) return;
  const positions = INDEX_ARGUMENTS[name];
  if (positions && node.arguments.every((a, i) => a.type !== "SpreadElement" && (!positions.includes(i) || r.plainness.of(a) === 2)))
    return;
  if (isTest(name) && node.arguments.length === 1 && answersPlainly(r, node.arguments[0] as Node)) return;
  const { edits } = r;
  const isOptional = isInOptionalChain(callee);
  edits.consumed.add(callee).add(node);
  edits.wrap(node, `${isOptional ? r.use("optional") : r.use(`_${name}`)}(`, "");
  const first = node.arguments[0];
  const gap = isOptional ? `, ${r.use(`_${name}`)}${first ? ", " : ""}` : first ? ", " : "";
  edits.replace(callee.object.end, first ? first.start : node.end - 1, gap);
  if (isOptional) continueChain(r, node);
}

/** A callback whose body is a comparison, or otherwise plain, needs no look at the truth of what it returns. */
function answersPlainly(r: Rewriting, callback: Node): boolean {
  const f = unwrap(callback);
  return f.type === "ArrowFunctionExpression" && f.expression && r.plainness.of(f.body) === 2;
}

function memberName(member: Extract<Node, { type: "MemberExpression" }>): string | undefined {
  const { property } = member;
  if (!member.computed) return property.type === "Identifier" ? property.name : undefined;
  return property.type === "Literal" && typeof property.value === "string" ? property.value : undefined;
}

/** Whether `?.` somewhere to the left may cut the rest of the chain short. */
function isInOptionalChain(member: Node): boolean {
  for (let n: Node = member; ; ) {
    if (n.type === "MemberExpression") {
      if (n.optional) return true;
      n = n.object;
    } else if (n.type === "CallExpression") {
      if (n.optional) return true;
      n = n.callee;
    } else if (n.type === "TSNonNullExpression") n = n.expression;
    else return false;
  }
}

/** The link after a rewritten call of an optional chain becomes optional itself: the call may have been cut short. */
function continueChain(r: Rewriting, call: Node): void {
  let child = call;
  let parent = r.syntax.parent.get(child);
  while (parent?.type === "TSNonNullExpression") {
    child = parent;
    parent = r.syntax.parent.get(child);
  }
  if (parent?.type === "MemberExpression" && parent.object === child && !parent.optional) {
    if (parent.computed) r.edits.text.appendLeft(child.end, "?.");
    else if (!(parent.property.type === "Identifier" && methodNamed(parent.property.name))) r.edits.text.appendLeft(child.end, "?");
  } else if (parent?.type === "CallExpression" && parent.callee === child && !parent.optional) r.edits.text.appendLeft(child.end, "?.");
}

/** `xs.includes` as a value → `method(xs, "includes")`. */
function rewriteMethodValue(r: Rewriting, node: Extract<Node, { type: "MemberExpression" }>): void {
  const { property } = node;
  if (r.edits.consumed.has(node) || property.type !== "Identifier" || !methodNamed(property.name) || node.object.type === "Super") return;
  if (isInOptionalChain(node)) return;
  const parent = r.syntax.parent.get(node);
  const field = r.syntax.field.get(node);
  if (!parent || isTargetOf(parent, field) || (parent.type === "CallExpression" && field === "callee")) return;
  r.edits.wrap(node, `${r.use("method")}(`, `, ${JSON.stringify(property.name)})`);
  r.edits.replace(node.object.end, node.end, " ");
}

/** The member is written, deleted, or part of a pattern. */
function isTargetOf(parent: Node, field: string | undefined): boolean {
  switch (parent.type) {
    case "AssignmentExpression":
    case "ForInStatement":
    case "ForOfStatement":
      return field === "left";
    case "UpdateExpression":
    case "ArrayPattern":
    case "RestElement":
      return true;
    case "AssignmentPattern":
      return field === "left";
    case "Property":
      return field === "value";
    case "UnaryExpression":
      return parent.operator === "delete";
    default:
      return unwrap(parent) !== parent;
  }
}
