import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { execa } from "execa";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { z } from "zod";
import { cellSchema, checkSchema, runSchema } from "../../harness/schema.ts";
import { readRun } from "../../harness/store.ts";
import { buildProject } from "../build.ts";
import { bench, model } from "./bench.ts";

let folder = "";
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "trigrad-cli-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const count = z.int().min(0);
const summarySchema = z.strictObject({
  summary: z.record(z.string(), z.strictObject({ pass: count, fail: count, refused: count, error: count, skipped: count })),
});

describe("bench", () => {
  test("--help names every command that there is, on stdout, with exit code 0", async () => {
    const { code, stdout } = await bench("--help");
    expect(code).toBe(0);
    for (const name of ["all", "run", "list", "verify", "grad", "report", "doctor"])
      expect(stdout).toMatch(new RegExp(`^ {2}${name} `, "m"));
  });

  test.each([
    [[]],
    [["frobnicate"]],
    [["list", "--frobnicate"]],
    [["run"]],
    [["run", "no-such-model"]],
    [["all", "--dtype", "f16"]],
    [["all", "--timeout", "-1"]],
  ])("%j is a usage error", async (words) => {
    const { code, stdout, stderr } = await bench(...words);
    expect(code).toBe(2);
    expect(stdout).toBe("");
    expect(stderr).not.toBe("");
  });

  test("a mistake under --json is one JSON line", async () => {
    const { code, lines } = await bench("run", "no-such-model", "--json");
    expect(code).toBe(2);
    expect(lines).toEqual([{ error: expect.objectContaining({ kind: "usage", message: expect.stringContaining("no-such-model") }) }]);
  });

  test("a device that is not here and a peer that cannot be run are exit code 3", async () => {
    const absent = (await bench("doctor", "--json")).lines
      .map((line) => line.device as { name: string; available: boolean } | undefined)
      .find((device) => device?.available === false);
    if (absent) expect((await bench("verify", model("least-squares"), "--device", absent.name)).code).toBe(3);
    expect((await bench("verify", model("least-squares"), "--peer", "pytorch")).code).toBe(3);
    expect((await bench("verify", model("least-squares"), "--peer", "abacus")).code).toBe(2);
  });
});

describe("bench on the tfjs device", () => {
  const onTfjs = (...words: string[]) => [...words, "--device", "tfjs", "--engine", "tape", "--json"];

  test("runs a model from start to report", async () => {
    const out = join(folder, "tfjs");
    const { code, lines } = await bench("run", "mlp", "--quick", "--out", out, ...onTfjs());
    expect(code).toBe(0);
    const cells = lines.slice(0, -1).map((line) => cellSchema.parse(line));
    expect(cells.length).toBeGreaterThan(0);
    for (const cell of cells) expect(cell).toMatchObject({ cell: { device: "tfjs", dtype: "f32" }, outcome: { kind: "ok" } });
    expect(existsSync(join(out, "report.html"))).toBe(true);
  });

  test("refuses float64 by name", async () => {
    const { lines } = await bench("verify", "mlp", "--dtype", "f64", ...onTfjs());
    const checks = lines.slice(0, -1).map((line) => checkSchema.parse(line));
    expect(checks.length).toBeGreaterThan(0);
    for (const check of checks) expect(check).toMatchObject({ status: "refused", message: expect.stringContaining("has no f64") });
  });

  test("without its backend is exit code 3 and one message", async () => {
    process.env.TRIGRAD_TFJS_BACKEND = "webgl";
    try {
      const { code, stderr } = await bench("run", "mlp", "--device", "tfjs");
      expect(code).toBe(3);
      expect(stderr).toContain(
        "the device tfjs is not available here: TRIGRAD_TFJS_BACKEND is webgl, and backends are node-gpu, node, wasm, cpu",
      );
    } finally {
      delete process.env.TRIGRAD_TFJS_BACKEND;
    }
  });
});

describe("bench list and doctor", () => {
  test("list --json has one line for every engine and device, and for every model what it offers", async () => {
    const { lines } = await bench("list", "--json");
    expect(lines.filter((line) => "engine" in line).map((line) => (line.engine as { name: string }).name)).toContain("tape");
    expect(lines.filter((line) => "device" in line).length).toBeGreaterThanOrEqual(2);
    for (const line of lines)
      if ("model" in line)
        expect(line.model).toMatchObject({
          suite: expect.any(String),
          name: expect.any(String),
          sizes: expect.any(Object),
          dtypes: expect.any(Array),
        });
  });

  test("doctor succeeds on any machine and says how to get what is missing", async () => {
    const { code, stdout } = await bench("doctor");
    expect(code).toBe(0);
    expect(stdout).toContain(process.version);
    const { lines } = await bench("doctor", "--json");
    for (const line of lines) if ("tool" in line) expect(line.tool).toMatchObject({ name: expect.any(String), how: expect.any(String) });
  });
});

describe("bench verify", () => {
  test("a right model passes, with one line a check and the summary last", async () => {
    const { code, lines } = await bench("verify", model("least-squares"), "--device", "interpreter", "--json");
    expect(lines.length).toBeGreaterThanOrEqual(2);
    const checks = lines.slice(0, -1).map((line) => checkSchema.parse(line));
    expect(checks[0]).toMatchObject({
      case: "models/models/least-squares/small",
      engine: "tape",
      device: "interpreter",
      dtype: "f64",
      status: "pass",
    });
    expect(checks[0]?.worst).toBeLessThan(1e-8);
    const { summary } = summarySchema.parse(lines.at(-1));
    expect(summary.tape).toEqual({ pass: 1, fail: 0, refused: 0, error: 0, skipped: 0 });
    expect(code).toBe(0);
  });

  test("every dtype that is named is verified", async () => {
    const { lines } = await bench(
      "verify",
      model("least-squares"),
      "--device",
      "interpreter",
      "--dtype",
      "f64",
      "--dtype",
      "f32",
      "--json",
    );
    const dtypes = lines.slice(0, -1).map((line) => checkSchema.parse(line).dtype);
    expect([...new Set(dtypes)]).toEqual(["f64", "f32"]);
    expect((await bench("ir", "mlp", "--dtype", "f64", "--dtype", "f32")).code).toBe(2);
  });

  test("a wrong hand-written gradient fails with exit code 1 and names the parameter", async () => {
    const { code, lines } = await bench("verify", model("wrong-by-hand"), "--device", "interpreter", "--json");
    expect(code).toBe(1);
    expect(checkSchema.parse(lines[0])).toMatchObject({ status: "fail", message: expect.stringContaining("hand-written") });
  });

  test("a path without reference files is a usage error", async () => {
    expect((await bench("verify", "--cases", join(folder, "absent"))).code).toBe(2);
  });
});

describe("bench run", () => {
  test("writes the run's folder, prints records as JSON lines, and keeps a model's noise out", async () => {
    const out = join(folder, "noisy");
    const { code, lines } = await bench(
      "run",
      model("noisy"),
      model("least-squares"),
      "--quick",
      "--device",
      "interpreter",
      "--engine",
      "tape",
      "--out",
      out,
      "--json",
    );
    expect(code).toBe(0);
    const cells = lines.slice(0, -1).map((line) => cellSchema.parse(line));
    expect(cells.map((cell) => [cell.cell.model, cell.outcome.kind])).toEqual([
      ["noisy", "ok"],
      ["least-squares", "ok"],
    ]);
    for (const cell of cells) {
      expect(cell.samples?.value.length).toBeGreaterThanOrEqual(5);
      expect(cell.samples?.gradient).toHaveLength(cell.samples?.value.length ?? -1);
      expect(cell.value?.lo).toBeLessThanOrEqual(cell.value?.median ?? 0);
      expect(cell.counts?.launches).toBeGreaterThan(0);
      expect(cell.host?.nsPerStep).toBeGreaterThan(0);
    }
    expect(cells[1]?.handwritten).toBeDefined();
    expect(lines.at(-1)).toEqual({ run: out, report: join(out, "report.html") });
    expect(existsSync(join(out, "report.html"))).toBe(true);
    const stored = readRun(out);
    expect(stored.cells).toEqual(cells);
    expect(stored.run.finished).not.toBeNull();
    expect((await bench("report", out)).stdout.trim()).toBe(join(out, "report.html"));
    expect((await bench("run", model("noisy"), "--out", out)).code).toBe(2);
  });

  test("a wrong gradient is not timed and ends with exit code 1; a hang is a timeout, and its larger sizes are not run", async () => {
    const out = join(folder, "bad");
    const { code } = await bench(
      "run",
      model("wrong-by-hand"),
      model("hanging"),
      "--device",
      "interpreter",
      "--engine",
      "tape",
      "--out",
      out,
      "--timeout",
      "4",
    );
    expect(code).toBe(1);
    const { cells } = readRun(out);
    expect(cells.map((cell) => cell.outcome.kind)).toEqual(["wrong-gradient", "timeout", "not-run"]);
    expect(cells[0]?.samples).toBeUndefined();
    expect(cells[0]?.verified?.gradient).toBeGreaterThan(0.1);
  });

  test("Ctrl-C keeps finished cells, writes run.json and exits with 130; --resume does the rest", async () => {
    const out = join(folder, "interrupted");
    const words = ["run", model("least-squares"), model("hanging"), "--quick", "--device", "interpreter", "--engine", "tape", "--out", out];
    const running = execa(process.execPath, [join(buildProject(), "cli", "main.js"), ...words], { reject: false });
    const cells = join(out, "cells.jsonl");
    for (let i = 0; i < 1000 && !(existsSync(cells) && readFileSync(cells, "utf8").includes("\n")); i++)
      await new Promise((resolve) => setTimeout(resolve, 20));
    running.kill("SIGINT");
    expect((await running).exitCode).toBe(130);
    expect(readRun(out).cells.map((cell) => cell.cell.model)).toEqual(["least-squares"]);
    const run = runSchema.parse(JSON.parse(readFileSync(join(out, "run.json"), "utf8")));
    expect(run.finished).toBeNull();
    expect(run.plan).toHaveLength(2);
    const resumed = await bench("run", "--resume", out, "--timeout", "3");
    expect(resumed.code).toBe(1);
    expect(readRun(out).cells.map((cell) => [cell.cell.model, cell.outcome.kind])).toEqual([
      ["least-squares", "ok"],
      ["hanging", "timeout"],
    ]);
  });

  test("two models of one name are an error that names both files", async () => {
    const copy = join(folder, "copy.ts");
    writeFileSync(copy, readFileSync(model("noisy"), "utf8").replaceAll("../../../", `${join(model("noisy"), "../../../..")}/`));
    const { code, stderr } = await bench("run", model("noisy"), copy);
    expect(code).toBe(2);
    expect(stderr).toContain(copy);
    expect(stderr).toContain(model("noisy"));
  });
});
