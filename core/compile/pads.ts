/**
 * Sums of padded tensors: where none is at the elements of another, the sum is their concatenation. So the gradients of the slices of
 * a tensor (queries, keys and values of one product, the gates of a cell, the steps of a sequence) are written once, side by side, in
 * place of a sum of as many tensors of the whole size.
 *
 *     pad(a, 0, n) + pad(b, m, 0)   →   concat(a, b)
 *
 * Strips are laid in layers: each on the highest of those that it meets. So every element is the sum of the same numbers in the same
 * order as before, and keeps its bits.
 */
import type { Shape } from "../base/shape.ts";
import type { ParamsOf } from "../primitive.ts";
import { primitives as p } from "../primitives/table.ts";
import type { Node, Program, ProgramBuilder, Value } from "./program.ts";
import { sumsOf, type WholeSum } from "./whole-sums.ts";

/** A tensor with zeros before it and after it along one axis. */
interface Strip {
  readonly value: Value;
  readonly axis: number;
  readonly from: number;
  readonly to: number;
}

/** Strips along one axis that do not meet, or one term as it is. */
type Layer = Strip[] | Value;

/** The rewrite for a program. */
export function sumsOfPads(program: Program): (build: ProgramBuilder, node: Node, args: readonly Value[]) => Value {
  const sums = new Map<Node, readonly Layer[]>();
  for (const sum of sumsOf(program)) {
    const layers = layersOf(sum);
    if (layers.length < sum.terms.length) sums.set(sum.root, layers);
  }
  const renewed = new Map<Value, Value>();
  const now = (v: Value) => renewed.get(v) as Value;
  return (build, node, args) => {
    for (const [i, a] of node.args.entries()) renewed.set(a, args[i] as Value);
    const layers = sums.get(node);
    if (layers === undefined) return build.apply(node.primitive, args, node.params);
    return layers
      .map((layer) => (Array.isArray(layer) ? sideBySide(build, layer, node.aval.shape, now) : now(layer)))
      .reduce((x, y) => build.apply(p.add, [x, y], undefined));
  };
}

/** What a sum adds, one after the other; as long as its terms where nothing can be put side by side. O(lengths of the strips). */
function layersOf({ root, terms }: WholeSum): Layer[] {
  const layers: Layer[] = [];
  // How many layers there are at each place along the axis; the last term as it is lies on all of them.
  let heights: Uint32Array | undefined;
  let axis = -1;
  let floor = 0;
  for (const { value } of terms.toSorted((a, b) => a.at.id - b.at.id)) {
    const strip = value.aval === root.aval ? stripOf(value) : undefined;
    if (strip !== undefined && heights === undefined) {
      axis = strip.axis;
      heights = new Uint32Array(root.aval.shape[axis] as number);
    }
    if (strip === undefined || strip.axis !== axis) {
      floor = layers.push(value);
      continue;
    }
    const under = (heights as Uint32Array).subarray(strip.from, strip.to);
    const at = under.reduce((high, h) => Math.max(high, h), floor);
    under.fill(at + 1);
    const layer = layers[at] as Strip[] | undefined;
    if (layer === undefined) layers.push([strip]);
    else layer.push(strip);
  }
  // Two numbers may be added in any order, more of them only one after the other: where each addition takes in a term.
  const isChain = new Set(terms.map((t) => t.at)).size === terms.length - 1;
  return isChain || layers.length <= 2 ? layers : terms.map((t) => t.value);
}

function stripOf(v: Value): Strip | undefined {
  if (v.kind !== "node" || v.primitive !== p.pad || v.aval.size === 0) return undefined;
  const [value] = v.args as [Value];
  const { low, high, interior, value: fill } = v.params as ParamsOf<typeof p.pad>;
  const [axis, ...more] = low.flatMap((l, i) => (l > 0 || (high[i] as number) > 0 ? [i] : []));
  if (fill !== 0 || axis === undefined || more.length > 0 || interior.some((n) => n > 0) || value.aval.size === 0) return undefined;
  const from = low[axis] as number;
  return { value, axis, from, to: from + (value.aval.shape[axis] as number) };
}

/** Strips one after the other, with zeros where none is. */
function sideBySide(build: ProgramBuilder, strips: readonly Strip[], shape: Shape, now: (v: Value) => Value): Value {
  const { axis } = strips[0] as Strip;
  const length = shape[axis] as number;
  const pieces = strips
    .toSorted((a, b) => a.from - b.from)
    .map((s, i, sorted) => {
      const low = i === 0 ? s.from : 0;
      const end = sorted[i + 1]?.from ?? length;
      return low === 0 && end === s.to ? now(s.value) : padded(build, now(s.value), axis, low, end - s.to);
    });
  return pieces.length === 1 ? (pieces[0] as Value) : build.apply(p.concat, pieces, { axis });
}

function padded(build: ProgramBuilder, value: Value, axis: number, low: number, high: number): Value {
  const along = (n: number) => value.aval.shape.map((_, i) => (i === axis ? n : 0));
  return build.apply(p.pad, [value], { low: along(low), high: along(high), interior: along(0), value: 0 });
}
