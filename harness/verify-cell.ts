/**
 * Checks a cell before it is timed: the engine's value and gradient against two oracles that share nothing with it, float64
 * central differences of the plain loss and, where the model has one, the hand-written gradient. Directions are drawn per
 * parameter as well as over all of them, so an error in a small bias is not lost beside a large weight; errors are relative to
 * the gradient's own size, so that a gradient of tiny entries cannot pass as zero.
 */
import { BenchError } from "../core/base/errors.ts";
import { createRng } from "../core/base/rng.ts";
import { openDevice } from "../core/device/registry.ts";
import { scope } from "../core/tensor/scope.ts";
import type { Tree } from "../engines/engine.ts";
import { createOracle, type HostLeaves, hostLeaves, type Oracle, scalar } from "./oracle.ts";
import type { Cell } from "./schema.ts";
import { tolerance } from "./tolerance.ts";
import { leavesOf } from "./tree.ts";
import type { Workload } from "./workload.ts";

export interface Verification {
  readonly verified: NonNullable<Cell["verified"]>;
  /** What is wrong; absent where everything agrees. */
  readonly problem?: string;
}

/** Two directions are always checked, more while this time lasts: where a cell is also timed, a share of what its timing takes. */
const MORE_DIRECTIONS_MS = 1000;
const SHARE_OF_BUDGET = 0.3;
const LEAF_DIRECTIONS = 6;
/** Parameters of at most this many numbers are checked on the interpreter, whose arithmetic shares no kernel with any device. */
const INTERPRETER_LIMIT = 512;
/** A leaf whose gradient is a rounding residue (analytically zero) is held against this share of the whole gradient instead. */
const RESIDUE = 1e-3;
/** A difference quotient less certain than this, relative to the gradient, decides nothing. */
const CONCLUSIVE = 1e-3;

export function verifyWorkload(work: Workload): Verification {
  const dtype = work.request.cell.dtype;
  const { value, gradient } = evaluate(work);
  const oracle = openOracle(work);
  const { mode, budgetMs } = work.request;
  const timeMs = mode === "verify" ? MORE_DIRECTIONS_MS : Math.min(MORE_DIRECTIONS_MS, SHARE_OF_BUDGET * budgetMs);
  const valueError = Math.abs(value - oracle.value) / Math.max(1, Math.abs(oracle.value));
  const directional = checkDirections(oracle, gradient, work.request.seed, tolerance(dtype, "directional"), timeMs);
  const byHand = checkHandwritten(work, gradient, tolerance(dtype, "gradient"));
  const problems: string[] = [];
  if (!(valueError <= tolerance(dtype, "value")))
    problems.push(`the value is ${value}, and the plain loss in float64 gives ${oracle.value}`);
  if (directional.problem) problems.push(directional.problem);
  if (byHand.problem) problems.push(byHand.problem);
  const verified = { value: finite(valueError), gradient: finite(Math.max(directional.error, byHand.error)) };
  return problems.length === 0 ? { verified } : { verified, problem: problems.join("; ") };
}

function evaluate(work: Workload): { value: number; gradient: Map<string, Float64Array> } {
  return scope(() => {
    const { value, grad } = work.prepared.valueAndGrad([work.params, work.batch] as Tree[]);
    return { value: scalar(value), gradient: gradientLeaves(work.params, grad[0]) };
  });
}

function openOracle(work: Workload): Oracle {
  let elements = 0;
  for (const leaf of [...hostLeaves(work.params).values(), ...hostLeaves(work.batch).values()]) elements += leaf.length;
  const device = elements <= INTERPRETER_LIMIT ? "interpreter" : "wasm";
  return createOracle(work.model, work.params, work.batch, openDevice(device));
}

/** Host copies of a gradient, which must have a number or tensor of the right size for every differentiable leaf of the parameters. */
export function gradientLeaves(params: unknown, gradient: unknown): Map<string, Float64Array> {
  const wanted = hostLeaves(params);
  const got = hostLeaves(gradient);
  for (const [path, x] of wanted) {
    const g = got.get(path);
    if (g === undefined) throw new BenchError("type", `the gradient has nothing for the parameter ${path || "itself"}`);
    if (g.length !== x.length)
      throw new BenchError("type", `the gradient of ${path || "the parameter"} has ${g.length} numbers, and the parameter ${x.length}`);
  }
  const extra = leavesOf(gradient).find(({ path, value }) => value !== null && value !== undefined && !wanted.has(path));
  if (extra) throw new BenchError("type", `the gradient has ${extra.path || "a value"}, which is no differentiable parameter`);
  return got;
}

interface Checked {
  readonly error: number;
  readonly problem?: string;
}

/** Directional derivatives by central differences against <gradient, direction>. */
export function checkDirections(
  oracle: Oracle,
  gradient: HostLeaves,
  seed: number,
  tolerated: number,
  timeMs = MORE_DIRECTIONS_MS,
): Checked {
  const rng = createRng(seed).split(0x0a11);
  const total = norm(gradient);
  const count = size(gradient);
  const start = performance.now();
  let worst: Checked = { error: 0 };
  let conclusive = 0;
  let checked = 0;
  for (const { label, direction } of directions(gradient, (n) => rng.normal(n))) {
    if (checked >= 2 && performance.now() - start > timeMs) break;
    checked++;
    const own = new Map([...direction.keys()].map((path) => [path, gradient.get(path) as Float64Array]));
    const expected = dot(gradient, direction);
    // A unit direction in n dimensions meets about 1/sqrt(n) of the gradient.
    const typical = Math.max(norm(own) / Math.sqrt(size(own)), (RESIDUE * total) / Math.sqrt(count));
    const floor = 1e-13 * Math.max(1, Math.abs(oracle.value));
    const { estimate, uncertainty } = oracle.directional(direction, (tolerated / 10) * Math.max(typical, floor));
    const scale = Math.max(Math.abs(estimate), typical, floor);
    if (!(uncertainty <= CONCLUSIVE * scale) && !(uncertainty <= tolerated * scale)) continue;
    conclusive++;
    const error = Math.abs(expected - estimate) / scale;
    const wrong = !(error <= tolerated + uncertainty / scale);
    if (wrong && !worst.problem)
      worst = {
        error,
        problem: `along ${label} the gradient gives ${expected}, and central differences of the plain loss give ${estimate}`,
      };
    else if (error > worst.error) worst = { ...worst, error };
  }
  if (conclusive === 0 && checked > 0)
    return { error: Number.MAX_VALUE, problem: "central differences of the plain loss did not converge in any direction" };
  return worst;
}

/** The gradient's own direction first (the strongest signal), then a random one over all parameters, then one per parameter. */
function* directions(gradient: HostLeaves, normal: (n: number) => Float64Array): Generator<{ label: string; direction: HostLeaves }> {
  if (size(gradient) === 0) return;
  const random = (paths: readonly string[]): HostLeaves =>
    unit(new Map(paths.map((path) => [path, normal((gradient.get(path) as Float64Array).length)])));
  if (norm(gradient) > 0 && Number.isFinite(norm(gradient))) yield { label: "itself", direction: unit(gradient) };
  yield { label: "a random direction", direction: random([...gradient.keys()]) };
  if (gradient.size === 1) yield { label: "another random direction", direction: random([...gradient.keys()]) };
  else {
    const paths = [...gradient.keys()].filter((path) => (gradient.get(path) as Float64Array).length > 0);
    const stride = Math.max(1, Math.ceil(paths.length / LEAF_DIRECTIONS));
    for (let i = 0; i < paths.length; i += stride)
      yield { label: `a random direction of ${paths[i]}`, direction: random([paths[i] as string]) };
  }
}

function checkHandwritten(work: Workload, gradient: HostLeaves, tolerated: number): Checked {
  const handwritten = work.model.handwritten;
  if (!handwritten) return { error: 0 };
  const reference = scope(() => gradientLeaves(work.params, handwritten(work.params, work.batch).gradient));
  return compareGradients(gradient, reference, tolerated);
}

/** Per parameter, the norm of the difference relative to the norm of the reference. */
export function compareGradients(gradient: HostLeaves, reference: HostLeaves, tolerated: number): Checked {
  const total = norm(reference);
  let worst: Checked = { error: 0 };
  for (const [path, want] of reference) {
    const got = gradient.get(path) as Float64Array;
    const difference = norm(new Map([[path, got.map((g, i) => g - (want[i] as number))]]));
    if (difference === 0) continue;
    const error = difference / Math.max(norm(new Map([[path, want]])), RESIDUE * total, Number.MIN_VALUE);
    if (!(error <= tolerated) && !worst.problem)
      worst = {
        error,
        problem: `the gradient of ${path || "the parameter"} differs from the hand-written one by ${error.toExponential(2)} of its norm`,
      };
    else if (error > worst.error) worst = { ...worst, error };
  }
  return worst;
}

function unit(direction: HostLeaves): HostLeaves {
  const length = norm(direction);
  return new Map([...direction].map(([path, d]) => [path, d.map((x) => x / (length || 1))]));
}

function norm(leaves: HostLeaves): number {
  let sum = 0;
  for (const leaf of leaves.values()) for (const x of leaf) sum += x * x;
  return Math.sqrt(sum);
}

function size(leaves: HostLeaves): number {
  let n = 0;
  for (const leaf of leaves.values()) n += leaf.length;
  return n;
}

function dot(a: HostLeaves, b: HostLeaves): number {
  let sum = 0;
  for (const [path, d] of b) {
    const g = a.get(path) as Float64Array;
    for (let i = 0; i < d.length; i++) sum += (g[i] as number) * (d[i] as number);
  }
  return sum;
}

/** JSON has no NaN and no infinity: an error that is not a number is recorded as the largest one. */
function finite(error: number): number {
  return Number.isFinite(error) ? error : Number.MAX_VALUE;
}
