import { expect, test } from "vitest";
import { codeLines, engineSize } from "./engine-size.ts";

test("blank lines and comments are not counted, code beside a comment is", () => {
  expect(codeLines("a.ts", "/** what\n * for\n */\nconst a = 1; // one\n\n// alone\nconst b = `//\n// text`;\n")).toBe(3);
});

test("the tape has a size, without its tests", () => {
  const { lines, rules } = engineSize("tape");
  expect(lines).toBeGreaterThan(300);
  expect(lines).toBeLessThan(2000);
  expect(rules).toBe(0);
});
