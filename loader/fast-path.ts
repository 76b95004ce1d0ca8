/**
 * Whole expressions of plain numbers: `y - k * y * y` → `(typeof y === "number" && typeof k === "number" ? y - k * y * y :
 * sub(y, mul(mul(k, y), y)))`. An expression of variables, literals and arithmetic has no effects, so it may be written twice;
 * if all its variables hold numbers, so do all its parts. The largest such expressions get one guard each.
 */
import type { Node } from "oxc-parser";
import { ARITHMETIC, type Rewriting } from "./rewriting.ts";
import { unwrap } from "./syntax.ts";

/** Bounds on the text that is written twice. */
const MAX_NAMES = 6;
const MAX_LENGTH = 160;

export interface FastPaths {
  /** `guard ? expression`, in front of the rewritten form, where the node is the outermost of its expression. */
  of(node: Node): string | undefined;
  /** The same for `name operator= value`. */
  ofAssignment(node: Node): string | undefined;
}

const COMPARISONS = new Set(["<", "<=", ">", ">=", "===", "!==", "==", "!="]);

export function findFastPaths(r: Rewriting, isExcluded: (node: Node) => boolean): FastPaths {
  // The variables to be looked at, of every expression that qualifies.
  const variables = new Map<Node, readonly string[]>();
  for (let i = r.syntax.nodes.length - 1; i >= 0; i--) {
    const node = r.syntax.nodes[i] as Node;
    const names = isExcluded(node) ? undefined : variablesOf(r, node, variables);
    if (names) variables.set(node, names);
  }
  const isInside = (node: Node): boolean => {
    const parent = r.syntax.parent.get(node) as Node;
    return variables.has(parent) || assignmentNames(r, parent, variables) !== undefined;
  };
  const guard = (names: readonly string[]): string => names.map((name) => `typeof ${name} === "number"`).join(" && ");
  return {
    of(node) {
      const names = variables.get(node);
      if (!names || names.length === 0 || node.type === "ParenthesizedExpression") return undefined;
      let outer: Node = node;
      for (let p = r.syntax.parent.get(outer); p?.type === "ParenthesizedExpression"; p = r.syntax.parent.get(outer)) outer = p;
      return isInside(outer) ? undefined : `${guard(names)} ? ${r.edits.slice(node)}`;
    },
    ofAssignment(node) {
      const names = assignmentNames(r, node, variables);
      if (!names || node.type !== "AssignmentExpression") return undefined;
      const target = r.edits.slice(node.left);
      return `${guard(names)} ? ${target} ${node.operator.slice(0, -1)} (${r.edits.slice(node.right)})`;
    },
  };
}

function assignmentNames(r: Rewriting, node: Node, variables: ReadonlyMap<Node, readonly string[]>): readonly string[] | undefined {
  if (node.type !== "AssignmentExpression" || !(node.operator.slice(0, -1) in ARITHMETIC) || node.left.type !== "Identifier")
    return undefined;
  const right = variables.get(node.right) ?? leafNames(r, node.right);
  const left = leafNames(r, node.left);
  return left && right && join(left, right);
}

/** The variables of an operator node that qualifies. */
function variablesOf(r: Rewriting, node: Node, known: ReadonlyMap<Node, readonly string[]>): readonly string[] | undefined {
  const of = (n: Node): readonly string[] | undefined => known.get(n) ?? leafNames(r, n);
  if (node.end - node.start > MAX_LENGTH) return undefined;
  switch (node.type) {
    case "ParenthesizedExpression":
      return known.get(node.expression);
    case "UnaryExpression":
      return node.operator === "-" && !isComparison(unwrap(node.argument)) ? of(node.argument) : undefined;
    case "BinaryExpression": {
      if (!(node.operator in ARITHMETIC) && !COMPARISONS.has(node.operator)) return undefined;
      // A comparison gives a boolean, which is no number to the operator around it.
      if ([node.left, node.right].some((n) => isComparison(unwrap(n)))) return undefined;
      const left = of(node.left);
      const right = of(node.right);
      return left && right && join(left, right);
    }
    default:
      return undefined;
  }
}

function isComparison(node: Node): boolean {
  return node.type === "BinaryExpression" && COMPARISONS.has(node.operator);
}

function join(a: readonly string[], b: readonly string[]): readonly string[] | undefined {
  const all = [...new Set([...a, ...b])];
  return all.length <= MAX_NAMES ? all : undefined;
}

/** A local variable, or a number. */
function leafNames(r: Rewriting, node: Node): readonly string[] | undefined {
  if (node.type === "Literal") return typeof node.value === "number" ? [] : undefined;
  return node.type === "Identifier" && r.isSimple(node) ? [node.name] : undefined;
}
