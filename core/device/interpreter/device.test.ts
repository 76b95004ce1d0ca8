import { describe, expect, it } from "vitest";
import type { TypedArray } from "../../base/dtype.ts";
import { type Geometry, kernel } from "../../kernel/kernel.ts";
import { binary, constant, index, load, reduced, unary } from "../../kernel/scalar-expr.ts";
import type { Device } from "../device.ts";
import { createInterpreter } from "./device.ts";

const f32 = "f32";
const direct = { dtype: f32, indirect: false } as const;

function put(device: Device, data: TypedArray): number {
  const address = device.alloc(data.byteLength);
  device.upload(address, data);
  return address;
}

/** Softmax of the rows of a matrix: two reductions, then a map. */
const softmax = (() => {
  const x = load(0, f32);
  const shifted = unary("exp", binary("sub", x, reduced(0, f32)));
  return kernel({
    rank: 2,
    reduced: 1,
    operands: [{ ...direct, access: ["strided", "unit"] }],
    reductions: [
      { op: "max", of: x, dtype: f32 },
      { op: "sum", of: shifted, dtype: f32 },
    ],
    outputs: [
      {
        ...direct,
        access: ["strided", "unit"],
        result: binary("div", shifted, reduced(1, f32)),
        each: "element",
        storeAt: undefined,
        accumulate: false,
      },
    ],
  });
})();

describe("interpreter", () => {
  it("computes a row program", () => {
    const device = createInterpreter();
    const x = put(device, Float32Array.of(1, 2, 3, 0, 0, 0));
    const out = device.alloc(24);
    const geometry: Geometry = {
      extents: [2, 3],
      strides: [
        [3, 1],
        [3, 1],
      ],
      offsets: [0, 0],
      indirect: [undefined, undefined],
    };
    device.prepare({ kind: "kernel", kernel: softmax, geometry, inputs: [0] })(out, x);
    const e = [Math.exp(-2), Math.exp(-1), 1];
    const s = e.reduce((p, q) => p + q);
    expect(device.download(out, f32, 6)).toEqual(Float32Array.from([...e.map((v) => v / s), 1 / 3, 1 / 3, 1 / 3]));
  });

  it("shows what nobody wrote as NaN and refuses to touch freed buffers", () => {
    const device = createInterpreter();
    const a = device.alloc(8);
    expect(device.download(a, f32, 2)).toEqual(Float32Array.of(Number.NaN, Number.NaN));
    device.free(a, 8);
    expect(device.stats().liveBytes).toBe(0);
    expect(() => device.download(a, f32, 2)).toThrow("used but not allocated");
    expect(() => device.free(a, 8)).toThrow("freed but not allocated");
  });

  it("names the index, the extent and the position of an index out of range", () => {
    const device = createInterpreter();
    const gather = kernel({
      rank: 2,
      reduced: 0,
      operands: [
        { dtype: f32, access: ["fixed", "unit"], indirect: true },
        { dtype: "i32", access: ["unit", "fixed"], indirect: false },
      ],
      reductions: [],
      outputs: [
        {
          ...direct,
          access: ["strided", "unit"],
          result: load(0, f32, load(1, "i32")),
          each: "element",
          storeAt: undefined,
          accumulate: false,
        },
      ],
    });
    const geometry: Geometry = {
      extents: [2, 3],
      strides: [
        [0, 1],
        [1, 0],
        [3, 1],
      ],
      offsets: [0, 0, 0],
      indirect: [{ stride: 3, extent: 5 }, undefined, undefined],
    };
    const table = put(device, new Float32Array(15));
    const ids = put(device, Int32Array.of(4, 7));
    const run = device.prepare({ kind: "kernel", kernel: gather, geometry, inputs: [0, 1] });
    expect(() => run(device.alloc(24), table, ids)).toThrow("index 7 is out of range [0, 5) at position [1]");
  });

  it("adds in row-major order where an output is accumulated", () => {
    const device = createInterpreter();
    const scatter = kernel({
      rank: 1,
      reduced: 0,
      operands: [{ dtype: "i32", access: ["unit"], indirect: false }],
      reductions: [],
      outputs: [
        {
          dtype: "i32",
          access: ["fixed"],
          indirect: true,
          result: binary("add", binary("mul", index(0), constant(10, "i32")), constant(1, "i32")),
          each: "element",
          storeAt: load(0, "i32"),
          accumulate: true,
        },
      ],
    });
    const out = put(device, new Int32Array(2));
    const geometry: Geometry = { extents: [3], strides: [[1], [0]], offsets: [0, 0], indirect: [undefined, { stride: 1, extent: 2 }] };
    device.prepare({ kind: "kernel", kernel: scatter, geometry, inputs: [0] })(out, put(device, Int32Array.of(1, 0, 1)));
    expect(device.download(out, "i32", 2)).toEqual(Int32Array.of(11, 22));
  });
});
