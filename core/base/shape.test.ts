import { expect, test } from "vitest";
import { elementCount, MAX_ELEMENTS } from "./shape.ts";

test.each([[[-1]], [[-1, -1]], [[0.5, 2]], [[Number.NaN]], [[2, Number.POSITIVE_INFINITY]], [[0, 2 ** 40]]])(
  "%j is refused, for an axis has no such length",
  (shape) => {
    expect(() => elementCount(shape)).toThrow("is not the length of an axis");
  },
);

test("a product of lengths beyond the limit is refused, however large", () => {
  expect(elementCount([MAX_ELEMENTS])).toBe(MAX_ELEMENTS);
  expect(() => elementCount([2, 2 ** 30])).toThrow("the limit is 2147483647");
  expect(() => elementCount(new Array(80).fill(MAX_ELEMENTS))).toThrow("the limit is 2147483647");
  expect(elementCount([MAX_ELEMENTS, MAX_ELEMENTS, 0])).toBe(0);
});
