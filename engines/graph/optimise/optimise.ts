/** The passes in the order in which they help each other, again while they find something. Each is a function from graph to graph. */
import { allGraphs, countNodes, type Graph, inOrder, type Output } from "../graph.ts";
import { mergeCommon } from "./common.ts";
import { fold } from "./fold.ts";
import { fuseLoops } from "./fuse-loops.ts";
import { moveInvariants } from "./invariants.ts";
import { keepLess } from "./keep-less.ts";
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
  "common subexpressions": mergeCommon,
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
  let nodes = countNodes(graph);
  let before = fingerprint(graph);
  let isLate = false;
  for (let round = 0; round < ROUNDS; round++) {
    for (const entry of found.values()) {
      if (LATE.has(entry.name) !== isLate) continue;
      const start = performance.now();
      current = passes[entry.name](current);
      entry.milliseconds += performance.now() - start;
      const left = countNodes(current);
      entry.removed += nodes - left;
      nodes = left;
    }
    const after = fingerprint(current);
    if (after === before && isLate) break;
    isLate = after === before;
    before = after;
  }
  return { graph: current, passes: [...found.values()] };
}

/** A number that is as good as never the same for graphs that differ in what is connected to what. O(nodes). */
function fingerprint(graph: Graph): number {
  const numbers = new Map<Output, number>();
  let hash = 0;
  const note = (n: number) => {
    hash = (Math.imul(hash ^ n, 0x9e3779b1) + (hash >>> 15)) | 0;
  };
  for (const g of allGraphs(graph)) {
    for (const p of [...g.parameters, ...g.captured]) numbers.set(p, numbers.size);
    for (const n of inOrder(g.results)) {
      for (const o of n.outputs) if (!numbers.has(o)) numbers.set(o, numbers.size);
      for (const x of n.needs) note(numbers.get(x) as number);
      note(n.op.length + 31 * n.outputs.length);
    }
    for (const r of g.results) note(numbers.get(r) as number);
  }
  return hash;
}
