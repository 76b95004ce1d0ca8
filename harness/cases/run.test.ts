/** Reference cases through the tape: what is right passes, what is wrong fails with its number, what is impossible says why. */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FloatDType } from "../../core/base/dtype.ts";
import { scope } from "../../core/tensor/scope.ts";
import { tape } from "../../engines/tape/engine.ts";
import { projectRoot } from "../root.ts";
import { type Check, checkSchema } from "../schema.ts";
import type { WorkloadReference } from "./instance.ts";
import { recognise } from "./read.ts";
import { runCases } from "./run.ts";
import { checkWorkload } from "./workloads.ts";

const data = join(projectRoot, "test", "data");

async function checks(paths: readonly string[], dtype: FloatDType = "f64"): Promise<Check[]> {
  const all: Check[] = [];
  for await (const check of runCases(paths, { engines: [tape], devices: ["wasm"], dtypes: [dtype] })) all.push(checkSchema.parse(check));
  return all;
}

const read = (path: string) => JSON.parse(readFileSync(join(data, path), "utf8")) as never;

/** The check of a case that is given as content. */
async function checkOf(content: unknown, dtype?: FloatDType): Promise<Check> {
  const file = join(mkdtempSync(join(tmpdir(), "case-")), "case.json");
  writeFileSync(file, JSON.stringify(content));
  const [check] = await checks([file], dtype);
  return check as Check;
}

const program = (source: string, rest: object) => [
  { name: "p", feature: "test", status: "required", source, args: [3], wrt: [0], value: 9, grad: [6], ...rest },
];
const SQUARE = "export function f(x: number): number {\n  return x * x;\n}\n";

describe("golden operators and programs", () => {
  test("all four quantities are measured", async () => {
    const [tanh] = await checks([join(data, "golden/ops/tanh.json")]);
    expect(Object.keys(tanh?.checks ?? {}).sort()).toEqual(["hvp", "jvp", "value", "vjp"]);
    expect(tanh?.worst).toBe(Math.max(...(Object.values(tanh?.checks ?? {}) as number[])));
  });

  for (const key of ["outputs", "vjp", "jvp", "hvp"] as const) {
    test(`a wrong number in ${key} is a failure of that quantity alone`, async () => {
      const content = structuredClone(read("golden/ops/matmul_2d.json")) as Record<typeof key, { data: number[] }[]>;
      const numbers = (content[key][0] as { data: number[] }).data;
      numbers[1] = (numbers[1] as number) + 1e-6;
      const check = await checkOf(content);
      expect(check.status).toBe("fail");
      const quantity = key === "outputs" ? "value" : key;
      expect(check.message).toContain(key === "outputs" ? "output y is off" : `${key} of`);
      for (const [name, error] of Object.entries(check.checks)) expect((error ?? 0) > 1e-9).toBe(name === quantity);
    });
  }

  test("a program whose name is unknown is skipped, and so is an operator", async () => {
    const op = read("golden/ops/tanh.json") as object;
    expect(await checkOf({ ...op, op: "nothing_known" })).toMatchObject({ status: "skipped", worst: null });
    expect(await checkOf({ ...op, kind: "program", op: "nothing_known" })).toMatchObject({ status: "skipped" });
    expect(await checkOf({ ...op, kind: "program", op: "../models/mlp" })).toMatchObject({ status: "skipped" });
  });

  test("inputs that do not fit are a refusal with the shapes", async () => {
    const content = structuredClone(read("golden/ops/matmul_2d.json")) as { inputs: { shape: number[] }[] };
    (content.inputs[1] as { shape: number[] }).shape = [2, 4];
    expect(await checkOf(content)).toMatchObject({ status: "refused", message: expect.stringContaining("[2, 4]") as string });
  });
});

describe("golden models", () => {
  test("in f32 a training that magnifies rounding is allowed what rounding does, and no more", async () => {
    const content = structuredClone(read("golden/models/transformer_a.json")) as { train: { sgd: { losses: number[] } } };
    expect((await checkOf(content, "f32")).status).toBe("pass");
    content.train.sgd.losses[5] = (content.train.sgd.losses[5] as number) + 0.01;
    expect(await checkOf(content, "f32")).toMatchObject({ status: "fail", message: expect.stringContaining("losses of sgd") as string });
  });

  test("a wrong last loss of one optimiser is found", async () => {
    const content = structuredClone(read("golden/models/mlp_a.json")) as { train: { adam: { losses: number[] } } };
    content.train.adam.losses[5] = (content.train.adam.losses[5] as number) + 1e-7;
    expect(await checkOf(content)).toMatchObject({ status: "fail", message: expect.stringContaining("losses of adam") as string });
  });
});

describe("generality", () => {
  test("one feature of the shipped programs passes", async () => {
    const all = await checks([join(data, "generality/closures.json")]);
    expect(all.map((c) => c.status)).toEqual(all.map(() => "pass"));
  });

  test("wrong values, gradients, derivatives and structures fail, each by name", async () => {
    expect((await checkOf(program(SQUARE, {}))).status).toBe("pass");
    const failing: [object, string][] = [
      [{ value: 9.001 }, "value is off"],
      [{ grad: [6.001] }, "gradient at [0] is off"],
      [{ grad: [null] }, "gradient at [0] is the number 6, not null"],
      [{ grad: [6, 1] }, "gradient at [1]: the result is not shaped like the reference"],
      [{ grad: [[6]] }, "not shaped like"],
      [{ derivatives: [6, 2, 1] }, "derivatives at [2] is off"],
    ];
    for (const [change, message] of failing)
      expect(await checkOf(program(SQUARE, change))).toMatchObject({ status: "fail", message: expect.stringContaining(message) as string });
  });

  test("a refusal of what should work is `refused` at its line; of what may be refused, a pass", async () => {
    const clock = "export function f(x: number): number {\n  return x * Date.now();\n}\n";
    expect(await checkOf(program(clock, {}))).toMatchObject({ status: "refused", line: 2 });
    expect(await checkOf(program(clock, { status: "pass-or-reject" }))).toMatchObject({ status: "pass", line: 2 });
    const wrong = program(SQUARE, { status: "pass-or-reject", value: 8 });
    expect((await checkOf(wrong)).status).toBe("fail");
  });

  test("what must be refused passes only at the right line with the right words", async () => {
    const clock = "export function f(x: number): number {\n  return x * Date.now();\n}\n";
    const must = (source: string, line: number, word: string) =>
      checkOf(program(source, { status: "must-reject", error: { line, mentionsOneOf: [word] } }));
    expect((await must(clock, 2, "date")).status).toBe("pass");
    expect(await must(clock, 1, "date")).toMatchObject({
      status: "fail",
      message: expect.stringContaining("line 2 instead of 1") as string,
    });
    expect(await must(clock, 2, "async")).toMatchObject({ status: "fail", message: expect.stringContaining("mentions none") as string });
    expect(await must(SQUARE, 1, "x")).toMatchObject({ status: "fail", message: expect.stringContaining("should be refused") as string });
  });

  test("a program that throws is an error, and the cases after it run", async () => {
    const thrower = 'export function f(x: number): number {\n  throw new Error("broken here");\n}\n';
    const file = join(mkdtempSync(join(tmpdir(), "case-")), "case.json");
    writeFileSync(file, JSON.stringify([...program(thrower, {}), ...program(SQUARE, {})]));
    const all = await checks([file]);
    expect(all.map((c) => c.status)).toEqual(["error", "pass"]);
    expect(all[0]).toMatchObject({ message: expect.stringContaining("broken here") as string, line: 2 });
  });

  test("programs of plain numbers are checked once and as f64, whatever dtypes are asked for", async () => {
    expect(await checkOf(program(SQUARE, {}), "f32")).toMatchObject({ status: "pass", dtype: "f64" });
    expect((await checkOf(program(SQUARE, { value: 9.00001 }), "f32")).status).toBe("fail");
    const paths = [join(data, "adbench/expected/hello.json"), join(data, "adbench/expected/lse.json")];
    const all: Check[] = [];
    for await (const check of runCases(paths, { engines: [tape], devices: ["wasm"], dtypes: ["f32", "f64"] })) all.push(check);
    const count = (workload: string, dtype: FloatDType) =>
      all.filter((c) => c.case.startsWith(`workloads/${workload}/`) && c.dtype === dtype).length;
    expect([count("hello", "f32"), count("hello", "f64")]).toEqual([0, 6]);
    expect([count("lse", "f32"), count("lse", "f64")]).toEqual([5, 5]);
  });
});

describe("workloads", () => {
  test("a hand, with and without coordinates in triangles, column by column in forward mode", async () => {
    const content = read("adbench/expected/ht_files.json") as { cases: object[] };
    const file = join(data, "adbench/expected/ht_files.json");
    const reference = recognise({ ...content, cases: content.cases.slice(0, 2) }, file);
    const verdicts = reference.map((r) => scope(() => checkWorkload(r as WorkloadReference, { engine: tape, dtype: "f64" })));
    expect(verdicts.map((v) => v.status)).toEqual(["pass", "pass"]);
    for (const v of verdicts) expect(Object.keys(v.checks).sort()).toEqual(["jvp", "value"]);
  });

  test("descents pass in the modes that the file asks for, and a wrong result fails", async () => {
    const descent = (name: string, functions: readonly string[]) => {
      const content = structuredClone(read(`adbench/expected/${name}.json`)) as { cases: { expected: Record<string, unknown> }[] };
      for (const { expected } of content.cases) expected.functions = functions;
      return content;
    };
    expect(await checkOf(descent("particle", ["rr"]))).toMatchObject({ status: "pass" });
    expect(await checkOf(descent("saddle", ["rf"]))).toMatchObject({ status: "pass" });
    const wrong = descent("saddle", ["fr"]);
    for (const { expected } of wrong.cases) (expected.output as number[])[3] = 1e-5;
    expect(await checkOf(wrong)).toMatchObject({ status: "fail", message: expect.stringContaining("output is off") as string });
  });

  test("a wrong entry of a gradient, Hessian or product is found, however small it is", async () => {
    type Expected = { gradient: number[]; hessian: number[][]; hvp: { Hv: number[] } };
    const change = async (edit: (expected: Expected) => void) => {
      const file = structuredClone(read("adbench/expected/lse.json")) as { cases: { expected: Expected }[] };
      file.cases = file.cases.slice(0, 1);
      for (const { expected } of file.cases) edit(expected);
      return (await checkOf(file)).message;
    };
    expect(await change((e) => e.gradient.splice(0, 1, 0.0900305))).toContain("gradient is off");
    expect(await change((e) => e.hessian[1]?.fill(0))).toContain("hessian is off");
    expect(await change((e) => e.hvp.Hv.fill(0, 2))).toContain("Hv is off");
    expect(await change((e) => e.gradient.pop())).toContain("gradient has 3 numbers; the reference has 2");
  });

  test("a workload that is not written is skipped with that reason, and a missing data file is named", async () => {
    const unknown = { schema: "ad-golden/1", eval: "fft", cases: [{ id: "a", expected: {} }] };
    expect(await checkOf(unknown)).toMatchObject({ status: "skipped", message: "workload fft not written yet" });
    const lost = { schema: "ad-golden/1", eval: "gmm", cases: [{ id: "a", file: "data/lost.txt", expected: {} }] };
    expect(await checkOf(lost)).toMatchObject({ status: "skipped", message: expect.stringContaining("data/lost.txt") as string });
  });
});

test("files that are no reference files are errors that name them", async () => {
  expect(await checkOf({ nothing: 1 })).toMatchObject({
    status: "error",
    message: expect.stringContaining("case.json is none of") as string,
  });
});
