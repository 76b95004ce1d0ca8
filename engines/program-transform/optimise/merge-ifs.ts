/**
 * Ifs on one condition become one. Reverse mode gives an `if` that runs forward and one that runs back; where nothing stands between
 * them but the residuals, the second goes into the first, and the residuals become plain values inside the arms.
 *
 *     r = if(c; x): (f(x), s(x)) | …      g = if(c; x, r.1): f′(x, r.1) | …      →      if(c; x): (f(x), f′(x, s(x))) | …
 */
import { Builder, closeGraph, inline, openGraph } from "../ir/build.ts";
import { makeIf } from "../ir/extract.ts";
import { type Graph, hasControlFlow, type IfNode, type Node, nodesOf } from "../ir/graph.ts";
import { tupleType } from "../ir/type.ts";
import { rebuildGraph, renew, type Visit } from "./rewrite.ts";

/** Ifs that become one, in order. */
type Group = IfNode[];

export function mergeIfs(graph: Graph, visit: Visit): Graph {
  if (!hasControlFlow(graph)) return graph;
  const root = graph.result as Node;
  const groups = groupsIn(graph);
  if (groups.size === 0) return rebuildGraph(graph, visit, () => undefined);
  const build = new Builder();
  const open = openGraph(
    graph.name,
    graph.params.map((p) => p.type),
    graph.resultType,
    graph.span,
  );
  const at = new Map<Node, Node>(graph.params.map((p, i) => [p, open.params[i] as Node]));
  // Arguments first, those of a whole group before its members.
  const stack: Node[] = [root];
  while (stack.length > 0) {
    const n = stack.at(-1) as Node;
    if (at.has(n)) {
      stack.pop();
      continue;
    }
    const group = groups.get(n);
    const missing = (group === undefined ? n.args : outerArguments(group)).filter((a) => !at.has(a));
    if (missing.length > 0) {
      stack.push(...missing);
      continue;
    }
    stack.pop();
    if (group === undefined)
      at.set(
        n,
        renew(
          build,
          n,
          n.args.map((a) => at.get(a) as Node),
          visit,
        ),
      );
    else merged(build, group, at, visit);
  }
  return closeGraph(open, at.get(root) as Node);
}

const conditionOf = (n: IfNode): Node => n.args[0] as Node;
const fails = (n: IfNode): boolean => n.consequent.result?.op === "fail" || n.otherwise.result?.op === "fail";

/** For each `if` that is merged with others, its group. */
function groupsIn(graph: Graph): Map<Node, Group> {
  const nodes = nodesOf(graph);
  const byCondition = new Map<Node, IfNode[]>();
  for (const n of nodes) {
    if (n.op !== "if" || fails(n)) continue;
    const list = byCondition.get(conditionOf(n));
    if (list === undefined) byCondition.set(conditionOf(n), [n]);
    else list.push(n);
  }
  const groups = new Map<Node, Group>();
  for (const list of byCondition.values()) {
    const open: Group[] = [];
    for (const n of list) {
      const group = open.find((g) => canJoin(n, g, groups));
      if (group === undefined) {
        open.push([n]);
        continue;
      }
      group.push(n);
      for (const member of group) groups.set(member, group);
    }
  }
  return groups;
}

/** What a group reads from outside: fields of its members are inside. */
function outerArguments(group: Group): Node[] {
  return [...new Set(group.flatMap((n) => n.args))].filter((a) => !isInside(a, group));
}

function isInside(a: Node, group: readonly Node[]): boolean {
  return group.includes(a) || (a.op === "get" && group.includes(a.args[0] as Node));
}

/** True where an `if` depends on a group through its fields alone, with the groups there are counted as one node each. */
function canJoin(n: IfNode, group: Group, groups: ReadonlyMap<Node, Group>): boolean {
  const all = [...group, n];
  const members = new Set<Node>(all);
  const oldest = (group[0] as IfNode).id;
  const seen = new Set<Node>();
  // Anything from outside that leads back to a member would have to run between them.
  const stack = outerArguments(all);
  for (let a = stack.pop(); a !== undefined; a = stack.pop()) {
    if (members.has(a)) return false;
    // Where nothing is merged yet, arguments are older than their users.
    if (seen.has(a) || (groups.size === 0 && a.id < oldest)) continue;
    seen.add(a);
    const other = groups.get(a);
    for (const b of other === undefined ? a.args : outerArguments(other)) stack.push(b);
  }
  return true;
}

/** One `if` for a group, and what has become of its members. Fields are returned one by one, so that those nobody reads can go. */
function merged(build: Builder, group: Group, at: Map<Node, Node>, visit: Visit): void {
  const [first] = group as [IfNode];
  const condition = conditionOf(first);
  const outer = outerArguments(group).filter((a) => a !== condition);
  const types = group.flatMap((n) => (n.type.kind === "tuple" ? n.type.items : [n.type]));
  const arm = (which: "consequent" | "otherwise"): Graph => {
    const { name, span } = first[which];
    const open = openGraph(
      name,
      outer.map((a) => a.type),
      tupleType(types),
      span,
    );
    const inner = new Builder();
    const own = new Map<Node, Node>(outer.map((a, i) => [a, open.params[i] as Node]));
    own.set(condition, inner.constant(which === "consequent"));
    const argument = (a: Node): Node => own.get(a) ?? inner.get(own.get(a.args[0] as Node) as Node, a.op === "get" ? a.index : 0);
    for (const n of group) own.set(n, inline(inner, n[which], n.args.slice(1).map(argument)));
    const results = group.flatMap((n) => {
      const value = own.get(n) as Node;
      return n.type.kind === "tuple" ? inner.fields(value) : [value];
    });
    return visit.inner(closeGraph(open, inner.tuple(results)));
  };
  const given = outer.map((a) => at.get(a) as Node);
  const whole = makeIf(build, at.get(condition) as Node, arm("consequent"), arm("otherwise"), given);
  let field = 0;
  for (const n of group) {
    const { type } = n;
    at.set(
      n,
      type.kind !== "tuple"
        ? build.get(whole, field++)
        : build.tuple(
            type.items.map(() => build.get(whole, field++)),
            type.labels,
          ),
    );
  }
}
