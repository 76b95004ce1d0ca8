/**
 * Gathers: elements found by indices, as loads of whoever reads them. So an embedding is not stored before a position is added to it,
 * nor what a cross-entropy picks from its rows. The indices are checked by the kernel that reads them, before it stores anything.
 */
import { type Expr, load, postorder } from "../kernel/scalar-expr.ts";
import type { AnyPrimitive } from "../primitive.ts";
import { primitives as p } from "../primitives/table.ts";
import { type Lazy, type Load, lazily, viewed } from "./lazy.ts";
import type { Node, Value } from "./program.ts";

export const GATHERS: ReadonlySet<AnyPrimitive> = new Set([p.gather, p.indexSelect] as AnyPrimitive[]);

/** Where the index moves with the lanes of a vector, elements are computed one by one: worth it for no more than so many. */
const FEW = 1024;

/** True for a gather that its readers may do: of whole runs of elements, or of few. */
export function isReadable({ primitive, args, params, aval: { shape, size } }: Node): boolean {
  if (!GATHERS.has(primitive) || size === 0) return false;
  if (size <= FEW) return true;
  const { axis } = params as { readonly axis: number };
  const [, ids] = args as [Value, Value];
  const after = shape.slice(axis + (primitive === p.indexSelect ? ids.aval.shape.length : 1));
  return primitive === p.indexSelect && after.some((d) => d > 1);
}

/** True for a lazy value that is one buffer seen through strides, which indices may go through. */
export function isPlain({ loads, expr }: Lazy): boolean {
  return expr.kind === "load" && loads[0]?.indirect === undefined;
}

/** The lazy form of a gather, of a plain table by indices that are not found by indices themselves. */
export function gathered({ primitive, args, params, aval: { shape } }: Node, table: Lazy, ids: Lazy): Lazy {
  const [x] = args as [Value, Value];
  const { axis } = params as { readonly axis: number };
  const [own] = table.loads as [Load];
  const indirect = { stride: own.strides[axis] as number, extent: x.aval.shape[axis] as number };
  const fixed = (n: number) => new Array<number>(n).fill(0);
  const [before, after] = [own.strides.slice(0, axis), own.strides.slice(axis + 1)];
  const whole = primitive === p.indexSelect;
  const between = fixed(whole ? ids.shape.length : 1);
  const from: Lazy = { ...table, shape, loads: [{ ...own, strides: [...before, ...between, ...after], indirect }] };
  const where = whole
    ? (viewed(ids, shape, (l) => ({ strides: [...fixed(before.length), ...l.strides, ...fixed(after.length)], offset: l.offset })) as Lazy)
    : ids;
  return lazily(shape, [from, where], load(0, own.dtype, load(1, "i32")));
}

/** True where an index follows from a fold of the same kernel, so that it could not be checked before the kernel runs. */
export function indexesByFold(expr: Expr): boolean {
  const indices = postorder([expr]).flatMap((e) => (e.kind === "load" && e.at !== undefined ? [e.at] : []));
  return indices.length > 0 && postorder(indices).some((e) => e.kind === "reduced");
}
