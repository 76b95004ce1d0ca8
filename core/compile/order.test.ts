/** The order of steps: against its definition on drawn programs, and what it is for. */
import fc from "fast-check";
import { expect, test } from "vitest";
import { aval } from "../base/aval.ts";
import { orderForMemory } from "./order.ts";
import type { Input, Value } from "./program.ts";
import type { Step } from "./steps.ts";

/** Steps of drawn sizes, each of which reads some of those before it. */
const drawn = fc.array(fc.record({ size: fc.nat(9), reads: fc.array(fc.nat(30), { maxLength: 3 }) }), { minLength: 1, maxLength: 30 });

function stepsOf(given: readonly { readonly size: number; readonly reads: readonly number[] }[]): Step[] {
  const values = given.map(({ size }, id): Input => ({ kind: "input", id, index: id, aval: aval([size], "f64") }));
  return given.map(({ reads }, i) => ({
    launches: [],
    outputs: [values[i] as Value],
    inputs: reads.filter((r) => r < i).map((r) => ({ value: values[r] as Value, offset: 0 })),
    inPlace: [],
  }));
}

const bytes = (v: Value) => v.aval.size * 8;

/** Live bytes during each step. */
function live(steps: readonly Step[], returned: ReadonlySet<Value>): number[] {
  return steps.map((_, i) => {
    const made = steps.slice(0, i + 1).flatMap((s) => s.outputs);
    const needed = new Set(steps.slice(i).flatMap((s) => s.inputs.map((x) => x.value)));
    return made.filter((v) => !returned.has(v) && (needed.has(v) || steps[i]?.outputs.includes(v))).reduce((n, v) => n + bytes(v), 0);
  });
}

/** Of all that can run, the one that changes least, the first of these. */
function definition(steps: readonly Step[], returned: ReadonlySet<Value>): Step[] {
  const left = [...steps];
  const out: Step[] = [];
  while (left.length > 0) {
    const made = new Set(out.flatMap((s) => s.outputs));
    const ready = left.filter((s) => s.inputs.every((x) => made.has(x.value)));
    const change = (s: Step) => {
      const freed = [...new Set(s.inputs.map((x) => x.value))].filter((v) =>
        left.every((o) => o === s || !o.inputs.some((x) => x.value === v)),
      );
      const sum = (vs: readonly Value[]) => vs.filter((v) => !returned.has(v)).reduce((n, v) => n + bytes(v), 0);
      return sum(s.outputs) - sum(freed);
    };
    const next = ready.reduce((best, s) => (change(s) < change(best) ? s : best));
    left.splice(left.indexOf(next), 1);
    out.push(next);
  }
  return out;
}

test("steps are in the order of the definition where it saves a tenth of the peak, and as they were elsewhere", () => {
  let [changed, kept] = [0, 0];
  fc.assert(
    fc.property(drawn, fc.integer({ min: 1, max: 30 }), (given, every) => {
      const steps = stepsOf(given);
      const returned = new Set(steps.filter((_, i) => i % every === 0).flatMap((s) => s.outputs));
      const ordered = definition(steps, returned);
      const peak = (s: readonly Step[]) => Math.max(...live(s, returned));
      const isBetter = peak(ordered) <= 0.9 * peak(steps);
      expect(orderForMemory(steps, returned)).toEqual(isBetter ? ordered : steps);
      if (isBetter && peak(steps) > 0) changed++;
      else kept++;
    }),
    { numRuns: 300 },
  );
  expect(Math.min(changed, kept)).toBeGreaterThan(10);
});

test("a weight's gradient is computed when its operands are there: activations and cotangents go as the walk goes", () => {
  // Four activations; on the way back a cotangent each, and behind all of these the gradients, as a program has them that asks for them last.
  const tensor = (id: number): Input => ({ kind: "input", id, index: id, aval: aval([100], "f64") });
  const values = Array.from({ length: 12 }, (_, id) => tensor(id));
  const step = (output: number, ...reads: number[]): Step => ({
    launches: [],
    outputs: [values[output] as Value],
    inputs: reads.map((r) => ({ value: values[r] as Value, offset: 0 })),
    inPlace: [],
  });
  const forward = [step(0), step(1, 0), step(2, 1), step(3, 2)];
  const back = [step(4, 3), step(5, 4), step(6, 5), step(7, 6)];
  const gradients = [step(8, 0, 7), step(9, 1, 6), step(10, 2, 5), step(11, 3, 4)];
  const returned = new Set([8, 9, 10, 11].map((i) => values[i] as Value));
  const given = [...forward, ...back, ...gradients];
  const ordered = orderForMemory(given, returned);
  expect(Math.max(...live(given, returned))).toBe(8 * 800);
  expect(Math.max(...live(ordered, returned))).toBe(5 * 800);
});
