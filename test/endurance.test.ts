import { expect, test } from "vitest";
import { createWasm } from "../core/device/wasm/device.ts";
import { createTensor, scope, transpose } from "../core/ops.ts";
import { endure, type Footprint, type Program, shapes, training } from "./endurance.ts";

const at = (marks: readonly Footprint[], i: number) => marks[i] as Footprint;
const nothing = () => {};

test("a thousand training steps hold what a hundred hold", () => {
  const marks = endure(createWasm(), training, 1000, 10, nothing);
  expect(marks.slice(1, -1).map((m) => m.live)).toEqual(new Array(10).fill(at(marks, 1).live));
  expect(at(marks, 10).reserved).toBe(at(marks, 1).reserved);
  expect(at(marks, 11).live).toBe(0);
});

test("operations of any shape are computed right and freed", () => {
  const marks = endure(createWasm(), shapes, 300, 1, nothing);
  expect(marks.map((m) => m.live)).toEqual([0, 0, 0]);
});

/** 9797 different shapes; every size of a buffer occurs in the first part. */
const transposes: Program = {
  name: "transposes",
  start: () => ({
    step: (i) =>
      scope(() => {
        const [a, b] = [1 + (i % 97), 1 + (i % 101)];
        transpose(createTensor(new Float32Array(a * b), [a, b]), [1, 0]);
      }),
    end: nothing,
  }),
};

test("the device's memory stays where it is once the table of prepared operations starts anew", () => {
  const marks = endure(createWasm(), transposes, 9797, 2, nothing);
  expect(at(marks, 2).reserved).toBe(at(marks, 1).reserved);
});
