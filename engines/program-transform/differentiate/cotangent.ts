/**
 * Cotangents (and tangents) of nodes while a graph is being differentiated. "Nothing arrived" is `undefined` and costs nothing;
 * that of a tuple is kept field by field, so a zero is only built where a graph has to return or to take one.
 */
import type { Aval } from "../../../core/base/aval.ts";
import { assert } from "../../../core/base/errors.ts";
import { NUMBER } from "../../../core/primitives/host.ts";
import type { Builder } from "../ir/build.ts";
import type { Node } from "../ir/graph.ts";
import { resolveType, type Type, tangentType, UNIT } from "../ir/type.ts";

export type Cotangent = Node | Fields;

/** Of a tuple: one entry per field. */
export interface Fields {
  readonly fields: readonly (Cotangent | undefined)[];
}

export const isFields = (c: Cotangent): c is Fields => "fields" in c;

/** True where values of this type have a derivative. */
export const isDifferentiable = (t: Type): boolean => tangentType(t) !== UNIT;

/** The aval that rules see. */
export const avalOfType = (t: Type): Aval => (t.kind === "tensor" ? t.aval : NUMBER);

/** The cotangent of a tuple of which only field `index`, of `count`, has one. */
export function onlyField(index: number, count: number, c: Cotangent): Fields {
  return { fields: Array.from({ length: count }, (_, i) => (i === index ? c : undefined)) };
}

/** Field by field where it is a tuple's, whole or not. */
export function fieldsOf(build: Builder, c: Cotangent): readonly (Cotangent | undefined)[] {
  if (isFields(c)) return c.fields;
  const type = resolveType(c.type);
  assert(type.kind === "tuple", `the cotangent of a tuple is a ${type.kind}`);
  return type.items.map((item, i) => (item === UNIT ? undefined : build.get(c, i)));
}

export function addCotangents(build: Builder, a: Cotangent | undefined, b: Cotangent | undefined): Cotangent | undefined {
  if (a === undefined) return b;
  if (b === undefined) return a;
  if (!isFields(a) && !isFields(b)) {
    const { kind } = a.type;
    if (kind === "num" || kind === "tensor") return build.ops.add(a, b);
    if (kind !== "tuple") return build.structure("plus", [a, b], a.type, 0);
  }
  const [fa, fb] = [fieldsOf(build, a), fieldsOf(build, b)];
  return { fields: fa.map((x, i) => addCotangents(build, x, fb[i])) };
}

/** A node for a cotangent of `primal`; a zero where nothing arrived. */
export function materialise(build: Builder, c: Cotangent | undefined, primal: Node): Node {
  if (c !== undefined && !isFields(c)) return c;
  const tangent = tangentType(primal.type);
  if (tangent === UNIT) return build.constant(null);
  // Recursive data is not taken apart where nothing arrived.
  const type = c === undefined ? primal.type : resolveType(primal.type);
  if (type.kind === "tuple") {
    const items = type.items.map((_, i) => materialise(build, c?.fields[i], build.get(primal, i)));
    return build.tuple(items, type.labels);
  }
  assert(c === undefined, "a cotangent by fields belongs to a tuple");
  return zeroOf(build, primal);
}

function zeroOf(build: Builder, primal: Node): Node {
  const { type } = primal;
  if (type.kind === "num") return build.constant(0);
  if (type.kind === "tensor") {
    const zero = build.ops.lift(build.constant(0), type.aval.dtype);
    return type.aval.shape.length === 0 ? zero : build.ops.broadcastTo(zero, type.aval.shape);
  }
  return build.structure("zeros", [primal], tangentType(type), 0);
}

/**
 * A share that a rule gave, brought to what its primal is: rules ignore broadcasting, so the share may be larger (sum it), smaller
 * (spread it), a tensor where the primal is a number, or of another dtype.
 */
export function conform(build: Builder, share: Node, primal: Type): Node {
  const op = build.ops;
  if (primal.kind === "num") {
    if (share.type.kind !== "tensor") return share;
    const { shape } = share.type.aval;
    const all = shape.map((_, i) => i);
    return op.item(shape.length === 0 ? share : op.sum(share, all, false));
  }
  if (primal.kind !== "tensor") return share;
  const want = primal.aval;
  if (share.type.kind !== "tensor") return op.broadcastTo(op.lift(share, want.dtype), want.shape);
  const got = share.type.aval;
  if (got === want) return share;
  let v = got.dtype === want.dtype ? share : op.cast(share, want.dtype);
  const lead = got.shape.length - want.shape.length;
  const folded = got.shape.map((_, i) => i).filter((i) => i < lead || (want.shape[i - lead] === 1 && got.shape[i] !== 1));
  if (folded.length > 0) v = op.sum(v, folded, false);
  const after = avalOfType(v.type);
  if (after.shape === want.shape) return v;
  return after.size === want.size ? op.reshape(v, want.shape) : op.broadcastTo(v, want.shape);
}
