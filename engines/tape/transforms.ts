/**
 * The derivative operators of the tape on JavaScript functions: `grad`, `valueAndGrad`, `vjp` by reverse mode, `jvp` by forward
 * mode. They take functions of trees, nest to any order and in any combination, and may capture values that an outer operator
 * differentiates. What they compute on the way is freed when they return.
 */
import { mismatch } from "../../core/base/errors.ts";
import { closeFrame, HOLDS, openFrame, own } from "../../core/tensor/scope.ts";
import { Tensor } from "../../core/tensor/tensor.ts";
import { isNumber, type Value } from "../../core/tensor/traced.ts";
import { avalOf, valueOps } from "../../core/tensor/values.ts";
import { isDifferentiable, isValue, kindOf, mapTree, oneLike, scalarResult, zeroLike, zipTree } from "../trees.ts";
import { backward } from "./backward.ts";
import { Dual } from "./dual.ts";
import { nextLevel } from "./level.ts";
import { beginTape, type Tape, Variable } from "./tape.ts";

type Fn = (...args: unknown[]) => unknown;

/** What the last recordings were like, for reports. */
export interface TapeUse {
  nodes: number;
  savedBytes: number;
  /** Is shown each recording before its backward walk. */
  watcher: ((tape: Tape) => void) | undefined;
}
export const lastUse: TapeUse = { nodes: 0, savedBytes: 0, watcher: undefined };

/** The argument with its leaves on the tape; `variables` lists them in order. */
function trace(tape: Tape, x: unknown): { traced: unknown; leaves: number } {
  let leaves = 0;
  const traced = mapTree(x, (leaf) => {
    if (!isDifferentiable(leaf)) return leaf;
    leaves++;
    return tape.leaf(leaf);
  });
  return { traced, leaves };
}

/** A value of this tape as it is one level down; all else as it is. */
function lower(tape: Tape, y: unknown): unknown {
  return mapTree(y, (leaf) => (leaf instanceof Variable && leaf.tape === tape ? leaf.primal : leaf));
}

/** Gradients shaped like the argument: zeros where nothing arrived, null at constants. */
function gradientTree(x: unknown, cts: readonly (Value | undefined)[]): unknown {
  let i = 0;
  return mapTree(x, (leaf) => (isDifferentiable(leaf) ? (cts[i++] ?? zeroLike(leaf)) : null));
}

function noteUse(tape: Tape): void {
  lastUse.nodes = tape.count;
  lastUse.savedBytes = tape.savedBytes;
  lastUse.watcher?.(tape);
}

/** `[f(x, ...rest), gradient by x]`. */
export function valueAndGrad(f: Fn, operator = "valueAndGrad"): (...args: unknown[]) => [unknown, unknown] {
  return (x, ...rest) => {
    const mark = openFrame();
    let result: [unknown, unknown] | undefined;
    const tape = beginTape();
    try {
      const { traced, leaves } = trace(tape, x);
      const y = scalarResult(f(traced, ...rest), operator);
      noteUse(tape);
      const seeds = y instanceof Variable && y.tape === tape ? [{ node: y.node, ct: oneLike(y) }] : [];
      result = [lower(tape, y), gradientTree(x, backward(tape, seeds, leaves, true))];
      return result;
    } finally {
      tape.release();
      closeFrame(mark, result);
    }
  };
}

export function grad(f: Fn): (...args: unknown[]) => unknown {
  const both = valueAndGrad(f, "grad");
  return (...args) => {
    const mark = openFrame();
    let gradient: unknown;
    try {
      gradient = both(...args)[1];
      return gradient;
    } finally {
      closeFrame(mark, gradient);
    }
  };
}

/** `[f(x), ct ↦ J(x)ᵀ ct]`; the pull-back may be used any number of times, until the scope around ends. */
export function vjp(f: Fn, x: unknown): [unknown, (ct: unknown) => unknown] {
  const tape = beginTape();
  own(tape);
  const mark = openFrame();
  let y: unknown;
  let value: unknown;
  try {
    const { traced, leaves } = trace(tape, x);
    y = f(traced);
    noteUse(tape);
    value = lower(tape, y);
    const { epoch } = tape;
    const back = (ct: unknown): unknown => {
      if (tape.epoch !== epoch)
        throw mismatch("a pull-back is used after the scope around its vjp has ended", "call it inside, or return it from the scope");
      const frame = openFrame();
      let gradient: unknown;
      try {
        const seeds: { node: number; ct: Value }[] = [];
        zipTree(y, ct, (leaf, c, path) => {
          if (!(leaf instanceof Variable) || leaf.tape !== tape) return null;
          if (!isValue(c)) throw mismatch(`the cotangent at ${path || "the top"} is ${kindOf(c)}, but the result there is ${kindOf(leaf)}`);
          if (!isNumber(leaf) && avalOf(c) !== avalOf(leaf))
            throw mismatch(`the cotangent at ${path || "the top"} is ${kindOf(c)}, but the result there is ${kindOf(leaf)}`);
          seeds.push({ node: leaf.node, ct: c });
          return null;
        });
        gradient = gradientTree(x, backward(tape, seeds, leaves, false));
        return gradient;
      } finally {
        closeFrame(frame, gradient);
      }
    };
    (back as { [HOLDS]?: Tape })[HOLDS] = tape;
    return [value, back];
  } catch (error) {
    tape.release();
    throw error;
  } finally {
    closeFrame(mark, value);
  }
}

/** `[f(x), J(x) dx]`. */
export function jvp(f: Fn, x: unknown, dx: unknown): [unknown, unknown] {
  const level = nextLevel();
  const mark = openFrame();
  let result: [unknown, unknown] | undefined;
  try {
    const traced = zipTree(x, dx, (leaf, t, path) => {
      if (!isDifferentiable(leaf) || t === null || t === undefined) return leaf;
      if (!isValue(t) || avalOf(t).shape !== avalOf(leaf).shape)
        throw mismatch(`the tangent at ${path || "the top"} is ${kindOf(t)}, but the argument there is ${kindOf(leaf)}`);
      return new Dual(level, leaf, t);
    });
    const y = f(traced);
    const own = (v: unknown): v is Dual => v instanceof Dual && v.level === level;
    result = [
      mapTree(y, (leaf) => (own(leaf) ? leaf.primal : leaf)),
      mapTree(y, (leaf) => (own(leaf) ? leaf.tangent : isDifferentiable(leaf) ? zeroLike(leaf) : null)),
    ];
    return result;
  } finally {
    closeFrame(mark, result);
  }
}

/** The value, with all derivatives zero. */
export function stopGradient(x: unknown): unknown {
  return mapTree(x, (leaf) => (leaf instanceof Tensor || typeof leaf === "number" || !isValue(leaf) ? leaf : valueOps.stopGradient(leaf)));
}
