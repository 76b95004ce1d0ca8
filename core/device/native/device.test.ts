import { beforeAll, describe, expect, it } from "vitest";
import { type KernelCase, runKernelCase as run } from "../../../test/arbitrary-kernel.ts";
import { reduction, stepOf } from "../../../test/kernel-cases.ts";
import { describeFused } from "../../kernel/lower.ts";
import { binary, constant, load, unary } from "../../kernel/scalar-expr.ts";
import { scheduleOf, splitOf } from "../../render/c-schedule.ts";
import type { Device } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { findNative } from "./availability.ts";
import { createNative } from "./device.ts";

const { available, detail } = findNative();
if (!available) console.warn(`skipping tests of the native device: ${detail}`);

const f32 = "f32";
const interpreter = createInterpreter();

describe.runIf(available)("the native device", () => {
  let native: Device;
  beforeAll(() => {
    native = createNative();
  }, 600_000);

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
