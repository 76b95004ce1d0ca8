import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { gpuRecord, throttling } from "./machine.ts";

const folder = mkdtempSync(join(tmpdir(), "trigrad-smi-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** Runs `f` with an nvidia-smi that prints these lines for a query of names and for one of the state. */
function withProgram<T>(facts: string, state: string, f: () => T): T {
  const program = join(folder, "nvidia-smi");
  writeFileSync(program, `#!/bin/sh\ncase "$*" in *name*) echo "${facts}";; *) ${state};; esac\n`);
  chmodSync(program, 0o755);
  const before = process.env.PATH;
  process.env.PATH = `${folder}:${before}`;
  try {
    return f();
  } finally {
    process.env.PATH = before;
  }
}

test("the machine record has the GPU with its driver, clocks, temperature and what holds its clocks back", () => {
  const facts = "NVIDIA Some GPU, 570.1, 1980 MHz, 2619 MHz, 1980 MHz";
  expect(withProgram(facts, "echo '41, 77.10 W, 0x0000000000000044'", gpuRecord)).toEqual({
    name: "NVIDIA Some GPU",
    driver: "570.1",
    clocks: "sm 1980 MHz, memory 2619 MHz, sm at most 1980 MHz",
    state: "41 °C, 77.10 W, throttled: power cap, hardware thermal",
  });
});

test("an nvidia-smi that does not know the state leaves it out", () => {
  expect(withProgram("GPU, 1, a, b, c", "exit 6", gpuRecord)).toEqual({ name: "GPU", driver: "1", clocks: "sm a, memory b, sm at most c" });
});

test("reasons are told by name, and what is no number as it is", () => {
  expect(throttling("0x0000000000000001")).toBe("none");
  expect(throttling("0x80")).toBe("hardware power brake");
  expect(throttling("[N/A]")).toBe("[N/A]");
  expect(throttling(undefined)).toBe("unknown");
});
