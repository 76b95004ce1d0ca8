/**
 * Groups: what becomes one kernel. A group has an iteration space, the axes of one logical tensor in row-major order of which some
 * are reduced, and members: program nodes computed at every point ("element") or once per kept point ("row"). A member joins
 * where everything that it reads is either another member at the same point or lies in a buffer.
 */
import type { DType } from "../base/dtype.ts";
import { type Shape, stridesOf } from "../base/shape.ts";
import { isHeavy } from "../kernel/heavy.ts";
import type { Reduction } from "../kernel/kernel.ts";
import { rewrite } from "../kernel/rewrite.ts";
import { type Expr, load, postorder } from "../kernel/scalar-expr.ts";
import type { Assembly } from "./assembly.ts";
import { type Indirect, isSameIndirect, type Lazy, type Load, regroup } from "./lazy.ts";
import type { Node, Value } from "./program.ts";

export interface Axis {
  extent: number;
  reduced: boolean;
}

export type Level = "element" | "row";

export interface Member {
  readonly node: Node;
  readonly level: Level;
  readonly expr: Expr;
}

/** A load along the axes of a group. */
export interface GroupLoad {
  readonly source: Value;
  readonly dtype: DType;
  strides: readonly number[];
  readonly offset: number;
  readonly indirect: Indirect | undefined;
}

/** Something that runs as a whole: a group, or a node that is no kernel of loops. */
export type Unit = Group | Opaque;

export interface Opaque {
  readonly kind: "opaque";
  readonly node: Node;
  /** Where it is put together from pieces: how. */
  readonly assembly: Assembly | undefined;
  /** Else its operands as they lie when it is made: an operand that is an output may be copied to a buffer of its own later. */
  readonly operands: readonly Lazy[];
  readonly first: number;
  readonly last: number;
  readonly deps: Set<Unit>;
  /** Its position among the units; -1 before it has one. */
  place: number;
}

/** The units of a program, and what of them is stored. */
export interface Fused {
  readonly units: readonly Unit[];
  /** Members that are stored, since something outside their group reads them. */
  readonly stored: ReadonlySet<Value>;
  /** The value in whose buffer each output of the program lies. */
  readonly outputs: ReadonlySet<Value>;
  readonly outputOf: readonly Value[];
}

/** More operands than these are not worth the registers. */
const MAX_LOADS = 24;

let groups = 0;

export class Group {
  readonly kind = "group";
  readonly number = groups++;
  axes: Axis[];
  readonly loads: GroupLoad[] = [];
  readonly reductions: Reduction[] = [];
  /** What its passes over a row compute that is heavy. */
  readonly heavy = new Set<Expr>();
  readonly members = new Map<Value, Member>();
  readonly deps = new Set<Unit>();
  /** Its position among the units; -1 before it has one. */
  place = -1;
  /** Expressions read coordinates: then axes must keep their extents. */
  indexed = false;
  /** Smallest and largest id of a member. */
  first = Number.POSITIVE_INFINITY;
  last = -1;

  constructor(axes: readonly Axis[]) {
    this.axes = axes.map((a) => ({ ...a }));
  }

  get extents(): number[] {
    return this.axes.map((a) => a.extent);
  }

  add(member: Member): void {
    this.members.set(member.node, member);
    this.first = Math.min(this.first, member.node.id);
    this.last = Math.max(this.last, member.node.id);
  }

  /** A pass over each row more. */
  fold(reduction: Reduction): void {
    this.reductions.push(reduction);
    for (const e of postorder([reduction.of])) if (isHeavy(e)) this.heavy.add(e);
  }

  /** True where `shape` walks the kept axes (for "row") or all axes of the group in their order; may split axes to see it. */
  fits(shape: Shape, level: Level): boolean {
    const chosen = this.axes.filter((a) => level === "element" || !a.reduced);
    const cuts = commonExtents(
      shape.filter((d) => d !== 1),
      chosen.map((a) => a.extent).filter((d) => d !== 1),
    );
    if (cuts === undefined) return false;
    return this.refine(cuts, level);
  }

  /** Splits the axes of a level into the given extents. False where coordinates forbid it. */
  private refine(extents: readonly number[], level: Level): boolean {
    const next: { axis: Axis; from: number; inner: number }[] = [];
    let at = 0;
    for (const [from, axis] of this.axes.entries()) {
      if (axis.extent <= 1 || (level === "row" && axis.reduced)) {
        if (axis.extent === 0) at++;
        next.push({ axis, from, inner: 1 });
        continue;
      }
      const parts: number[] = [];
      for (let n = 1; n < axis.extent; ) {
        const d = extents[at++] as number;
        parts.push(d);
        n *= d;
      }
      if (parts.length > 1 && this.indexed) return false;
      for (const [i, extent] of parts.entries())
        next.push({ axis: { extent, reduced: axis.reduced }, from, inner: parts.slice(i + 1).reduce((n, d) => n * d, 1) });
    }
    if (next.length === this.axes.length) return true;
    for (const l of this.loads) l.strides = next.map(({ from, inner }) => (l.strides[from] as number) * inner);
    this.axes = next.map(({ axis }) => axis);
    return true;
  }

  /** Strides along the group's axes of something that walks `shape` with `strides` at a level that {@link fits}. */
  along(shape: Shape, strides: readonly number[], level: Level): number[] {
    const chosen = this.axes.map((a) => (level === "row" && a.reduced ? 1 : a.extent));
    const out = regroup(shape, strides, chosen) as number[];
    return this.axes.map((a, i) => (level === "row" && a.reduced ? 0 : (out[i] as number)));
  }

  /** The strides with which a member of a level is walked in a dense tensor of its shape. */
  denseStrides(level: Level): number[] {
    let step = 1;
    const out = this.axes.map(() => 0);
    for (let i = this.axes.length - 1; i >= 0; i--) {
      const { extent, reduced } = this.axes[i] as Axis;
      if (level === "row" && reduced) continue;
      out[i] = extent === 1 ? 0 : step;
      step *= extent;
    }
    return out;
  }

  /** The member that a load means, where it reads each point's own value; "no" where it reads a member at other points. */
  memberAt(l: Load, strides: readonly number[]): Member | "no" | undefined {
    const member = this.members.get(l.source);
    if (member === undefined) return undefined;
    if (l.indirect !== undefined) return "no";
    const dense = this.denseStrides(member.level);
    const same = l.offset === 0 && this.axes.every((a, i) => a.extent === 1 || strides[i] === dense[i]);
    return same ? member : "no";
  }

  /** The number of the operand for a load, or undefined where there is no room. */
  operand(wanted: GroupLoad): number | undefined {
    const at = this.loads.findIndex(
      (l) =>
        l.source === wanted.source &&
        l.offset === wanted.offset &&
        isSameIndirect(l.indirect, wanted.indirect) &&
        this.axes.every((a, i) => a.extent === 1 || l.strides[i] === wanted.strides[i]),
    );
    if (at >= 0) return at;
    if (this.loads.length >= MAX_LOADS) return undefined;
    this.loads.push(wanted);
    return this.loads.length - 1;
  }

  /** Takes over the members of another group without reductions, if it walks the same space. */
  absorb(other: Group): boolean {
    const extents = (g: Group) => g.extents.filter((d) => d !== 1);
    const cuts = commonExtents(extents(this), extents(other));
    if (cuts === undefined || !this.refine(cuts, "element") || !other.refine(cuts, "element")) return false;
    const before = this.loads.length;
    const moving = other.axes.flatMap((a, i) => (a.extent === 1 ? [] : [i]));
    const numbers: number[] = [];
    for (const l of other.loads) {
      let next = 0;
      const strides = this.axes.map((a) => (a.extent === 1 ? 0 : (l.strides[moving[next++] as number] as number)));
      const at = this.operand({ ...l, strides });
      if (at === undefined) {
        this.truncate(before);
        return false;
      }
      numbers.push(at);
    }
    const moved = (e: Expr) =>
      rewrite([e], (x, [at]) => (x.kind === "load" ? load(numbers[x.operand] as number, x.dtype, at) : undefined))[0] as Expr;
    for (const m of other.members.values()) this.add({ ...m, expr: moved(m.expr) });
    return true;
  }

  /** Drops operands that a failed attempt to join has added. */
  truncate(loads: number): void {
    this.loads.length = loads;
  }
}

/** The coarsest common refinement of two row-major factorisations of one number of elements, or undefined where there is none. */
export function commonExtents(a: Shape, b: Shape): number[] | undefined {
  const out: number[] = [];
  let [i, j] = [0, 0];
  let [x, y] = [a[0] ?? 1, b[0] ?? 1];
  if (a.includes(0) || b.includes(0)) return a.length === b.length && a.every((d, k) => d === b[k]) ? [...a] : undefined;
  while (i < a.length && j < b.length) {
    if (x === y) {
      out.push(x);
      x = a[++i] ?? 1;
      y = b[++j] ?? 1;
    } else if (x < y) {
      if (y % x !== 0) return undefined;
      // The outer part of y is x.
      out.push(x);
      y /= x;
      x = a[++i] ?? 1;
    } else {
      if (x % y !== 0) return undefined;
      out.push(y);
      x /= y;
      y = b[++j] ?? 1;
    }
  }
  return i === a.length && j === b.length ? out : undefined;
}

/** For each axis of a group that fits `shape`: whether it belongs to one of the folded axes. */
export function foldedAxes(g: Group, shape: Shape, folded: readonly number[]): boolean[] {
  // An axis of the shape is one stride apart from those after it: strides tell to which one an axis of the group belongs.
  const dense = stridesOf(shape);
  const along = g.along(shape, dense, "element");
  return g.axes.map((a, i) => {
    if (a.extent === 1) return false;
    const stride = along[i] as number;
    return folded.some(
      (f) => (shape[f] as number) > 1 && stride >= (dense[f] as number) && stride < (dense[f] as number) * (shape[f] as number),
    );
  });
}

/** True where a kept axis follows a folded one. */
export function isColumn(g: Group, folded: readonly boolean[]): boolean {
  let seen = false;
  return g.axes.some((a, i) => {
    if (a.extent === 1) return false;
    if (folded[i]) seen = true;
    return seen && !folded[i];
  });
}

/** True where folding `x` would compute something heavy that an earlier pass over the row computes already. */
export function repeatsHeavyWork(g: Group, x: Expr): boolean {
  return g.reductions.length > 0 && postorder([x]).some((e) => g.heavy.has(e));
}
