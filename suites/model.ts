/**
 * What a model file says: one file is one model, found by scanning the folders of `suites`; the folder's name is the suite.
 * A model gives its sizes, its parameters and data for a size, and its loss in plain TypeScript over `core/ops`; optionally a
 * hand-written gradient in direct kernel calls, the floor against which the overhead of differentiation is measured.
 */
import type { FloatDType } from "../core/base/dtype.ts";
import type { Rng } from "../core/base/rng.ts";
import type { Tensor } from "../core/ops.ts";

/** Named integers of one size of a model: batch, width, number of points. */
export type Size = Readonly<Record<string, number | string>>;

/** What parameters and data are made from. Everything is deterministic in the seed. */
export interface Materials {
  /** Seeded, counter-based random numbers, equal on every device. */
  readonly rng: Rng;
  /** The dtype of this case. */
  readonly dtype: FloatDType;
  /** Text of a file below `suites/data` (files ending in .gz are unpacked). */
  text(file: string): string;
  /** A tensor of the case's dtype. */
  tensor(values: ArrayLike<number>, shape: readonly number[]): Tensor;
  /** A tensor of i32 labels or indices. */
  indices(values: ArrayLike<number>, shape: readonly number[]): Tensor;
}

export interface Model<P = unknown, B = unknown> {
  readonly name: string;
  /** One line for `bench list`. */
  readonly summary: string;
  readonly sizes: Readonly<Record<string, Size>>;
  /** The sizes of `--quick`; the first one where absent. */
  readonly quick?: readonly string[];
  /** dtypes that the model is measured in; f32 where absent. */
  readonly dtypes?: readonly FloatDType[];
  params(size: Size, m: Materials): P;
  batch(size: Size, m: Materials): B;
  /** The scalar that is differentiated with respect to `params`. */
  loss(params: P, batch: B): Tensor;
  /** Value and gradient (shaped like `params`) without any engine. */
  readonly handwritten?: (params: P, batch: B) => { value: Tensor; gradient: P };
}

/** Checks nothing and changes nothing: it gives the literal its type. */
export function defineModel<P, B>(model: Model<P, B>): Model<P, B> {
  return model;
}
