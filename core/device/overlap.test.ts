/** Outputs that add where points overlap: nothing is lost, however a device orders and shares the points. */
import fc from "fast-check";
import { afterAll, expect, test } from "vitest";
import { runKernelCase } from "../../test/arbitrary-kernel.ts";
import { kernel } from "../kernel/kernel.ts";
import { load } from "../kernel/scalar-expr.ts";
import { createInterpreter } from "./interpreter/device.ts";
import { findNative } from "./native/availability.ts";
import { createNative } from "./native/device.ts";
import { createWasm } from "./wasm/device.ts";

const interpreter = createInterpreter();
const wasm = createWasm();
const native = findNative();
if (!native.available) console.warn(`without the native device: ${native.detail}`);
const devices = [wasm, ...(native.available ? [createNative()] : [])];
afterAll(() => {
  expect(wasm.stats().liveBuffers).toBe(0);
});

const accessOf = (s: number) => (s === 0 ? "fixed" : s === 1 ? "unit" : "strided");

test.each(devices.map((d) => [d.name, d] as const))("on %s", { timeout: 600_000 }, (name, device) => {
  const axis = fc.record({ extent: fc.integer({ min: 1, max: 60 }), stride: fc.constantFrom(1, 1, 2, 3, 4, 60) });
  const cases = fc.record({
    axes: fc.array(axis, { minLength: 2, maxLength: 3 }),
    long: fc.nat(2),
    dtype: fc.constantFrom("f32", "f64", "i32"),
  });
  fc.assert(
    fc.property(cases, ({ axes, long, dtype }) => {
      // Enough points that the launch is worth several threads.
      const rest = axes.reduce((n, a, i) => (i === long % axes.length ? n : n * a.extent), 1);
      const extents = axes.map((a, i) => (i === long % axes.length ? Math.ceil(150_000 / rest) : a.extent));
      const strides = axes.map((a) => a.stride);
      const dense = extents.map((_, i) => extents.slice(i + 1).reduce((n, e) => n * e, 1));
      const points = extents.reduce((n, e) => n * e, 1);
      const span = 1 + strides.reduce((n, s, i) => n + s * ((extents[i] as number) - 1), 0);
      const data = { f32: Float32Array, f64: Float64Array, i32: Int32Array }[dtype];
      const operand = { dtype, access: dense.map(accessOf), indirect: false };
      const output = {
        dtype,
        access: strides.map(accessOf),
        indirect: false,
        each: "element",
        storeAt: undefined,
        accumulate: true,
      } as const;
      const given = {
        kernel: kernel({
          rank: extents.length,
          reduced: 0,
          operands: [operand],
          reductions: [],
          outputs: [{ ...output, result: load(0, dtype) }],
        }),
        geometry: { extents, strides: [dense, strides], offsets: [0, 0], indirect: [undefined, undefined] },
        inputs: [new data(points).map((_, i) => (i * 7919) % 5)],
        outputs: [new data(span)],
      };
      const [want] = runKernelCase(interpreter, given);
      for (let turn = 0; turn < 3; turn++) {
        const [got] = runKernelCase(device, given);
        const at = got?.findIndex((x, i) => x !== want?.[i]) ?? -1;
        expect(at, `${name}, strides ${strides} of ${extents} in ${dtype}: ${got?.[at]} for ${want?.[at]} at ${at}`).toBe(-1);
      }
    }),
    // Each may be a run of the C compiler.
    { numRuns: 12 },
  );
});
