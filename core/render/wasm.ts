/**
 * From a kernel to a WebAssembly module. One of four shapes is chosen from the access patterns alone:
 *
 *  - along the last axis: maps, folds and row programs (softmax) whose operands are contiguous there are vector loops;
 *  - along the last outer axis: folds down the columns of a row-major matrix keep one result in each lane;
 *  - in tiles: maps that read a matrix along its other axis (transposing copies), see `wasm-tile.ts`;
 *  - element by element: everything else.
 *
 * A row program decides between the first and the last for each of its loops on its own. The module exports one function
 * `run(outs…, inputs…, last)`; `last` is the length of a flat map, otherwise the address of the block in `wasm-layout.ts`.
 */

import { isHeavy } from "../kernel/heavy.ts";
import type { Kernel, Operand, Output } from "../kernel/kernel.ts";
import { type Expr, operandsOf, postorder, reduced } from "../kernel/scalar-expr.ts";
import { isStoredByFold, keepLastStage } from "./keep-stage.ts";
import { accumulator } from "./wasm-accumulator.ts";
import { encodeModule, FunctionBuilder, type Import, Imports, type MemoryOp } from "./wasm-assembler.ts";
import { Emitter } from "./wasm-emitter.ts";
import { allOperands, type Site, storeRoots, type Word, wordsOf } from "./wasm-layout.ts";
import { SCALAR_TYPE } from "./wasm-scalar.ts";
import { tileLoops, tileMode } from "./wasm-tile.ts";
import { loadVector, storeVector, type VectorMode, vectorBytes } from "./wasm-vector.ts";

export interface RenderedKernel {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Float64 functions that the module imports from `env`, beside the memory. */
  readonly imports: readonly Import[];
  /** Where indices are checked; the function reports to the error cell. */
  readonly sites: readonly Site[];
  /** The words of a launch's block; none where the last argument is the length of a flat map. */
  readonly words: readonly Word[];
}

/** The module of a kernel; `isShared` says whether the memory that it imports is shared between threads. */
export function renderWasm(given: Kernel, isShared: boolean): RenderedKernel {
  const { kernel, kept } = keepLastStage(given);
  const imports = new Imports();
  const f = new FunctionBuilder(new Array(kernel.operands.length + kernel.outputs.length + 1).fill("i32"));
  const em = new Emitter(f, imports, kernel);
  new Program(em, kernel, kept).emit();
  return { bytes: encodeModule({ run: f }, imports.all(), isShared), imports: imports.all(), sites: em.sites, words: wordsOf(given) };
}

/** An output with its number among the operands. */
interface Stored extends Output {
  readonly number: number;
}

class Program {
  private readonly em: Emitter;
  private readonly kernel: Kernel;
  private readonly outer: number;
  /** The output in which the last fold also stores its elements, see `keepLastStage`. */
  private readonly kept: Stored | undefined;
  private readonly stored: readonly Stored[];
  /** Those that are stored after the folds. */
  private readonly elements: readonly Stored[];
  private readonly rows: readonly Stored[];
  private readonly prefixes: readonly Stored[];
  /** What may be computed before a row's loops: all but folds that check indices, which an empty fold must not do. */
  private readonly hoisted: readonly Expr[];

  constructor(em: Emitter, kernel: Kernel, kept: number | undefined) {
    this.em = em;
    this.kernel = kernel;
    this.outer = kernel.rank - kernel.reduced;
    this.stored = kernel.outputs.map((o, i): Stored => ({ ...o, number: kernel.operands.length + i }));
    this.kept = kept === undefined ? undefined : this.stored[kept];
    this.elements = this.stored.filter((o) => o.each === "element" && !isStoredByFold(o, o.number));
    this.rows = this.stored.filter((o) => o.each === "row");
    this.prefixes = this.stored.filter((o) => o.each === "prefix");
    this.hoisted = [...kernel.reductions.map((r) => r.of).filter((e) => !checksIndices(e)), ...kernel.outputs.flatMap(storeRoots)];
  }

  emit(): void {
    const { em, kernel } = this;
    const stages = kernel.reductions.map((r) => r.of);
    const all = this.hoisted;
    const used = this.usedBy([...stages, ...all], this.stored);
    em.evaluate(all, 0);
    const column = this.columnMode(stages);
    if (column) {
      this.nest(0, this.outer - 1, all, used, () => {
        em.spreadAhead(all, column.varies);
        em.vectorLoop(column, all, used, () => this.row());
      });
      return;
    }
    const tile = tileMode(em);
    if (tile) {
      this.nest(0, tile.across, all, used, () => tileLoops(em, tile, all, used, () => this.store(this.elements)));
    } else this.nest(0, kernel.reduced === 0 ? 0 : this.outer, all, used, () => this.row());
  }

  /** The folds and the stores of one outer point (of the whole space, for a map). */
  private row(): void {
    const { em, kernel } = this;
    for (const [stage, r] of kernel.reductions.entries()) {
      const kept = stage === kernel.reductions.length - 1 ? this.kept : undefined;
      const stores = kept ? [{ ...kept, result: r.of }] : this.prefixes;
      const roots = [r.of, ...this.prefixes.flatMap(storeRoots)];
      const scalar = em.mode || r.op === "argmax" || r.op === "argmin" || this.prefixes.length > 0;
      const along = scalar ? undefined : this.lastAxisMode(roots, stores);
      const acc = accumulator(em, r, along);
      const step = () => {
        acc.step();
        if (this.prefixes.length > 0) {
          em.define(reduced(stage, r.dtype), acc.finish());
          em.evaluate(roots, kernel.rank);
        }
        this.store(stores);
      };
      const walk = () => this.walk(this.outer, roots, this.usedBy(roots, stores), along, { blocks: acc.blocks, step });
      if (roots.some(checksIndices)) this.unlessEmpty(walk);
      else walk();
      em.define(reduced(stage, r.dtype), acc.finish());
      em.evaluate(this.hoisted, this.outer);
    }
    const { elements } = this;
    if (kernel.rank === 0) this.store(elements);
    else if (elements.length > 0) {
      const roots = elements.flatMap(storeRoots);
      const along = em.mode ? undefined : this.lastAxisMode(roots, elements);
      const step = () => this.store(elements);
      this.walk(kernel.reduced === 0 ? 0 : this.outer, roots, this.usedBy(roots, elements), along, { blocks: undefined, step });
    }
    this.store(this.rows);
  }

  /** Runs `body` where there is anything to reduce. */
  private unlessEmpty(body: () => void): void {
    const { f } = this.em;
    f.i32(1);
    for (let axis = this.outer; axis < this.kernel.rank; axis++) f.get(this.em.extent(axis)).i32(0).op("i32.ne", "i32.and");
    f.if(body);
  }

  /** Loops over axes `from` to the last, in vectors along the last where `along` says so. */
  private walk(
    from: number,
    roots: readonly Expr[],
    used: ReadonlySet<number>,
    along: VectorMode | undefined,
    acc: { readonly blocks: Parameters<Emitter["axisLoop"]>[4]; step(): void },
  ): void {
    const { em } = this;
    const last = this.kernel.rank - 1;
    this.nest(from, last, roots, used, () => {
      if (along === undefined) em.axisLoop(last, roots, used, () => acc.step(), acc.blocks);
      else {
        em.spreadAhead(roots, along.varies);
        em.vectorLoop(along, roots, used, () => acc.step(), acc.blocks);
      }
    });
  }

  /** Scalar loops over axes `from` to `to` (exclusive) around `body`. */
  private nest(from: number, to: number, roots: readonly Expr[], used: ReadonlySet<number>, body: () => void): void {
    if (from >= to) body();
    else this.em.axisLoop(from, roots, used, () => this.nest(from + 1, to, roots, used, body));
  }

  /** Stores evaluated results at the current point, in the current mode. */
  private store(outputs: readonly Stored[]): void {
    const { em } = this;
    const { f, mode } = em;
    for (const o of outputs) {
      const write = (at: number | undefined) => {
        const address = (copy = 0) => {
          em.pushAddress(o.number, copy);
          if (at !== undefined) em.addIndex(o.number, at);
        };
        if (mode === undefined) this.storeScalar(address, o);
        else for (let copy = 0; copy < mode.copies; copy++) this.storeVectors(address, o, mode, copy);
      };
      if (o.storeAt === undefined) {
        write(undefined);
        continue;
      }
      const at = f.local("i32");
      em.pushScalar(o.storeAt);
      f.set(at).get(em.check(o.number, at, o.storeAt));
      f.if(() => write(at));
    }
  }

  private storeScalar(address: () => void, { result, dtype, accumulate }: Output): void {
    const { em } = this;
    const type = SCALAR_TYPE[dtype] as "i32" | "f32" | "f64";
    address();
    em.pushScalar(result);
    if (accumulate) {
      address();
      em.f.memory(`${type}.load` as MemoryOp);
      em.f.op(dtype === "bool" ? "i32.or" : `${type}.add`);
    }
    em.f.memory(`${type}.store` as MemoryOp);
  }

  private storeVectors(address: (copy: number) => void, { result, dtype, accumulate }: Output, mode: VectorMode, copy: number): void {
    const { em } = this;
    const offset = mode.across === undefined ? copy * vectorBytes(dtype, mode.lanes) : 0;
    address(copy);
    em.pushVector(result, copy);
    if (accumulate) {
      address(copy);
      loadVector(em.f, dtype, mode.lanes, offset);
      em.f.op(dtype === "bool" ? "v128.or" : dtype === "i32" ? "i32x4.add" : dtype === "f32" ? "f32x4.add" : "f64x2.add");
    }
    storeVector(em.f, dtype, mode.lanes, offset);
  }

  private usedBy(roots: readonly Expr[], stores: readonly Stored[]): ReadonlySet<number> {
    const used = new Set<number>(stores.map((o) => o.number));
    for (const e of postorder(roots)) if (e.kind === "load") used.add(e.operand);
    return used;
  }

  /** The vector loop along the last axis for these expressions, or undefined where the access patterns do not allow it. */
  private lastAxisMode(roots: readonly Expr[], stores: readonly Stored[]): VectorMode | undefined {
    return this.mode(this.kernel.rank - 1, roots, stores, () => false);
  }

  /** The vector loop along the last outer axis around whole row programs, where it is possible and the last axis is not better. */
  private columnMode(stages: readonly Expr[]): VectorMode | undefined {
    const { kernel } = this;
    if (kernel.reduced === 0 || this.outer === 0 || this.prefixes.length > 0) return undefined;
    if (kernel.outputs.some((o) => o.accumulate || o.storeAt)) return undefined;
    if (kernel.reductions.some((r) => r.op === "argmax" || r.op === "argmin")) return undefined;
    const movesAlongLast = stages.every((e) => this.lastAxisMode([e], []) !== undefined && this.movesAlong(kernel.rank - 1, e));
    if (movesAlongLast) return undefined;
    return this.mode(this.outer - 1, [...stages, ...this.stored.flatMap(storeRoots)], this.stored, (e) => e.kind === "reduced");
  }

  private movesAlong(axis: number, root: Expr): boolean {
    return postorder([root]).some((e) => e.kind === "load" && this.access(e.operand, axis) === "unit");
  }

  private mode(axis: number, roots: readonly Expr[], stores: readonly Stored[], extra: (e: Expr) => boolean): VectorMode | undefined {
    const ordered = postorder(roots);
    const varying = new Set<Expr>();
    for (const e of ordered) {
      if (e.kind === "load" && this.access(e.operand, axis) === "strided") return undefined;
      if (e.kind === "load" && e.at && varying.has(e.at)) return undefined;
      const moves = (e.kind === "load" && this.access(e.operand, axis) === "unit") || (e.kind === "index" && e.axis === axis) || extra(e);
      if (moves || operandsOf(e).some((arg) => varying.has(arg))) varying.add(e);
    }
    if (stores.some((o) => o.access[axis] !== "unit" || (o.storeAt && varying.has(o.storeAt)))) return undefined;
    const wide =
      ordered.some((e) => e.dtype === "f64" && varying.has(e)) ||
      stores.some((o) => o.dtype === "f64") ||
      roots.some((e) => e.dtype === "f64");
    const heavy = ordered.filter((e) => varying.has(e) && isHeavy(e)).length;
    const copies = heavy > 0 || varying.size > 16 ? 1 : 4;
    return { axis, lanes: wide ? 2 : 4, copies, varies: (e) => varying.has(e) };
  }

  private access(operand: number, axis: number): string {
    return (allOperands(this.kernel)[operand] as Operand).access[axis] as string;
  }
}

function checksIndices(root: Expr): boolean {
  return postorder([root]).some((e) => e.kind === "load" && e.at !== undefined);
}
