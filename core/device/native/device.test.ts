import fc from "fast-check";
import { beforeAll, describe, expect, it } from "vitest";
import { drawKernelCase, type KernelCase, runKernelCase as run } from "../../../test/arbitrary-kernel.ts";
import type { TypedArray } from "../../base/dtype.ts";
import { type Access, type Geometry, kernel, type Output, type Reduction } from "../../kernel/kernel.ts";
import { describeFused } from "../../kernel/lower.ts";
import { binary, constant, type Expr, load, reduced, unary } from "../../kernel/scalar-expr.ts";
import { scheduleOf, splitOf } from "../../render/c-schedule.ts";
import type { Address, Device } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import type { PlanStep } from "../plan.ts";
import { findNative } from "./availability.ts";
import { createNative } from "./device.ts";

const { available, detail } = findNative();
if (!available) console.warn(`skipping tests of the native device: ${detail}`);

const f32 = "f32";
const interpreter = createInterpreter();
const operand = (access: Access[]) => ({ dtype: f32, access, indirect: false }) as const;
const output = (access: Access[], result: Expr, each: Output["each"] = "element"): Output => ({
  ...operand(access),
  result,
  each,
  storeAt: undefined,
  accumulate: false,
});
const launchOf = ({ kernel, geometry, inputs }: KernelCase) =>
  ({ kind: "kernel", kernel, geometry, inputs: inputs.map((_, k) => k) }) as const;
/** One step per case, each with blocks of its own: prepares (and compiles) all cases at once. */
const stepOf = (c: KernelCase): PlanStep => ({
  launch: launchOf(c),
  operands: [...c.outputs, ...c.inputs].map((_, block) => ({ block, offset: 0 })),
});

describe.runIf(available)("the native device", () => {
  let native: Device;
  beforeAll(() => {
    native = createNative();
  }, 600_000);

  it("gives the interpreter's numbers for every legal kernel", { timeout: 600_000 }, () => {
    // Compiled together: the property is over the whole list, and fast-check's seed is in the message where it fails.
    const seed = Date.now() % 2 ** 31;
    const cases = fc.sample(
      fc.gen().map((gen) => drawKernelCase(gen)),
      { seed, numRuns: 48 },
    );
    native.preparePlan(cases.map(stepOf));
    for (const [i, c] of cases.entries()) expect(run(native, c), `seed ${seed}, case ${i}: ${c.kernel.key}`).toEqual(run(interpreter, c));
    expect(native.stats().liveBytes).toBe(0);
  });

  it("gives the same numbers where the work is split among threads, and where lanes are rows", () => {
    const cases = largeCases();
    native.preparePlan(cases.map(stepOf));
    const ways = cases.map(({ kernel, geometry }) => {
      const schedule = scheduleOf(kernel, geometry);
      return {
        split: splitOf(kernel, geometry, schedule),
        strips: kernel.reduced > 0 && schedule.lanes < kernel.rank - kernel.reduced,
        schedule,
      };
    });
    // The cases are of no use unless they take all the ways there are.
    expect(ways.every((w) => w.split.chunks > 1)).toBe(true);
    expect(new Set(ways.map((w) => `${w.split.points > 0} ${w.strips}`)).size).toBe(4);
    expect(ways.some((w) => w.schedule.tile >= 0)).toBe(true);
    for (const [i, c] of cases.entries()) {
      const first = run(native, c);
      expect(first, `case ${i}`).toEqual(run(interpreter, c));
    }
  });

  it("sums a million f32 numbers as precisely as f64 partial sums allow, always to the same bits", () => {
    const n = 1_000_003;
    const c = reduction([n], [1], ["sum"], (i) => 1 + Math.sin(i) / 3);
    const wanted = run(interpreter, c)[0]?.[0] as number;
    const got = [0, 1, 2].map(() => run(native, c)[0]?.[0] as number);
    expect(Math.abs((got[0] as number) / wanted - 1)).toBeLessThan(1.2e-7);
    expect(new Set(got).size).toBe(1);
  });

  it("folds NaN, infinities and zeros of both signs as the interpreter does", () => {
    const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1];
    for (const op of ["max", "min", "argmax", "argmin"] as const) {
      for (let from = 0; from < special.length; from++) {
        const c = reduction([37, 5], [5, 1], [op], (i) => (i % 7 < 3 ? (special[(from + i) % 7] as number) : i % 2 ? 0 : -0));
        expect(run(native, c)).toEqual(run(interpreter, c));
      }
    }
  });

  it("finds a NaN of either sign in an extreme", () => {
    for (const op of ["max", "min"] as const) {
      for (const bits of [0x7fc00000, 0xffc00000, 0x7f800001, 0xffffffff]) {
        const x = Float32Array.from({ length: 37 }, (_, i) => i - 20);
        new Uint32Array(x.buffer)[30] = bits;
        const c = { ...reduction([1, 37], [37, 1], [op], () => 0), inputs: [x] };
        expect(run(native, c)[0]?.[0]).toBeNaN();
      }
    }
  });

  it("reports an index out of range with its position, also from within a plan, stores nothing and works on", () => {
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
    const good = { kernel: gather, geometry, inputs: [table, Int32Array.of(0, 4, 1, 3)], outputs: [new Float32Array(20)] };
    const bad = { ...good, inputs: [table, Int32Array.of(0, 4, -1, 9)] };
    const message = "index -1 is out of range [0, 5) at position [2]";
    expect(() => run(native, bad)).toThrow(message);
    expect(run(native, good)).toEqual(run(interpreter, good));

    const addresses = [...bad.outputs, ...bad.inputs].map((data) => {
      const address = native.alloc(data.byteLength);
      native.upload(address, data);
      return address;
    });
    const plan = native.preparePlan([stepOf(bad)]);
    expect(() => plan(addresses)).toThrow(message);
    expect(native.download(addresses[0] as Address, f32, 20)).toEqual(new Float32Array(20));
    native.upload(addresses[2] as Address, Int32Array.of(0, 4, 1, 3));
    plan(addresses);
    expect(native.download(addresses[0] as Address, f32, 20)).toEqual(run(interpreter, good)[0]);
    for (const [i, data] of [...bad.outputs, ...bad.inputs].entries()) native.free(addresses[i] as Address, data.byteLength);
  });

  it("runs out of memory with the numbers, and is usable afterwards", () => {
    const device = createNative({ maxBytes: 1 << 20 });
    const kept = Array.from({ length: 3 }, () => device.alloc(1 << 18));
    expect(() => device.alloc(1 << 19)).toThrow(
      /^out of memory on native: 512 KiB asked for, 768 KiB live in 3 buffers, .* limit 1.0 MiB$/,
    );
    for (const address of kept) device.free(address, 1 << 18);
    const data = new Float32Array(100_000).fill(3);
    const address = device.alloc(data.byteLength);
    device.upload(address, data);
    expect(device.download(address, f32, data.length)).toEqual(data);
    device.free(address, data.byteLength);
    expect(device.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  });
});

/** A fold of one operand over the last axis, or the last `strides.length` of them where there is one axis. */
function reduction(extents: number[], strides: number[], ops: readonly Reduction["op"][], value: (i: number) => number): KernelCase {
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

/** Small integers in launches large enough to be split. */
function largeCases(): KernelCase[] {
  const value = (i: number) => ((Math.imul(i, 2654435761) >>> 16) % 9) - 4;
  const fill = (n: number) => Float32Array.from({ length: n }, (_, i) => value(i));
  const x = load(0, f32);
  const map = (extents: number[], from: number[], to: number[]): KernelCase => {
    const n = extents.reduce((p, e) => p * e, 1);
    const { kernel, geometry } = describeFused({
      extents,
      operands: [{ dtype: f32, strides: from, input: 0 }],
      outputs: [{ dtype: f32, strides: to, result: binary("add", unary("neg", x), constant(1, f32)) }],
    });
    return { kernel, geometry, inputs: [fill(n)], outputs: [new Float32Array(n)] };
  };
  return [
    map([200_001], [1], [1]),
    map([301, 403], [1, 301], [403, 1]),
    map([3, 70_001], [70_001, 1], [1, 3]),
    ...(["sum", "max", "argmin"] as const).flatMap((op) => [
      reduction([150_001], [1], [op], value),
      reduction([401, 303], [303, 1], [op], value),
      reduction([70, 5003], [1, 70], [op], value),
      reduction([8192, 40], [1, 8192], [op], value),
    ]),
  ];
}
