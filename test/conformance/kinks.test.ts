/** Conventions where the derivative does not exist or libraries differ; they are documented in docs/conventions.md. */
import { expect, test } from "vitest";
import * as o from "../../core/ops.ts";
import { createTensor, type Tensor } from "../../core/ops.ts";
import { grad } from "../../engines/tape/transforms.ts";
import { checkMemory } from "../memory.ts";

checkMemory("interpreter");

type Fn = (...args: unknown[]) => unknown;
const vector = (...v: number[]) => createTensor(v, [v.length], "f64");
const gradient = (f: (x: Tensor) => Tensor, ...v: number[]) =>
  [...(grad(((x: Tensor) => o.sum(f(x))) as Fn)(vector(...v)) as Tensor).toArray()].map((g) => g + 0);

test("abs and sign have derivative 0 at 0, relu too", () => {
  expect(gradient(o.abs, -2, 0, 3)).toEqual([-1, 0, 1]);
  expect(gradient(o.sign, -2, 0, 3)).toEqual([0, 0, 0]);
  expect(gradient(o.relu, -2, 0, 3)).toEqual([0, 0, 1]);
});

test("leakyRelu has its slope at 0 and elu its alpha", () => {
  expect(gradient((x) => o.leakyRelu(x, 0.1), -1, 0, 1)).toEqual([0.1, 0.1, 1]);
  expect(gradient((x) => o.elu(x, 2), 0)).toEqual([2]);
});

test("clamp passes the derivative at its bounds", () => {
  expect(gradient((x) => o.clamp(x, -1, 1), -2, -1, 0, 1, 2)).toEqual([0, 1, 1, 1, 0]);
  expect(gradient((x) => o.clamp(x, null, 1), -2, 2)).toEqual([1, 0]);
});

test("maximum and minimum give half to each operand at a tie, also at infinity", () => {
  expect(gradient((x) => o.maximum(x, vector(1, 1, 1)), 0, 1, 2)).toEqual([0, 0.5, 1]);
  expect(gradient((x) => o.minimum(x, vector(1, 1, 1)), 0, 1, 2)).toEqual([1, 0.5, 0]);
  expect(gradient((x) => o.maximum(x, vector(-1 / 0)), -1 / 0)).toEqual([0.5]);
});

test("reduceMax shares the derivative evenly among ties", () => {
  expect(gradient((x) => o.reduceMax(x), 1, 3, 3, 2)).toEqual([0, 0.5, 0.5, 0]);
});

test("the derivative of x**0 is 0 and that of 0**y by y is 0", () => {
  expect(gradient((x) => o.pow(x, 0), -1, 0, 2)).toEqual([0, 0, 0]);
  expect(gradient((y) => o.pow(vector(0, 0), y), 1, 2)).toEqual([0, 0]);
  expect(gradient((x) => o.pow(x, 2), -1, 0, 2)).toEqual([-2, 0, 4]);
});

test("the 2-norm has derivative 0 at the zero vector", () => {
  expect(gradient((x) => o.norm(x), 0, 0)).toEqual([0, 0]);
  const [x, y] = gradient((v) => o.norm(v), 3, 4);
  expect(x).toBeCloseTo(0.6, 14);
  expect(y).toBeCloseTo(0.8, 14);
});

test("the standard deviation of equal numbers has derivative 0, and dropping everything too", () => {
  expect(gradient((x) => o.std(x), 2, 2, 2)).toEqual([0, 0, 0]);
  expect(gradient((x) => o.dropoutMask(x, createTensor([0, 0], [2], "bool"), 1), 1, 2)).toEqual([0, 0]);
});

test("where gives exactly 0 to the side that is not selected, even where its value is NaN", () => {
  expect(gradient((x) => o.where(o.gt(x, 0), x, vector(Number.NaN, 1)), 1, -1)).toEqual([1, 0]);
});

test("sorting sends the derivative to where a value came from, among equals in their order", () => {
  const weights = vector(1, 10, 100, 1000);
  expect(gradient((x) => o.mul(o.sort(x), weights), 3, 1, 3, 2)).toEqual([100, 1, 1000, 10]);
  expect(gradient((x) => o.mul(o.topk(x, 2), vector(1, 10)), 3, 1, 3, 2)).toEqual([1, 0, 10, 0]);
});

test("prod is right with zeros in the data, at second order too", () => {
  expect(gradient((x) => o.prod(x), 2, 0, 3)).toEqual([0, 6, 0]);
  expect(gradient((x) => o.prod(x), 0, 0, 3)).toEqual([0, 0, 0]);
  const second = grad(((x: Tensor) => o.sum(o.mul(grad(((y: Tensor) => o.prod(y)) as Fn)(x) as Tensor, vector(1, 1, 1)))) as Fn)(
    vector(0, 0, 3),
  ) as Tensor;
  expect([...second.toArray()]).toEqual([3, 3, 0]);
});
