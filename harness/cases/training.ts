/**
 * Five steps of full-batch training with the engine's gradients, against the losses and parameter norms of a reference file. The
 * update is done here in float64, so that the gradient is what is checked.
 */
import type { FloatDType } from "../../core/base/dtype.ts";
import { scope } from "../../core/tensor/scope.ts";
import { createTensor, type Tensor } from "../../core/tensor/tensor.ts";
import type { Prepared, Tree } from "../../engines/engine.ts";
import { flatNumbers, maxError } from "./compare.ts";
import type { GoldenTensor, Trajectory } from "./formats.ts";

export type OptimiserName = "sgd" | "momentum" | "adam";

/** A model's loss made ready in a dtype, with its data. */
export interface Trainee {
  readonly prepared: Prepared;
  readonly data: Tree;
  readonly dtype: FloatDType;
}

interface Outcome {
  readonly losses: readonly number[];
  /** Sum of squares of each parameter after the last step. */
  readonly norms: ReadonlyMap<string, number>;
}

/** Trains from `params`; as many losses as the reference has, the last one taken after the last step. */
export function train(name: OptimiserName, reference: Trajectory, params: readonly GoldenTensor[], trainee: Trainee): Outcome {
  const { prepared, data, dtype } = trainee;
  const state = params.map((p) => ({ ...p, values: Float64Array.from(p.data), update: optimiser(name, reference.lr, p.data.length) }));
  const losses: number[] = [];
  const steps = reference.losses.length - 1;
  for (let t = 1; t <= steps + 1; t++) {
    scope(() => {
      const now = Object.fromEntries(state.map((s) => [s.name, createTensor(s.values, s.shape, dtype)]));
      const { value, grad } = prepared.valueAndGrad([now, data]);
      losses.push(flatNumbers(value)?.[0] ?? Number.NaN);
      const gradient = grad[0] as Readonly<Record<string, Tensor>>;
      if (t <= steps) for (const s of state) s.update(s.values, (gradient[s.name] as Tensor).toArray(), t);
    });
  }
  return { losses, norms: new Map(state.map((s) => [s.name, s.values.reduce((sum, v) => sum + v * v, 0)])) };
}

/** The errors of a training, by what they are of. */
export function trainingErrors(name: OptimiserName, got: Outcome, want: Trajectory): ReadonlyMap<string, number> {
  const errors = new Map([[`losses of ${name}`, maxError(got.losses, want.losses)]]);
  for (const [parameter, norm] of Object.entries(want.param_sqnorm))
    errors.set(`|${parameter}|² after ${name}`, maxError([got.norms.get(parameter) ?? Number.NaN], [norm]));
  return errors;
}

/**
 * How far the training moves, in float64, where its first parameters are rounded to f32 once: the least that computing in f32 can
 * do. A trajectory that jumps about magnifies that rounding a thousandfold. By the names of `trainingErrors`.
 */
export function conditioning(
  name: OptimiserName,
  reference: Trajectory,
  params: readonly GoldenTensor[],
  trainee: Trainee,
): ReadonlyMap<string, number> {
  const exact = train(name, reference, params, trainee);
  const rounded = train(
    name,
    reference,
    params.map((p) => ({ ...p, data: p.data.map(Math.fround) })),
    trainee,
  );
  const norms = Object.fromEntries(Object.keys(reference.param_sqnorm).map((k) => [k, exact.norms.get(k) ?? Number.NaN]));
  return trainingErrors(name, rounded, { lr: reference.lr, losses: [...exact.losses], param_sqnorm: norms });
}

/** Changes the entries of one parameter at step t (from 1), given its gradient; keeps what the optimiser remembers. */
type Update = (p: Float64Array, g: ArrayLike<number>, t: number) => void;

function optimiser(name: OptimiserName, lr: number, size: number): Update {
  const m = new Float64Array(size);
  const s = new Float64Array(size);
  return (p, g, t) => {
    for (let i = 0; i < size; i++) {
      const gi = g[i] as number;
      let change = gi;
      if (name === "momentum") {
        m[i] = 0.9 * (m[i] as number) + gi;
        change = m[i] as number;
      } else if (name === "adam") {
        m[i] = 0.9 * (m[i] as number) + 0.1 * gi;
        s[i] = 0.999 * (s[i] as number) + 0.001 * gi * gi;
        change = (m[i] as number) / (1 - 0.9 ** t) / (Math.sqrt((s[i] as number) / (1 - 0.999 ** t)) + 1e-8);
      }
      p[i] = (p[i] as number) - lr * change;
    }
  };
}
