/** What is stored and folded is computed once, and is the same on every device, along rows, columns and whole tensors, in place too. */
import { describe, expect, test } from "vitest";
import { everyDevice } from "../../test/devices.ts";
import { compile } from "../compile/compile.ts";
import type { Device } from "../device/device.ts";
import { createInterpreter } from "../device/interpreter/device.ts";
import type { KernelLaunch } from "../kernel/launch.ts";
import { describeFused } from "../kernel/lower.ts";
import { binary, load, reduced, unary } from "../kernel/scalar-expr.ts";
import { add, broadcastTo, createTensor, exp, mul, sigmoid, slice, softplus, sub, sum, type Tensor } from "../ops.ts";
import { scope } from "../tensor/scope.ts";
import { useDevice } from "../tensor/tensor.ts";
import { isStoredByFold, keepLastStage } from "./keep-stage.ts";

const x = load(0, "f32");
const heavy = unary("exp", x);

/** exp(x) stored, and beside it what `row` makes of its sum, for each of 3 rows of 5. */
function kernelOf(row: Parameters<typeof describeFused>[0]["outputs"][number]["result"]): KernelLaunch["kernel"] {
  return describeFused({
    extents: [3, 5],
    reduced: 1,
    operands: [{ dtype: "f32", strides: [5, 1], input: 0 }],
    outputs: [
      { dtype: "f32", strides: [1, 0], result: row, each: "row" },
      { dtype: "f32", strides: [5, 1], result: heavy },
    ],
    reductions: [{ op: "sum", of: heavy, dtype: "f32" }],
  }).kernel;
}

test("a fold stores what an output is, and other outputs of it", () => {
  const { kernel, kept } = keepLastStage(kernelOf(reduced(0, "f32")));
  expect(kept).toBe(1);
  expect(kernel.outputs.map((o, i) => isStoredByFold(o, 1 + i))).toEqual([false, true]);
});

test("a fold stores nothing where a result reads on along the row: the output may lie there", () => {
  const reading = describeFused({
    extents: [3, 5],
    reduced: 1,
    operands: [{ dtype: "f32", strides: [5, 1], input: 0 }],
    outputs: [
      { dtype: "f32", strides: [5, 1], result: heavy },
      { dtype: "f32", strides: [5, 1], result: binary("add", x, reduced(0, "f32")) },
    ],
    reductions: [{ op: "sum", of: heavy, dtype: "f32" }],
  });
  expect(keepLastStage(reading.kernel).kept).toBeUndefined();
});

const steps: Readonly<Record<string, (x: Tensor, axes: readonly number[]) => Tensor[]>> = {
  "a result and its sum": (t, axes) => {
    const y = sigmoid(t);
    return [y, sum(y, axes)];
  },
  "two sums, one of a result": (t, axes) => {
    const y = sub(sigmoid(t), 0.5);
    return [sum(mul(softplus(t), 2), axes), y, sum(y, axes)];
  },
  "what is the same along a row, for each of its elements and once": (t) => {
    const first = slice(t, [0, 0], [1, 1], [1, 1]);
    const y = sigmoid(broadcastTo(first, [5, 1]));
    return [y, sum(y), sigmoid(first)];
  },
  "in place of what it reads": (t, axes) => {
    const y = exp(sub(mul(t, 0.5), sum(t, axes, true)));
    return [add(y, 1), sum(y, axes)];
  },
};

const shape = [7, 67];
const values = Array.from({ length: 7 * 67 }, (_, i) => Math.sin(i * 12.9898));

/** The results of a step on a device: as one program, or operation by operation. */
function resultsOf(device: Device, dtype: "f32" | "f64", step: (x: Tensor) => Tensor[], isCompiled: boolean): number[][] {
  const before = useDevice(device);
  try {
    return scope(() => (isCompiled ? compile(step) : step)(createTensor(values, shape, dtype)).map((r) => [...r.toArray()]));
  } finally {
    if (before !== undefined) useDevice(before);
  }
}

describe.each(everyDevice)("on %s", (_, open) => {
  const device = open();
  test.each(Object.keys(steps))("%s", (name) => {
    for (const dtype of ["f32", "f64"] as const)
      for (const axes of [[0], [1], [0, 1]]) {
        const step = (t: Tensor) => (steps[name] as (x: Tensor, axes: readonly number[]) => Tensor[])(t, axes);
        const got = resultsOf(device, dtype, step, true);
        for (const [i, row] of resultsOf(createInterpreter(), dtype, step, false).entries())
          for (const [k, want] of row.entries()) {
            const error = Math.abs((got[i]?.[k] as number) - want) / Math.max(1, Math.abs(want));
            expect(error, `${dtype} over ${axes}, ${i}[${k}]`).toBeLessThanOrEqual(dtype === "f32" ? 2e-5 : 1e-13);
          }
      }
  });
});
