/**
 * The independent oracle of a gradient: central differences of the plain loss, in float64, along given directions. No derivative
 * rule and no engine takes part. Steps shrink geometrically, neighbours are extrapolated (Richardson 1911), and the disagreement
 * of successive extrapolations bounds the estimate's own error, as in Ridders (1982), so a kink nearby shows as uncertainty.
 */
import { BenchError } from "../core/base/errors.ts";
import type { Device } from "../core/device/device.ts";
import { scope } from "../core/tensor/scope.ts";
import { createTensor, Tensor, useDevice } from "../core/tensor/tensor.ts";
import type { Model } from "../suites/model.ts";
import { leavesOf, mapLeaves } from "./tree.ts";

/** Host copies of the floating-point leaves of a tree, by path. */
export type HostLeaves = ReadonlyMap<string, Float64Array>;

export interface Derivative {
  readonly estimate: number;
  /** How far the estimate may be off. */
  readonly uncertainty: number;
}

export interface Oracle {
  readonly point: HostLeaves;
  /** The loss at the point. */
  readonly value: number;
  /** The derivative of the loss along a direction (leaves that are absent stay still). Stops refining below `enough`. */
  directional(direction: HostLeaves, enough: number): Derivative;
}

/** Copies of the differentiable leaves: numbers and float tensors. Integers and masks are data. */
export function hostLeaves(tree: unknown): Map<string, Float64Array> {
  const leaves = new Map<string, Float64Array>();
  for (const { path, value } of leavesOf(tree)) {
    if (typeof value === "number") leaves.set(path, Float64Array.of(value));
    else if (value instanceof Tensor && (value.dtype === "f32" || value.dtype === "f64"))
      leaves.set(path, Float64Array.from(value.toArray()));
  }
  return leaves;
}

/** The oracle of a model's loss at exactly these parameters and data (whatever their dtype and device), computed on `device`. */
export function createOracle(model: Model, params: unknown, batch: unknown, device: Device): Oracle {
  const point = hostLeaves(params);
  const onDevice = <T>(body: () => T): T => {
    const before = useDevice(device);
    try {
      return body();
    } finally {
      if (before) useDevice(before);
    }
  };
  const data = onDevice(() => moved(batch, hostLeaves(batch)));
  const lossAt = (leaves: HostLeaves): number => onDevice(() => scope(() => scalar(model.loss(moved(params, leaves), data))));
  const value = lossAt(point);
  return {
    point,
    value,
    directional(direction, enough) {
      const shifted = (t: number): number =>
        lossAt(
          new Map(
            [...point].map(([path, x]) => {
              const d = direction.get(path);
              return [path, d ? x.map((v, i) => v + t * (d[i] as number)) : x];
            }),
          ),
        );
      return centralDifference(shifted, startingStep(point, direction), value, enough);
    },
  };
}

const LEVELS = 8;
const SHRINK = 4;

/** d/dt f(t) at 0 from symmetric differences at h, h/4, h/16, ... `at0` is f(0), whose roundoff limits small steps. */
export function centralDifference(f: (t: number) => number, h: number, at0: number, enough: number): Derivative {
  let best: Derivative = { estimate: Number.NaN, uncertainty: Number.POSITIVE_INFINITY };
  let previous = Number.NaN;
  let previousExtrapolated = Number.NaN;
  for (let level = 0, step = h; level < LEVELS; level++, step /= SHRINK) {
    const difference = (f(step) - f(-step)) / (2 * step);
    const extrapolated = difference + (difference - previous) / (SHRINK * SHRINK - 1);
    const roundoff = (8 * Number.EPSILON * Math.max(Math.abs(at0), Number.MIN_VALUE)) / step;
    const uncertainty = Math.abs(extrapolated - previousExtrapolated) + roundoff;
    if (uncertainty < best.uncertainty) best = { estimate: extrapolated, uncertainty };
    if (best.uncertainty <= enough) break;
    previous = difference;
    previousExtrapolated = extrapolated;
  }
  return best;
}

/** 1 % of the size of what moves; directions have norm 1. */
function startingStep(point: HostLeaves, direction: HostLeaves): number {
  let sum = 0;
  for (const path of direction.keys()) for (const x of point.get(path) ?? []) sum += x * x;
  return 1e-2 * Math.max(Math.sqrt(sum), 0.1);
}

/** The tree with its floating-point leaves replaced by f64 tensors (or numbers) on the current device, integers copied along. */
function moved(tree: unknown, leaves: HostLeaves): unknown {
  return mapLeaves(tree, (value, path) => {
    const host = leaves.get(path);
    if (value instanceof Tensor)
      return host ? createTensor(host, value.shape, "f64") : createTensor(value.toArray(), value.shape, value.dtype);
    return host ? host[0] : value;
  });
}

/** The loss as a JavaScript number. */
export function scalar(loss: unknown): number {
  if (typeof loss === "number") return loss;
  if (loss instanceof Tensor) return loss.item();
  throw new BenchError("type", `a loss is a number or a tensor of one element, not ${typeof loss}`);
}
