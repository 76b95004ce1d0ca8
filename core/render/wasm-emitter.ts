/**
 * The part of code generation that walks iteration axes: loops with their pointers, and expressions evaluated once at the
 * outermost level where their arguments are known. Inside a vector loop an expression that moves along the vector axis is a
 * vector (or several, where the loop is unrolled); everything else stays scalar and is spread over the lanes when needed.
 */
import { sizeOf } from "../base/dtype.ts";
import { assert } from "../base/errors.ts";
import type { Kernel, Operand } from "../kernel/kernel.ts";
import { levelsOf } from "../kernel/level.ts";
import { type Expr, operandsOf, postorder } from "../kernel/scalar-expr.ts";
import type { FunctionBuilder, Imports, MemoryOp } from "./wasm-assembler.ts";
import { allOperands, type Site, storeRoots, type Word, wordsOf } from "./wasm-layout.ts";
import { emitScalar, SCALAR_TYPE, scalarConstant } from "./wasm-scalar.ts";
import { loadTile } from "./wasm-tile.ts";
import { emitVector, loadVector, splat, type VectorMode, vectorBytes, vectorConstant } from "./wasm-vector.ts";

/** Runs `flush` after every `rounds` rounds of a loop and after the last. */
export interface Blocks {
  readonly rounds: number;
  readonly flush: () => void;
}

interface Scope {
  readonly parent: Scope | undefined;
  readonly scalars: Map<Expr, number>;
  readonly splats: Map<Expr, number>;
  readonly vectors: Map<Expr, readonly number[]>;
}

export class Emitter {
  readonly f: FunctionBuilder;
  readonly imports: Imports;
  readonly kernel: Kernel;
  readonly operands: readonly Operand[];
  readonly sites: Site[] = [];
  /** Set while code inside a vector loop is emitted. */
  mode: VectorMode | undefined;
  private readonly levels: Map<Expr, number>;
  /** The current address of each operand, then of each output. */
  private pointers: number[];
  /** The current coordinate along each axis whose loop is open. */
  private readonly coordinates: number[] = [];
  private readonly words: { readonly word: Word; readonly local: number }[];
  private scope: Scope = { parent: undefined, scalars: new Map(), splats: new Map(), vectors: new Map() };

  /** `f` has the parameters (outs…, inputs…, last) of a kernel. */
  constructor(f: FunctionBuilder, imports: Imports, kernel: Kernel) {
    this.f = f;
    this.imports = imports;
    this.kernel = kernel;
    this.operands = allOperands(kernel);
    const roots = [...kernel.reductions.map((r) => r.of), ...kernel.outputs.flatMap(storeRoots)];
    // A result may read what the program itself has put into the output.
    this.levels = levelsOf({ ...kernel, operands: this.operands }, postorder(roots));
    this.pointers = [...kernel.operands.map((_, i) => kernel.outputs.length + i), ...kernel.outputs.keys()];
    const last = this.operands.length;
    const words = wordsOf(kernel);
    if (words.length === 0 && kernel.rank === 1) this.words = [{ word: { kind: "extent", axis: 0 }, local: last }];
    else
      this.words = words.map((word, i) => {
        const local = f.local("i32");
        f.get(last)
          .memory("i32.load", i * 4)
          .set(local);
        return { word, local };
      });
  }

  level(e: Expr): number {
    return this.levels.get(e) as number;
  }

  extent(axis: number): number {
    return this.word((w) => w.kind === "extent" && w.axis === axis);
  }

  /** Defines a finished reduction's value: a scalar local, or the vector locals of the current mode. */
  define(e: Expr, locals: number | readonly number[]): void {
    if (typeof locals === "number") this.scope.scalars.set(e, locals);
    else this.scope.vectors.set(e, locals);
  }

  /** Emits everything below `roots` whose level is at most `level`, but what needs reductions that are not finished. */
  evaluate(roots: readonly Expr[], level: number): void {
    const waiting = new Set<Expr>();
    for (const e of postorder(roots)) {
      if (e.kind === "const" || this.level(e) > level) continue;
      const isUnfinished = e.kind === "reduced" && this.find("scalars", e) === undefined && this.find("vectors", e) === undefined;
      if (isUnfinished || operandsOf(e).some((arg) => waiting.has(arg))) {
        waiting.add(e);
        continue;
      }
      if (this.mode?.varies(e)) {
        if (this.find("vectors", e) === undefined) this.scope.vectors.set(e, this.vectors(e, this.mode));
      } else if (this.find("scalars", e) === undefined) this.scope.scalars.set(e, this.scalar(e));
    }
  }

  /** Leaves the scalar value of an evaluated expression on the stack. */
  pushScalar(e: Expr): void {
    if (e.kind === "const") {
      scalarConstant(this.f, e.value, e.dtype);
      return;
    }
    const local = this.find("scalars", e);
    assert(local !== undefined, `an expression of kind ${e.kind} is used before it can be computed`);
    this.f.get(local);
  }

  /** Leaves copy `copy` of the vector of an evaluated expression on the stack. */
  pushVector(e: Expr, copy: number): void {
    if (e.kind === "const") vectorConstant(this.f, e.value, e.dtype);
    else if ((this.mode as VectorMode).varies(e)) this.f.get((this.find("vectors", e) as readonly number[])[copy] as number);
    else this.f.get(this.spread(e));
  }

  /** Spreads what a vector loop over `roots` will need of the scalars known now, so that it is not done in every round. */
  spreadAhead(roots: readonly Expr[], varies: (e: Expr) => boolean): void {
    const needed = postorder(roots).flatMap((e) => (varies(e) ? operandsOf(e).filter((arg) => !(e.kind === "load" && arg === e.at)) : []));
    for (const e of [...needed, ...roots]) if (e.kind !== "const" && !varies(e) && this.find("scalars", e) !== undefined) this.spread(e);
  }

  /** Leaves the current address of an operand (of its part in copy `copy` of a tile) on the stack. */
  pushAddress(operand: number, copy = 0): void {
    this.f.get(this.pointers[operand] as number);
    const across = this.mode?.across;
    if (across !== undefined && copy > 0) this.addSteps(operand, across, () => this.f.i32(copy));
  }

  /** Adds to the address on the stack what `count` (left on the stack by it) steps of an operand along an axis take. */
  addSteps(operand: number, axis: number, count: () => void): void {
    if (this.access(operand, axis) === "fixed") return;
    count();
    this.pushStep(operand, axis);
    this.f.op("i32.mul", "i32.add");
  }

  /** Runs `body` with addresses moved by `move`, in vectors of `mode` where one is given. */
  moved(
    used: ReadonlySet<number>,
    move: (operand: number) => void,
    mode: VectorMode | undefined,
    roots: readonly Expr[],
    body: () => void,
  ): void {
    const saved = this.pointers;
    this.pointers = [...saved];
    for (const k of used) {
      const pointer = this.f.local("i32");
      this.f.get(saved[k] as number);
      move(k);
      this.f.set(pointer);
      this.pointers[k] = pointer;
    }
    this.mode = mode;
    this.scope = { parent: this.scope, scalars: new Map(), splats: new Map(), vectors: new Map() };
    this.evaluate(roots, this.kernel.rank);
    body();
    this.scope = this.scope.parent as Scope;
    this.mode = undefined;
    this.pointers = saved;
  }

  /** Runs `body` for every coordinate of `axis`; pointers of the operands in `used` move along. */
  axisLoop(axis: number, roots: readonly Expr[], used: ReadonlySet<number>, body: () => void, blocks?: Blocks): void {
    const { f } = this;
    const saved = this.pointers;
    this.pointers = [...saved];
    const moving = [...used].filter((k) => this.access(k, axis) !== "fixed");
    for (const k of moving) {
      const pointer = f.local("i32");
      f.get(saved[k] as number).set(pointer);
      this.pointers[k] = pointer;
    }
    const i = f.local("i32");
    f.i32(0).set(i);
    this.counted(i, this.extent(axis), 1, blocks, () => {
      this.inside(axis, i, roots, body);
      for (const k of moving) {
        this.pushStep(k, axis);
        f.get(this.pointers[k] as number)
          .op("i32.add")
          .set(this.pointers[k] as number);
      }
    });
    this.pointers = saved;
  }

  /** Runs `body` along a unit axis: in `copies` vectors at once, then in single vectors, then element by element. */
  vectorLoop(mode: VectorMode, roots: readonly Expr[], used: ReadonlySet<number>, body: () => void, blocks?: Blocks): void {
    const { f } = this;
    const { axis, lanes, copies } = mode;
    const i = f.local("i32");
    const bound = f.local("i32");
    f.i32(0).set(i);
    for (const count of copies > 1 ? [copies, 1, 0] : [1, 0]) {
      const step = count === 0 ? 1 : count * lanes;
      f.get(this.extent(axis)).i32(-step).op("i32.and").set(bound);
      this.counted(i, bound, step, count === copies ? blocks : undefined, () => {
        const saved = this.pointers;
        this.pointers = this.offsetPointers(axis, i, used);
        this.mode = count === 0 ? undefined : { ...mode, copies: count };
        this.inside(axis, i, roots, body);
        this.mode = undefined;
        this.pointers = saved;
      });
    }
  }

  /** Checks the index in local `at`; an index out of range is reported once and becomes 0. Returns the local of "is in range". */
  check(operand: number, at: number, e: Expr): number {
    const { f } = this;
    const ok = f.local("i32");
    const level = this.level(e);
    this.sites.push({ operand, level });
    const site = this.sites.length;
    f.get(at)
      .get(this.word((w) => w.kind === "index-extent" && w.operand === operand))
      .op("i32.lt_u")
      .tee(ok)
      .op("i32.eqz");
    const cell = this.word((w) => w.kind === "error-cell");
    f.if(() => {
      f.get(cell).memory("i32.load").op("i32.eqz");
      f.if(() => {
        f.get(cell).i32(site).memory("i32.store");
        f.get(cell).get(at).memory("i32.store", 4);
        for (let axis = 0; axis < level; axis++)
          f.get(cell)
            .get(this.coordinates[axis] as number)
            .memory("i32.store", 8 + axis * 4);
      });
      f.i32(0).set(at);
    });
    return ok;
  }

  /** Adds `at · index stride` to the address on the stack. */
  addIndex(operand: number, at: number): void {
    this.f
      .get(at)
      .get(this.word((w) => w.kind === "index-stride" && w.operand === operand))
      .op("i32.mul", "i32.add");
  }

  private inside(axis: number, i: number, roots: readonly Expr[], body: () => void): void {
    this.scope = { parent: this.scope, scalars: new Map(), splats: new Map(), vectors: new Map() };
    this.coordinates[axis] = this.coordinate(axis, i);
    this.evaluate(roots, axis + 1);
    body();
    this.scope = this.scope.parent as Scope;
  }

  /** The local of the coordinate: the round `i` of the loop, counted from where this part of the launch starts. */
  private coordinate(axis: number, i: number): number {
    const start = this.words.find(({ word }) => word.kind === "start" && word.axis === axis);
    if (start === undefined) return i;
    const coordinate = this.f.local("i32");
    this.f.get(i).get(start.local).op("i32.add").set(coordinate);
    return coordinate;
  }

  /** Runs `body` while i < bound, adding `step` to i after each round. */
  private counted(i: number, bound: number, step: number, blocks: Blocks | undefined, body: () => void): void {
    const { f } = this;
    const rounds = (end: number) =>
      f.doWhile(() => {
        body();
        f.get(i).i32(step).op("i32.add").tee(i).get(end).op("i32.lt_u");
      });
    f.get(i).get(bound).op("i32.lt_u");
    f.if(() => {
      if (blocks === undefined) {
        rounds(bound);
        return;
      }
      const end = f.local("i32");
      f.doWhile(() => {
        f.get(i)
          .i32(blocks.rounds * step)
          .op("i32.add")
          .tee(end)
          .get(bound)
          .get(end)
          .get(bound)
          .op("i32.lt_u", "select")
          .set(end);
        rounds(end);
        blocks.flush();
        f.get(i).get(bound).op("i32.lt_u");
      });
    });
  }

  private offsetPointers(axis: number, i: number, used: ReadonlySet<number>): number[] {
    const { f } = this;
    const pointers = [...this.pointers];
    const offsets = new Map<number, number>();
    for (const k of used) {
      if (this.access(k, axis) === "fixed") continue;
      const shift = sizeOf((this.operands[k] as Operand).dtype) === 8 ? 3 : 2;
      let offset = offsets.get(shift);
      if (offset === undefined) {
        offset = f.local("i32");
        f.get(i).i32(shift).op("i32.shl").set(offset);
        offsets.set(shift, offset);
      }
      const pointer = f.local("i32");
      f.get(this.pointers[k] as number)
        .get(offset)
        .op("i32.add")
        .set(pointer);
      pointers[k] = pointer;
    }
    return pointers;
  }

  /** Leaves the bytes of a step along an axis on the stack. */
  private pushStep(operand: number, axis: number): void {
    if (this.access(operand, axis) === "unit") this.f.i32(sizeOf((this.operands[operand] as Operand).dtype));
    else this.f.get(this.word((w) => w.kind === "stride" && w.operand === operand && w.axis === axis));
  }

  access(operand: number, axis: number): string {
    return (this.operands[operand] as Operand).access[axis] as string;
  }

  private word(matches: (w: Word) => boolean): number {
    const found = this.words.find((w) => matches(w.word));
    assert(found !== undefined, "a kernel reads a number that its layout lacks");
    return found.local;
  }

  private find<K extends "scalars" | "splats" | "vectors">(
    kind: K,
    e: Expr,
  ): (K extends "vectors" ? readonly number[] : number) | undefined {
    for (let s: Scope | undefined = this.scope; s; s = s.parent) {
      const found = s[kind].get(e);
      if (found !== undefined) return found as K extends "vectors" ? readonly number[] : number;
    }
    return undefined;
  }

  private spread(e: Expr): number {
    const known = this.find("splats", e);
    if (known !== undefined) return known;
    const local = this.f.local("v128");
    this.pushScalar(e);
    splat(this.f, e.dtype);
    this.f.set(local);
    this.scope.splats.set(e, local);
    return local;
  }

  private scalar(e: Expr): number {
    const { f } = this;
    const local = f.local(SCALAR_TYPE[e.dtype]);
    if (e.kind === "load") {
      const at = e.at === undefined ? undefined : this.checkedIndex(e.operand, e.at);
      this.pushAddress(e.operand);
      if (at !== undefined) this.addIndex(e.operand, at);
      f.memory(`${SCALAR_TYPE[e.dtype]}.load` as MemoryOp);
    } else if (e.kind === "index") f.get(this.coordinates[e.axis] as number);
    else if (e.kind === "const" || e.kind === "reduced") assert(false, `a leaf ${e.kind} is not computed`);
    else emitScalar(f, this.imports, e, (arg) => this.pushScalar(arg));
    f.set(local);
    return local;
  }

  private vectors(e: Expr, mode: VectorMode): readonly number[] {
    const { f } = this;
    if (e.kind === "load" && mode.across !== undefined) return loadTile(this, e.operand, e.dtype, mode);
    const at = e.kind === "load" && e.at !== undefined ? this.checkedIndex(e.operand, e.at) : undefined;
    return Array.from({ length: mode.copies }, (_, copy) => {
      const local = f.local("v128");
      if (e.kind === "load") {
        this.pushAddress(e.operand);
        if (at !== undefined) this.addIndex(e.operand, at);
        loadVector(f, e.dtype, mode.lanes, copy * vectorBytes(e.dtype, mode.lanes));
      } else if (e.kind === "index") {
        const first = copy * mode.lanes;
        f.get(this.coordinates[e.axis] as number).op("i32x4.splat");
        f.v128(Int32Array.of(first, first + 1, first + 2, first + 3)).op("i32x4.add");
      } else if (e.kind === "const" || e.kind === "reduced") assert(false, `a leaf ${e.kind} is not computed`);
      else emitVector(f, this.imports, mode.lanes, e, (arg) => this.pushVector(arg, copy));
      f.set(local);
      return local;
    });
  }

  private checkedIndex(operand: number, e: Expr): number {
    const at = this.f.local("i32");
    this.pushScalar(e);
    this.f.set(at);
    this.check(operand, at, e);
    return at;
  }
}
