/**
 * Sums of products, of what a derivative adds. A rule gives each argument its share, so a product of three factors becomes several
 * products that differ in their order, and a variable that is read twice gets a sum of terms with common factors. Here such a sum is
 * seen as a whole: like terms are added, common factors are taken out, products are written in one order.
 *
 *     ȳ·x·a + a·ȳ·x      →      2·(a·x·ȳ)             x·x + x·(x + x)      →      3·(x·x)
 *
 * Sums are reassociated, so results may differ in their last bits. Only what derivatives alone read is touched: the value of a
 * program, and what its conditions compare, stay what JavaScript computes.
 */
import { primitives as p } from "../../../core/primitives/table.ts";
import type { Builder } from "../ir/build.ts";
import { type ApplyNode, type Graph, hasControlFlow, type Node, nodesOf } from "../ir/graph.ts";
import { NUM } from "../ir/type.ts";
import { rebuildGraph, type Visit } from "./rewrite.ts";

/** coefficient · Π factors; the factors in the order of their making. */
interface Term {
  readonly coefficient: number;
  readonly factors: readonly Node[];
}
type Sum = readonly Term[];

/** Longer sums and products are not looked through. */
const MAX_TERMS = 16;
const MAX_FACTORS = 12;

export function reassociate(graph: Graph, visit: Visit): Graph {
  const same = hasControlFlow(graph) ? rebuildGraph(graph, visit, () => undefined) : graph;
  const done = rewritten(same);
  return size(done) < size(same) ? done : same;
}

const size = (g: Graph): number => nodesOf(g).filter((n) => n.op !== "const").length;

const isSumOrProduct = (n: Node): n is ApplyNode =>
  n.op === "apply" && n.type === NUM && (n.primitive === p.add || n.primitive === p.sub || n.primitive === p.neg || n.primitive === p.mul);

/** The graphs inside have been visited. */
const TRANSFORMED: Visit = { inner: (g) => g, called: (g) => g };

function rewritten(graph: Graph): Graph {
  const nodes = nodesOf(graph);
  const users = new Map<Node, Node[]>();
  for (const n of nodes) for (const a of n.args) users.set(a, [...(users.get(a) ?? []), n]);
  const free = new Set<Node>();
  for (const n of [...nodes].reverse()) {
    const readers = users.get(n);
    if (n.isDerivative || readers?.every((u) => free.has(u))) free.add(n);
  }
  /** Part of one larger sum or product, and of nothing else. */
  const isInner = (n: Node): boolean => {
    const [user, other] = users.get(n) ?? [];
    return n !== graph.result && user !== undefined && other === undefined && isSumOrProduct(user) && free.has(user);
  };
  const sums = new Map<Node, Sum>();
  return rebuildGraph(graph, TRANSFORMED, (build, n, at) => {
    if (!isSumOrProduct(n) || !free.has(n)) return undefined;
    const parts = n.args.map((a): Sum => sums.get(a) ?? [termOf(at.get(a) as Node)]);
    const saved = build.isDerivative;
    build.isDerivative = true;
    try {
      const sum = combine(build, n, parts);
      if (isInner(n)) {
        sums.set(n, sum);
        // Whoever reads this reads the sum.
        return build.constant(null);
      }
      return write(build, sum);
    } finally {
      build.isDerivative = saved;
    }
  });
}

function termOf(n: Node): Term {
  return n.op === "const" && typeof n.value === "number" ? { coefficient: n.value, factors: [] } : { coefficient: 1, factors: [n] };
}

const negated = (s: Sum): Sum => s.map((t) => ({ ...t, coefficient: -t.coefficient }));

function combine(build: Builder, n: ApplyNode, [a, b]: readonly Sum[]): Sum {
  switch (n.primitive) {
    case p.neg:
      return negated(a as Sum);
    case p.add:
    case p.sub: {
      const right = n.primitive === p.sub ? negated(b as Sum) : (b as Sum);
      const all = [...(a as Sum), ...right];
      return all.length <= MAX_TERMS ? all : [...asOne(build, a as Sum), ...asOne(build, right)];
    }
    default: {
      const [x] = asOne(build, a as Sum) as [Term];
      const [y] = asOne(build, b as Sum) as [Term];
      const coefficient = x.coefficient * y.coefficient;
      const isSafe = Number.isFinite(coefficient) && Math.abs(coefficient) >= 2 ** -1000;
      if (isSafe && x.factors.length + y.factors.length <= MAX_FACTORS)
        return [{ coefficient, factors: [...x.factors, ...y.factors].sort((f, g) => f.id - g.id) }];
      return [termOf(build.ops.mul(product(build, x), product(build, y)))];
    }
  }
}

/** A sum as one term: itself where it is one. */
function asOne(build: Builder, s: Sum): Sum {
  return s.length === 1 ? s : [termOf(write(build, s))];
}

function write(build: Builder, s: Sum): Node {
  const terms = likeTermsAdded(s);
  if (terms.length === 1) return product(build, terms[0] as Term);
  const common = mostCommon(terms);
  if (common === undefined) return added(build, terms);
  const [inside, rest] = [terms.filter((t) => t.factors.includes(common)), terms.filter((t) => !t.factors.includes(common))];
  const sum = write(
    build,
    inside.map((t) => ({ ...t, factors: without(t.factors, common) })),
  );
  return write(build, [{ coefficient: 1, factors: [common, sum].sort((f, g) => f.id - g.id) }, ...rest]);
}

function likeTermsAdded(s: Sum): Term[] {
  const byFactors = new Map<string, Term>();
  for (const t of s) {
    const key = t.factors.map((f) => f.id).join(",");
    const before = byFactors.get(key);
    byFactors.set(key, before === undefined ? t : { ...t, coefficient: before.coefficient + t.coefficient });
  }
  return [...byFactors.values()];
}

/** The factor that most terms have, of at least two; the oldest of several. */
function mostCommon(terms: readonly Term[]): Node | undefined {
  const counts = new Map<Node, number>();
  for (const t of terms) for (const f of new Set(t.factors)) counts.set(f, (counts.get(f) ?? 0) + 1);
  let best: Node | undefined;
  for (const [f, count] of counts) if (count > 1 && (best === undefined || count > (counts.get(best) as number))) best = f;
  return best;
}

function without(factors: readonly Node[], f: Node): Node[] {
  const i = factors.indexOf(f);
  return factors.filter((_, j) => j !== i);
}

/** Terms that have nothing in common: those with a positive coefficient first. */
function added(build: Builder, terms: readonly Term[]): Node {
  const isNegative = (t: Term) => t.coefficient < 0;
  const [plus, minus] = [terms.filter((t) => !isNegative(t)), negated(terms.filter(isNegative))];
  const sum = (ts: Sum) => ts.map((t) => product(build, t)).reduce((x, y) => build.ops.add(x, y));
  if (plus.length === 0) return build.ops.neg(sum(minus));
  return minus.reduce((x, t) => build.ops.sub(x, product(build, t)), sum(plus));
}

/** The factors in their order, so that equal products are one node, then the coefficient. */
function product(build: Builder, { coefficient, factors }: Term): Node {
  if (factors.length === 0) return build.constant(coefficient);
  const all = factors.reduce((x, y) => build.ops.mul(x, y));
  if (coefficient === 1) return all;
  return coefficient === -1 ? build.ops.neg(all) : build.ops.mul(build.constant(coefficient), all);
}
