/** The models that ship: their data, their gradients on the tape, and the hand-written gradients as the floor that they claim to be. */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import type { FloatDType } from "../core/base/dtype.ts";
import { openDevice } from "../core/device/registry.ts";
import { scope } from "../core/tensor/scope.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import type { Tree } from "../engines/engine.ts";
import { discoverModels } from "../harness/discover.ts";
import { makeCase } from "../harness/materials.ts";
import { projectRoot } from "../harness/root.ts";
import { verifyWorkload } from "../harness/verify-cell.ts";
import { makeWorkload, type Workload } from "../harness/workload.ts";
import type { Size } from "./model.ts";

const { models, broken } = discoverModels();
const device = openDevice("wasm");
useDevice(device);

function found(name: string) {
  const model = models.find((m) => m.model.name === name);
  if (model === undefined) throw new Error(`no model ${name}`);
  return model;
}

function load(name: string, size: string, dtype: FloatDType): Workload {
  const { suite, file } = found(name);
  const cell = { suite, model: name, size, engine: "tape", device: "wasm", dtype };
  return makeWorkload({ cell, file, mode: "verify", budgetMs: 1, minRounds: 1, maxRounds: 1, seed: 1 });
}

const materials = (name: string, size: Size, dtype: FloatDType = "f64") => makeCase(found(name).model, size, 1, dtype);
const array = (tensor: unknown) => Array.from((tensor as { toArray(): ArrayLike<number> }).toArray());

test("every model file loads", () => {
  expect(broken).toEqual([]);
  expect(models.map((m) => `${m.suite}/${m.model.name}`)).toEqual(["dense/logistic", "dense/mlp", "structured/gmm"]);
});

describe("value and gradient", () => {
  const cases = models.flatMap(({ model }) =>
    [Object.keys(model.sizes)[0] as string, ...(model.quick ?? [])].map((size) => [model.name, size] as const),
  );
  test.each([...new Map(cases.map((c) => [c.join(), c])).values()])("%s %s agrees with central differences and by hand", (name, size) => {
    for (const dtype of ["f64", "f32"] as const) {
      // Sums of 1000 log-densities of mixtures are for f64.
      if (name === "gmm" && dtype === "f32") continue;
      scope(() => {
        const result = verifyWorkload(load(name, size, dtype));
        expect(result, dtype).not.toHaveProperty("problem");
      });
    }
  });
});

describe("the hand-written gradient is a floor", () => {
  test.each(models.map((m) => m.model.name))("%s: fewer launches by hand than on the tape", (name) => {
    const { model } = found(name);
    scope(() => {
      const { params, batch, prepared } = load(name, Object.keys(model.sizes)[0] as string, model.dtypes?.[0] ?? "f32");
      const launches = (run: () => void) => {
        scope(run);
        const before = device.stats().launches;
        scope(run);
        return device.stats().launches - before;
      };
      const byHand = launches(() => model.handwritten?.(params, batch));
      const onTape = launches(() => prepared.valueAndGrad([params, batch] as Tree[]));
      expect(byHand).toBeGreaterThan(5);
      expect(byHand).toBeLessThan(onTape);
    });
  });
});

describe("data", () => {
  test("logistic: 569 standardised rows, repeated", () => {
    scope(() => {
      const { batch } = materials("logistic", { copies: 2 });
      const { x, t } = batch as Record<string, unknown>;
      const values = array(x);
      expect(values.length).toBe(2 * 569 * 30);
      expect(values.slice(569 * 30)).toEqual(values.slice(0, 569 * 30));
      for (let j = 0; j < 30; j++) {
        const column = values.filter((_, i) => i % 30 === j);
        expect(column.reduce((s, v) => s + v, 0) / column.length).toBeCloseTo(0, 10);
        expect(column.reduce((s, v) => s + v * v, 0) / column.length).toBeCloseTo(1, 10);
      }
      expect(array(t).reduce((s, v) => s + v, 0)).toBe(2 * 357);
    });
  });

  test("mlp: pixels in [0, 1], classes 0 to 9, rows repeated beyond the data", () => {
    scope(() => {
      const { x, t } = materials("mlp", { batch: 1800, width: 4 }).batch as Record<string, unknown>;
      const pixels = array(x);
      expect(pixels.length).toBe(1800 * 64);
      expect(Math.min(...pixels)).toBe(0);
      expect(pixels.reduce((a, b) => Math.max(a, b), 0)).toBe(1);
      expect([...new Set(array(t))].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
      expect(pixels.slice(1797 * 64)).toEqual(pixels.slice(0, 3 * 64));
    });
  });

  test("gmm: value and hand-written gradient of every shipped file are ADBench's", () => {
    const file = join(projectRoot, "test/data/adbench/expected/gmm_files.json");
    const { cases } = JSON.parse(readFileSync(file, "utf8")) as {
      cases: { id: string; expected: { objective: number; jacobian: Record<string, number[]> } }[];
    };
    const { model } = found("gmm");
    expect(cases.length).toBe(Object.keys(model.sizes).length);
    for (const { id, expected } of cases) {
      scope(() => {
        const { params, batch } = materials("gmm", { file: `adbench/gmm/${id}.txt` });
        const { value: loss, gradient } = model.handwritten?.(params, batch) ?? { value: undefined, gradient: {} };
        const value = array(loss)[0] as number;
        expect(Math.abs(value - expected.objective) / Math.abs(expected.objective)).toBeLessThan(1e-12);
        for (const [name, want] of Object.entries(expected.jacobian)) {
          const flat = want.flat(2) as number[];
          const got = array((gradient as Record<string, unknown>)[name]);
          expect(got.length).toBe(flat.length);
          const error = Math.hypot(...flat.map((w, i) => w - (got[i] as number))) / Math.hypot(...flat);
          expect(error, `${id} ${name}`).toBeLessThan(1e-12);
        }
      });
    }
  });
});
