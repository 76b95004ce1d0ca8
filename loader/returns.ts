/**
 * Functions that return a value on one path and fall off their end on another. A derivative of the missing value would be a
 * silent zero, so they are refused. `completes` says of each statement whether control can reach its end, as the language's own
 * rules of reachability do; it is computed children first, in one backward pass over the statements.
 */
import type { Node } from "oxc-parser";
import { isExhaustive, mayBeUndefined } from "./declared-types.ts";
import type { Names } from "./scope.ts";
import { enclosingFunction, isFunction, methodOf, type Refusal, type Syntax, unwrap } from "./syntax.ts";

export function missingReturns(syntax: Syntax, names: Names): Refusal[] {
  const completes = completions(syntax, names);
  const returning = new Set<Node>();
  const leaving = new Set<Node>();
  for (const node of syntax.nodes) {
    if (node.type !== "ReturnStatement") continue;
    const isValue = node.argument !== null && !isUndefined(node.argument);
    if (isValue) returning.add(enclosingFunction(syntax, node));
    else if (node.argument === null) leaving.add(enclosingFunction(syntax, node));
  }
  const refusals: Refusal[] = [];
  for (const node of syntax.nodes) {
    if (!isFunction(node) || !("body" in node) || node.body === null || (node.body as Node).type !== "BlockStatement") continue;
    const fn = node as Extract<Node, { type: "ArrowFunctionExpression" }>;
    if (fn.generator || fn.async || !(completes.get(fn.body) || leaving.has(node))) continue;
    const method = methodOf(syntax, node);
    if (method.type === "MethodDefinition" && (method.kind === "constructor" || method.kind === "set")) continue;
    const annotation = fn.returnType?.typeAnnotation;
    const promised = annotation !== undefined && !mayBeUndefined(syntax, annotation);
    const isMissing = annotation === undefined ? returning.has(node) : promised;
    if (!isMissing) continue;
    const why = returning.has(node)
      ? "control can reach the end of the function, where nothing is returned"
      : "its return type says that it does";
    refusals.push({
      at: method,
      kind: "type",
      message: `not every path returns a value: ${why}`,
      advice: "add a return statement, or throw an error, at the end of each path",
    });
  }
  return refusals;
}

function isUndefined(node: Node): boolean {
  const e = unwrap(node);
  return (e.type === "Identifier" && e.name === "undefined") || (e.type === "UnaryExpression" && e.operator === "void");
}

/** For each statement (and switch case): whether control that reaches its start can reach its end. */
function completions(syntax: Syntax, names: Names): Map<Node, boolean> {
  const completes = new Map<Node, boolean>();
  // Statements that a reachable `break` leaves, or whose body a reachable `continue` ends early.
  const broken = new Set<Node>();
  const continued = new Set<Node>();
  for (const node of statementsInOrder(syntax)) {
    switch (node.type) {
      case "ReturnStatement":
      case "ThrowStatement":
        completes.set(node, false);
        break;
      case "BreakStatement":
      case "ContinueStatement": {
        completes.set(node, false);
        const target = jumpTarget(syntax, node);
        if (target && isReachable(syntax, node, completes)) (node.type === "BreakStatement" ? broken : continued).add(target);
        break;
      }
      case "ExpressionStatement":
        completes.set(node, !neverReturns(names, node.expression));
        break;
      case "BlockStatement":
      case "StaticBlock":
        completes.set(
          node,
          node.body.every((s) => completes.get(s) ?? true),
        );
        break;
      case "SwitchCase":
        completes.set(
          node,
          node.consequent.every((s) => completes.get(s) ?? true),
        );
        break;
      case "IfStatement": {
        const test = constant(node.test);
        const yes = test !== false && (completes.get(node.consequent) ?? true);
        const no = test !== true && (node.alternate ? (completes.get(node.alternate) ?? true) : true);
        completes.set(node, yes || no);
        break;
      }
      case "WhileStatement":
        completes.set(node, constant(node.test) !== true || broken.has(node));
        break;
      case "ForStatement":
        completes.set(node, (node.test !== null && constant(node.test) !== true) || broken.has(node));
        break;
      case "DoWhileStatement":
        completes.set(
          node,
          broken.has(node) || (constant(node.test) !== true && ((completes.get(node.body) ?? true) || continued.has(node))),
        );
        break;
      case "LabeledStatement":
        completes.set(node, broken.has(node) || (completes.get(node.body) ?? true));
        break;
      case "SwitchStatement": {
        const last = node.cases.at(-1);
        const covers = node.cases.some((c) => c.test === null) || isExhaustive(syntax, names, node);
        completes.set(node, !covers || broken.has(node) || last === undefined || completes.get(last) === true);
        break;
      }
      case "TryStatement": {
        const main = (completes.get(node.block) ?? true) || (node.handler !== null && (completes.get(node.handler.body) ?? true));
        completes.set(node, main && (node.finalizer === null || (completes.get(node.finalizer) ?? true)));
        break;
      }
    }
  }
  return completes;
}

/** Children before parents and earlier statements before later ones, which is what reachability of a jump needs. */
function statementsInOrder(syntax: Syntax): Node[] {
  const order: Node[] = [];
  const open: Node[] = [];
  for (const node of syntax.nodes) {
    const parent = syntax.parent.get(node);
    while (open.length > 0 && open.at(-1) !== parent) order.push(open.pop() as Node);
    open.push(node);
  }
  while (open.length > 0) order.push(open.pop() as Node);
  return order;
}

/** Whether no earlier sibling, at any level inside the function, ends the path to the jump. */
function isReachable(syntax: Syntax, jump: Node, completes: ReadonlyMap<Node, boolean>): boolean {
  let child = jump;
  for (
    let parent = syntax.parent.get(child);
    parent !== undefined && !isFunction(parent);
    child = parent, parent = syntax.parent.get(child)
  ) {
    const siblings: readonly Node[] =
      parent.type === "BlockStatement" || parent.type === "StaticBlock"
        ? parent.body
        : parent.type === "SwitchCase" && child !== parent.test
          ? parent.consequent
          : [];
    for (const s of siblings) {
      if (s === child) break;
      if (completes.get(s) === false) return false;
    }
  }
  return true;
}

const LOOPS = new Set(["ForStatement", "ForInStatement", "ForOfStatement", "WhileStatement", "DoWhileStatement"]);

/** The statement that a `break` leaves (the labelled statement where there is a label), or the loop that a `continue` goes on with. */
function jumpTarget(syntax: Syntax, jump: Node): Node | undefined {
  if (jump.type !== "BreakStatement" && jump.type !== "ContinueStatement") return undefined;
  for (let n = syntax.parent.get(jump); n !== undefined && !isFunction(n); n = syntax.parent.get(n)) {
    if (jump.label) {
      if (n.type !== "LabeledStatement" || n.label.name !== jump.label.name) continue;
      let body: Node = n;
      if (jump.type === "ContinueStatement") while (body.type === "LabeledStatement") body = body.body;
      return body;
    }
    if (LOOPS.has(n.type) || (jump.type === "BreakStatement" && n.type === "SwitchStatement")) return n;
  }
  return undefined;
}

/** The truth of a literal condition. */
function constant(test: Node): boolean | undefined {
  const e = unwrap(test);
  if (e.type === "Literal" && typeof e.value === "boolean") return e.value;
  if (e.type === "Literal" && typeof e.value === "number") return e.value !== 0;
  return undefined;
}

/** A call of a function whose declared return type is `never`. */
function neverReturns(names: Names, expression: Node): boolean {
  const call = unwrap(expression);
  if (call.type !== "CallExpression" || call.callee.type !== "Identifier") return false;
  const binding = names.references.get(call.callee);
  if (!binding || binding.isReassigned) return false;
  const { declaration } = binding;
  if (isFunction(declaration) && binding.kind === "function" && "returnType" in declaration)
    return declaration.returnType?.typeAnnotation.type === "TSNeverKeyword";
  if (declaration.type !== "VariableDeclarator" || declaration.id.type !== "Identifier") return false;
  const type = declaration.id.typeAnnotation?.typeAnnotation;
  return type?.type === "TSFunctionType" && type.returnType.typeAnnotation.type === "TSNeverKeyword";
}
