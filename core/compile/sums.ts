/**
 * Sums of matrix products: one product whose inner dimension holds theirs, so that the summands are never stored. The gradient of a
 * weight that is used at every step of a recurrence, a sum over steps, becomes one product over all steps.
 *
 *     A·B + C·D   →   [A C] · [B; D]
 *
 * It adds the same terms in the order of the device's product: equal within rounding. Operands have to be put side by side, so it is
 * done where they are smaller than the summands.
 */

import type { MatmulParams } from "../primitives/linalg.ts";
import { primitives as p } from "../primitives/table.ts";
import { inParts } from "./parts.ts";
import type { Node, Program, ProgramBuilder, Value } from "./program.ts";
import { sumsOf, type Term, type WholeSum } from "./whole-sums.ts";

/** Longer sums are made in parts, each where its last term is: so the operands of a long recurrence need not live until its end. */
const MOST_TERMS = 64;

/** Products that become one. */
interface Part {
  readonly products: readonly Value[];
  joined?: Value;
}

/** The rewrite for a program: of sums whose summands nothing else uses. */
export function sumsOfProducts(program: Program): (build: ProgramBuilder, node: Node, args: readonly Value[]) => Value {
  const parts = new Map<Node, Part[]>();
  const sums = new Map<Node, { readonly parts: readonly Part[]; readonly others: readonly Value[] }>();
  for (const sum of sumsOf(program)) {
    const lists = partsOf(sum);
    if (lists.length === 0) continue;
    const taken = new Set(lists.flat());
    const own = lists.map((terms) => {
      const part: Part = { products: terms.map((t) => t.value) };
      const last = terms.map((t) => t.at).reduce((a, b) => (a.id > b.id ? a : b));
      parts.set(last, [...(parts.get(last) ?? []), part]);
      return part;
    });
    sums.set(sum.root, { parts: own, others: sum.terms.filter((t) => !taken.has(t)).map((t) => t.value) });
  }
  const renewed = new Map<Value, Value>();
  const now = (v: Value) => renewed.get(v) as Value;
  return (build, node, args) => {
    for (const [i, a] of node.args.entries()) renewed.set(a, args[i] as Value);
    for (const part of parts.get(node) ?? []) part.joined = joined(build, part.products.map(now) as Node[]);
    const sum = sums.get(node);
    if (sum === undefined) return build.apply(node.primitive, args, node.params);
    // What is joined comes first, so that partial sums have the shape and dtype of the whole.
    const terms = [...sum.parts.map((part) => part.joined as Value), ...sum.others.map(now)];
    return terms.reduce((x, y) => build.apply(p.add, [x, y], undefined));
  };
}

/** The terms that are products of one form and worth it, in lists of two or more. */
function partsOf({ root, terms }: WholeSum): Term[][] {
  const forms = new Map<string, Term[]>();
  for (const t of terms) {
    if (!t.isOnly || t.value.aval !== root.aval || !isWorthIt(t.value)) continue;
    const { transposeA, transposeB } = t.value.params as MatmulParams;
    const form = `${transposeA} ${transposeB}`;
    const list = forms.get(form);
    if (list === undefined) forms.set(form, [t]);
    else list.push(t);
  }
  return [...forms.values()].flatMap((list) => inParts(list, MOST_TERMS)).filter((list) => list.length > 1);
}

/** True for a product of two matrices that are no larger than it, both together. */
function isWorthIt(v: Value): v is Node {
  if (v.kind !== "node" || v.primitive !== p.matmul || v.args.some((a) => a.aval.shape.length !== 2)) return false;
  const [a, b] = v.args as [Value, Value];
  return a.aval.size + b.aval.size <= v.aval.size;
}

function joined(build: ProgramBuilder, products: readonly Node[]): Value {
  const { transposeA, transposeB } = (products[0] as Node).params as MatmulParams;
  const sides = [transposeA ? 0 : 1, transposeB ? 1 : 0].map((axis, i) =>
    build.apply(
      p.concat,
      products.map((x) => x.args[i] as Value),
      { axis },
    ),
  );
  return build.apply(p.matmul, sides, { transposeA, transposeB });
}
