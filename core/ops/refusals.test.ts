/**
 * Mistakes that a function must refuse by a message that names what is wrong and what would be right: a wrong shape that
 * broadcasting lets pass, a misspelt option, a fraction where an index belongs. Each of these once gave a number.
 */
import { describe, expect, test } from "vitest";
import { BenchError } from "../base/errors.ts";
import { createInterpreter } from "../device/interpreter/device.ts";
import * as o from "../ops.ts";
import { scope } from "../tensor/scope.ts";
import { createTensor, type Tensor, useDevice } from "../tensor/tensor.ts";

const tensor = (...shape: number[]) => createTensor(new Float64Array(shape.reduce((n, d) => n * d, 1)).fill(1), shape, "f64");
const i32 = (values: readonly number[], ...shape: number[]) => createTensor(values, shape, "i32");
const bool = (...shape: number[]) => createTensor(new Int32Array(shape.reduce((n, d) => n * d, 1)), shape, "bool");
/** What a caller who checks no types may pass. */
const any = (value: unknown) => value as never;
const x = () => tensor(2, 3);

const MISTAKES: Readonly<Record<string, readonly [string, () => unknown][]>> = {
  "an operand of another shape, which would broadcast": [
    ["mseLoss: the target has shape [3], and must have [3, 1]", () => o.mseLoss(tensor(3, 1), tensor(3))],
    ["bceWithLogits: the target has shape [3], and must have [3, 1]", () => o.bceWithLogits(tensor(3, 1), tensor(3))],
    ["huberLoss: the target has shape [1, 3], and must have [2, 3]", () => o.huberLoss(x(), tensor(1, 3))],
    ["linear: b has shape [5, 4], and must have [4]", () => o.linear(tensor(1, 3), tensor(4, 3), tensor(5, 4))],
    ["layerNorm: w has shape [4, 1, 3], and must have [3]", () => o.layerNorm(x(), tensor(4, 1, 3), tensor(3))],
    ["layerNorm: b has shape [1], and must have [3]", () => o.layerNorm(x(), tensor(3), tensor(1))],
    ["rmsNorm: w has shape [2, 3], and must have [3]", () => o.rmsNorm(x(), tensor(2, 3))],
    ["batchNorm: w has shape [1], and must have [3]", () => o.batchNorm(x(), tensor(1), tensor(3))],
    ["groupNorm: b has shape [1], and must have [4]", () => o.groupNorm(tensor(1, 4, 2), tensor(4), tensor(1), 2)],
    ["batchNorm needs x[N, C, ...], but was given [3]", () => o.batchNorm(tensor(3), tensor(3), tensor(3))],
  ],
  "a number that an attribute cannot be": [
    ["clamp between 2 and 1", () => o.clamp(x(), 2, 1)],
    ["clamp between NaN and 1", () => o.clamp(x(), Number.NaN, 1)],
    ["norm: p is 0, and must be positive", () => o.norm(x(), 0)],
    ["norm: p is -Infinity", () => o.norm(x(), Number.NEGATIVE_INFINITY)],
    ["label smoothing is 1.5, and must be from 0 to 1", () => o.crossEntropy(x(), i32([0, 1], 2), "mean", 1.5)],
    ["huberLoss: delta is 0, and must be positive", () => o.huberLoss(x(), x(), 0)],
    ["the number of axes is 3, and must be from 1 to 2", () => o.layerNorm(x(), tensor(3), tensor(3), 3)],
    ["the number of groups is 3, and must be a divisor of the 4 channels", () => o.groupNorm(tensor(1, 4, 2), tensor(4), tensor(4), 3)],
    ["dropoutMask: p is 2, and must be a probability", () => o.dropoutMask(x(), bool(2, 3), 2)],
    ["pad of i32[2] with 0.5, which is no i32", () => o.pad(i32([1, 2], 2), [[1, 0]], "constant", 0.5)],
    ["the number 3000000000 stands beside a tensor of dtype i32", () => o.add(i32([1], 1), 3e9)],
  ],
  "a fraction where a whole number belongs": [
    ["slice at 0.5 on axis 0 of [2, 3]", () => o.slice(x(), [0.5], [2])],
    ["slice at NaN", () => o.slice(x(), [0], [Number.NaN])],
    ["split of [2, 3] in sizes [0.5,1.5]", () => o.split(x(), [0.5, 1.5], 0)],
    ["roll: the shift is 0.5", () => o.roll(x(), 0.5, 1)],
    [
      "pad of [2, 3] by [[-1,0],[0,0]]: widths are integers of at least 0",
      () =>
        o.pad(x(), [
          [-1, 0],
          [0, 0],
        ]),
    ],
    [
      "widths are integers of at least 0",
      () =>
        o.pad(
          x(),
          [
            [0, 0],
            [-1, 1],
          ],
          "reflect",
        ),
    ],
    ["tril: the diagonal is 0.5", () => o.tril(x(), 0.5)],
    ["a seed is an integer, not 0.5", () => o.key(0.5)],
    ["0.5 at position 1 is no i32", () => i32([1, 0.5], 2)],
    ["2147483648 at position 0 is no i32", () => i32([2 ** 31], 1)],
    ["2 at position 0 is no bool", () => createTensor([2], [1], "bool")],
  ],
  "a word or an option that is not known": [
    ['gelu: approximate is "exact"', () => o.gelu(x(), any("exact"))],
    [
      'pad: mode is "mirror"',
      () =>
        o.pad(
          x(),
          [
            [0, 0],
            [1, 1],
          ],
          any("mirror"),
        ),
    ],
    ['the reduction is "avg"', () => o.mseLoss(x(), x(), any("avg"))],
    ['the reduction is "avg"', () => o.crossEntropy(x(), i32([0, 1], 2), any("avg"))],
    ["matmul has no option transB", () => o.matmul(x(), tensor(3, 3), any({ transB: true }))],
    ["sorting has no option decending", () => o.sort(x(), 0, any({ decending: true }))],
    ["triangularSolve has no option upper", () => o.triangularSolve(tensor(2, 2), tensor(2), any({ upper: true }))],
    ['"f16" is not a dtype', () => o.cast(x(), any("f16"))],
    ['"f16" is not a dtype', () => createTensor([1], [1], any("f16"))],
    ['uniform: the dtype is "i32"', () => o.uniform(o.key(1), [2], any("i32"))],
  ],
  "something of another kind": [
    ["axes are given as a list, not as 0", () => o.sum(x(), any(0))],
    ["reshape: the shape is 6, and must be a list", () => o.reshape(x(), any(6))],
    ["slice: start is 0, and must be a list", () => o.slice(x(), any(0), any(1))],
    ["pad: the widths of an axis is 1", () => o.pad(x(), any([1, 1]))],
    ["broadcastTo: the shape is 2", () => o.broadcastTo(x(), any(2))],
    ["uniform: the shape is 3", () => o.uniform(o.key(1), any(3))],
    ["concat: what is joined is Tensor f64[2, 3], and must be a list", () => o.concat(any(x()), 0)],
    ["matmul: its options are null", () => o.matmul(x(), tensor(3, 3), any(null))],
    ['matmul: transposeA is "no", and must be true or false', () => o.matmul(x(), tensor(2, 3), any({ transposeA: "no" }))],
    ["triangularSolve: lower is", () => o.triangularSolve(tensor(2, 2), tensor(2), any({ lower: "no" }))],
    ["attention: causal is", () => o.attention(x(), x(), x(), any("false"))],
    ["einsum: the equation is undefined", () => o.einsum(any(undefined), x())],
    ["createTensor of null with the shape [1]", () => createTensor(any(null), [1])],
    ["createTensor of object with the shape 1", () => createTensor([1], any(1))],
    ["undefined at position 1 of a tensor's values is no number", () => createTensor(any([1, undefined]), [2])],
    ["reshape to [-1, -1]: only one length may be -1", () => o.reshape(x(), [-1, -1])],
    ["sum of truth values is open", () => o.sum(bool(2))],
    [
      "pad: replicate of axis 0 of [0, 3], which has no edge to repeat",
      () =>
        o.pad(
          tensor(0, 3),
          [
            [1, 1],
            [0, 0],
          ],
          "replicate",
        ),
    ],
  ],
};

describe.each(Object.entries(MISTAKES))("%s is refused", (_, mistakes) => {
  test.each(mistakes)("%s", (message, mistake) => {
    useDevice(createInterpreter());
    scope(() => {
      let refusal: unknown;
      try {
        mistake();
      } catch (error) {
        refusal = error;
      }
      expect(refusal).toBeInstanceOf(BenchError);
      expect((refusal as BenchError).message).toContain(message);
    });
  });
});

test("what is at the edge of these is answered", () => {
  useDevice(createInterpreter());
  scope(() => {
    const numbers = (y: Tensor) => [...y.toArray()];
    expect(numbers(o.clamp(tensor(1), 2, 2))).toEqual([2]);
    expect(numbers(o.mseLoss(tensor(2), createTensor([0], [], "f64"), "none"))).toEqual([1, 1]);
    expect(numbers(o.dropoutMask(tensor(2), createTensor([1, 0], [2], "bool"), 1))).toEqual([0, 0]);
    expect(numbers(o.variance(tensor(2), null, false, 3))).toEqual([Number.NaN]);
    expect(numbers(o.norm(createTensor([3, -4], [2], "f64"), Number.POSITIVE_INFINITY))).toEqual([4]);
    expect(o.groupNorm(tensor(0, 4, 2), tensor(4), tensor(4), 2).shape).toEqual([0, 4, 2]);
    expect(o.batchNorm(tensor(0, 3), tensor(3), tensor(3)).shape).toEqual([0, 3]);
    expect(numbers(i32([-(2 ** 31), 2 ** 31 - 1], 2))).toEqual([-(2 ** 31), 2 ** 31 - 1]);
  });
});
