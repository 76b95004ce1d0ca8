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
