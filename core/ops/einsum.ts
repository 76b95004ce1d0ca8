/**
 * Einstein summation, the work: every operand loses its diagonals and the axes that it alone has; then pairs are contracted, the
 * cheapest first, each as one matrix product whose transposes are flags wherever the order of axes allows. All steps are primitives
 * with rules, so the sum differentiates by itself.
 */

import { isFloat } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { type Shape, sameShape } from "../base/shape.ts";
import type { Tensor } from "../tensor/tensor.ts";
import type { Value } from "../tensor/traced.ts";
import { avalOf, valueOps as v } from "../tensor/values.ts";
import { type Equation, type Label, parseEquation } from "./einsum-equation.ts";
import { contractionOrder, keptLabels, type Pair } from "./einsum-order.ts";

/** A value with the label of each of its axes; no label twice. */
interface Term {
  readonly x: Value;
  readonly labels: readonly Label[];
}

/**
 * The sum of products that `equation` describes, as NumPy's einsum: `einsum("bij,jk->bik", x, w)`. Letters name axes; one that is
 * absent from the result is summed over, one that stands twice in an operand takes its diagonal, and "..." stands for the remaining
 * axes, which broadcast. Without "->" the result has the letters that stand once, in the order of the alphabet. Any number of
 * tensors of one float dtype. A letter with two lengths is an error; only the ellipsis broadcasts.
 */
export function einsum(equation: string, ...xs: readonly Tensor[]): Tensor;
export function einsum(equation: string, ...xs: readonly Value[]): Value {
  if (typeof equation !== "string")
    throw mismatch(`einsum: the equation is ${JSON.stringify(equation)}`, 'write einsum("ij,jk->ik", a, b)');
  const avals = xs.map(avalOf);
  const { operands, result, lengths, order } = planned(
    equation,
    avals.map((a) => a.shape),
  );
  const dtypes = [...new Set(avals.map((a) => a.dtype))];
  if (dtypes.length > 1 || !dtypes.every(isFloat))
    throw mismatch(`einsum "${equation}" of ${dtypes.join(", ")}: needs tensors of one float dtype`, "convert with cast(x, dtype)");

  const terms = operands.map((labels, i) => squeezed(diagonal(xs[i] as Value, labels), lengths));
  for (const pair of order) {
    const kept = keptLabels(
      terms.map((t) => t.labels),
      pair,
      result,
    );
    const [b, a] = [...terms.splice(pair[1], 1), ...terms.splice(pair[0], 1)] as [Term, Term];
    const alone = (t: Term, other: Term) => summed(t, (l) => kept.includes(l) || other.labels.includes(l));
    terms.push(contract(alone(a, b), alone(b, a), kept, terms.length === 0 ? result : undefined));
  }
  return arranged(
    summed(terms[0] as Term, (l) => result.includes(l)),
    result,
  );
}

interface Plan extends Equation {
  readonly order: readonly Pair[];
}

/** Plans by equation and shapes, so that a repeated sum is not parsed again; beyond the limit the table starts anew. */
const plans = new Map<string, Plan>();
const MAX_PLANS = 512;

function planned(equation: string, shapes: readonly Shape[]): Plan {
  const key = `${equation}|${shapes.join("|")}`;
  let plan = plans.get(key);
  if (plan === undefined) {
    const parsed = parseEquation(equation, shapes);
    const { result, lengths } = parsed;
    // A diagonal has its label once; an axis of length one that is longer elsewhere is dropped.
    const labels = parsed.operands.map((list, k) => [...new Set(list.filter((l, i) => (shapes[k] as Shape)[i] === lengths.get(l)))]);
    plan = { ...parsed, order: contractionOrder(labels, result, lengths) };
    if (plans.size >= MAX_PLANS) plans.clear();
    plans.set(key, plan);
  }
  return plan;
}

/** Labels that stand several times walk the diagonal: their axes go last, become one, and every (n+1)-th element is taken. */
function diagonal(x: Value, labels: readonly Label[]): Term {
  let term = { x, labels };
  for (;;) {
    const { labels: now } = term;
    const repeated = now.find((l, i) => now.indexOf(l) !== i);
    if (repeated === undefined) return term;
    const [p, q] = [now.indexOf(repeated), now.lastIndexOf(repeated)];
    const rest = now.map((_, i) => i).filter((i) => i !== p && i !== q);
    const turned = permuted(term.x, [...rest, p, q]);
    const shape = avalOf(turned).shape;
    const n = shape.at(-1) as number;
    const outer = shape.slice(0, -2);
    const flat = v.reshape(turned, [...outer, n * n]);
    const zeros = outer.map(() => 0);
    const ones = outer.map(() => 1);
    term = {
      x: v.slice(flat, [...zeros, 0], [...outer, n * n], [...ones, n + 1]),
      labels: [...rest.map((i) => now[i] as Label), repeated],
    };
  }
}

/** Axes of an ellipsis that have length one here and are longer elsewhere are dropped: others bring them to the result. */
function squeezed({ x, labels }: Term, lengths: ReadonlyMap<Label, number>): Term {
  const { shape } = avalOf(x);
  const keep = labels.map((_, i) => i).filter((i) => shape[i] === lengths.get(labels[i] as Label));
  if (keep.length === labels.length) return { x, labels };
  return {
    x: v.reshape(
      x,
      keep.map((i) => shape[i] as number),
    ),
    labels: keep.map((i) => labels[i] as Label),
  };
}

/** Sums over the labels that are not kept. */
function summed({ x, labels }: Term, keep: (label: Label) => boolean): Term {
  const axes = labels.map((_, i) => i).filter((i) => !keep(labels[i] as Label));
  return axes.length === 0 ? { x, labels } : { x: v.sum(x, axes, false), labels: labels.filter(keep) };
}

/** One of the orders in which a product may be laid out, and how many operands have to be copied for it. */
interface Layout {
  readonly batch: readonly Label[];
  readonly inner: readonly Label[];
  readonly copies: number;
}

/**
 * The product of two terms, summed over the labels that both have and nobody keeps. Labels that both have and somebody keeps are the
 * batch. `wanted`: the order that the result should have, if it can be had for nothing.
 */
function contract(a: Term, b: Term, kept: readonly Label[], wanted: readonly Label[] | undefined): Term {
  const shared = a.labels.filter((l) => b.labels.includes(l));
  const inner = shared.filter((l) => !kept.includes(l));
  const batch = shared.filter((l) => kept.includes(l));
  if (inner.length === 0) return outerProduct(a, b, wanted);
  const inOrderOf = (t: Term, labels: readonly Label[]) => t.labels.filter((l) => labels.includes(l));
  let layout: Layout = { batch, inner, copies: 3 };
  for (const t of [a, b]) {
    for (const u of [a, b]) {
      const [p, q] = [inOrderOf(t, batch), inOrderOf(u, inner)];
      const copies = [a, b].filter((w) => placeOf(w, p, q) === undefined).length;
      if (copies < layout.copies) layout = { batch: p, inner: q, copies };
    }
  }
  const free = (t: Term) => t.labels.filter((l) => !shared.includes(l));
  const swapped = wanted !== undefined && [...layout.batch, ...free(b), ...free(a)].join() === wanted.join();
  const [x, y] = swapped ? [b, a] : [a, b];
  const left = asMatrix(x, layout, "last");
  const right = asMatrix(y, layout, "first");
  const product = v.matmul(left.x, right.x, { transposeA: left.innerFirst, transposeB: !right.innerFirst });
  const labels = [...layout.batch, ...free(x), ...free(y)];
  const lengthOf = (l: Label) => lengthIn(x, l) ?? (lengthIn(y, l) as number);
  return { x: shaped(product, labels.map(lengthOf)), labels };
}

function lengthIn({ x, labels }: Term, label: Label): number | undefined {
  const at = labels.indexOf(label);
  return at < 0 ? undefined : avalOf(x).shape[at];
}

/** Where the inner labels of a term stand that is laid out as batch, then inner and free axes; undefined where it is not. */
function placeOf({ labels }: Term, batch: readonly Label[], inner: readonly Label[]): "first" | "last" | undefined {
  const free = labels.filter((l) => !batch.includes(l) && !inner.includes(l));
  const have = labels.join();
  if (have === [...batch, ...free, ...inner].join()) return "last";
  return have === [...batch, ...inner, ...free].join() ? "first" : undefined;
}

/** The term as [batch, rows, columns], copied only where its axes stand in no usable order; then the inner axes go to `otherwise`. */
function asMatrix(t: Term, { batch, inner }: Layout, otherwise: "first" | "last"): { readonly x: Value; readonly innerFirst: boolean } {
  const free = t.labels.filter((l) => !batch.includes(l) && !inner.includes(l));
  const place = placeOf(t, batch, inner);
  const innerFirst = (place ?? otherwise) === "first";
  const x = place === undefined ? arranged(t, [...batch, ...(innerFirst ? [...inner, ...free] : [...free, ...inner])]) : t.x;
  const size = (labels: readonly Label[]) => labels.reduce((n, l) => n * (lengthIn(t, l) as number), 1);
  const [k, m] = [size(inner), size(free)];
  return { x: shaped(x, [...(batch.length > 0 ? [size(batch)] : []), ...(innerFirst ? [k, m] : [m, k])]), innerFirst };
}

/** Nothing is summed: a broadcast product, in the order of the result at once where it is known. */
function outerProduct(a: Term, b: Term, wanted: readonly Label[] | undefined): Term {
  const labels = wanted ?? [...a.labels, ...b.labels.filter((l) => !a.labels.includes(l))];
  const aligned = (t: Term) =>
    shaped(
      arranged(
        t,
        labels.filter((l) => t.labels.includes(l)),
      ),
      labels.map((l) => lengthIn(t, l) ?? 1),
    );
  return { x: v.mul(aligned(a), aligned(b)), labels };
}

function arranged({ x, labels }: Term, order: readonly Label[]): Value {
  return permuted(
    x,
    order.map((l) => labels.indexOf(l)),
  );
}

const shaped = (x: Value, shape: Shape): Value => (sameShape(avalOf(x).shape, shape) ? x : v.reshape(x, shape));
const permuted = (x: Value, perm: readonly number[]): Value => (perm.every((p, i) => p === i) ? x : v.transpose(x, perm));
