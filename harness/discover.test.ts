import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { BenchError } from "../core/base/errors.ts";
import { discoverModels, lossProgram, selectModels } from "./discover.ts";

let root = "";
beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), "trigrad-suites-"));
});
afterEach(() => {
  rmSync(root, { recursive: true, force: true });
});

function write(suite: string, file: string, text: string): string {
  mkdirSync(join(root, suite), { recursive: true });
  writeFileSync(join(root, suite, file), text);
  return join(root, suite, file);
}

function model(name: string): string {
  return `export function loss(p: number, b: number): number { return p * b; }
export default { name: "${name}", summary: "s", sizes: { small: {} }, params: () => 1, batch: () => 2, loss };
`;
}

describe("finding models", () => {
  test("scans the suites, sorted, and passes over helpers, tests and data", () => {
    write("z", "b.ts", model("beta"));
    write("a", "x.ts", model("alpha"));
    write("a", "helper.ts", "export const width = 3;\n");
    write("a", "x.test.ts", "throw new Error('a test is not a model');\n");
    write("data", "d.ts", model("data"));
    const { models, broken } = discoverModels(root);
    expect(models.map(({ suite, model: { name } }) => `${suite}/${name}`)).toEqual(["a/alpha", "z/beta"]);
    expect(broken).toEqual([]);
  });

  test("two files with one name are an error that names both", () => {
    const first = write("a", "x.ts", model("same"));
    const second = write("b", "y.ts", model("same"));
    expect(() => discoverModels(root)).toThrow(BenchError);
    expect(() => discoverModels(root)).toThrow(first);
    expect(() => discoverModels(root)).toThrow(second);
  });

  test("a file that cannot be loaded does not hide the others, and is an error where it is asked for", () => {
    write("a", "good.ts", model("good"));
    const bad = write("a", "bad.ts", "export default {;\n");
    const discovery = discoverModels(root);
    expect(discovery.models.map(({ model: { name } }) => name)).toEqual(["good"]);
    expect(discovery.broken.map(({ file }) => file)).toEqual([bad]);
    expect(selectModels(["good"], discovery)).toHaveLength(1);
    expect(() => selectModels([], discovery)).toThrow(/./);
    expect(() => selectModels([bad], discovery)).toThrow(/./);
  });

  test("models are chosen by name, by suite and name, and by path; others are usage errors that list what there is", () => {
    const file = write("a", "x.ts", model("alpha"));
    const discovery = discoverModels(root);
    for (const word of ["alpha", "a/alpha", file]) expect(selectModels([word], discovery)[0]?.file).toBe(file);
    expect(selectModels(["alpha", file], discovery)).toHaveLength(1);
    const missing = (): unknown => selectModels(["gamma"], discovery);
    expect(missing).toThrow(/no model gamma/);
    const helper = write("a", "helper.ts", "export const width = 3;\n");
    expect(() => selectModels([helper], discovery)).toThrow(/not a model/);
  });

  test("the program of a model is its loss, under the name that it is exported by", () => {
    expect(lossProgram(write("a", "x.ts", model("alpha"))).exportName).toBe("loss");
    const inline = write(
      "a",
      "y.ts",
      'export default { name: "i", summary: "", sizes: { s: {} }, params: () => 1, batch: () => 2, loss: (p: number, b: number) => p * b };\n',
    );
    const program = lossProgram(inline);
    const refuse = (): never => {
      throw new Error("not needed");
    };
    const loss = program.overloaded({
      grad: refuse,
      valueAndGrad: refuse,
      vjp: refuse,
      jvp: refuse,
      stopGradient: (x) => x,
      checkpoint: (f) => f,
    });
    expect(loss(3, 4)).toBe(12);
  });
});
