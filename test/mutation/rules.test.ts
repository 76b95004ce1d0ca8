/**
 * Can the checks fail? One rule at a time is made wrong; `bench verify --cases test/data/golden`, whose cases and exit status are
 * asked for here in the process that holds the mutant, then ends with 1 because of wrong numbers, and with 0 once it is put back.
 */
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { EXIT } from "../../cli/failure.ts";
import { Tally } from "../../cli/verify.ts";
import { tape } from "../../engines/tape/engine.ts";
import { runCases } from "../../harness/cases/run.ts";
import { projectRoot } from "../../harness/root.ts";
import type { Check } from "../../harness/schema.ts";
import { ruleOf } from "../../rules/table.ts";
import { mutants, withMutant } from "./mutants.ts";

const golden = join(projectRoot, "test/data/golden");

interface Verification {
  /** The status with which the command ends. */
  readonly status: number;
  readonly checks: readonly Check[];
}

/** Verifies until a check is `enough`: once a check has failed, no later one changes the status. */
async function verify(paths: readonly string[] = [golden], enough: (check: Check) => boolean = () => false): Promise<Verification> {
  const tally = new Tally([tape.name]);
  const checks: Check[] = [];
  for await (const check of runCases(paths, { engines: [tape], devices: ["wasm"], dtypes: ["f64"] })) {
    tally.add(check);
    checks.push(check);
    if (enough(check)) break;
  }
  return { status: tally.exitCode, checks };
}

/** Wrong, not merely broken: a first derivative is a number, and out of bounds. */
function isWrong({ status, checks: { vjp = 0, jvp = 0 } }: Check): boolean {
  return status === "fail" && Math.max(vjp, jvp) > 1e-6;
}

describe("with a wrong rule", () => {
  test.each(mutants.map((m) => [m.primitive, m.mistake, m] as const))(
    "of %s (%s) verification fails by its numbers",
    async (_, __, mutant) => {
      const { status, checks } = await withMutant(mutant, () => verify([golden], isWrong));
      expect(checks.filter(isWrong).length).toBe(1);
      expect(status).toBe(EXIT.checkFailed);
      const failed = checks.filter((c) => c.status === "fail" || c.status === "error");
      const again = await verify(failed.map((c) => join(golden, `${c.case}.json`)));
      expect(again.checks.map((c) => c.status)).toEqual(failed.map(() => "pass"));
      expect(again.status).toBe(EXIT.ok);
    },
  );
});

test("with the right rules everything passes, also after all mutants", async () => {
  const { status, checks } = await verify();
  expect(checks.filter((c) => c.status !== "pass" && c.status !== "skipped")).toEqual([]);
  expect(status).toBe(EXIT.ok);
});

test("the right rule is put back even where verification throws", async () => {
  for (const mutant of mutants) {
    const before = [...ruleOf];
    await expect(withMutant(mutant, () => Promise.reject(new Error("stopped")))).rejects.toThrow("stopped");
    expect(ruleOf).toEqual(before);
  }
});
