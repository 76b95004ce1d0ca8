/** The passes in the order in which they help each other, again while they find something. Each is a function from graph to graph. */
import { primitives } from "../../../core/primitives/table.ts";
import type { Graph, Node, Output } from "../graph.ts";
import { allGraphs, computes, inOrder } from "../walk.ts";
import { mergeCommonSubexpressions } from "./common-subexpressions.ts";
import { fold } from "./fold.ts";
import { fuseLoops } from "./fuse-loops.ts";
import { moveInvariants } from "./invariants.ts";
import { keepLess } from "./keep-less.ts";
import { layout } from "./layout.ts";
import { mergeBranches } from "./merge-branches.ts";
import { productsAfter } from "./products-after.ts";
import { productsBefore } from "./products-before.ts";
import { rebuild } from "./rebuild.ts";
import { simplify } from "./simplify.ts";
import { unroll } from "./unroll.ts";

export const passes = {
  prune: (g: Graph) => rebuild(g),
  fold,
  unroll,
  simplify,
  "common subexpressions": mergeCommonSubexpressions,
  layout,
  invariants: moveInvariants,
  "merge branches": mergeBranches,
  "fuse loops": fuseLoops,
  "products before loops": productsBefore,
  "products after loops": productsAfter,
  "keep less": keepLess,
} as const;

export type PassName = keyof typeof passes;
export const passNames = Object.keys(passes) as readonly PassName[];

export interface PassStatistics {
  readonly name: PassName;
  /** Nodes removed; negative where a pass makes some. */
  readonly removed: number;
  readonly milliseconds: number;
}

/** What a pass looks for: nodes of a kind, operations that give numbers, transposes. Where a graph has none of it, the pass has nothing to do. */
type Sought = Node["op"] | "number" | "transpose";
const SOUGHT: Readonly<Partial<Record<PassName, readonly Sought[]>>> = {
  // Of a node that holds no graph, what nobody needs is no part of the graph.
  prune: ["if", "while", "custom", "call"],
  fold: ["if", "while", "number"],
  unroll: ["while"],
  simplify: ["identity", "number", "pop", "stack", "addLists"],
  layout: ["transpose"],
  invariants: ["while"],
  "merge branches": ["if"],
  "fuse loops": ["while"],
  "products before loops": ["while"],
  "products after loops": ["while"],
  "keep less": ["while"],
};

/** Those for loops that stay loops: when the others find nothing. */
const LATE: ReadonlySet<PassName> = new Set(["fuse loops", "products before loops", "products after loops", "keep less"]);

/** Those that run when they are asked for: they give time for memory. */
export const OPTIONAL: ReadonlySet<PassName> = new Set(["keep less"]);

/** What a loop that was unrolled leaves for the next round is as deep as loops are nested; rounds end when nothing is found. */
const ROUNDS = 32;

export function optimise(
  graph: Graph,
  off: readonly PassName[] = [],
  on: readonly PassName[] = [],
): { readonly graph: Graph; readonly passes: readonly PassStatistics[] } {
  const found = new Map(
    passNames
      .filter((n) => !off.includes(n) && (!OPTIONAL.has(n) || on.includes(n)))
      .map((name) => [name, { name, removed: 0, milliseconds: 0 }]),
  );
  let current = graph;
  let seen = lookAt(graph);
  let before = seen.fingerprint;
  let isLate = false;
  for (let round = 0; round < ROUNDS; round++) {
    for (const entry of found.values()) {
      if (LATE.has(entry.name) !== isLate || SOUGHT[entry.name]?.some((k) => seen.kinds.has(k)) === false) continue;
      const start = performance.now();
      const made = passes[entry.name](current);
      entry.milliseconds += performance.now() - start;
      if (made === current) continue;
      current = made;
      const now = lookAt(current);
      entry.removed += seen.nodes - now.nodes;
      seen = now;
    }
    const isStill = seen.fingerprint === before;
    if (isStill && isLate) break;
    isLate = isStill;
    before = seen.fingerprint;
  }
  return { graph: current, passes: [...found.values()] };
}

interface Seen {
  readonly nodes: number;
  readonly kinds: ReadonlySet<Sought>;
  /** A number that is as good as never the same for graphs that differ in what is connected to what. */
  readonly fingerprint: number;
}

/** O(nodes). */
function lookAt(graph: Graph): Seen {
  const numbers = new Map<Output, number>();
  const kinds = new Set<Sought>();
  let nodes = 0;
  let fingerprint = 0;
  const note = (n: number) => {
    fingerprint = (Math.imul(fingerprint ^ n, 0x9e3779b1) + (fingerprint >>> 15)) | 0;
  };
  for (const g of allGraphs(graph)) {
    for (const p of [...g.parameters, ...g.captured]) numbers.set(p, numbers.size);
    for (const n of inOrder(g.results)) {
      kinds.add(n.op);
      if (n.op === "apply" && n.outputs[0]?.type.kind === "number") kinds.add("number");
      if (n.operation.op === "apply" && n.operation.primitive === primitives.transpose) kinds.add("transpose");
      if (computes(n)) nodes++;
      for (const o of n.outputs) if (!numbers.has(o)) numbers.set(o, numbers.size);
      for (let i = 0, x = n.need(0); x !== undefined; x = n.need(++i)) note(numbers.get(x) as number);
      note(n.op.length + 31 * n.outputs.length);
    }
    for (const r of g.results) note(numbers.get(r) as number);
  }
  return { nodes, kinds, fingerprint };
}
