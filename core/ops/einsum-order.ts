/**
 * The order in which the operands of an Einstein sum are contracted. Finding the best is exponential; two greedy orders are planned
 * on labels alone, and the one with fewer multiplications in all is taken: the cheapest product first, and the one that leaves the
 * least behind first (the rule of Smith and Gray, "opt_einsum", 2018).
 */
import type { Label } from "./einsum-equation.ts";

/** Positions in the list of what is left; the product of a pair goes to its end. */
export type Pair = readonly [number, number];

interface Cost {
  /** Multiplications of the product. */
  readonly work: number;
  /** Elements of the product less those of its operands. */
  readonly growth: number;
}

/** The pairs to contract until one term is left. */
export function contractionOrder(
  operands: readonly (readonly Label[])[],
  result: readonly Label[],
  lengths: ReadonlyMap<Label, number>,
): readonly Pair[] {
  const byWork = greedy(operands, result, lengths, (c, best) => c.work - best.work || c.growth - best.growth);
  const byGrowth = greedy(operands, result, lengths, (c, best) => c.growth - best.growth || c.work - best.work);
  return byGrowth.work < byWork.work ? byGrowth.pairs : byWork.pairs;
}

/** The labels of a product of terms i and j: those that the result or another term still needs. */
export function keptLabels(terms: readonly (readonly Label[])[], [i, j]: Pair, result: readonly Label[]): Label[] {
  const needed = new Set([...result, ...terms.filter((_, k) => k !== i && k !== j).flat()]);
  return [...new Set([...(terms[i] as readonly Label[]), ...(terms[j] as readonly Label[])])].filter((l) => needed.has(l));
}

function greedy(
  operands: readonly (readonly Label[])[],
  result: readonly Label[],
  lengths: ReadonlyMap<Label, number>,
  compare: (cost: Cost, best: Cost) => number,
): { readonly pairs: readonly Pair[]; readonly work: number } {
  const size = (labels: Iterable<Label>) => [...labels].reduce((n, l) => n * (lengths.get(l) as number), 1);
  const terms = operands.map((labels) => [...labels]);
  const pairs: Pair[] = [];
  let work = 0;
  while (terms.length > 1) {
    let best: (Cost & { readonly pair: Pair; readonly kept: Label[] }) | undefined;
    for (let j = 1; j < terms.length; j++) {
      for (let i = 0; i < j; i++) {
        const [a, b] = [terms[i] as Label[], terms[j] as Label[]];
        const kept = keptLabels(terms, [i, j], result);
        const cost = { work: size(new Set([...a, ...b])), growth: size(kept) - size(a) - size(b), pair: [i, j] as const, kept };
        if (best === undefined || compare(cost, best) < 0) best = cost;
      }
    }
    const { pair, kept, work: more } = best as NonNullable<typeof best>;
    pairs.push(pair);
    work += more;
    terms.splice(pair[1], 1);
    terms.splice(pair[0], 1);
    terms.push(kept);
  }
  return { pairs, work };
}
