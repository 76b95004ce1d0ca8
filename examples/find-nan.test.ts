/** The example of a training that breaks: what it finds, and where. */
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { createWasm } from "../core/device/wasm/device.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import { findNaN } from "./find-nan.ts";

test("the step, the node and the line of the first NaN are found, with a picture and a timeline", () => {
  useDevice(createWasm());
  const { step, why, page, trace } = findNaN();
  expect(step).toBe(1);
  expect(why.message).toMatch(/^log gives NaN, first at \[0, 0\]\n {2}node: loss\/log_\d+\n/);
  expect(why.message).toMatch(/input 0: rate\/matmul_\d+, f64\[4, 1\] = -/);
  const source = readFileSync(fileURLToPath(new URL("find-nan.ts", import.meta.url)), "utf8").split("\n");
  expect(source[(why.span?.line ?? 1) - 1]).toContain("log(rate)");
  expect(page).toContain("loss/log_");
  const { traceEvents } = JSON.parse(trace) as { traceEvents: { cat?: string; args: { nodes?: string[] } }[] };
  expect(traceEvents.some((e) => e.cat === "launch" && e.args.nodes?.some((n) => n.startsWith("rate/matmul_")))).toBe(true);
});
