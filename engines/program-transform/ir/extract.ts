/** Graphs cut out of graphs: nodes of one builder become parameters, and what lies between them and some results becomes a body. */
import { assert } from "../../../core/base/errors.ts";
import type { Span } from "../../../core/base/span.ts";
import { type Builder, makeGraph, rebuild } from "./build.ts";
import { type Graph, type Node, nodesOf } from "./graph.ts";
import type { Type } from "./type.ts";

/** Several values as one: a tuple, but for one value itself. */
export function pack(build: Builder, values: readonly Node[]): Node {
  const [only] = values;
  return values.length === 1 && only ? only : build.tuple(values);
}

/** The values that `pack` packed. */
export function unpack(build: Builder, packed: Node, count: number): Node[] {
  return count === 1 ? [packed] : Array.from({ length: count }, (_, i) => build.get(packed, i));
}

/**
 * A graph whose parameters stand for `params` (nodes that may be anything; a type alone is a parameter that nothing reads) and
 * that computes the results from them, put together by `finish`.
 */
export function extract(
  name: string,
  params: readonly (Node | Type)[],
  results: readonly Node[],
  finish: (build: Builder, results: readonly Node[], params: readonly Node[]) => Node,
  span?: Span,
): Graph {
  const types = params.map((p) => ("op" in p ? p.type : p));
  return makeGraph(
    name,
    types,
    (build, own) => {
      const done = new Map<Node, Node>();
      params.forEach((p, i) => {
        if ("op" in p) done.set(p, own[i] as Node);
      });
      const copied = copyInto(build, results, done);
      return finish(build, copied, own);
    },
    span,
  );
}

/** Nodes built anew in a builder, up to those that `done` has already. */
export function copyInto(build: Builder, results: readonly Node[], done: Map<Node, Node>): Node[] {
  const needed = new Set<Node>();
  const stack = results.filter((r) => !done.has(r));
  for (const r of stack) needed.add(r);
  while (stack.length > 0) {
    for (const a of (stack.pop() as Node).args) {
      if (done.has(a) || needed.has(a)) continue;
      needed.add(a);
      stack.push(a);
    }
  }
  for (const n of [...needed].sort((a, b) => a.id - b.id)) {
    assert(n.op !== "param", `a graph that is cut out reads a parameter that is not given`);
    done.set(
      n,
      rebuild(
        build,
        n,
        n.args.map((a) => done.get(a) as Node),
      ),
    );
  }
  return results.map((r) => done.get(r) as Node);
}

/** The same graph without the parameters that are not kept. */
export function withoutParams(graph: Graph, keep: readonly boolean[]): Graph {
  const params = graph.params.filter((_, i) => keep[i]);
  return extract(graph.name, params, [graph.result as Node], (_, [result]) => result as Node, graph.span);
}

/** Which parameters a graph reads. */
export function readsParams(graph: Graph): boolean[] {
  const found = new Set(nodesOf(graph));
  return graph.params.map((p) => found.has(p));
}

/** An `if` without the arguments that neither arm reads. */
export function makeIf(build: Builder, condition: Node, then: Graph, otherwise: Graph, args: readonly Node[]): Node {
  const [a, b] = [readsParams(then), readsParams(otherwise)];
  const keep = args.map((_, i) => Boolean(a[i] || b[i]));
  if (keep.every((k) => k)) return build.if(condition, then, otherwise, args);
  return build.if(
    condition,
    withoutParams(then, keep),
    withoutParams(otherwise, keep),
    args.filter((_, i) => keep[i]),
  );
}

/** A loop without the invariants that neither of its graphs reads. */
export function makeLoop(build: Builder, test: Graph, body: Graph, carried: readonly Node[], invariants: readonly Node[]): Node {
  const [a, b] = [readsParams(test), readsParams(body)];
  const keep = [...carried, ...invariants].map((_, i) => i < carried.length || Boolean(a[i] || b[i]));
  if (keep.every((k) => k)) return build.loop(test, body, carried, invariants);
  const kept = invariants.filter((_, i) => keep[carried.length + i]);
  return build.loop(withoutParams(test, keep), withoutParams(body, keep), carried, kept);
}
