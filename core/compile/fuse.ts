/**
 * Fusion: a program becomes a list of units. Movement and light arithmetic stay lazy and are taken in by whoever reads them.
 * Elementwise nodes join the kernel that computes what they read, a reduction joins the kernel of its elements, and what follows
 * it along the same rows joins too, so that softmax, norms and their backward are one kernel each; nodes that read the same
 * memory in the same order share a kernel with several outputs. What is found by indices is a load of whoever reads it. Matrix products,
 * convolutions and scattered stores stay alone.
 * Greedy in program order, as in XLA's instruction fusion; nothing costly is computed twice.
 */
import { assert } from "../base/errors.ts";
import { broadcastShapes, elementCount, type Shape } from "../base/shape.ts";
import type { Kernel } from "../kernel/kernel.ts";
import { rewrite } from "../kernel/rewrite.ts";
import { cast, type Expr, load, postorder, reduced } from "../kernel/scalar-expr.ts";
import { primitives as p } from "../primitives/table.ts";
import { ASSEMBLED, assemblyOf } from "./assembly.ts";
import { ELEMENTWISE, type Fate, FOLDS, fatesOf, foldOf, scalarOf } from "./fusible.ts";
import { gathered, indexesByFold, isPlain, isReadable } from "./gathers.ts";
import { type Fused, foldedAxes, Group, isColumn, type Level, type Opaque, repeatsHeavyWork, type Unit } from "./group.ts";
import {
  broadcast,
  bufferOf,
  denseOffset,
  isIndirect,
  isWalked,
  type Lazy,
  type Load,
  lazily,
  light,
  loadAlone,
  numberOf,
  substitute,
} from "./lazy.ts";
import { movement } from "./movement.ts";
import { type Node, nodesOf, type Program, type Value } from "./program.ts";
import { UnitOrder } from "./unit-order.ts";

/** Loads of an expression that is computed where its columns are folded. */
const MAX_DEFERRED = 6;
/** Expressions of one kernel stay below this size. */
const MAX_SIZE = 600;
/** How many kernels that read the same buffer are asked whether a node may join. */
const SIBLINGS = 4;

/** A node to be placed: its operands as lazy values of its own iteration shape. */
interface Candidate {
  readonly node: Node;
  readonly operands: readonly Lazy[];
  readonly shape: Shape;
  /** For a fold: which axes of `shape` are folded, and the kernel of one row. */
  readonly fold: { readonly axes: readonly number[]; readonly kernel: Kernel } | undefined;
  /** Over `load(i)`, i an operand. */
  readonly expr: Expr | undefined;
}

/** What may be done; without `fusion` every node stands alone. */
interface FusionOptions {
  readonly fusion: boolean;
  readonly gathers: boolean;
}

export function fuse(program: Program, options: FusionOptions): Fused {
  return new Fusion(program, options).run();
}

class Fusion {
  private readonly program: Program;
  private readonly options: FusionOptions;
  private readonly order = new UnitOrder<Unit>();
  private readonly unitOf = new Map<Value, Unit>();
  private readonly lazies = new Map<Value, Lazy>();
  private readonly stored = new Set<Value>();
  private readonly readers = new Map<Value, Group[]>();
  private readonly users = new Map<Value, Node[]>();
  private readonly fates: ReadonlyMap<Node, Fate>;
  private readonly returned: ReadonlySet<Value>;

  constructor(program: Program, { fusion, gathers }: FusionOptions) {
    this.program = program;
    this.options = { fusion, gathers: fusion && gathers };
    this.returned = new Set(program.outputs);
    const nodes = nodesOf(program);
    for (const node of nodes) {
      for (const arg of new Set(node.args)) {
        const list = this.users.get(arg);
        if (list === undefined) this.users.set(arg, [node]);
        else list.push(node);
      }
    }
    this.fates = fatesOf(nodes, this.users, this.returned);
  }

  run(): Fused {
    for (const node of nodesOf(this.program)) this.visit(node);
    const outputOf = this.program.outputs.map((output) => {
      if (output.kind !== "node") return output;
      const lazy = this.lazyOf(output);
      // A reshaped buffer is handed out as it is.
      const source = lazy.loads[0]?.source;
      const isWhole = denseOffset(lazy) === 0 && source !== undefined && source.aval.size === output.aval.size;
      const value = isWhole ? source : this.realise(output);
      this.store(value);
      return value;
    });
    return { units: this.order.list, stored: this.stored, outputs: new Set(outputOf), outputOf };
  }

  private lazyOf(v: Value): Lazy {
    let lazy = this.lazies.get(v);
    if (lazy === undefined) {
      lazy = v.kind === "constant" && v.aval.size === 1 ? numberOf(v) : bufferOf(v, v.aval.shape);
      this.lazies.set(v, lazy);
    }
    return lazy;
  }

  private store(v: Value): void {
    const unit = this.unitOf.get(v);
    if (unit?.kind === "group") this.stored.add(v);
  }

  private visit(node: Node): void {
    const moved = movement(node, {
      lazyOf: (v) => this.lazyOf(v),
      readAt: (v, points) => this.readAt(v, points),
      buffered: (v) => this.lazyOf(this.realise(v)),
    });
    if (moved !== undefined) {
      this.lazies.set(node, moved);
      return;
    }
    if (ELEMENTWISE.has(node.primitive) || node.primitive === p.cast) this.map(node);
    else if (FOLDS.has(node.primitive) && node.args.every((a) => a.aval.size > 0)) this.foldNode(node);
    else if (this.options.gathers && isReadable(node)) this.gather(node);
    else this.opaque(node);
  }

  private map(node: Node): void {
    const shape = node.args.map((a) => a.aval.shape).reduce(broadcastShapes);
    const operands = node.args.map((a) => broadcast(this.readAt(a, elementCount(shape)), shape));
    const expr = scalarOf(node);
    if (this.options.fusion) {
      const lazy = light(shape, operands, expr);
      if (lazy !== undefined && !this.isRowValue(lazy)) {
        this.lazies.set(node, lazy);
        return;
      }
    }
    const fate = this.options.fusion ? this.fates.get(node) : undefined;
    const deferred = fate === undefined ? undefined : lazily(shape, operands, expr);
    if (deferred !== undefined && this.mayWait(deferred, fate)) this.lazies.set(node, deferred);
    else this.place({ node, operands, shape, expr, fold: undefined });
  }

  /** True for a value with one element a row of a kernel that folds rows: it is computed there, once a row. */
  private isRowValue(lazy: Lazy): boolean {
    return lazy.loads.some(({ source }) => {
      const unit = this.unitOf.get(source);
      return unit?.kind === "group" && unit.members.get(source)?.level === "row" && source.aval.size === elementCount(lazy.shape);
    });
  }

  /** True where an expression has few operands, and as a piece, where none of them would be stored for it alone. */
  private mayWait({ loads, expr }: Lazy, fate: Fate): boolean {
    if (loads.length > MAX_DEFERRED) return false;
    if (fate === "columns") return true;
    const isThere = ({ source, indirect }: Load) =>
      indirect === undefined && (this.unitOf.get(source)?.kind !== "group" || this.stored.has(source));
    return postorder([expr]).length <= MAX_SIZE / 4 && loads.every(isThere);
  }

  private foldNode(node: Node): void {
    const [arg] = node.args as [Value];
    this.place({ node, operands: [this.lazyOf(arg)], shape: arg.aval.shape, expr: undefined, fold: foldOf(node) });
  }

  /** A gather that one node alone reads is a load there; others are maps. */
  private gather(node: Node): void {
    const [x, ids] = node.args as [Value, Value];
    if (!isPlain(this.lazyOf(x))) this.whole(x);
    const lazy = gathered(node, this.lazyOf(x), this.lazyOf(isIndirect(this.lazyOf(ids)) ? this.realise(ids) : ids));
    if (this.users.get(node)?.length === 1 && !this.returned.has(node)) this.lazies.set(node, lazy);
    else this.placeLazy(node, lazy);
  }

  /** A value as it is read at some number of points: in a buffer, where some of its indices would not be looked at. */
  private readAt(v: Value, points: number): Lazy {
    const lazy = this.lazyOf(v);
    return isIndirect(lazy) && points < v.aval.size ? this.lazyOf(this.realise(v)) : lazy;
  }

  private opaque(node: Node): void {
    const deps = new Set<Unit>(node.after === undefined ? [] : this.unitsOf(node.after));
    const assembly = this.options.fusion && ASSEMBLED.has(node.primitive) ? assemblyOf(node, (a) => this.readAt(a, 0)) : undefined;
    const sources = assembly?.pieces.flatMap(({ value }) => value.loads.map((l) => l.source)) ?? node.args.map((a) => this.whole(a));
    for (const source of sources) {
      this.store(source);
      const unit = this.unitOf.get(source);
      if (unit !== undefined) deps.add(unit);
    }
    const operands = assembly === undefined ? node.args.map((a) => this.lazyOf(a)) : [];
    const unit: Opaque = { kind: "opaque", node, assembly, operands, first: node.id, last: node.id, deps, place: -1 };
    this.order.add(unit);
    this.unitOf.set(node, unit);
    this.lazies.set(node, bufferOf(node, node.aval.shape));
  }

  /** The buffer in which an operand lies in one piece. */
  private whole(arg: Value): Value {
    if (arg.kind === "constant") this.lazies.set(arg, bufferOf(arg, arg.aval.shape));
    return denseOffset(this.lazyOf(arg)) === undefined ? this.realise(arg) : (this.lazyOf(arg).loads[0] as Load).source;
  }

  /** A value in a buffer of its own: itself, where it has one, else what a kernel makes of its lazy form. */
  private realise(v: Value): Value {
    const lazy = this.lazyOf(v);
    if (v.kind !== "node" || this.unitOf.has(v)) return v;
    this.placeLazy(v, lazy);
    return v;
  }

  private placeLazy(node: Node, { shape, loads, expr }: Lazy): void {
    this.place({ node, operands: loads.map((l) => loadAlone(shape, l)), shape, expr, fold: undefined });
  }

  private place(c: Candidate): void {
    const group = this.join(c) ?? this.fresh(c);
    this.unitOf.set(c.node, group);
    this.lazies.set(c.node, bufferOf(c.node, c.node.aval.shape));
    for (const l of group.loads) {
      const list = this.readers.get(l.source) ?? [];
      if (!list.includes(group)) this.readers.set(l.source, [...list.slice(-SIBLINGS + 1), group]);
    }
  }

  private join(c: Candidate): Group | undefined {
    if (!this.options.fusion) return undefined;
    const sources = new Set(c.operands.flatMap((o) => o.loads.filter((l) => isWalked(o.shape, l)).map((l) => l.source)));
    const candidates = new Set<Group>();
    for (const s of sources) {
      const unit = this.unitOf.get(s);
      if (unit?.kind === "group") candidates.add(unit);
    }
    for (const s of sources) for (const g of this.readers.get(s) ?? []) candidates.add(g);
    const ordered = [...candidates].sort((a, b) => b.last - a.last);
    const [first, ...others] = ordered.filter((g) => [...sources].some((s) => g.members.has(s)));
    // What the node reads may be spread over kernels of one space that could as well be one.
    if (first !== undefined) for (const g of others) if (this.merge(first, g)) candidates.delete(g);
    return ordered.find((g) => candidates.has(g) && this.tryJoin(g, c));
  }

  /** Makes two groups of elementwise members over one space one, where neither needs the other. */
  private merge(a: Group, b: Group): boolean {
    if (a.reductions.length > 0 || b.reductions.length > 0 || a.indexed || b.indexed) return false;
    if (this.order.depends(a, b) || this.order.depends(b, a) || !a.absorb(b)) return false;
    this.order.replace(b, a);
    for (const m of b.members.keys()) this.unitOf.set(m, a);
    for (const list of new Set(b.loads.map((l) => this.readers.get(l.source) ?? []))) {
      const at = list.indexOf(b);
      if (at >= 0 && list.includes(a)) list.splice(at, 1);
      else if (at >= 0) list[at] = a;
    }
    return true;
  }

  private fresh(c: Candidate): Group {
    const folded = c.fold?.axes ?? [];
    const group = new Group(c.shape.map((extent, i) => ({ extent, reduced: folded.includes(i) })));
    const joined = this.tryJoin(group, c);
    assert(joined, `${c.node.primitive.name} fits no kernel`);
    this.order.add(group);
    return group;
  }

  private tryJoin(g: Group, c: Candidate): boolean {
    if (c.fold !== undefined) return this.joinFold(g, c, c.fold);
    const isFresh = g.members.size === 0;
    if (!isFresh && !this.sharesWork(g, c)) return false;
    // The elements of a kernel that walks down columns are not stored: the order of memory is another.
    const walksColumns = isColumn(
      g,
      g.axes.map((a) => a.reduced),
    );
    const levels: readonly Level[] = g.reductions.length > 0 ? ["element", "row"] : ["element"];
    return levels.some((level) => !(walksColumns && level === "element") && this.joinMap(g, c, level));
  }

  private joinMap(g: Group, c: Candidate, level: Level): boolean {
    if (!g.fits(c.shape, level)) return false;
    const before = g.loads.length;
    const deps = new Set<Unit>();
    const operands = this.awaited(g, c.node, deps) ? this.resolve(g, c, level, deps) : undefined;
    const expr = operands && substitute(c.expr as Expr, operands);
    if (expr === undefined || postorder([expr]).length > MAX_SIZE || indexesByFold(expr)) {
      g.truncate(before);
      return false;
    }
    this.order.need(g, deps);
    g.add({ node: c.node, level, expr: cast(expr, c.node.aval.dtype) });
    return true;
  }

  private joinFold(g: Group, c: Candidate, fold: NonNullable<Candidate["fold"]>): boolean {
    const isFresh = g.members.size === 0 && g.reductions.length === 0;
    if (!g.fits(c.shape, "element")) return false;
    const wanted = foldedAxes(g, c.shape, fold.axes);
    if (g.reductions.length > 0 && !isFresh && g.axes.some((a, i) => a.extent !== 1 && a.reduced !== wanted[i])) return false;
    if (!isFresh) {
      if (!this.sharesWork(g, c)) return false;
      // Walking down columns does not pay where the elements have to be stored as well.
      if (g.reductions.length === 0 && isColumn(g, wanted) && !this.onlyFeeds(g, c.node)) return false;
    }
    const before = g.loads.length;
    const deps = new Set<Unit>();
    const operands = this.awaited(g, c.node, deps) ? this.resolve(g, c, "element", deps) : undefined;
    const x = operands?.[0];
    if (x === undefined || (!isFresh && repeatsHeavyWork(g, x)) || indexesByFold(x)) {
      g.truncate(before);
      return false;
    }
    if (g.reductions.length === 0) for (const [i, a] of g.axes.entries()) a.reduced = wanted[i] as boolean;
    const base = g.reductions.length;
    const moved = (e: Expr): Expr =>
      rewrite([e], (r) => (r.kind === "reduced" ? reduced(r.stage + base, r.dtype) : r.kind === "load" ? x : undefined))[0] as Expr;
    for (const r of fold.kernel.reductions) g.fold({ ...r, of: moved(r.of) });
    const output = fold.kernel.outputs[0];
    assert(output, "a fold stores its result");
    this.order.need(g, deps);
    g.add({ node: c.node, level: output.each === "row" ? "row" : "element", expr: cast(moved(output.result), c.node.aval.dtype) });
    return true;
  }

  /** Notes the units that a node comes after; false where one of them needs the group. */
  private awaited(g: Group, { after }: Node, deps: Set<Unit>): boolean {
    for (const unit of after === undefined ? [] : this.unitsOf(after)) {
      if (unit === g) continue;
      if (this.order.depends(unit, g)) return false;
      deps.add(unit);
    }
    return true;
  }

  /** Where a value is computed: its unit, or those of what it is read from. */
  private unitsOf(v: Value): Unit[] {
    const own = this.unitOf.get(v);
    return own !== undefined ? [own] : this.lazyOf(v).loads.flatMap(({ source }) => this.unitOf.get(source) ?? []);
  }

  /** The expressions of a candidate's operands in a group, or undefined where one of them cannot be had there. */
  private resolve(g: Group, c: Candidate, level: Level, deps: Set<Unit>): Expr[] | undefined {
    const out: Expr[] = [];
    for (const o of c.operands) {
      const loads: Expr[] = [];
      for (const l of o.loads) {
        const strides = g.along(c.shape, l.strides, level);
        const found = this.readIn(g, l, strides, deps);
        if (found === undefined) return undefined;
        loads.push(found);
      }
      out.push(substitute(o.expr, loads));
    }
    return out;
  }

  /** What a load is in a group: the expression of a member, or an operand. */
  private readIn(g: Group, l: Load, strides: readonly number[], deps: Set<Unit>): Expr | undefined {
    const member = g.memberAt(l, strides);
    if (member === "no") return undefined;
    if (member !== undefined) return member.expr;
    const unit = this.unitOf.get(l.source);
    if (unit === g) return undefined;
    if (unit !== undefined && this.order.depends(unit, g)) return undefined;
    const at = g.operand({ source: l.source, dtype: l.dtype, strides, offset: l.offset, indirect: l.indirect });
    if (at === undefined) return undefined;
    if (unit !== undefined) deps.add(unit);
    this.store(l.source);
    return load(at, l.dtype);
  }

  /** True where joining saves memory traffic: the candidate reads a member of the group, or a buffer that it reads in the same order. */
  private sharesWork(g: Group, c: Candidate): boolean {
    const big = c.operands.flatMap((o) => o.loads.filter((l) => isWalked(o.shape, l)));
    return (
      big.some((l) => g.members.has(l.source)) ||
      big.some((l) => g.loads.some((have) => have.source === l.source && have.offset === l.offset && !have.indirect))
    );
  }

  /** True where nothing but `node` reads the members of the group. */
  private onlyFeeds(g: Group, node: Node): boolean {
    return [...g.members.keys()].every(
      (m) => !this.returned.has(m) && (this.users.get(m) ?? []).every((u) => u === node || g.members.has(u)),
    );
  }
}
