/** Kernels made wrong on purpose: the comparison with the interpreter on the fake has to see it, or it is of no use. */
import { beforeEach, describe, expect, it, vi } from "vitest";
import { type KernelCase, runKernelCase as run } from "../../../test/arbitrary-kernel.ts";
import { cuda } from "../../../test/cuda.ts";
import type { KernelLaunch } from "../../kernel/launch.ts";
import { describeLaunch } from "../../kernel/lower.ts";
import { load, reduced } from "../../kernel/scalar-expr.ts";
import type { RenderedCuda } from "../../render/cuda-program.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { createCuda } from "./device.ts";

const mutation = vi.hoisted(() => ({ from: "", to: "", count: 0 }));

vi.mock("../../render/cuda.ts", async (original) => {
  const { renderCuda } = await original<{ renderCuda: (...args: unknown[]) => RenderedCuda }>();
  return {
    renderCuda: (...args: unknown[]) => {
      const rendered = renderCuda(...args);
      if (mutation.from === "") return rendered;
      mutation.count += rendered.source.split(mutation.from).length - 1;
      return { ...rendered, source: rendered.source.replace(mutation.from, mutation.to) };
    },
  };
});

const f32 = "f32";
const fill = (n: number) => Float32Array.from({ length: n }, (_, i) => ((Math.imul(i, 2654435761) >>> 16) % 9) - 4);

function caseOf(launch: KernelLaunch, inputs: KernelCase["inputs"], length: number): KernelCase {
  return { kernel: launch.kernel, geometry: launch.geometry, inputs, outputs: [fill(length)] };
}

function sums(rows: number, columns: number, strides: readonly number[]): KernelCase {
  const launch = describeLaunch({
    extents: [rows, columns],
    reduced: 1,
    operands: [{ dtype: f32, strides, input: 0 }],
    reductions: [{ op: "sum", of: load(0, f32), dtype: f32 }],
    output: { dtype: f32, strides: [1, 0] },
    result: reduced(0, f32),
    each: "row",
  });
  return caseOf(launch, [fill(rows * columns)], rows);
}

function scatter(): KernelCase {
  const launch = describeLaunch({
    extents: [130, 5],
    operands: [
      { dtype: f32, strides: [5, 1], input: 0 },
      { dtype: "i32", strides: [1, 0], input: 1 },
    ],
    output: { dtype: f32, strides: [0, 1], indirect: { stride: 5, extent: 6 } },
    result: load(0, f32),
    storeAt: load(1, "i32"),
    accumulate: true,
  });
  return caseOf(launch, [fill(650), Int32Array.from({ length: 130 }, (_, i) => (i * i) % 6)], 30);
}

const MUTATIONS: readonly (readonly [string, () => KernelCase, string, string])[] = [
  ["the barrier before shares are read, in a row of a block", () => sums(3, 3000, [3000, 1]), "__syncthreads();", ""],
  ["the barrier before shares are read, across rows", () => sums(50, 40, [1, 50]), "__syncthreads();", ""],
  ["half of a warp's exchange", () => sums(20, 100, [100, 1]), "int d = 16", "int d = 8"],
  ["the first part of a fold in parts", () => sums(1, 20_000, [20_000, 1]), "chunk = member", "chunk = member + 1"],
  ["all but one of the points that a warp finds", scatter, "found &= found - 1", "found = 0"],
];

describe.runIf(cuda.available && process.env.TRIGRAD_TEST_GPU !== "1")("a kernel without", () => {
  beforeEach(() => Object.assign(mutation, { from: "", to: "", count: 0 }));

  it.each(MUTATIONS)("%s gives wrong numbers", { timeout: 60_000 }, (_, make, from, to) => {
    const c = make();
    const want = run(createInterpreter(), c);
    expect(run(createCuda(), c)).toEqual(want);
    Object.assign(mutation, { from, to });
    expect(run(createCuda(), c)).not.toEqual(want);
    expect(mutation.count).toBeGreaterThan(0);
  });
});
