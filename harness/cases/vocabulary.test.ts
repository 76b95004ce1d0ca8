import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { createTensor, Tensor } from "../../core/tensor/tensor.ts";
import { tape } from "../../engines/tape/engine.ts";
import { loadProgram } from "../../loader/load.ts";
import { projectRoot } from "../root.ts";
import type { FunctionCase } from "./formats.ts";
import { Skip } from "./judge.ts";
import { operatorSource, operators } from "./vocabulary.ts";

type Input = { shape: number[]; data: number[]; dtype?: "f64" | "i64" | "bool" };

const caseOf = (op: string, attrs: FunctionCase["attrs"], inputs: readonly Input[]) => ({
  op,
  attrs,
  inputs: inputs.map((x, i) => ({ name: `x${i}`, dtype: "f64" as const, diff: true, ...x })),
});

/** The operator's value, flat, and its shape. */
function run(op: string, attrs: FunctionCase["attrs"], ...inputs: Input[]): { data: number[]; shape: readonly number[] } {
  const source = operatorSource(caseOf(op, attrs, inputs));
  const args = inputs.map((x) => createTensor(x.data, x.shape, { f64: "f64", i64: "i32", bool: "bool" }[x.dtype ?? "f64"] as "f64"));
  const y = tape.prepare(loadProgram({ file: `${op}.ts`, source }), args, []).value(args);
  expect(y).toBeInstanceOf(Tensor);
  return { data: Array.from((y as Tensor).toArray()), shape: (y as Tensor).shape };
}

test("every operator of the golden README has an entry", () => {
  const readme = readFileSync(join(projectRoot, "test/data/golden/README.md"), "utf8");
  const table = readme.slice(readme.indexOf("## Definitions of all operators"));
  const names = [...table.matchAll(/^\| `(\w+)` \|/gm)].map((m) => m[1] as string);
  expect(names.length).toBeGreaterThan(100);
  expect(names.filter((name) => !operators.includes(name))).toEqual([]);
});

test("an unknown operator, and one whose function is not in core/ops, are skipped by name", () => {
  expect(() => operatorSource(caseOf("frobnicate", {}, []))).toThrow(new Skip("frobnicate is not an operator of the golden vocabulary"));
  expect(() => operatorSource(caseOf("constructor", {}, []))).toThrow(Skip);
});

test("the program is TypeScript that a parser reads: one import, one function", () => {
  const source = operatorSource(caseOf("softmax", { axis: -1 }, [{ shape: [2], data: [0, 0] }]));
  expect(source).toContain('import { softmax, type Tensor } from "trigrad/core/ops.ts";');
  expect(source).toContain("export function f(x0: Tensor) {\n  return softmax(x0, -1);\n}");
});

describe("operators without a golden case here", () => {
  const x = { shape: [2, 3], data: [1, 2, 3, 4, 5, 6] };
  test("take their attributes from the case", () => {
    expect(run("flip", { axes: [1] }, x).data).toEqual([3, 2, 1, 6, 5, 4]);
    expect(run("roll", { shift: 1, axis: 1 }, x).data).toEqual([3, 1, 2, 6, 4, 5]);
    expect(run("roll", { shifts: [1, 1], axes: [0, 1] }, x).data).toEqual([6, 4, 5, 3, 1, 2]);
    expect(run("repeat_interleave", { n: 2, axis: 0 }, x).data).toEqual([1, 2, 3, 1, 2, 3, 4, 5, 6, 4, 5, 6]);
    expect(run("expand_dims", { axis: 1 }, x).shape).toEqual([2, 1, 3]);
    expect(run("expand_dims", { axes: [0, 3] }, x).shape).toEqual([1, 2, 3, 1]);
    expect(run("broadcast_to", { shape: [2, 2, 3] }, x).shape).toEqual([2, 2, 3]);
    expect(run("argmax", { axis: 1 }, x).data).toEqual([2, 2]);
    expect(run("std", { axes: [1], keepdims: true, correction: 1 }, x)).toEqual({ data: [1, 1], shape: [2, 1] });
    expect(run("leaky_relu", { slope: 0.5 }, { shape: [2], data: [-2, 2] }).data).toEqual([-1, 2]);
    expect(run("clamp", { lo: 2 }, x).data).toEqual([2, 2, 3, 4, 5, 6]);
    expect(run("clamp", { lo: null, hi: 4 }, x).data).toEqual([1, 2, 3, 4, 4, 4]);
    expect(run("norm", { p: 1, axes: [0], keepdims: false }, x).data).toEqual([5, 7, 9]);
    expect(run("pow", { exponent: 2 }, x).data).toEqual([1, 4, 9, 16, 25, 36]);
    expect(run("slice", { start: [1, 2], stop: [null, null], step: [1, -1] }, x).data).toEqual([6, 5, 4]);
    expect(run("masked_fill", { value: 9 }, x, { shape: [3], data: [0, 1, 0], dtype: "bool" }).data).toEqual([1, 9, 3, 4, 9, 6]);
    expect(run("huber_loss", { delta: 1, reduction: "sum" }, { shape: [2], data: [3, 0.5] }, { shape: [2], data: [0, 0] }).data).toEqual([
      2.625,
    ]);
  });

  test("a slice is assigned along any axis, and the value broadcasts", () => {
    const v = { shape: [1, 3], data: [7, 8, 9] };
    expect(run("index_put_slice", { start: 1, stop: 2 }, x, v).data).toEqual([1, 2, 3, 7, 8, 9]);
    expect(run("index_put_slice", { start: [0, 1], stop: [2, 3] }, x, { shape: [2, 2], data: [7, 8, 9, 0] }).data).toEqual([
      1, 7, 8, 4, 9, 0,
    ]);
    expect(run("index_put_slice", { axis: 1, start: -1, stop: 3 }, x, { shape: [2, 1], data: [7, 8] }).data).toEqual([1, 2, 7, 4, 5, 8]);
    expect(run("index_put_slice", { axis: 0, start: 0, stop: 1 }, x, { shape: [], data: [7] }).data).toEqual([7, 7, 7, 4, 5, 6]);
    expect(run("index_put_slice", { axis: 1, start: 0, stop: 3, step: 2 }, x, { shape: [2, 2], data: [7, 8, 9, 0] }).data).toEqual([
      7, 2, 8, 9, 5, 0,
    ]);
    expect(
      run("index_put_slice", { start: [null, 2], stop: [null, null], step: [-1, -2] }, x, { shape: [2, 2], data: [7, 8, 9, 0] }).data,
    ).toEqual([0, 2, 9, 8, 5, 7]);
    expect(run("index_put_slice", { start: 1, stop: 1 }, x, { shape: [], data: [7] }).data).toEqual(x.data);
  });
});
