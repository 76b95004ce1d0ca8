import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { BenchError } from "../core/base/errors.ts";
import { ReportError } from "../reports/failure.ts";
import { describeError, EXIT, errorRecord, exitCodeOf } from "./failure.ts";

test("a stored run that cannot be read is a mistake of the call: told without a stack, exit code 2", () => {
  const error = new ReportError("usage", "run.json is not JSON", "name another run");
  expect(exitCodeOf(error)).toBe(EXIT.refused);
  expect(describeError(error)).toBe("run.json is not JSON\n  name another run");
  expect(errorRecord(error).error).toMatchObject({ kind: "usage", message: "run.json is not JSON; name another run" });
});

test("a device that is not there ends with exit code 3, and an unknown error with 1 and its stack", () => {
  expect(exitCodeOf(new BenchError("environment", "no cuda"))).toBe(EXIT.environment);
  expect(exitCodeOf(new Error("odd"))).toBe(EXIT.checkFailed);
  expect(describeError(new Error("odd"))).toContain("failure.test");
});

test("an error of a program shows the line that it is in, with a caret below the place", () => {
  const folder = mkdtempSync(join(tmpdir(), "failure-"));
  const file = join(folder, "given.ts");
  writeFileSync(file, "export function f(x: number) {\n\treturn new Map([[x, x]]);\n}\n");
  const error = new BenchError("unsupported", "Map is not read", { advice: "use records", span: { file, line: 2, column: 13 } });
  expect(describeError(error)).toBe(
    `${file}:2:13  Map is not read\n  2 | \treturn new Map([[x, x]]);\n    | \t           ^\n  use records`,
  );
  rmSync(folder, { recursive: true });
  expect(describeError(error)).toBe(`${file}:2:13  Map is not read\n  use records`);
});
