/**
 * Every reference case that ships, on every device and in both dtypes: none is wrong, none crashes, none leaves memory behind, and
 * what is skipped lacks a function of core/ops that is named. The two descents take seconds a mode; run.test.ts runs one of each.
 */
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FloatDType } from "../../core/base/dtype.ts";
import type { DeviceName } from "../../core/device/device.ts";
import { openDevice } from "../../core/device/registry.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import type { Engine } from "../../engines/engine.ts";
import { graph } from "../../engines/graph/engine.ts";
import { tape } from "../../engines/tape/engine.ts";
import { everyDeviceName } from "../../test/devices.ts";
import { projectRoot } from "../root.ts";
import type { Check } from "../schema.ts";
import { runCases } from "./run.ts";

const data = join(projectRoot, "test", "data");

/** The checks of `paths`; fails where a case leaves live memory behind, and names it. */
async function checks(paths: readonly string[], device: DeviceName, dtype: FloatDType, engine: Engine = tape): Promise<Check[]> {
  const live = () => {
    releaseConstants();
    const { liveBytes, liveBuffers } = openDevice(device).stats();
    return { liveBytes, liveBuffers };
  };
  useDevice(openDevice(device));
  const before = live();
  const all: Check[] = [];
  for await (const check of runCases(paths, { engines: [engine], devices: [device], dtypes: [dtype] })) {
    expect(live(), `live memory after ${check.case}`).toEqual(before);
    all.push(check);
  }
  return all;
}

const unlike = (all: readonly Check[], ...statuses: readonly Check["status"][]) => all.filter((c) => !statuses.includes(c.status));

/** Where nothing is in the disk cache yet, native and cuda wait for their compilers. */
const COLD = { timeout: 300_000 };

describe.each(everyDeviceName)("on %s", COLD, (device) => {
  describe.each(["f64", "f32"] as const)("in %s", (dtype) => {
    test("golden operators, programs and models pass, or lack a function", async () => {
      const all = await checks([join(data, "golden")], device, dtype);
      expect(all.length).toBe(111);
      expect(unlike(all, "pass", "skipped")).toEqual([]);
      for (const c of unlike(all, "pass")) expect(c.message, c.case).toMatch(/^core\/ops has no function \w+$/);
      expect(all.filter((c) => c.status === "pass").length).toBeGreaterThanOrEqual(97);
      for (const c of all.filter((m) => m.case.startsWith("models/")))
        expect(Object.keys(c.checks).sort(), c.case).toEqual(["hvp", "jvp", "training", "value", "vjp"]);
    });

    test("operators in other forms, computed with another library, pass, or lack a function", async () => {
      const all = await checks([join(data, "operators")], device, dtype);
      expect(all.length).toBe(136);
      expect(unlike(all, "pass", "skipped")).toEqual([]);
      for (const c of unlike(all, "pass")) expect(c.message, c.case).toMatch(/^core\/ops has no function \w+$/);
    });

    test("model families at other sizes, computed with another library, pass", async () => {
      const all = await checks([join(data, "models")], device, dtype);
      expect(all.length).toBe(12);
      expect(unlike(all, "pass")).toEqual([]);
    });

    test("workloads over tensors pass", async () => {
      const paths = ["lse", "kmeans", "gmm", "gmm_files", "lstm"].map((name) => join(data, "adbench/expected", `${name}.json`));
      const all = await checks(paths, device, dtype);
      expect(all.length).toBe(21);
      expect(unlike(all, "pass")).toEqual([]);
      expect(new Set(all.map((c) => c.dtype))).toEqual(new Set([dtype]));
    });
  });
});

test("the graph engine passes what decides by no value, refuses what does, and passes that in the form adapted to graphs", async () => {
  const all = await checks(
    ["golden", "operators", "models"].map((folder) => join(data, folder)),
    "wasm",
    "f64",
    graph,
  );
  expect(unlike(all, "pass", "refused", "skipped")).toEqual([]);
  const refused = all.filter((c) => c.status === "refused");
  expect(refused.map((c) => c.case)).toEqual(["programs/branch_in_loop", "programs/early_exit", "programs/newton_sqrt"]);
  for (const c of refused) expect(c.message).toMatch(/ passes$/);
  expect(all.filter((c) => c.status === "pass").length).toBeGreaterThanOrEqual(240);
});

test("a case that is refused, throws inside a derivative or overflows the stack leaves no memory and no trace in the next", async () => {
  const folder = mkdtempSync(join(tmpdir(), "cases-"));
  const matmul = JSON.parse(readFileSync(join(data, "golden/ops/matmul_2d.json"), "utf8")) as { inputs: { shape: number[] }[] };
  const misfit = { ...matmul, inputs: matmul.inputs.map((x) => ({ ...x, shape: [...x.shape].reverse() })) };
  const bodies = [
    "return grad((y) => { if (y > 0) throw new Error('broken'); return y; })(x);",
    "return f(x + 1);",
    "return [x] as unknown as number;",
  ];
  const programs = bodies.map((body, i) => ({
    name: `p${i}`,
    feature: "test",
    status: "required",
    source: `declare function grad(f: (x: number) => number): (x: number) => number;\nexport function f(x: number): number {\n  ${body}\n}\n`,
    args: [1],
    wrt: [0],
    value: 1,
    grad: [1],
  }));
  [misfit, programs, matmul].forEach((content, i) => {
    writeFileSync(join(folder, `${i}.json`), JSON.stringify(content));
  });
  const all = await checks([folder], "wasm", "f64");
  expect(all.map((c) => c.status)).toEqual(["refused", "error", "error", "refused", "pass"]);
});

test("workloads over numbers pass", async () => {
  const paths = ["hello", "llsq", "det", "ode", "ba", "ba_files"].map((name) => join(data, "adbench/expected", `${name}.json`));
  const all = await checks(paths, "interpreter", "f64");
  expect(all.length).toBe(44);
  expect(unlike(all, "pass")).toEqual([]);
});
