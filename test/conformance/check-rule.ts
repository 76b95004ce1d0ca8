/** One application of a primitive, differentiated by the tape and held against the oracles; the errors found. */
import { createRng } from "../../core/base/rng.ts";
import type { AnyPrimitive } from "../../core/primitive.ts";
import { type PrimitiveName, primitives } from "../../core/primitives/table.ts";
import { apply } from "../../core/tensor/apply.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { scope } from "../../core/tensor/scope.ts";
import { createTensor, currentDevice, type Tensor } from "../../core/tensor/tensor.ts";
import type { Value } from "../../core/tensor/traced.ts";
import { avalOf, valueOps } from "../../core/tensor/values.ts";
import { grad, jvp, vjp } from "../../engines/tape/transforms.ts";
import { directional, dot, worst } from "./oracle.ts";
import { draw, type Sample, symmetrised } from "./samples.ts";

export interface RuleErrors {
  readonly jvp: number;
  readonly vjp: number;
  readonly transpose: number;
  readonly second: number;
  readonly leakedBytes: number;
}

type Fn = (...args: unknown[]) => unknown;

export function checkRule(name: PrimitiveName, sample: Sample<unknown>, seed: number): RuleErrors {
  const rng = createRng(seed);
  const primitive = primitives[name] as AnyPrimitive;
  const values = sample.inputs.map((spec) => draw(spec, rng));
  // The order of a polygamma is a constant; integers and truth values have no derivative.
  const free = sample.inputs
    .map((spec, i) => ((spec.dtype ?? "f64") === "f64" && !(name === "polygamma" && i === 0) ? i : -1))
    .filter((i) => i >= 0);
  const tensor = (i: number, v: Float64Array) => {
    const spec = sample.inputs[i] as Sample<unknown>["inputs"][number];
    return createTensor(v, spec.shape, spec.dtype ?? "f64");
  };
  const at = (xs: readonly Value[]) =>
    apply(
      primitive,
      values.map((v, i) => (free.includes(i) ? (xs[free.indexOf(i)] as Value) : tensor(i, v))),
      sample.params,
    );
  const host = (v: unknown) => Float64Array.from((v as Tensor).toArray());
  const point = free.map((i) => values[i] as Float64Array);
  const numeric = (f: (xs: readonly Tensor[]) => readonly Value[]) => (x: readonly Float64Array[]) =>
    scope(() => Float64Array.from(f(x.map((v, j) => tensor(free[j] as number, v))).flatMap((y) => [...host(y)])));

  releaseConstants();
  const before = currentDevice().stats().liveBytes;
  const errors = scope(() => {
    const xs = point.map((v, j) => tensor(free[j] as number, v));
    const tangents = point.map((v, j) => {
      const { symmetric, shape } = sample.inputs[free[j] as number] as Sample<unknown>["inputs"][number];
      const t = rng.uniform(v.length).map((u) => 2 * u - 1);
      return symmetric ? symmetrised(t, shape.at(-1) as number) : t;
    });
    const ts = tangents.map((v, j) => tensor(free[j] as number, v));
    const y = at(xs) as Tensor;
    const direction = rng.uniform(y.aval.size).map((u) => 2 * u - 1);
    const ct = createTensor(direction, y.shape, "f64");

    const [, dy] = jvp(at as Fn, xs, ts);
    const wantDy = directional(
      numeric((p) => [at(p)]),
      point,
      tangents,
    );
    const back = (vjp(at as Fn, xs)[1](ct) as Tensor[]).map(host);
    const pulled = dot(back, tangents);
    const pushed = dot([host(dy)], [direction]);
    // phi = ½ Σ ct·y²: its gradient along a direction is the oracle of the vjp, its derivative that of the second order.
    const phi = (p: readonly Value[]) => {
      const q = at(p);
      const axes = avalOf(q).shape.map((_, i) => i);
      return valueOps.sum(valueOps.mul(valueOps.mul(ct, 0.5), valueOps.square(q)), axes, false);
    };
    const gradPhi = (p: unknown) => grad(phi as Fn)(p) as Tensor[];
    const [g, hv] = jvp(gradPhi as Fn, xs, ts) as [Tensor[], Tensor[]];
    const wantSlope = directional(
      numeric((p) => [phi(p)]),
      point,
      tangents,
    );
    const wantHv = directional(
      numeric((p) => gradPhi(p)),
      point,
      tangents,
    );
    return {
      jvp: worst(host(dy), wantDy),
      vjp: worst(Float64Array.of(dot(g.map(host), tangents)), wantSlope),
      transpose: Math.abs(pulled - pushed) / Math.max(1, Math.abs(pushed)),
      second: worst(Float64Array.from(hv.flatMap((v) => [...host(v)])), wantHv),
    };
  });
  releaseConstants();
  return { ...errors, leakedBytes: currentDevice().stats().liveBytes - before };
}
