/** Which graphs write arrays: what decides who copies. */
import { type Graph, graphsBelow, nodesOf } from "../ir/graph.ts";
import { resolveType, type Type } from "../ir/type.ts";

export const isArray = (t: Type): boolean => resolveType(t).kind === "array";

export function isNumbers(t: Type): boolean {
  const type = resolveType(t);
  return type.kind === "array" && type.of.kind === "num";
}

const UPDATES: ReadonlySet<string> = new Set(["arraySet", "arrayPush", "arrayPop", "arrayAdd", "plus"]);
const updated = new WeakMap<Graph, ReadonlySet<Type>>();

/** Whether a graph, or one below it, may write an array of this type. */
export function updates(graph: Graph, type: Type): boolean {
  let types = updated.get(graph);
  if (types === undefined) {
    const found = new Set<Type>();
    for (const g of graphsBelow(graph)) for (const n of nodesOf(g)) if (UPDATES.has(n.op)) found.add(resolveType(n.type));
    types = found;
    updated.set(graph, types);
  }
  return types.has(resolveType(type));
}
