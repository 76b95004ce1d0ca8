/**
 * The cases of every operator with every attribute, whose numbers are another library's: none is wrong, none is skipped, and none of
 * the vocabulary is left out. One device for each dtype here; `npm run verify:reference` runs them on all.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { tape } from "../../engines/tape/engine.ts";
import { projectRoot } from "../root.ts";
import type { Check } from "../schema.ts";
import { readCases } from "./read.ts";
import { runCases } from "./run.ts";
import { operators } from "./vocabulary.ts";

const folder = join(projectRoot, "test", "data", "attributes");
const cases = readCases(folder);

test.each([
  ["interpreter", "f64"],
  ["wasm", "f32"],
  ["tfjs", "f32"],
] as const)("every case passes on %s in %s", { timeout: 60_000 }, async (device, dtype) => {
  const checks: Check[] = [];
  for await (const check of runCases([folder], { engines: [tape], devices: [device], dtypes: [dtype] })) checks.push(check);
  expect(checks.length).toBe(cases.length);
  expect(checks.filter((c) => c.status !== "pass")).toEqual([]);
});

test("every operator that the golden vocabulary defines has cases, and is known by name", () => {
  const page = readFileSync(join(projectRoot, "test/data/golden/README.md"), "utf8");
  const defined = [...page.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name as string).sort();
  expect(defined.length).toBe(118);
  const covered = new Set(cases.flatMap((c) => (c.kind === "function" ? [c.case.op] : [])));
  expect([...covered].sort()).toEqual(defined);
  expect(defined.filter((name) => !operators.includes(name))).toEqual([]);
});

test("every function of a differentiable operator is held to second order somewhere", () => {
  const without = new Set(["argmax"]);
  for (const c of cases) if (c.kind === "function" && c.case.hvp === undefined) without.add(c.case.op);
  const held = new Set(cases.flatMap((c) => (c.kind === "function" && c.case.hvp !== undefined ? [c.case.op] : [])));
  expect([...without].filter((op) => !held.has(op))).toEqual(["argmax"]);
});
