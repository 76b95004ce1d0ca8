import fc from "fast-check";
import { expect, it } from "vitest";
import { cuda } from "../../test/cuda.ts";
import type { ConvolutionLaunch, Pair } from "../kernel/launch.ts";
import { describeFused } from "../kernel/lower.ts";
import { binary, constant, load, unary } from "../kernel/scalar-expr.ts";
import { createCuda } from "./cuda/device.ts";
import type { Address, Device } from "./device.ts";
import { createInterpreter } from "./interpreter/device.ts";
import { findNative } from "./native/availability.ts";
import { createNative } from "./native/device.ts";
import { createWasm } from "./wasm/device.ts";

const native = findNative();
if (!native.available) console.warn(`epilogues of convolutions are not tested on the native device: ${native.detail}`);

const extents = fc.integer({ min: 1, max: 7 });
const cases = fc.record({
  dtype: fc.constantFrom<"f32" | "f64">("f32", "f64"),
  n: fc.integer({ min: 1, max: 9 }),
  groups: fc.integer({ min: 1, max: 3 }),
  channels: fc.integer({ min: 1, max: 3 }),
  makes: fc.integer({ min: 1, max: 9 }),
  output: fc.tuple(extents, extents),
  kernel: fc.tuple(fc.integer({ min: 1, max: 3 }), fc.integer({ min: 1, max: 3 })),
  stride: fc.tuple(fc.integer({ min: 1, max: 2 }), fc.integer({ min: 1, max: 2 })),
  padding: fc.integer({ min: 0, max: 1 }),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

/** relu(x ∗ w + bias + residual), and beside it -(x ∗ w): small integers, so every device must agree exactly. */
function run(device: Device, { dtype, n, groups, channels, makes, output, kernel, stride, padding }: Case): number[][] {
  const [c, o] = [groups * channels, groups * makes];
  const along = (i: 0 | 1) => Math.max(1, (output[i] - 1) * stride[i] + kernel[i] - 2 * padding);
  const input: Pair = [along(0), along(1)];
  // A row or column more than asked for where the padding alone would fill the window.
  const made = ([0, 1] as const).map((i) => Math.floor((input[i] + 2 * padding - kernel[i]) / stride[i]) + 1) as [number, number];
  const positions = made[0] * made[1];
  const dense = [o * positions, positions, 1];
  const epilogue = describeFused({
    extents: [n, o, positions],
    operands: [
      { dtype, strides: dense, input: -1 },
      { dtype, strides: [0, 1, 0], input: 2 },
      { dtype, strides: dense, input: 3 },
    ],
    outputs: [
      {
        dtype,
        strides: dense,
        result: binary("max", binary("add", binary("add", load(0, dtype), load(1, dtype)), load(2, dtype)), constant(0, dtype)),
      },
      { dtype, strides: dense, result: unary("neg", load(0, dtype)) },
    ],
    indexed: true,
  });
  const launch: ConvolutionLaunch = {
    kind: "convolution",
    product: "forward",
    dtype,
    n,
    groups,
    c,
    o,
    input,
    output: made,
    kernel,
    stride,
    dilation: [1, 1],
    padding: [padding, padding],
    inputs: [0, 1],
    epilogue,
  };
  const size = dtype === "f32" ? 4 : 8;
  const whole = n * o * positions;
  const lengths = [whole, whole, n * c * input[0] * input[1], o * channels * kernel[0] * kernel[1], o, whole];
  const addresses = lengths.map((length, seed) => {
    const address = device.alloc(length * size);
    const values = Array.from({ length }, (_, i) => ((i * 7919 + seed * 31) % 9) - 4);
    device.upload(address, dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values));
    return address;
  });
  device.prepare(launch)(...(addresses as [Address]));
  const results = [0, 1].map((i) => [...device.download(addresses[i] as Address, dtype, whole)].map((v) => v + 0));
  for (const [i, address] of addresses.entries()) device.free(address, (lengths[i] as number) * size);
  return results;
}

it("an epilogue maps every element of a convolution on its way to memory, on every device as on the interpreter", () => {
  const devices = [
    createWasm(),
    createWasm({ threads: 2, grain: 1 / 4096 }),
    ...(native.available ? [createNative()] : []),
    ...(cuda.available ? [createCuda()] : []),
  ];
  const interpreter = createInterpreter();
  fc.assert(
    fc.property(cases, (c) => {
      const want = run(interpreter, c);
      for (const device of devices) expect(run(device, c), device.name).toEqual(want);
    }),
    { numRuns: 60 },
  );
});
