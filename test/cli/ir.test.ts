/** `bench ir` in its three formats, and calls that make no sense. */
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { bench } from "./bench.ts";

let folder = "";
let file = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "trigrad-ir-"));
  file = join(folder, "g.ts");
  writeFileSync(file, "export function f(x: number, y: number): number {\n  return Math.sin(x) * y;\n}\n");
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});
const ir = (...words: string[]) => bench("ir", file, "--args", "[2, 3]", "--device", "interpreter", ...words);

describe("bench ir", () => {
  test("prints text where no format is named, or the one stage that is asked for", async () => {
    const { code, stdout } = await ir("--engine", "graph");
    expect(code).toBe(0);
    expect(stdout).toContain("── graph: graph of value and gradient");
    const one = await ir("--engine", "graph", "--stage", "1");
    expect(one.stdout).toContain("graph of the value");
    expect(one.stdout).not.toContain("gradient");
  });

  test.each([
    ["graph", 3, "sin_"],
    ["program-transform", 3, "sin_"],
    ["tape", 1, "sin %"],
  ])("draws the graphs of the %s engine for Graphviz", async (engine, graphs, name) => {
    const { code, stdout } = await ir("--engine", engine, "--format", "dot");
    expect(code).toBe(0);
    expect(stdout.match(/^digraph /gm)).toHaveLength(graphs);
    expect(stdout).toContain(name);
    expect(stdout).toContain(engine === "tape" ? "->" : `${file}:2`);
  });

  test("writes one page of all engines, with the lines of the program and the times of the graph engine", async () => {
    const { code, stdout } = await ir("--format", "html");
    expect(code).toBe(0);
    expect(stdout).toMatch(/^<!doctype html>/);
    const data = JSON.parse(/id="data">([\s\S]*?)<\/script>/.exec(stdout)?.[1] as string) as {
      pictures: { title: string; measured?: { device: string } }[];
      lines: Record<string, string>;
    };
    for (const engine of ["tape", "graph", "program-transform"])
      expect(data.pictures.some((p) => p.title.startsWith(`${engine}: `))).toBe(true);
    expect(data.pictures.filter((p) => p.measured !== undefined).map((p) => p.title)).toEqual([
      expect.stringContaining("graph: optimised"),
    ]);
    expect(data.lines[`${file}:2`]).toBe("  return Math.sin(x) * y;");
  });

  test.each([
    [["--format", "svg"], /text, dot, html/],
    [["--format", "dot", "--json"], /--json prints text/],
    [["--engine", "graph", "--format", "dot", "--stage", "4"], /is no graph.*1: graph of the value/s],
    [["--engine", "graph", "--stage", "99"], /--stage 99: the graph engine has \d+ stages.*1: graph of the value/s],
    [["--engine", "graph", "--stage", "0"], /--stage 0/],
  ])("refuses %j with exit code 2 and the way out", async (words, message) => {
    const { code, stderr, stdout } = await ir(...words);
    expect(code).toBe(2);
    expect(`${stderr}${stdout}`).toMatch(message);
  });
});
