/**
 * Sums of products, of what a derivative adds. A rule gives each argument its share, so a product of three factors becomes several
 * products that differ in their order, and a variable that is read twice gets a sum of terms with common factors. Here such a sum is
 * seen as a whole: like terms are added, common factors are taken out, products are written in one order, and a coefficient goes to
 * whoever reads it.
 *
 *     ȳ·x·a + a·ȳ·x      →      2·(a·x·ȳ)             x·x + x·(x + x)      →      3·(x·x)
 *
 * Sums are reassociated, so results may differ in their last bits, and what lies within some factors of the range of float64 may leave
 * it. Only what derivatives alone read is touched: the value of a program, and what its conditions compare, stay what JavaScript
 * computes.
 */
import { primitives as p } from "../../../core/primitives/table.ts";
import type { Builder } from "../ir/build.ts";
import { type ApplyNode, type Graph, hasControlFlow, type Node, nodesOf } from "../ir/graph.ts";
import { NUM } from "../ir/type.ts";
import { rebuildGraph, type Visit } from "./rewrite.ts";

/** coefficient · Π factors / Π divisors; both in the order of their making. */
interface Term {
  readonly coefficient: number;
  readonly factors: readonly Node[];
  readonly divisors: readonly Node[];
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
  n.op === "apply" &&
  n.type === NUM &&
  (n.primitive === p.add || n.primitive === p.sub || n.primitive === p.neg || n.primitive === p.mul || n.primitive === p.div);

/** The graphs inside have been visited. */
const TRANSFORMED: Visit = { inner: (g) => g, called: (g) => g };

function rewritten(graph: Graph): Graph {
  const nodes = nodesOf(graph);
  const users = new Map<Node, Node[]>();
  for (const n of nodes) {
    for (const a of n.args) {
      const list = users.get(a);
      if (list === undefined) users.set(a, [n]);
      else list.push(n);
    }
  }
  const free = new Set<Node>();
  for (const n of [...nodes].reverse()) if (n.isDerivative || users.get(n)?.every((u) => free.has(u))) free.add(n);
  /** Part of one larger sum or product, and of nothing else. */
  const isInner = (n: Node): boolean => {
    const [user, other] = users.get(n) ?? [];
    return n !== graph.result && user !== undefined && other === undefined && isSumOrProduct(user) && free.has(user);
  };
  /** What users see in place of a node. */
  const sums = new Map<Node, Sum>();
  return rebuildGraph(graph, TRANSFORMED, (build, n, at) => {
    if (!isSumOrProduct(n)) return undefined;
    const parts = n.args.map((a): Sum => sums.get(a) ?? [termOf(at.get(a) as Node)]);
    if (!free.has(n)) {
      const [only, other] = combine(build, n, parts);
      if (only !== undefined && other === undefined && only.factors.length === 1 && only.divisors.length === 0) sums.set(n, [only]);
      return undefined;
    }
    const saved = build.isDerivative;
    build.isDerivative = true;
    try {
      const sum = combine(build, n, parts);
      if (isInner(n)) {
        sums.set(n, sum);
        // Whoever reads this reads the sum.
        return build.constant(null);
      }
      const terms = likeTermsAdded(sum);
      const [only] = terms;
      if (terms.length === 1 && only !== undefined && only.factors.length + only.divisors.length > 0) {
        const core = product(build, { ...only, coefficient: 1 });
        sums.set(n, [{ coefficient: only.coefficient, factors: [core], divisors: [] }]);
        return product(build, { coefficient: only.coefficient, factors: [core], divisors: [] });
      }
      return write(build, terms);
    } finally {
      build.isDerivative = saved;
    }
  });
}

function termOf(n: Node): Term {
  const isNumber = n.op === "const" && typeof n.value === "number";
  return isNumber ? { coefficient: n.value, factors: [], divisors: [] } : { coefficient: 1, factors: [n], divisors: [] };
}

const negated = (s: Sum): Sum => s.map((t) => ({ ...t, coefficient: -t.coefficient }));
const inOrder = (...lists: readonly (readonly Node[])[]): Node[] => lists.flat().sort((f, g) => f.id - g.id);

function combine(build: Builder, n: ApplyNode, [a, b]: readonly Sum[]): Sum {
  switch (n.primitive) {
    case p.neg:
      return negated(a as Sum);
    case p.add:
    case p.sub: {
      const right = n.primitive === p.sub ? negated(b as Sum) : (b as Sum);
      const all = [...(a as Sum), ...right];
      return all.length <= MAX_TERMS ? all : [asOne(build, a as Sum), asOne(build, right)];
    }
    default: {
      const [x, y] = [asOne(build, a as Sum), asOne(build, b as Sum)];
      const isProduct = n.primitive === p.mul;
      const coefficient = isProduct ? x.coefficient * y.coefficient : x.coefficient / y.coefficient;
      const size = Math.abs(coefficient);
      const factors = isProduct ? inOrder(x.factors, y.factors) : inOrder(x.factors, y.divisors);
      const divisors = isProduct ? inOrder(x.divisors, y.divisors) : inOrder(x.divisors, y.factors);
      if (size < 2 ** 1000 && size > 2 ** -1000 && factors.length <= MAX_FACTORS && divisors.length <= 1)
        return [{ coefficient, factors, divisors }];
      return [termOf(build.apply(n.primitive, [product(build, x), product(build, y)], undefined))];
    }
  }
}

/** A sum as one term: itself where it is one. */
function asOne(build: Builder, s: Sum): Term {
  const terms = likeTermsAdded(s);
  return terms.length === 1 ? (terms[0] as Term) : termOf(write(build, terms));
}

function write(build: Builder, s: Sum): Node {
  const terms = likeTermsAdded(s);
  if (terms.length === 1) return product(build, terms[0] as Term);
  const common = mostCommon(terms);
  if (common === undefined) return added(build, terms);
  const inside = terms.filter((t) => t[common.among].includes(common.node));
  const rest = terms.filter((t) => !inside.includes(t));
  const sum = write(
    build,
    inside.map((t) => ({ ...t, [common.among]: without(t[common.among], common.node) })),
  );
  const whole: Term =
    common.among === "factors"
      ? { coefficient: 1, factors: inOrder([common.node, sum]), divisors: [] }
      : { coefficient: 1, factors: [sum], divisors: [common.node] };
  return write(build, [whole, ...rest]);
}

function likeTermsAdded(s: Sum): Sum {
  if (s.length === 1) return s;
  const byFactors = new Map<string, Term>();
  for (const t of s) {
    const key = `${t.factors.map((f) => f.id).join(",")}/${t.divisors.map((f) => f.id).join(",")}`;
    const before = byFactors.get(key);
    byFactors.set(key, before === undefined ? t : { ...t, coefficient: before.coefficient + t.coefficient });
  }
  return [...byFactors.values()];
}

interface Common {
  readonly node: Node;
  readonly among: "factors" | "divisors";
}

/** The factor or divisor that most terms have, of at least two; the first of several. */
function mostCommon(terms: Sum): Common | undefined {
  let best: Common | undefined;
  let most = 1;
  for (const among of ["factors", "divisors"] as const) {
    const counts = new Map<Node, number>();
    for (const t of terms) for (const f of new Set(t[among])) counts.set(f, (counts.get(f) ?? 0) + 1);
    for (const [node, count] of counts) {
      if (count <= most) continue;
      best = { node, among };
      most = count;
    }
  }
  return best;
}

function without(factors: readonly Node[], f: Node): Node[] {
  const i = factors.indexOf(f);
  return factors.filter((_, j) => j !== i);
}

/** Terms that have no node in common: those with a positive coefficient first, a coefficient that all have taken out. */
function added(build: Builder, terms: Sum): Node {
  const size = Math.abs(terms[0]?.coefficient ?? 1);
  if (size !== 1 && size !== 0 && terms.every((t) => Math.abs(t.coefficient) === size))
    return build.ops.mul(
      size,
      added(
        build,
        terms.map((t) => ({ ...t, coefficient: Math.sign(t.coefficient) })),
      ),
    );
  const [plus, minus] = [terms.filter((t) => t.coefficient >= 0), negated(terms.filter((t) => t.coefficient < 0))];
  const sum = (ts: Sum) => ts.map((t) => product(build, t)).reduce((x, y) => build.ops.add(x, y));
  if (plus.length === 0) return build.ops.neg(sum(minus));
  return minus.reduce((x, t) => build.ops.sub(x, product(build, t)), sum(plus));
}

/** The factors in their order, so that equal products are one node, then the coefficient, then the divisors. */
function product(build: Builder, { coefficient, factors, divisors }: Term): Node {
  const { ops } = build;
  const divided = (x: Node) => divisors.reduce((y, d) => ops.div(y, d), x);
  const [first, ...others] = factors;
  if (first === undefined) return divided(build.constant(coefficient));
  const all = others.reduce((x, y) => ops.mul(x, y), first);
  if (coefficient === 1) return divided(all);
  return coefficient === -1 ? ops.neg(divided(all)) : divided(ops.mul(coefficient, all));
}
