/**
 * Accumulators of reductions. Along a vector axis each lane folds its own share and the lanes are joined at the end; in a loop
 * whose lanes are different rows each lane is a result of its own. Sums of f32 run in f32 lanes for a block of rounds and are
 * then added to float64 partial sums, so their error stays that of a short sum; the order is fixed.
 */
import type { DType } from "../base/dtype.ts";
import type { Reduction } from "../kernel/kernel.ts";
import type { PlainOp, ValueType } from "./wasm-assembler.ts";
import type { Blocks, Emitter } from "./wasm-emitter.ts";
import { castScalar, SCALAR_TYPE, scalarConstant } from "./wasm-scalar.ts";
import { extractLane, type VectorMode, vectorConstant } from "./wasm-vector.ts";

/** Rounds of a vector loop between two additions to the float64 sums: with 4 lanes, chains of 256 f32 additions. */
const BLOCK_ROUNDS = 256;

export interface Accumulator {
  readonly blocks: Blocks | undefined;
  /** Folds the current value of the reduction's expression, in the emitter's current mode. */
  step(): void;
  /** The local of the scalar result, or the locals of the vectors of results. */
  finish(): number | readonly number[];
}

type Fold = "sum" | "max" | "min";

/** Truth values are summed as their maximum. */
function foldOf(r: Reduction): Fold {
  if (r.op === "sum") return r.of.dtype === "bool" ? "max" : "sum";
  return r.op === "max" ? "max" : "min";
}

export function identityOf(fold: Fold, dtype: DType): number {
  if (fold === "sum") return 0;
  const isMax = fold === "max";
  if (dtype === "bool") return isMax ? 0 : 1;
  if (dtype === "i32") return isMax ? -2147483648 : 2147483647;
  return isMax ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** Joins the two scalars on the stack. */
function joinScalars(em: Emitter, fold: Fold, type: ValueType, isBool: boolean): void {
  const { f } = em;
  if (isBool) f.op(fold === "max" ? "i32.or" : "i32.and");
  else if (fold === "sum") f.op(`${type}.add` as PlainOp);
  else if (type === "i32") {
    const x = f.local("i32");
    const y = f.local("i32");
    f.set(y)
      .tee(x)
      .get(y)
      .get(x)
      .get(y)
      .op(fold === "max" ? "i32.gt_s" : "i32.lt_s", "select");
  } else f.op(`${type}.${fold}` as PlainOp);
}

/** Joins the two vectors on the stack. */
function joinVectors(em: Emitter, fold: Fold, dtype: DType): void {
  const shape = dtype === "f64" ? "f64x2" : dtype === "f32" ? "f32x4" : "i32x4";
  if (dtype === "bool") em.f.op(fold === "max" ? "v128.or" : "v128.and");
  else if (fold === "sum") em.f.op(`${shape}.add`);
  else em.f.op((dtype === "i32" ? `i32x4.${fold}_s` : `${shape}.${fold}`) as PlainOp);
}

/** A scalar accumulator; sums of f32 are float64. */
class ScalarFold {
  readonly local: number;
  private readonly em: Emitter;
  private readonly r: Reduction;
  private readonly fold: Fold;
  private readonly dtype: DType;

  constructor(em: Emitter, r: Reduction) {
    this.em = em;
    this.r = r;
    this.fold = foldOf(r);
    this.dtype = this.fold === "sum" && r.of.dtype === "f32" ? "f64" : r.of.dtype;
    this.local = em.f.local(SCALAR_TYPE[this.dtype]);
    scalarConstant(em.f, identityOf(this.fold, this.dtype), this.dtype);
    em.f.set(this.local);
  }

  /** Folds a scalar of the expression's dtype. */
  add(push: () => void): void {
    const { em } = this;
    em.f.get(this.local);
    push();
    castScalar(em.f, this.r.of.dtype, this.dtype);
    joinScalars(em, this.fold, SCALAR_TYPE[this.dtype], this.dtype === "bool");
    em.f.set(this.local);
  }

  /** Folds a scalar of the accumulator's dtype. */
  addWide(push: () => void): void {
    this.em.f.get(this.local);
    push();
    joinScalars(this.em, this.fold, SCALAR_TYPE[this.dtype], this.dtype === "bool");
    this.em.f.set(this.local);
  }

  finish(): number {
    const result = this.em.f.local(SCALAR_TYPE[this.r.dtype]);
    this.em.f.get(this.local);
    // A sum of f32 that is asked for in f64 (a part of a longer one) is not rounded on the way.
    if (this.dtype !== this.r.dtype) {
      castScalar(this.em.f, this.dtype, this.r.of.dtype);
      castScalar(this.em.f, this.r.of.dtype, this.r.dtype);
    }
    this.em.f.set(result);
    return result;
  }
}

/** For loops whose every round is one element. */
function scalarAccumulator(em: Emitter, r: Reduction): Accumulator {
  const fold = new ScalarFold(em, r);
  return { blocks: undefined, step: () => fold.add(() => em.pushScalar(r.of)), finish: () => fold.finish() };
}

/** The position of the first extreme, NaN counting as more extreme than any number. */
function positionAccumulator(em: Emitter, r: Reduction): Accumulator {
  const { f } = em;
  const dtype = r.of.dtype;
  const type = SCALAR_TYPE[dtype];
  const isMax = r.op === "argmax";
  const best = f.local(type);
  const position = f.local("i32");
  const count = f.local("i32");
  scalarConstant(f, identityOf(isMax ? "max" : "min", dtype), dtype);
  f.set(best).i32(0).set(position).i32(0).set(count);
  return {
    blocks: undefined,
    step() {
      const x = f.local(type);
      const wins = f.local("i32");
      em.pushScalar(r.of);
      f.tee(x).get(best);
      if (type === "i32") f.op(isMax ? "i32.gt_s" : "i32.lt_s");
      else
        f.op(`${type}.${isMax ? "gt" : "lt"}` as PlainOp)
          .get(x)
          .get(x)
          .op(`${type}.ne` as PlainOp)
          .get(best)
          .get(best)
          .op(`${type}.eq` as PlainOp, "i32.and", "i32.or");
      f.tee(wins);
      f.if(() => f.get(x).set(best).get(count).set(position));
      f.get(count).i32(1).op("i32.add").set(count);
    },
    finish: () => position,
  };
}

/** For vector loops along the reduced axis: vectors fold lane by lane, single elements into a scalar beside them. */
function lanesAccumulator(em: Emitter, r: Reduction, mode: VectorMode): Accumulator {
  const { f } = em;
  const fold = foldOf(r);
  const dtype = r.of.dtype;
  const scalar = new ScalarFold(em, r);
  const isF32Sum = fold === "sum" && dtype === "f32";
  // With two lanes an f32 is widened at once; with four, blocks of f32 sums go to `wide`.
  const isBlocked = isF32Sum && mode.lanes === 4;
  const vectorType: DType = isF32Sum && mode.lanes === 2 ? "f64" : dtype;
  const vectors = Array.from({ length: mode.copies }, () => f.local("v128"));
  const wide = f.local("v128");
  const reset = () => {
    for (const v of vectors) {
      vectorConstant(f, identityOf(fold, vectorType), vectorType);
      f.set(v);
    }
  };
  const joinCopies = () => {
    for (const [i, v] of vectors.entries()) {
      f.get(v);
      if (i > 0) joinVectors(em, fold, vectorType);
    }
  };
  const flush = () => {
    const t = f.local("v128");
    joinCopies();
    f.tee(t).op("f64x2.promote_low_f32x4").get(t).get(t).shuffle32(2, 3, 2, 3).op("f64x2.promote_low_f32x4", "f64x2.add");
    f.get(wide).op("f64x2.add").set(wide);
    reset();
  };
  reset();
  f.all("f64", 0).set(wide);
  return {
    blocks: isBlocked ? { rounds: BLOCK_ROUNDS, flush } : undefined,
    step() {
      if (em.mode === undefined) {
        scalar.add(() => em.pushScalar(r.of));
        return;
      }
      for (let copy = 0; copy < em.mode.copies; copy++) {
        const v = vectors[copy] as number;
        f.get(v);
        em.pushVector(r.of, copy);
        if (isF32Sum && !isBlocked) f.op("f64x2.promote_low_f32x4");
        joinVectors(em, fold, vectorType);
        f.set(v);
      }
    },
    finish() {
      if (isBlocked) flush();
      const total = f.local("v128");
      if (isBlocked) f.get(wide);
      else joinCopies();
      f.set(total);
      const totalType: DType = isF32Sum ? "f64" : dtype;
      for (let lane = 0; lane < (totalType === "f64" ? 2 : mode.lanes); lane++) {
        scalar.addWide(() => {
          f.get(total);
          extractLane(f, totalType, mode.lanes, lane);
        });
      }
      return scalar.finish();
    },
  };
}

/** For loops inside a vector loop: every lane is a row of its own. */
function rowsAccumulator(em: Emitter, r: Reduction, mode: VectorMode): Accumulator {
  const { f } = em;
  const fold = foldOf(r);
  const dtype = r.of.dtype;
  const isF32Sum = fold === "sum" && dtype === "f32";
  const isBlocked = isF32Sum && mode.lanes === 4;
  const vectorType: DType = isF32Sum && mode.lanes === 2 ? "f64" : dtype;
  const copies = Array.from({ length: mode.copies }, () => ({ sum: f.local("v128"), low: f.local("v128"), high: f.local("v128") }));
  for (const { sum, low, high } of copies) {
    vectorConstant(f, identityOf(fold, vectorType), vectorType);
    f.set(sum);
    if (isBlocked) f.all("f64", 0).tee(low).set(high);
  }
  const flush = () => {
    for (const { sum, low, high } of copies) {
      f.get(low).get(sum).op("f64x2.promote_low_f32x4", "f64x2.add").set(low);
      f.get(high).get(sum).get(sum).shuffle32(2, 3, 2, 3).op("f64x2.promote_low_f32x4", "f64x2.add").set(high);
      f.all("f32", 0).set(sum);
    }
  };
  return {
    blocks: isBlocked ? { rounds: BLOCK_ROUNDS, flush } : undefined,
    step() {
      for (const [copy, { sum }] of copies.entries()) {
        f.get(sum);
        em.pushVector(r.of, copy);
        if (isF32Sum && !isBlocked) f.op("f64x2.promote_low_f32x4");
        joinVectors(em, fold, vectorType);
        f.set(sum);
      }
    },
    finish() {
      return copies.map(({ sum, low, high }) => {
        if (isBlocked) f.get(low).op("f32x4.demote_f64x2_zero").get(high).op("f32x4.demote_f64x2_zero").shuffle32(0, 1, 4, 5).set(sum);
        else if (isF32Sum && r.dtype === "f32") f.get(sum).op("f32x4.demote_f64x2_zero").set(sum);
        return sum;
      });
    },
  };
}

/** The accumulator of a reduction: `along` is the vector loop that will walk the last reduced axis, if there is one. */
export function accumulator(em: Emitter, r: Reduction, along: VectorMode | undefined): Accumulator {
  if (em.mode) return rowsAccumulator(em, r, em.mode);
  if (r.op === "argmax" || r.op === "argmin") return positionAccumulator(em, r);
  return along ? lanesAccumulator(em, r, along) : scalarAccumulator(em, r);
}
