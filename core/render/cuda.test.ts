import fc from "fast-check";
import { expect, test } from "vitest";
import type { KernelLaunch } from "../kernel/launch.ts";
import { describeFused, describeLaunch } from "../kernel/lower.ts";
import { binary, load, reduced, unary } from "../kernel/scalar-expr.ts";
import { renderCuda } from "./cuda.ts";
import { divider } from "./cuda-layout.ts";
import { cudaGrid, cudaSchedule, scheduleKey } from "./cuda-schedule.ts";

const f32 = "f32";
const x = load(0, f32);

/** A row program: exp(x - max) / sum. */
function softmax(rows: number, columns: number): KernelLaunch {
  const shifted = unary("exp", binary("sub", x, reduced(0, f32)));
  return describeFused({
    extents: [rows, columns],
    reduced: 1,
    operands: [{ dtype: f32, strides: [columns, 1], input: 0 }],
    reductions: [
      { op: "max", of: x, dtype: f32 },
      { op: "sum", of: shifted, dtype: f32 },
    ],
    outputs: [{ dtype: f32, strides: [columns, 1], result: binary("div", shifted, reduced(1, f32)) }],
  });
}

function sums(rows: number, columns: number, strides: readonly number[]): KernelLaunch {
  return describeLaunch({
    extents: [rows, columns],
    reduced: 1,
    operands: [{ dtype: f32, strides, input: 0 }],
    reductions: [{ op: "sum", of: x, dtype: f32 }],
    output: { dtype: f32, strides: [1, 0] },
    result: reduced(0, f32),
    each: "row",
  });
}

const text = ({ kernel, geometry }: KernelLaunch, name: string) => renderCuda(kernel, cudaSchedule(kernel, geometry), name).source;

test("a bias and an activation take four elements at a time", async () => {
  const launch = describeLaunch({
    extents: [128, 64],
    operands: [
      { dtype: f32, strides: [64, 1], input: 0 },
      { dtype: f32, strides: [0, 1], input: 1 },
    ],
    output: { dtype: f32, strides: [64, 1] },
    result: unary("tanh", binary("add", x, load(1, f32))),
  });
  await expect(text(launch, "k0")).toMatchFileSnapshot("golden/bias-tanh.cu");
});

test("softmax of short rows is a warp a row", async () => {
  await expect(text(softmax(500, 100), "k0")).toMatchFileSnapshot("golden/softmax.cu");
});

test("sums of long columns are folded in parts that a second kernel joins", async () => {
  await expect(text(sums(256, 8192, [1, 256]), "k0")).toMatchFileSnapshot("golden/column-sums.cu");
});

test("a gather guards its index and reports it", async () => {
  const launch = describeLaunch({
    extents: [16, 8],
    operands: [
      { dtype: f32, strides: [0, 1], input: 0, indirect: { stride: 8, extent: 50 } },
      { dtype: "i32", strides: [1, 0], input: 1 },
    ],
    output: { dtype: f32, strides: [8, 1] },
    result: load(0, f32, load(1, "i32")),
  });
  await expect(text(launch, "k0")).toMatchFileSnapshot("golden/gather.cu");
});

test("the gradient of a table is a warp for each of its rows", async () => {
  const launch = describeLaunch({
    extents: [4096, 64],
    operands: [
      { dtype: f32, strides: [64, 1], input: 0 },
      { dtype: "i32", strides: [1, 0], input: 1 },
    ],
    output: { dtype: f32, strides: [0, 1], indirect: { stride: 64, extent: 1000 } },
    result: x,
    storeAt: load(1, "i32"),
    accumulate: true,
  });
  await expect(text(launch, "k0")).toMatchFileSnapshot("golden/scatter.cu");
});

test("schedules follow the geometry: threads that work together, along rows or across them", () => {
  const keyOf = (launch: KernelLaunch) => {
    const { form, team, across, split } = cudaSchedule(launch.kernel, launch.geometry);
    return [form, team, across, split];
  };
  expect(keyOf(softmax(500, 5))).toEqual(["rows", 1, false, false]);
  expect(keyOf(softmax(500, 100))).toEqual(["rows", 32, false, false]);
  expect(keyOf(softmax(500, 4000))).toEqual(["rows", 256, false, false]);
  expect(keyOf(sums(1, 1 << 20, [1 << 20, 1]))).toEqual(["rows", 256, false, true]);
  expect(keyOf(sums(256, 8192, [1, 256]))).toEqual(["rows", 8, true, true]);
});

test("kernels are generic in extents: a schedule of the same form has the same text", () => {
  const [small, large] = [softmax(40, 100), softmax(4000, 130)];
  expect(scheduleKey(cudaSchedule(small.kernel, small.geometry))).toBe(scheduleKey(cudaSchedule(large.kernel, large.geometry)));
  expect(text(small, "k")).toBe(text(large, "k"));
});

test("elements that 32 bits cannot number are numbered by 64", () => {
  const launch = sums(70_000, 70_000, [70_000, 1]);
  const schedule = cudaSchedule(launch.kernel, launch.geometry);
  expect(schedule.wide).toBe(true);
  expect(cudaGrid(launch.kernel, launch.geometry, schedule).work.total).toBe(70_000);
});

test("the divider divides every number below 2^31", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 0, max: 2 ** 31 - 1 }),
      fc.oneof(fc.integer({ min: 1, max: 5000 }), fc.integer({ min: 1, max: 2 ** 31 - 1 })),
      (n, d) => {
        const [multiplier, shift] = divider(d);
        const high = Number((BigInt(n) * BigInt(multiplier >>> 0)) >> 32n);
        expect(Math.floor((high + n) / 2 ** shift)).toBe(Math.floor(n / d));
      },
    ),
    { numRuns: 2000 },
  );
});
