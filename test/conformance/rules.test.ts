/** Every differentiable primitive against central differences, the transpose identity and second order, on every device. */
import { describe, expect, test } from "vitest";
import { openDevice } from "../../core/device/registry.ts";
import { type PrimitiveName, primitiveNames } from "../../core/primitives/table.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import { rules } from "../../rules/table.ts";
import { everyDeviceName } from "../devices.ts";
import { checkRule } from "./check-rule.ts";
import { type Sample, samples } from "./samples.ts";

const SEED = 20181129;

function differentiable(name: PrimitiveName): readonly Sample<unknown>[] {
  if (rules[name].kind === "zero") return [];
  return (samples[name] as readonly Sample<unknown>[]).filter(
    (s) => s.inputs.some((i) => (i.dtype ?? "f64") === "f64") && (s.params as { dtype?: string } | undefined)?.dtype !== "i32",
  );
}

describe.each(everyDeviceName)("on %s", (device) => {
  test.each(primitiveNames.filter((n) => differentiable(n).length > 0))(
    "the rule of %s agrees with central differences at first and second order",
    (name) => {
      useDevice(openDevice(device));
      differentiable(name).forEach((sample, i) => {
        const e = checkRule(name, sample, SEED + i);
        const where = `${name}, sample ${i} ${JSON.stringify(sample)}, seed ${SEED + i}: ${JSON.stringify(e)}`;
        expect(e.jvp, where).toBeLessThan(1e-8);
        expect(e.vjp, where).toBeLessThan(1e-8);
        expect(e.transpose, where).toBeLessThan(1e-12);
        expect(e.second, where).toBeLessThan(1e-7);
        expect(e.leakedBytes, where).toBe(0);
      });
    },
  );
});

test("every primitive has a rule, and every rule that is not zero has samples", () => {
  for (const name of primitiveNames) {
    expect(rules[name], name).toBeDefined();
    if (rules[name].kind !== "zero" && name !== "lift" && name !== "item") expect(differentiable(name).length, name).toBeGreaterThan(0);
  }
});
