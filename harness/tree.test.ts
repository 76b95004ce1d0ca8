import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { leavesOf, mapLeaves, pairLeaves } from "./tree.ts";

describe("trees", () => {
  test("leaves come in array and key order with their paths", () => {
    expect(leavesOf({ b: [1, { c: "x" }], a: null })).toEqual([
      { path: "b[0]", value: 1 },
      { path: "b[1].c", value: "x" },
      { path: "a", value: null },
    ]);
    expect(leavesOf(5)).toEqual([{ path: "", value: 5 }]);
    expect(leavesOf([])).toEqual([]);
  });

  test("mapping with the identity copies any JSON value", () => {
    fc.assert(
      fc.property(fc.oneof(fc.jsonValue(), fc.constant(JSON.parse(`{"b":1,"__proto__":{"a":[2]}}`))), (tree) => {
        expect(JSON.stringify(mapLeaves(tree, (value) => value))).toBe(JSON.stringify(tree));
      }),
    );
  });

  test("class instances are leaves", () => {
    const point = new Date(0);
    expect(leavesOf([point])).toEqual([{ path: "[0]", value: point }]);
  });

  test("a tree twenty thousand levels deep is walked without recursion", () => {
    let tree: unknown = 1;
    for (let i = 0; i < 2000; i++) tree = [tree, { next: i }];
    expect(leavesOf(tree)).toHaveLength(2001);
    let deep: unknown = 1;
    for (let i = 0; i < 20_000; i++) deep = [deep];
    expect(mapLeaves(deep, () => 2)).toHaveLength(1);
  });

  test("pairs of different structure are refused at the path where they part", () => {
    expect(() => pairLeaves({ a: [1, 2] }, { a: [1] }, "x and y")).toThrow(
      /x and y are not shaped alike: a\[1\] stands where the other has nothing/,
    );
  });
});
