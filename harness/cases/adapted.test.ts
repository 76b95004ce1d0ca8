/** The forms adapted to graphs: each gives the reference values on the engine that it is for, and on the others too. */
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { createWasm } from "../../core/device/wasm/device.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { graph } from "../../engines/graph/engine.ts";
import { programTransform } from "../../engines/program-transform/engine.ts";
import { tape } from "../../engines/tape/engine.ts";
import { projectRoot } from "../root.ts";
import { judgeAdapted } from "./adapted.ts";
import { checkGenerality } from "./generality.ts";
import { checkFunction } from "./golden.ts";
import type { Site, Verdict } from "./judge.ts";
import { textBelow } from "./programs.ts";
import { type ReferenceCase, readCases } from "./read.ts";

useDevice(createWasm());

const references = ["generality", "golden/programs"].flatMap((folder) => readCases(join(projectRoot, "test/data", folder)));
const forms = readdirSync(join(projectRoot, "harness/cases/adapted"), { recursive: true, encoding: "utf8" })
  .filter((f) => f.endsWith(".ts"))
  .map((f) => f.slice(0, -3).replaceAll("-", "_").split("/") as [folder: string, name: string]);

function check(reference: ReferenceCase, site: Site): Verdict {
  if (reference.kind === "generality") return checkGenerality(reference.case, site);
  if (reference.kind === "function") return checkFunction(reference.case, site);
  throw new Error("no such form");
}

test.each(forms)("%s/%s", (folder, name) => {
  const reference = references.find((r) => r.name.replaceAll("-", "_").endsWith(`${folder}/${name}`)) as ReferenceCase;
  const verdict = judgeAdapted(reference, { engine: graph, dtype: "f64" }, (site) => check(reference, site));
  expect(verdict.status).toBe("refused");
  expect(verdict.line).toBeGreaterThan(0);
  expect(verdict.message).toMatch(/the form adapted to graphs \(\d+ (more|fewer) lines\) passes$/);
  const adapted = textBelow(`adapted/${reference.name.split("/").at(-2)}`, name) as string;
  for (const engine of [tape, programTransform])
    expect(check(reference, { engine, dtype: "f64", adapted }).status, engine.name).toBe("pass");
});

test("a form that gives other values fails, and says so", () => {
  const reference = references.find((r) => r.name.endsWith("max_by_if")) as ReferenceCase;
  const wrong =
    'import { cond, gt } from "trigrad/core/ops.ts"; export const f = (a: number, b: number) => cond(gt(a, b), () => a, () => b);';
  const verdict = judgeAdapted(reference, { engine: graph, dtype: "f64" }, (site) =>
    check(reference, site.adapted === undefined ? site : { ...site, adapted: wrong }),
  );
  expect(verdict.status).toBe("fail");
  expect(verdict.message).toMatch(/the form adapted to graphs/);
});
