/**
 * Lazy values: an expression over loads of buffers, each seen through strides. Movement (transpose, slice, broadcast, flip, most
 * reshapes) only changes the strides; light arithmetic stays an expression until a kernel takes it in. A buffer by itself is the
 * lazy value that loads it densely.
 */
import type { DType } from "../base/dtype.ts";
import { broadcastStrides, elementCount, type Shape, stridesOf } from "../base/shape.ts";
import { isHeavy } from "../kernel/heavy.ts";
import { rewrite } from "../kernel/rewrite.ts";
import { constant, type Expr, load, postorder } from "../kernel/scalar-expr.ts";
import type { Constant, Value } from "./program.ts";

/** One load: element strides along the axes of the lazy value, and the offset of its first element. */
export interface Load {
  /** What the buffer holds, under its own shape. */
  readonly source: Value;
  readonly dtype: DType;
  readonly strides: readonly number[];
  readonly offset: number;
  /** Where the element is found by an index: the step from one index to the next, and how many there are. */
  readonly indirect?: Indirect;
}

export interface Indirect {
  readonly stride: number;
  readonly extent: number;
}

export interface Lazy {
  readonly shape: Shape;
  readonly dtype: DType;
  readonly loads: readonly Load[];
  /** Over `load(i)`, i a position in `loads`. */
  readonly expr: Expr;
}

/** The lazy value of a buffer under a shape with as many elements. */
export function bufferOf(source: Value, shape: Shape): Lazy {
  const { dtype } = source.aval;
  return { shape, dtype, loads: [{ source, dtype, strides: stridesOf(shape), offset: 0 }], expr: load(0, dtype) };
}

/** The offset where a lazy value is nothing but a dense block of one buffer, else undefined. */
export function denseOffset(x: Lazy): number | undefined {
  const [only] = x.loads;
  if (x.loads.length !== 1 || only === undefined || only.indirect || x.expr.kind !== "load") return undefined;
  const dense = stridesOf(x.shape);
  return x.shape.every((d, i) => d === 1 || only.strides[i] === dense[i]) ? only.offset : undefined;
}

type View = (l: Load) => { readonly strides: readonly number[]; readonly offset: number } | undefined;

export function viewed(x: Lazy, shape: Shape, view: View): Lazy | undefined {
  const loads: Load[] = [];
  for (const l of x.loads) {
    const seen = view(l);
    if (seen === undefined) return undefined;
    loads.push({ ...l, ...seen });
  }
  return { ...x, shape, loads };
}

export function transposed(x: Lazy, perm: readonly number[]): Lazy {
  const pick = (of: readonly number[]) => perm.map((i) => of[i] as number);
  return viewed(x, pick(x.shape), (l) => ({ strides: pick(l.strides), offset: l.offset })) as Lazy;
}

export function broadcast(x: Lazy, shape: Shape): Lazy {
  const where = broadcastStrides(x.shape, shape);
  const lead = shape.length - x.shape.length;
  return viewed(x, shape, (l) => ({
    strides: where.map((s, i) => (i < lead || s === 0 ? 0 : (l.strides[i - lead] as number))),
    offset: l.offset,
  })) as Lazy;
}

export function sliced(x: Lazy, shape: Shape, start: readonly number[], step: readonly number[]): Lazy {
  return viewed(x, shape, (l) => ({
    strides: l.strides.map((s, i) => s * (step[i] as number)),
    offset: l.strides.reduce((o, s, i) => o + s * (start[i] as number), l.offset),
  })) as Lazy;
}

export function flipped(x: Lazy, axes: readonly number[]): Lazy {
  return viewed(x, x.shape, (l) => ({
    strides: l.strides.map((s, i) => (axes.includes(i) ? -s : s)),
    offset: axes.reduce((o, i) => o + (l.strides[i] as number) * Math.max(0, (x.shape[i] as number) - 1), l.offset),
  })) as Lazy;
}

/** Row-major reshape, where strides can express it. */
export function reshaped(x: Lazy, shape: Shape): Lazy | undefined {
  return viewed(x, shape, (l) => {
    const strides = regroup(x.shape, l.strides, shape);
    return strides && { strides, offset: l.offset };
  });
}

/**
 * Strides along the axes of `to` that walk what `strides` walk along those of `from` (equal numbers of elements, row-major order),
 * or undefined where none do.
 */
export function regroup(from: Shape, strides: readonly number[], to: Shape): number[] | undefined {
  const out = to.map(() => 0);
  if (to.includes(0)) return out;
  const old = from.flatMap((d, i) => (d === 1 ? [] : [{ d, s: strides[i] as number }]));
  const wanted = to.flatMap((d, i) => (d === 1 ? [] : [{ d, i }]));
  let o = 0;
  let w = 0;
  while (o < old.length && w < wanted.length) {
    // The smallest runs of axes with as many elements on both sides.
    let [oEnd, wEnd] = [o + 1, w + 1];
    let n = (old[o] as { d: number }).d;
    let m = (wanted[w] as { d: number }).d;
    while (n !== m) {
      if (n < m) n *= old[oEnd++]?.d ?? Number.NaN;
      else m *= wanted[wEnd++]?.d ?? Number.NaN;
      if (Number.isNaN(n * m)) return undefined;
    }
    // The old axes of a run must walk as one.
    for (let k = o; k + 1 < oEnd; k++) {
      const next = old[k + 1] as { d: number; s: number };
      if ((old[k] as { s: number }).s !== next.s * next.d) return undefined;
    }
    let step = (old[oEnd - 1] as { s: number }).s;
    for (let k = wEnd - 1; k >= w; k--) {
      const { d, i } = wanted[k] as { d: number; i: number };
      out[i] = step;
      step *= d;
    }
    o = oEnd;
    w = wEnd;
  }
  return out;
}

/** Lazy expressions stay below this size. */
const LIGHT_SIZE = 10;

/** A constant of one element, which is part of the code. */
export function numberOf(c: Constant): Lazy {
  return { shape: c.aval.shape, dtype: c.aval.dtype, loads: [], expr: constant(c.data[0] as number, c.aval.dtype) };
}

/** The lazy form of an application, where it is light: at most one load of about its own size, few operations, nothing heavy. */
export function light(shape: Shape, operands: readonly Lazy[], expr: Expr): Lazy | undefined {
  const lazy = lazily(shape, operands, expr);
  if (lazy.loads.filter((l) => isLarge(shape, l)).length > 1) return undefined;
  const nodes = postorder([lazy.expr]);
  return nodes.length > LIGHT_SIZE || nodes.some(isHeavy) ? undefined : lazy;
}

/** The lazy form of an application: the expressions of its operands in its own. */
export function lazily(shape: Shape, operands: readonly Lazy[], expr: Expr): Lazy {
  const loads: Load[] = [];
  const exprs = operands.map((o) =>
    substitute(
      o.expr,
      o.loads.map((l) => {
        let at = loads.findIndex(
          (have) =>
            have.source === l.source &&
            have.offset === l.offset &&
            isSameIndirect(have.indirect, l.indirect) &&
            have.strides.every((s, i) => s === l.strides[i]),
        );
        if (at < 0) at = loads.push(l) - 1;
        return load(at, l.dtype);
      }),
    ),
  );
  const whole = substitute(expr, exprs);
  return { shape, dtype: whole.dtype, loads, expr: whole };
}

export function loadAlone(shape: Shape, l: Load): Lazy {
  return { shape, dtype: l.dtype, loads: [l], expr: load(0, l.dtype) };
}

/** True where a load walks as many elements as there are points, or not far fewer. */
function isLarge(shape: Shape, l: Load): boolean {
  if (l.indirect !== undefined) return true;
  const walked = shape.reduce((n, d, i) => n * (l.strides[i] === 0 ? 1 : d), 1);
  return walked * 8 > elementCount(shape);
}

/** True where a load goes through its buffer as the points go: not by indices, nor at one element for all of several points. */
export function isWalked(shape: Shape, l: Load): boolean {
  return l.indirect === undefined && !(shape.some((d) => d !== 1) && shape.every((d, i) => d === 1 || l.strides[i] === 0));
}

/** True where something is found by indices, which are checked wherever it is read. */
export function isIndirect(x: Lazy): boolean {
  return x.loads.some((l) => l.indirect !== undefined);
}

export function isSameIndirect(a: Indirect | undefined, b: Indirect | undefined): boolean {
  return a?.stride === b?.stride && a?.extent === b?.extent;
}

/** The expression with its loads replaced; a load by an index is replaced by a load, and keeps the index. */
export function substitute(expr: Expr, operands: readonly Expr[]): Expr {
  return rewrite([expr], (e, [at]) => {
    if (e.kind !== "load") return undefined;
    const by = operands[e.operand] as Expr;
    return at !== undefined && by.kind === "load" ? load(by.operand, by.dtype, at) : by;
  })[0] as Expr;
}
