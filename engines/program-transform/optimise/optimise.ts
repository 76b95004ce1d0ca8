/**
 * The optimiser: named passes over graphs, in rounds until nothing becomes smaller. Most of what an optimiser does has been done when
 * nodes were made (ir/build.ts, ir/simplify.ts): equal nodes are one, constants fold, fields of tuples are taken, primitives have their
 * pullbacks inlined. What is left crosses the borders of arms and bodies.
 */
import { type Graph, graphsBelow, hasControlFlow, nodesOf } from "../ir/graph.ts";
import { deadResults } from "./dead-results.ts";
import { invariants } from "./invariants.ts";
import { knownArguments } from "./known-arguments.ts";
import { mergeIfs } from "./merge-ifs.ts";
import { reassociate } from "./reassociate.ts";
import { everywhere, type Rewrite } from "./rewrite.ts";
import { sharedGraphs } from "./shared-graphs.ts";

export type PassName = "known arguments" | "dead results" | "merged ifs" | "invariants" | "reassociation" | "shared graphs";

/** Each made anew for each run. */
const passes: readonly { readonly name: PassName; readonly make: () => Rewrite }[] = [
  { name: "dead results", make: () => deadResults },
  { name: "known arguments", make: () => knownArguments },
  { name: "merged ifs", make: () => mergeIfs },
  { name: "invariants", make: () => invariants },
  { name: "reassociation", make: () => reassociate },
  { name: "shared graphs", make: sharedGraphs },
];

export const passNames: readonly PassName[] = passes.map((p) => p.name);

/** What one pass did, over all rounds. */
export interface PassStatistics {
  readonly name: PassName;
  readonly milliseconds: number;
  /** Nodes that it took away; fewer than none where it added some. */
  readonly removed: number;
}

export interface Optimised {
  readonly graph: Graph;
  readonly passes: readonly PassStatistics[];
}

/** Rounds at most, and the share of nodes that a round has to take away for another one: the budget. */
const ROUNDS = 4;
const WORTH = 0.02;

/** Nodes that compute something, in a graph and all below it. */
export function countNodes(graph: Graph): number {
  let count = 0;
  for (const g of graphsBelow(graph))
    for (const n of nodesOf(g)) if (n.op !== "const" && n.op !== "param" && n.op !== "get" && n.op !== "tuple") count++;
  return count;
}

/** The same function with less to do. `off`: passes that are left out, to see what they are worth. */
export function optimise(graph: Graph, off: readonly PassName[] = []): Optimised {
  const totals = passNames.map((name) => ({ name, milliseconds: 0, removed: 0 }));
  let current = graph;
  let before = Number.POSITIVE_INFINITY;
  // What one pass finds in the second round is what another left in the first, where there is control flow.
  const isWorth = (round: number) => (round < 2 && hasControlFlow(current)) || countNodes(current) < before * (1 - WORTH);
  for (let round = 0; round < ROUNDS && isWorth(round); round++) {
    before = countNodes(current);
    for (const [i, { name, make }] of passes.entries()) {
      if (off.includes(name)) continue;
      const nodes = countNodes(current);
      const start = performance.now();
      current = everywhere(current, make());
      const total = totals[i] as { milliseconds: number; removed: number };
      total.milliseconds += performance.now() - start;
      total.removed += nodes - countNodes(current);
    }
  }
  return { graph: current, passes: totals };
}
