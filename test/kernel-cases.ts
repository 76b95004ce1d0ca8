/** Launches for tests of devices: of every schedule of CUDA, with small integers, so that every device must give the same numbers. */
import type { TypedArray } from "../core/base/dtype.ts";
import type { PlanStep } from "../core/device/plan.ts";
import { type Access, type Geometry, kernel, type Output, type Reduction } from "../core/kernel/kernel.ts";
import { describeFused } from "../core/kernel/lower.ts";
import { binary, constant, type Expr, load, reduced, unary } from "../core/kernel/scalar-expr.ts";
import type { KernelCase } from "./arbitrary-kernel.ts";

const f32 = "f32";
const operand = (access: Access[]) => ({ dtype: f32, access, indirect: false }) as const;
const output = (access: Access[], result: Expr, each: Output["each"] = "element"): Output => ({
  ...operand(access),
  result,
  each,
  storeAt: undefined,
  accumulate: false,
});
export const launchOf = ({ kernel, geometry, inputs }: KernelCase) =>
  ({ kind: "kernel", kernel, geometry, inputs: inputs.map((_, k) => k) }) as const;
/** One step per case, each with blocks of its own: prepares (and compiles) all cases at once. */
export const stepOf = (c: KernelCase): PlanStep => ({
  launch: launchOf(c),
  operands: [...c.outputs, ...c.inputs].map((_, block) => ({ block, offset: 0 })),
});

/** 1 - x. */
export function vectorMap(n: number): KernelCase {
  const { kernel, geometry } = describeFused({
    extents: [n],
    operands: [{ dtype: f32, strides: [1], input: 0 }],
    outputs: [{ dtype: f32, strides: [1], result: binary("sub", constant(1, f32), load(0, f32)) }],
  });
  return { kernel, geometry, inputs: [Float32Array.from({ length: n }, (_, i) => (i % 9) - 4)], outputs: [new Float32Array(n)] };
}

/** Rows of a table by number. */
export function gatherCase(numbers: readonly number[]): KernelCase {
  const gather = kernel({
    rank: 2,
    reduced: 0,
    operands: [
      { ...operand(["fixed", "unit"]), indirect: true },
      { dtype: "i32", access: ["unit", "fixed"], indirect: false },
    ],
    reductions: [],
    outputs: [output(["strided", "unit"], load(0, f32, load(1, "i32")))],
  });
  const geometry: Geometry = {
    extents: [4, 5],
    strides: [
      [0, 1],
      [1, 0],
      [5, 1],
    ],
    offsets: [0, 0, 0],
    indirect: [{ stride: 5, extent: 5 }, undefined, undefined],
  };
  const table = Float32Array.from({ length: 25 }, (_, i) => i);
  return { kernel: gather, geometry, inputs: [table, Int32Array.from(numbers)], outputs: [new Float32Array(20)] };
}

const small = (i: number) => ((Math.imul(i, 2654435761) >>> 16) % 9) - 4;
const fill = (n: number) => Float32Array.from({ length: n }, (_, i) => small(i));

/** Adds each of `tokens` rows to one of six. */
export function scatterCase(tokens: number, width: number): KernelCase {
  const { kernel, geometry } = describeFused({
    extents: [tokens, width],
    operands: [
      { dtype: f32, strides: [width, 1], input: 0 },
      { dtype: "i32", strides: [1, 0], input: 1 },
    ],
    outputs: [
      {
        dtype: f32,
        strides: [0, 1],
        indirect: { stride: width, extent: 6 },
        result: load(0, f32),
        storeAt: load(1, "i32"),
        accumulate: true,
      },
    ],
  });
  const numbers = Int32Array.from({ length: tokens }, (_, i) => (i * i) % 6);
  return { kernel, geometry, inputs: [fill(tokens * width), numbers], outputs: [fill(6 * width)] };
}

/** A fold of one operand over the last axis. */
export function reduction(extents: number[], strides: number[], ops: readonly Reduction["op"][], value: (i: number) => number): KernelCase {
  const x = load(0, f32);
  const outer = extents.slice(0, -1);
  const { kernel, geometry } = describeFused({
    extents,
    reduced: 1,
    operands: [{ dtype: f32, strides, input: 0 }],
    reductions: ops.map((op) => ({ op, of: x, dtype: op.startsWith("arg") ? "i32" : f32 })),
    outputs: ops.map((op, stage) => {
      const dtype = op.startsWith("arg") ? "i32" : f32;
      return {
        dtype,
        strides: [...outer.map((_, a) => outer.slice(a + 1).reduce((n, e) => n * e, 1)), 0],
        result: reduced(stage, dtype),
        each: "row",
      };
    }),
  });
  const points = outer.reduce((n, e) => n * e, 1);
  const length = extents.reduce((n, e) => n * e, 1);
  return {
    kernel,
    geometry,
    inputs: [Float32Array.from({ length }, (_, i) => value(i))],
    outputs: ops.map((op): TypedArray => (op.startsWith("arg") ? new Int32Array(points) : new Float32Array(points))),
  };
}

/** What rows are above their least elements, and where these are; rows are `pitch` elements apart. */
export function rowProgram(rows: number, columns: number, pitch: number): KernelCase {
  const x = load(0, f32);
  const { kernel, geometry } = describeFused({
    extents: [rows, columns],
    reduced: 1,
    operands: [{ dtype: f32, strides: [pitch, 1], input: 0 }],
    reductions: [
      { op: "min", of: x, dtype: f32 },
      { op: "argmin", of: x, dtype: "i32" },
    ],
    outputs: [
      { dtype: f32, strides: [pitch, 1], result: binary("sub", x, reduced(0, f32)) },
      { dtype: "i32", strides: [1, 0], result: reduced(1, "i32"), each: "row" },
    ],
  });
  const inputs = [fill(rows * pitch)];
  return { kernel, geometry, inputs, outputs: [new Float32Array(rows * pitch), new Int32Array(rows)] };
}

/** Small integers in launches of every schedule. */
export function teamCases(): KernelCase[] {
  const x = load(0, f32);
  const map = (extents: number[], from: number[], to: number[]): KernelCase => {
    const n = extents.reduce((p, e) => p * e, 1);
    const { kernel, geometry } = describeFused({
      extents,
      operands: [{ dtype: f32, strides: from, input: 0 }],
      outputs: [{ dtype: f32, strides: to, result: binary("add", unary("neg", x), constant(1, f32)) }],
    });
    return { kernel, geometry, inputs: [fill(2 * n)], outputs: [new Float32Array(n)] };
  };
  const scan = (rows: number, columns: number, strides: number[]): KernelCase => {
    const { kernel, geometry } = describeFused({
      extents: [rows, columns],
      reduced: 1,
      operands: [{ dtype: f32, strides, input: 0 }],
      reductions: [{ op: "sum", of: x, dtype: f32 }],
      outputs: [{ dtype: f32, strides, result: reduced(0, f32), each: "prefix" }],
    });
    return { kernel, geometry, inputs: [fill(rows * columns)], outputs: [new Float32Array(rows * columns)] };
  };
  /** Adds to one of five columns in each of four rows. */
  const scatterAlong = (length: number): KernelCase => {
    const { kernel, geometry } = describeFused({
      extents: [4, length],
      operands: [
        { dtype: f32, strides: [length, 1], input: 0 },
        { dtype: "i32", strides: [length, 1], input: 1 },
      ],
      outputs: [{ dtype: f32, strides: [5, 0], indirect: { stride: 1, extent: 5 }, result: x, storeAt: load(1, "i32"), accumulate: true }],
    });
    return {
      kernel,
      geometry,
      inputs: [fill(4 * length), Int32Array.from({ length: 4 * length }, (_, i) => (i * i) % 5)],
      outputs: [fill(20)],
    };
  };
  return [
    map([3001], [1], [1]),
    map([31, 44], [44, 1], [44, 1]),
    map([31, 43], [86, 2], [43, 1]),
    map([67, 83], [1, 67], [83, 1]),
    map([3, 51, 35], [1, 105, 3], [1785, 35, 1]),
    scan(7, 100, [100, 1]),
    scan(40, 33, [1, 40]),
    scan(3, 1801, [1801, 1]),
    scatterCase(50, 12),
    scatterCase(150, 301),
    scatterAlong(203),
    rowProgram(40, 131, 132),
    rowProgram(9, 1203, 1204),
    rowProgram(40, 131, 133),
    ...(["sum", "max", "argmin"] as const).flatMap((op) => [
      reduction([20_001], [1], [op], small),
      reduction([300, 5], [5, 1], [op], small),
      reduction([41, 103], [103, 1], [op], small),
      reduction([600, 300], [300, 1], [op], small),
      reduction([70, 40], [1, 70], [op], small),
      reduction([70, 1203], [1, 70], [op], small),
    ]),
  ];
}
