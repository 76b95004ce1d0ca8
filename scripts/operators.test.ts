import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { OPERATORS_PAGE, operatorsPage } from "./operators.ts";

test("docs/operators.md is what npm run docs:operators makes of the sources", () => {
  expect(readFileSync(OPERATORS_PAGE, "utf8"), "run npm run docs:operators").toBe(operatorsPage());
});

test("every operator says in words what it gives", () => {
  const rows = operatorsPage()
    .split("\n")
    .filter((line) => line.startsWith("| <a id="));
  expect(rows.length).toBeGreaterThan(120);
  const wordless = rows.filter((row) => (row.split(/(?<!\\)\|/)[2] ?? "").trim() === "");
  expect(wordless).toEqual([]);
});
