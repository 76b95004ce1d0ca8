/**
 * Recomputation: time for memory. At one place of the program, in a training step about where its way back begins, what is kept for
 * later is the cheapest set of values from which the rest can be computed again by operations that cost little beside a product: a
 * minimum cut, in which keeping a value costs its bytes (Chen et al. 2016, "Training Deep Nets with Sublinear Memory Cost",
 * has the idea; the cut is that of Horace He and Shangdi Yu 2023, "Transcending Runtime-Memory Tradeoffs in Checkpointing by being
 * Fusion Aware"). What is computed again stands right before its first reader, and comes after what that reader waits for, so it can
 * neither be merged with what it repeats nor run beside it.
 *
 *     y = gelu(x); …; back = matmul(y, ct)        →      y = gelu(x); …; back = matmul(gelu(x) after ct, ct)
 */
import { sizeOf } from "../base/dtype.ts";
import type { AnyPrimitive } from "../primitive.ts";
import { primitives as p } from "../primitives/table.ts";
import { ELEMENTWISE, FOLDS } from "./fusible.ts";
import { GATHERS } from "./gathers.ts";
import { Network } from "./min-cut.ts";
import { type Node, nodesOf, type Program, type ProgramBuilder, type Value } from "./program.ts";

/** What is done once more. */
const CHEAP: ReadonlySet<AnyPrimitive> = new Set([
  ...ELEMENTWISE,
  ...FOLDS,
  ...GATHERS,
  ...([p.cast, p.reshape, p.transpose, p.broadcastTo, p.slice, p.flip, p.concat, p.pad, p.oneHot] as AnyPrimitive[]),
]);

const bytesOf = ({ aval }: Value) => aval.size * sizeOf(aval.dtype);

/** The value whose buffer a reshape is. */
function rootOf(v: Value): Value {
  let root = v;
  while (root.kind === "node" && root.primitive === p.reshape) root = root.args[0] as Value;
  return root;
}

/** Places that are tried. */
const TRIED = 8;

export function recompute(program: Program): (build: ProgramBuilder, node: Node, args: readonly Value[]) => Value {
  const nodes = nodesOf(program);
  const places = new Map<Value, number>(nodes.map((n, i) => [n, i]));
  const returned = new Set(program.outputs.map(rootOf));
  const cuts = fullPlaces(nodes, returned).map((middle) => ({ middle, ...cutAt(nodes, middle, returned) }));
  const { middle, again } = cuts.reduce((best, c) => (c.saved > best.saved ? c : best), { middle: 0, again: new Set<Value>(), saved: 0 });
  const isLater = (v: Value) => (places.get(v) ?? -1) > middle;
  /** By values of the program, what stands for them: the first time, and again. */
  const made = new Map<Value, Value>();
  const copies = new Map<Value, Value>();
  const copy = (build: ProgramBuilder, wanted: Value, after: Value): Value => {
    const stack = [wanted as Node];
    for (let n = stack.at(-1); n !== undefined; n = stack.at(-1)) {
      const missing = n.args.filter((a) => again.has(a) && !copies.has(a));
      if (missing.length > 0) {
        stack.push(...(missing as Node[]));
        continue;
      }
      stack.pop();
      if (copies.has(n)) continue;
      build.source = n.source;
      build.after = after;
      const args = n.args.map((a) => copies.get(a) ?? (made.get(a) as Value));
      copies.set(n, build.apply(n.primitive, args, n.params));
    }
    build.after = undefined;
    return copies.get(wanted) as Value;
  };
  let last: Value | undefined;
  return (build, node, args) => {
    for (const [i, a] of node.args.entries()) made.set(a, args[i] as Value);
    let given = args;
    if (isLater(node) && node.args.some((a) => again.has(a))) {
      // What the reader waits for; of several the last.
      const waited = node.args.filter(isLater).sort((a, b) => (places.get(b) as number) - (places.get(a) as number));
      const after = made.get(waited[0] as Value) ?? last;
      if (after !== undefined) given = node.args.map((a, i) => (again.has(a) ? copy(build, a, after) : (args[i] as Value)));
      build.source = node.source;
    }
    const result = build.apply(node.primitive, given, node.params);
    made.set(node, result);
    if (isLater(node)) last = result;
    return result;
  };
}

/** Of as many stretches of the nodes, the position of each after which most bytes of it are needed later. */
function fullPlaces(nodes: readonly Node[], returned: ReadonlySet<Value>): number[] {
  const lastUse = new Map<Value, number>();
  for (const [i, n] of nodes.entries()) for (const a of n.args.map(rootOf)) if (a.kind === "node" && !returned.has(a)) lastUse.set(a, i);
  const freed = new Array<number>(nodes.length).fill(0);
  for (const [v, i] of lastUse) freed[i] = (freed[i] as number) + bytesOf(v);
  let live = 0;
  const fullest: { live: number; at: number }[] = [];
  for (const [i, n] of nodes.entries()) {
    if (lastUse.has(n)) live += bytesOf(n);
    live -= freed[i] as number;
    const stretch = Math.floor((i * TRIED) / nodes.length);
    if (live > (fullest[stretch]?.live ?? -1)) fullest[stretch] = { live, at: i };
  }
  return fullest.flatMap((f) => f?.at ?? []);
}

/** What of the nodes up to one is computed again for those after it, and how many bytes less are kept for that. */
function cutAt(
  nodes: readonly Node[],
  middle: number,
  returned: ReadonlySet<Value>,
): { readonly again: ReadonlySet<Value>; readonly saved: number } {
  const network = new Network();
  const [source, sink] = [network.node(), network.node()];
  const never = Number.POSITIVE_INFINITY;
  /** Where a value arrives, and where it goes from; the edge between is to keep it. */
  const ends = new Map<Value, { readonly arrives: number; readonly goes: number }>();
  for (const n of nodes.slice(0, middle + 1)) {
    if (returned.has(rootOf(n))) continue;
    const [arrives, goes] = [network.node(), network.node()];
    ends.set(n, { arrives, goes });
    // A reshape is kept as what it is of.
    network.edge(arrives, goes, n.primitive === p.reshape ? never : bytesOf(n));
    if (!CHEAP.has(n.primitive)) network.edge(source, arrives, never);
    else
      for (const a of new Set(n.args)) {
        const of = ends.get(a);
        if (of !== undefined) network.edge(of.goes, arrives, never);
      }
  }
  const needed = new Set(nodes.slice(middle + 1).flatMap((n) => n.args.filter((a) => ends.has(a))));
  for (const v of needed) network.edge((ends.get(v) as { goes: number }).goes, sink, never);
  const isBehind = network.cut(source, sink);
  // A value that arrives behind the cut is computed again.
  const again = new Set([...ends].flatMap(([v, { arrives, goes }]) => (isBehind(arrives) && isBehind(goes) ? [v] : [])));
  const kept = new Set([...needed].filter((v) => !again.has(v)).map(rootOf));
  for (const v of again) for (const a of (v as Node).args) if (ends.has(a) && !again.has(a)) kept.add(rootOf(a));
  const total = (values: Iterable<Value>) => [...values].reduce((n, v) => n + (v.kind === "node" ? bytesOf(v) : 0), 0);
  return { again, saved: total(new Set([...needed].map(rootOf))) - total(kept) };
}
