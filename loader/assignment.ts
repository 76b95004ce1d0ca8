/**
 * Assignments with an operator. The object and the key of a member are evaluated once: where they are plain names the target's
 * text is repeated (`o.p += b` → `o.p = add(o.p, b)`), otherwise they are kept in temporaries
 * (`f()[k()] += b` → `(o = f())[k = k()] = add(o[k], b)`), in JavaScript's order: object, key, old value, right side.
 */
import type { Node } from "oxc-parser";
import { ARITHMETIC, BITWISE, isUnused, type Rewriting } from "./rewriting.ts";
import { unwrap } from "./syntax.ts";

type Member = Extract<Node, { type: "MemberExpression" }>;

/** How the old value is read again, and the edits that store object and key. */
interface Target {
  readonly again: string;
  store(): void;
}

function target(r: Rewriting, node: Node): Target {
  const { edits } = r;
  if (node.type !== "MemberExpression" || r.isSimpleTarget(node))
    return { again: edits.slice(node).replace(/\s*\n\s*/g, " "), store: () => {} };
  const member: Member = node;
  const object = r.isSimple(member.object) ? undefined : r.temporary(member);
  const key = !member.computed || r.isSimple(member.property) ? undefined : r.temporary(member);
  const objectText = object ?? edits.slice(member.object);
  const { property } = member;
  const again = member.computed ? `${objectText}[${key ?? edits.slice(property)}]` : `${objectText}.${edits.slice(property)}`;
  return {
    again,
    store: () => {
      if (object !== undefined) edits.wrap(member.object, `(${object} = `, ")");
      if (key !== undefined) edits.wrap(property, `${key} = (`, ")");
    },
  };
}

export function rewriteAssignment(
  r: Rewriting,
  node: Extract<Node, { type: "AssignmentExpression" }>,
  fast: string | undefined,
): (() => void) | undefined {
  const { left, right } = node;
  const operator = node.operator.slice(0, -1);
  if (r.plainness.of(left) > 0 && r.plainness.of(right) > 0) return undefined;
  const name = (ARITHMETIC[operator] ?? BITWISE[operator]) as string;
  const core = unwrap(left);
  const t = target(r, core);
  const isRepeated = core.type !== "MemberExpression" || r.isSimpleTarget(core);
  return () => {
    const called = r.use(name);
    if (isRepeated) {
      r.edits.wrap(node, `${t.again} = ${fast === undefined ? "" : `${fast} : `}${called}(`, ")");
      r.edits.replace(operatorStart(r, left), right.start, ", ");
    } else {
      t.store();
      r.edits.wrap(node, "", ")");
      r.edits.replace(operatorStart(r, left), right.start, ` = ${called}(${t.again}, `);
    }
  };
}

/** `a ||= b` → `(truth(a) ? a : (a = b))`, with the value kept where reading it again could have an effect. */
export function rewriteLogicalAssignment(r: Rewriting, node: Extract<Node, { type: "AssignmentExpression" }>): (() => void) | undefined {
  const { left, right } = node;
  if (r.plainness.of(left) === 2) return undefined;
  const core = unwrap(left);
  const t = target(r, core);
  const value = core.type === "MemberExpression" ? r.temporary(node) : undefined;
  const old = value ?? t.again;
  return () => {
    const open = `(${r.use("truth")}(${value === undefined ? "" : `${value} = `}`;
    const isAnd = node.operator === "&&=";
    r.edits.wrap(node, open, isAnd ? `) : ${old})` : "))");
    t.store();
    r.edits.wrap(left, "", ")");
    r.edits.replace(operatorStart(r, left), right.start, isAnd ? ` ? (${t.again} = ` : ` ? ${old} : (${t.again} = `);
  };
}

/** After the target and the parentheses around it, which the syntax tree of targets does not show. */
function operatorStart(r: Rewriting, left: Node): number {
  const closing = /^(?:\s*\))*/.exec(r.edits.source.slice(left.end, left.end + 1000));
  return left.end + (closing?.[0].length ?? 0);
}

/** `x++` and `++x`. */
export function rewriteUpdate(r: Rewriting, node: Extract<Node, { type: "UpdateExpression" }>): (() => void) | undefined {
  const { argument } = node;
  if (r.plainness.of(argument) > 0) return undefined;
  const core = unwrap(argument);
  const t = target(r, core);
  const isRepeated = core.type !== "MemberExpression" || r.isSimpleTarget(core);
  const needsOld = !node.prefix && !isUnused(r.syntax, node);
  const old = needsOld ? r.temporary(node) : undefined;
  return () => {
    const step = r.use(node.operator === "++" ? "inc" : "dec");
    if (node.prefix) r.edits.replace(node.start, node.start + 2, " ");
    else r.edits.replace(node.end - 2, node.end, " ");
    if (old !== undefined) r.edits.wrap(node, `(${old} = ${r.use("numeric")}(`, `), ${t.again} = ${step}(${old}), ${old})`);
    else if (isRepeated) r.edits.wrap(node, `(${t.again} = ${step}(`, "))");
    else r.edits.wrap(node, "(", ` = ${step}(${t.again}))`);
    t.store();
  };
}
