/** The import directions of ARCHITECTURE.md, and the sizes of files: a violation names the file, the import and the rule. */
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ROOT, type SourceFile, sourceFiles } from "./source-files.ts";

/** Who may import whom: the first entry that matches a file decides. Paths are prefixes; a file may always import its own layer. */
const LAYERS: readonly { readonly layer: string; readonly files: readonly string[]; readonly may: readonly string[] }[] = [
  { layer: "core/base", files: ["core/base/"], may: [] },
  { layer: "core/kernel", files: ["core/kernel/"], may: ["core/base"] },
  { layer: "core/primitives", files: ["core/primitive.ts", "core/primitives/", "core/vocabulary.ts"], may: ["core/base", "core/kernel"] },
  { layer: "core/render", files: ["core/render/"], may: ["core/base", "core/kernel"] },
  { layer: "core/device", files: ["core/device/"], may: ["core/base", "core/kernel", "core/render"] },
  { layer: "core/tensor", files: ["core/tensor/", "core/ops.ts", "core/ops/"], may: ["core/base", "core/primitives", "core/device"] },
  {
    layer: "core/compile",
    files: ["core/compile/"],
    may: ["core/base", "core/kernel", "core/primitives", "core/device", "core/tensor"],
  },
  { layer: "rules", files: ["rules/"], may: ["core/base", "core/primitives"] },
  {
    layer: "engine interface",
    files: ["engines/engine.ts", "engines/forms.ts", "engines/picture/", "engines/places.ts", "engines/trees.ts"],
    may: ["core/base", "core/tensor"],
  },
  { layer: "tape", files: ["engines/tape/"], may: ["core/base", "core/primitives", "core/tensor", "rules", "engine interface"] },
  {
    layer: "program-transform",
    files: ["engines/program-transform/"],
    may: ["core/base", "core/primitives", "core/device", "core/tensor", "core/compile", "rules", "engine interface"],
  },
  {
    layer: "graph",
    files: ["engines/graph/"],
    may: ["core/base", "core/primitives", "core/device", "core/tensor", "core/compile", "rules", "engine interface"],
  },
  {
    layer: "engine registry",
    files: ["engines/registry.ts"],
    may: ["core/base", "engine interface", "tape", "graph", "program-transform"],
  },
  { layer: "models", files: ["suites/"], may: ["core/ops", "core/base types"] },
  { layer: "loader", files: ["loader/"], may: ["core/base", "core/tensor", "engine interface", "models"] },
  {
    layer: "harness",
    files: ["harness/"],
    may: ["core/base", "core/primitives", "core/device", "core/tensor", "engine interface", "engine registry", "models", "loader"],
  },
  { layer: "reports", files: ["reports/"], may: ["harness/schema"] },
  { layer: "cli", files: ["cli/"], may: ["*"] },
  { layer: "programs", files: ["scripts/", "examples/", "test/"], may: ["*"] },
];

const layerOf = (path: string) => LAYERS.find((l) => l.files.some((f) => path.startsWith(f)));

function allowed(from: SourceFile, to: string, typeOnly: boolean): boolean {
  const source = layerOf(from.path);
  const target = layerOf(to);
  if (source === undefined || target === undefined) return false;
  if (source === target || source.may.includes("*") || source.may.includes(target.layer)) return true;
  if (source.may.includes("core/ops") && to === "core/ops.ts") return true;
  if (source.may.includes("core/base types") && typeOnly && target.layer === "core/base") return true;
  return source.may.includes("harness/schema") && to === "harness/schema.ts";
}

test("imports follow the directions of the architecture", () => {
  const files = sourceFiles().filter((f) => !f.path.endsWith(".test.ts") && !f.path.startsWith("test/"));
  expect(files.length).toBeGreaterThan(30);
  const wrong = files.flatMap((f) =>
    f.imports
      .filter((i) => i.to.endsWith(".ts") && !allowed(f, i.to, i.typeOnly))
      .map((i) => `${f.path} imports ${i.to}: ${layerOf(f.path)?.layer ?? "no layer"} may not`),
  );
  expect(wrong).toEqual([]);
});

test("the check sees a wrong direction", () => {
  const wrong: SourceFile = { path: "core/render/wasm.ts", text: "", imports: [] };
  expect(allowed(wrong, "core/device/device.ts", false)).toBe(false);
  expect(allowed({ ...wrong, path: "reports/build.ts" }, "harness/store.ts", false)).toBe(false);
  expect(allowed({ ...wrong, path: "reports/build.ts" }, "harness/schema.ts", false)).toBe(true);
  expect(allowed({ ...wrong, path: "suites/dense/mlp.ts" }, "engines/tape/tape.ts", true)).toBe(false);
});

test("nobody but the command line imports the command line", () => {
  const wrong = sourceFiles().filter(
    (f) => !f.path.startsWith("cli/") && !f.path.startsWith("test/") && f.imports.some((i) => i.to.startsWith("cli/")),
  );
  expect(wrong.map((f) => f.path)).toEqual([]);
});

test("a file longer than 400 lines, tables of reference values apart, has a decision record that names it", () => {
  const records = join(ROOT, "docs/decisions/0004-long-files.md");
  const named = existsSync(records) ? readFileSync(records, "utf8") : "";
  const long = sourceFiles().filter((f) => f.text.split("\n").length > 401 && !f.path.endsWith(".reference.ts") && !named.includes(f.path));
  expect(long.map((f) => `${f.path}: ${f.text.split("\n").length} lines`)).toEqual([]);
});

test("every file says at its top what it is for", () => {
  const silent = sourceFiles().filter((f) => !f.path.endsWith(".test.ts") && !/^(#!.*\n)?\s*\/\*\*/.test(f.text));
  expect(silent.map((f) => f.path)).toEqual([]);
});
