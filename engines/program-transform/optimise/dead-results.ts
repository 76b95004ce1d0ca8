/**
 * Dead results. Control flow returns tuples, and after differentiation not all of their fields are read: the value of a loop of which
 * only the gradient is wanted, the adjoint of an argument that is not differentiated. A field that nobody reads is not computed, a
 * carried value that no result depends on is not carried, a carried value that never changes is an invariant, and a field that is the
 * same in both arms of an `if` does not come out of it.
 *
 *     loop(i, y, s; k) with y alone read, s read by s only    →    loop(i, y; k)
 *     if(c; x, y): (x, 0) | (x, y)                            →    (x, if(c; y): 0 | y)
 */
import { Builder, inline, openGraph } from "../ir/build.ts";
import { extract, makeIf, makeLoop, pack } from "../ir/extract.ts";
import { type Graph, hasControlFlow, type IfNode, type LoopNode, type Node, nodesOf, reachable } from "../ir/graph.ts";
import { resolveType } from "../ir/type.ts";
import { rebuildGraph, type Visit } from "./rewrite.ts";

/** The fields of a node's result that are read; all of them where it is used as a whole. */
type Demand = ReadonlySet<number> | "all";

export function deadResults(graph: Graph, visit: Visit): Graph {
  if (!hasControlFlow(graph)) return graph;
  const demands = demandsIn(graph);
  /** What has become of the fields of a node. */
  const parts = new Map<Node, ReadonlyMap<number, Node>>();
  return rebuildGraph(graph, visit, (build, n, at) => {
    if (n.op === "get") return parts.get(n.args[0] as Node)?.get(n.index);
    if ((n.op !== "if" && n.op !== "loop") || canFail(n)) return undefined;
    const args = n.args.map((a) => at.get(a) as Node);
    const type = resolveType(n.type);
    const demand = demands.get(n) as Demand;
    const isWhole = demand === "all";
    if (n.op === "if" && type.kind !== "tuple") return smallerIf(build, n, args, undefined, visit)[0];
    const count = type.kind === "tuple" ? type.items.length : 0;
    const fields = isWhole ? Array.from({ length: count }, (_, i) => i) : [...demand].sort((a, b) => a - b);
    const made = n.op === "if" ? smallerIf(build, n, args, fields, visit) : smallerLoop(build, n, args, fields, visit);
    if (isWhole) return build.tuple(made, type.kind === "tuple" ? type.labels : undefined);
    parts.set(n, new Map(fields.map((f, i) => [f, made[i] as Node])));
    return made[0];
  });
}

function demandsIn(graph: Graph): Map<Node, Demand> {
  const root = graph.result as Node;
  const demands = new Map<Node, Demand>([[root, "all"]]);
  for (const n of nodesOf(graph)) {
    for (const a of n.args) {
      const before = demands.get(a);
      if (before !== "all") demands.set(a, n.op === "get" ? new Set([...(before ?? []), n.index]) : "all");
    }
  }
  return demands;
}

/** Graphs that never return have no fields. */
function canFail(n: IfNode | LoopNode): boolean {
  const graphs = n.op === "if" ? [n.consequent, n.otherwise] : [n.body];
  return graphs.some((g) => g.result?.op === "fail");
}

/** A graph opened up: parameters, and results that may be chosen from. */
interface Open {
  readonly params: readonly Node[];
  readonly results: readonly Node[];
}

/** The fields of a graph's result as nodes; its one value where `fields` is not given. */
function opened(graph: Graph, fields: readonly number[] | undefined): Open {
  const root = graph.result as Node;
  if (fields === undefined) return { params: graph.params, results: [root] };
  if (root.op === "tuple") return { params: graph.params, results: fields.map((f) => root.args[f] as Node) };
  const { params } = openGraph(
    graph.name,
    graph.params.map((p) => p.type),
    graph.resultType,
  );
  const build = new Builder();
  const result = inline(build, graph, params);
  return { params, results: fields.map((f) => build.get(result, f)) };
}

/** A graph of some of the results. */
function closed(graph: Graph, params: readonly Node[], results: readonly Node[]): Graph {
  const root = graph.result as Node;
  const all = root.op === "tuple" && results.length > 1 ? root.args : [root];
  const isSame = (x: readonly Node[], y: readonly Node[]) => x.length === y.length && x.every((e, i) => e === y[i]);
  if (isSame(all, results) && isSame(graph.params, params)) return graph;
  return extract(graph.name, params, results, (b, r) => pack(b, r), graph.span);
}

/** The fields of an `if` that are wanted, those that are no choice taken out. */
function smallerIf(build: Builder, n: IfNode, args: readonly Node[], fields: readonly number[] | undefined, visit: Visit): Node[] {
  const [a, b] = [opened(n.consequent, fields), opened(n.otherwise, fields)];
  const same = a.results.map((x, i) => sameInBoth(build, x, b.results[i] as Node, args.slice(1)));
  /** The first field that is the same pair of results. */
  const first = a.results.map((x, i) => a.results.findIndex((y, j) => y === x && b.results[j] === b.results[i]));
  const chosen = same.flatMap((s, i) => (s === undefined && first[i] === i ? [i] : []));
  if (chosen.length === 0) return same as Node[];
  const arm = (graph: Graph, { params, results }: Open) =>
    visit.inner(
      closed(
        graph,
        params,
        chosen.map((i) => results[i] as Node),
      ),
    );
  const value = makeIf(build, args[0] as Node, arm(n.consequent, a), arm(n.otherwise, b), args.slice(1));
  return same.map((s, i) => s ?? (chosen.length === 1 ? value : build.get(value, chosen.indexOf(first[i] as number))));
}

/** What a field is where both arms give the same argument or the same constant. */
function sameInBoth(build: Builder, x: Node, y: Node, args: readonly Node[]): Node | undefined {
  if (x.op === "param" && y.op === "param" && x.index === y.index) return args[x.index];
  return x.op === "const" && y.op === "const" && Object.is(x.value, y.value) ? build.constant(x.value) : undefined;
}

/** The carried values of a loop that are wanted; only what they depend on is carried. */
function smallerLoop(build: Builder, n: LoopNode, args: readonly Node[], fields: readonly number[], visit: Visit): Node[] {
  const { carried } = n;
  const all = Array.from({ length: carried }, (_, i) => i);
  const body = opened(n.body, all);
  const moves = all.map((i) => body.results[i] !== body.params[i]);
  const live = new Set<number>();
  const need = (results: readonly Node[], params: readonly Node[]): number[] => {
    const found = new Set(reachable(results));
    return all.filter((i) => !live.has(i) && found.has(params[i] as Node));
  };
  const queue = [...new Set([...fields, ...need([n.test.result as Node], n.test.params)])];
  for (const i of queue) {
    if (live.has(i)) continue;
    live.add(i);
    queue.push(...need([body.results[i] as Node], body.params));
  }
  const kept = all.filter((i) => live.has(i) && moves[i]);
  const still = all.filter((i) => live.has(i) && !moves[i]);
  const order = [...kept, ...still, ...args.slice(carried).map((_, j) => carried + j)];
  const pick = <T>(list: readonly T[]): T[] => order.map((i) => list[i] as T);
  const test = visit.inner(closed(n.test, pick(n.test.params), [n.test.result as Node]));
  const next = kept.map((i) => body.results[i] as Node);
  const isAll = kept.length === carried && kept.length > 1;
  const turn = visit.inner(
    isAll ? closed(n.body, body.params, next) : extract(n.body.name, pick(body.params), next, (b, r) => b.tuple(r), n.body.span),
  );
  if (kept.length === 0) return fields.map((i) => args[i] as Node);
  const given = pick(args);
  const end = makeLoop(build, test, turn, given.slice(0, kept.length), given.slice(kept.length));
  return fields.map((i) => (moves[i] ? build.get(end, kept.indexOf(i)) : (args[i] as Node)));
}
