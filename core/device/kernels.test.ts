/**
 * What every device must do with kernels, on every device: the interpreter's numbers, sums and extremes of all kinds, indices out of
 * range. What is a device's own is tested in its folder.
 */
import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawKernelCase, type KernelCase, runKernelCase as run } from "../../test/arbitrary-kernel.ts";
import { everyDevice } from "../../test/devices.ts";
import { gatherCase, launchOf, reduction, scatterCase, stepOf } from "../../test/kernel-cases.ts";
import type { FloatDType, TypedArray } from "../base/dtype.ts";
import { describeFused } from "../kernel/lower.ts";
import { binary, load, reduced, unary } from "../kernel/scalar-expr.ts";
import type { Address, Device } from "./device.ts";
import { createInterpreter } from "./interpreter/device.ts";

const f32 = "f32";
const interpreter = createInterpreter();
const SPECIAL = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1];
/** Where a compiler runs for every kernel there are few of them: scripts/fuzz-kernels.ts is for many. */
const isCompiled = (name: string) => name === "native" || name === "cuda";

/** Softmax (and with `logarithm` log-softmax) over the last axis, or over the first of a matrix whose columns are the rows here. */
function softmaxCase(dtype: FloatDType, rows: number, columns: number, isTurned: boolean, logarithm: boolean): KernelCase {
  const shifted = binary("sub", load(0, dtype), reduced(0, dtype));
  const [e, sum] = [unary("exp", shifted), reduced(1, dtype)];
  const strides = isTurned ? [1, rows] : [columns, 1];
  const { kernel, geometry } = describeFused({
    extents: [rows, columns],
    reduced: 1,
    operands: [{ dtype, strides, input: 0 }],
    reductions: [
      { op: "max", of: load(0, dtype), dtype },
      { op: "sum", of: e, dtype },
    ],
    outputs: [{ dtype, strides, result: logarithm ? binary("sub", shifted, unary("log", sum)) : binary("div", e, sum) }],
  });
  const n = rows * columns;
  const array = (value: (i: number) => number) => {
    const values = Array.from({ length: n }, (_, i) => value(i));
    return dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values);
  };
  return { kernel, geometry, inputs: [array((i) => Math.sin(i * 12.9898) * 5)], outputs: [array(() => Number.NaN)] };
}

describe.each(everyDevice)("kernels on %s", { timeout: 600_000 }, (name, open) => {
  let device: Device;
  beforeAll(() => {
    device = open();
  }, 600_000);
  afterAll(() => expect(device.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0 }));

  /** Memory with the outputs and inputs of a case, each with some elements behind it that nobody may touch. */
  function within(c: KernelCase, use: (addresses: [Address, ...Address[]]) => void): void {
    const all = [...c.outputs, ...c.inputs];
    const addresses = all.map((data) => {
      const address = device.alloc(data.byteLength + 64);
      device.upload(address + data.byteLength, new Int32Array(16).fill(77));
      device.upload(address, data);
      return address;
    });
    use(addresses as [Address, ...Address[]]);
    for (const [i, address] of addresses.entries()) {
      const bytes = all[i]?.byteLength as number;
      expect(device.download(address + bytes, "i32", 16)).toEqual(new Int32Array(16).fill(77));
      device.free(address, bytes + 64);
    }
  }

  it("give the interpreter's numbers, whatever they are", () => {
    // Prepared together: the property is over the whole list, and fast-check's seed is in the message where it fails.
    const seed = Date.now() % 2 ** 31;
    const cases = fc.sample(
      fc.gen().map((gen) => drawKernelCase(gen)),
      { seed, numRuns: isCompiled(name) ? 48 : 600 },
    );
    if (isCompiled(name)) device.preparePlan(cases.map(stepOf));
    for (const [i, c] of cases.entries()) expect(run(device, c), `seed ${seed}, case ${i}: ${c.kernel.key}`).toEqual(run(interpreter, c));
  });

  it.each(["f32", "f64"] as const)("compute softmax and log-softmax of %s along rows and columns", (dtype) => {
    const tolerance = dtype === "f32" ? 2e-6 : 1e-14;
    const sizes = [
      [1, 1],
      [3, 7],
      [16, 64],
      [33, 21],
      [5, 1000],
    ] as const;
    const cases = sizes.flatMap(([m, n]) => [false, true].flatMap((t) => [false, true].map((l) => softmaxCase(dtype, m, n, t, l))));
    device.preparePlan(cases.map(stepOf));
    for (const c of cases) {
      const [[got], [wanted]] = [run(device, c), run(interpreter, c)] as [[TypedArray], [TypedArray]];
      for (const [i, want] of [...wanted].entries())
        expect(Math.abs((got[i] as number) - want)).toBeLessThanOrEqual(tolerance * Math.max(1e-3, Math.abs(want)));
    }
  });

  it("sum f32 numbers as precisely as f64 partial sums allow, always to the same bits", () => {
    const c = reduction([name === "cuda" ? 200_003 : 1_000_003], [1], ["sum"], (i) => 1 + Math.sin(i) / 3);
    const wanted = run(interpreter, c)[0]?.[0] as number;
    const got = [0, 1, 2].map(() => run(device, c)[0]?.[0] as number);
    expect(Math.abs((got[0] as number) / wanted - 1)).toBeLessThan(1.2e-7);
    expect(new Set(got).size).toBe(1);
  });

  it("fold NaN, infinities and zeros of both signs as the interpreter does", () => {
    for (const extents of [
      [37, 5],
      [9, 37],
    ]) {
      for (const op of ["max", "min", "argmax", "argmin"] as const) {
        for (let from = 0; from < SPECIAL.length; from++) {
          const value = (i: number) => (i % 7 < 3 ? (SPECIAL[(from + i) % 7] as number) : i % 2 ? 0 : -0);
          const c = reduction(extents, [extents[1] as number, 1], [op], value);
          expect(run(device, c)).toEqual(run(interpreter, c));
        }
      }
    }
  });

  it("find a NaN of either sign in an extreme", () => {
    for (const op of ["max", "min"] as const) {
      for (const bits of [0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff]) {
        const x = Float32Array.from({ length: 37 }, (_, i) => i - 20);
        new Uint32Array(x.buffer)[30] = bits;
        const c = { ...reduction([1, 37], [37, 1], [op], () => 0), inputs: [x] };
        expect(run(device, c)[0]?.[0]).toBeNaN();
      }
    }
  });

  it("report an index out of range with its position, also from within a plan, and work on", () => {
    const [bad, good] = [gatherCase([0, 4, -1, 9]), gatherCase([0, 4, 1, 3])];
    const message = "index -1 is out of range [0, 5) at position [2]";
    expect(run(device, good)).toEqual(run(interpreter, good));
    within(bad, (addresses) => {
      const launch = device.prepare(launchOf(bad));
      expect(() => {
        launch(...addresses);
        device.sync();
      }).toThrow(message);
      const plan = device.preparePlan([stepOf(bad), stepOf(bad), stepOf(bad)]);
      // Three runs: CUDA runs a plan on the stream, captures it, replays it.
      for (let i = 0; i < 3; i++) {
        expect(() => {
          plan(addresses);
          device.sync();
        }).toThrow(message);
        const stored = [...device.download(addresses[0], f32, 20)];
        // Wasm reads another element in place of what is out of range.
        if (name !== "wasm") expect(stored.slice(10)).toEqual(new Array(10).fill(0));
        // Native looks at all indices before it stores anything.
        if (name === "native") expect(stored).toEqual(new Array(20).fill(0));
      }
      device.forget(plan);
      const one = device.preparePlan([stepOf(bad)]);
      device.upload(addresses[2] as Address, Int32Array.of(0, 4, 1, 3));
      one(addresses);
      expect(device.download(addresses[0], f32, 20)).toEqual(run(interpreter, good)[0]);
      device.forget(one);
    });
  });

  it("report an index out of range of a scatter, and store nothing there", () => {
    for (const tokens of [9, 300]) {
      const c = scatterCase(tokens, 3);
      (c.inputs[1] as Int32Array)[7] = 6;
      within(c, (addresses) => {
        const launch = device.prepare(launchOf(c));
        expect(() => {
          launch(...addresses);
          device.sync();
        }).toThrow("index 6 is out of range [0, 6) at position [7]");
        const stored = device.download(addresses[0], f32, 18);
        if (name === "native") expect(stored).toEqual(c.outputs[0]);
        // The interpreter stops there; wasm and CUDA add what comes after it.
        if (name !== "wasm" && name !== "cuda") return;
        (c.inputs[1] as Int32Array)[7] = 0;
        (c.inputs[0] as Float32Array).fill(0, 21, 24);
        expect(stored).toEqual(run(interpreter, c)[0]);
      });
    }
  });
});
