/**
 * Every reference case that ships, on every device and in both dtypes: none is wrong, none crashes, none leaves memory behind, and
 * what is skipped lacks a function of core/ops that is named. The two descents take seconds a mode; run.test.ts runs one of each.
 */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FloatDType } from "../../core/base/dtype.ts";
import type { DeviceName } from "../../core/device/device.ts";
import { openDevice } from "../../core/device/registry.ts";
import { releaseConstants } from "../../core/tensor/eager.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { tape } from "../../engines/tape/engine.ts";
import { projectRoot } from "../root.ts";
import type { Check } from "../schema.ts";
import { runCases } from "./run.ts";

const data = join(projectRoot, "test", "data");

/** The checks of `paths`; fails where a case leaves live memory behind, and names it. */
async function checks(paths: readonly string[], device: DeviceName, dtype: FloatDType): Promise<Check[]> {
  const live = () => {
    releaseConstants();
    const { liveBytes, liveBuffers } = openDevice(device).stats();
    return { liveBytes, liveBuffers };
  };
  useDevice(openDevice(device));
  const before = live();
  const all: Check[] = [];
  for await (const check of runCases(paths, { engines: [tape], devices: [device], dtypes: [dtype] })) {
    expect(live(), `live memory after ${check.case}`).toEqual(before);
    all.push(check);
  }
  return all;
}

const unlike = (all: readonly Check[], ...statuses: readonly Check["status"][]) => all.filter((c) => !statuses.includes(c.status));

describe.each(["interpreter", "wasm"] as const)("on %s", (device) => {
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

    test("workloads over tensors pass", async () => {
      const paths = ["lse", "kmeans", "gmm", "gmm_files", "lstm"].map((name) => join(data, "adbench/expected", `${name}.json`));
      const all = await checks(paths, device, dtype);
      expect(all.length).toBe(21);
      expect(unlike(all, "pass")).toEqual([]);
      expect(new Set(all.map((c) => c.dtype))).toEqual(new Set([dtype]));
    });
  });
});

test("workloads over numbers pass", async () => {
  const paths = ["hello", "llsq", "det", "ode", "ba", "ba_files"].map((name) => join(data, "adbench/expected", `${name}.json`));
  const all = await checks(paths, "interpreter", "f64");
  expect(all.length).toBe(44);
  expect(unlike(all, "pass")).toEqual([]);
});
