import { describe, expect, test } from "vitest";
import { defineModel } from "../suites/model.ts";
import type { FoundModel } from "./discover.ts";
import { executionOrder, planCells } from "./plan.ts";
import { cellId } from "./schema.ts";

function found(name: string, extra: Partial<FoundModel["model"]> = {}): FoundModel {
  const model = defineModel({
    name,
    summary: "",
    sizes: { small: {}, large: {} },
    params: () => ({}),
    batch: () => ({}),
    loss: () => {
      throw new Error("a plan computes nothing");
    },
    ...extra,
  }) as FoundModel["model"];
  return { suite: "s", file: `/${name}.ts`, model };
}

const options = { engines: ["tape", "graph"], devices: ["wasm"], quick: false };

describe("the plan", () => {
  test("is the product of models, sizes, dtypes, devices and engines, in a stable order", () => {
    const cells = planCells([found("a"), found("b", { dtypes: ["f32", "f64"] })], options);
    expect(cells.map(({ key }) => cellId(key))).toEqual([
      "s/a/small/tape/wasm/f32",
      "s/a/small/graph/wasm/f32",
      "s/a/large/tape/wasm/f32",
      "s/a/large/graph/wasm/f32",
      "s/b/small/tape/wasm/f32",
      "s/b/small/graph/wasm/f32",
      "s/b/small/tape/wasm/f64",
      "s/b/small/graph/wasm/f64",
      "s/b/large/tape/wasm/f32",
      "s/b/large/graph/wasm/f32",
      "s/b/large/tape/wasm/f64",
      "s/b/large/graph/wasm/f64",
    ]);
  });

  test("quick takes the models' quick sizes, or the first one, and --dtype replaces the models' dtypes", () => {
    const cells = planCells([found("a"), found("b", { quick: ["large"] })], {
      ...options,
      engines: ["tape"],
      quick: true,
      dtypes: ["f64"],
    });
    expect(cells.map(({ key }) => `${key.model} ${key.size} ${key.dtype}`)).toEqual(["a small f64", "b large f64"]);
  });

  test("execution keeps the cases in order, shuffles the engines within them, and is a permutation that the seed fixes", () => {
    const cells = planCells(
      Array.from({ length: 20 }, (_, i) => found(`m${i}`)),
      options,
    );
    const order = executionOrder(cells, 3);
    expect(order).toEqual(executionOrder(cells, 3));
    expect(order.map((cell) => cell.file)).toEqual(cells.map((cell) => cell.file));
    expect(order.map(({ key }) => cellId(key)).sort()).toEqual(cells.map(({ key }) => cellId(key)).sort());
    expect(new Set(order.filter((_, i) => i % 2 === 0).map(({ key }) => key.engine)).size).toBe(2);
  });
});
