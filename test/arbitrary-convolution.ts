/**
 * Random convolutions, for property tests of devices: all three products, groups, strides, dilations, padding, and last windows that
 * hang over the far edge, as those of transposed convolutions do. Values are small integers, which every device adds exactly.
 */
import fc from "fast-check";
import type { Address, Device } from "../core/device/device.ts";
import type { ConvolutionLaunch, Pair } from "../core/kernel/launch.ts";

export const arbitraryConvolution: fc.Arbitrary<ConvolutionLaunch> = fc
  .record({
    product: fc.constantFrom<ConvolutionLaunch["product"]>("forward", "input", "weight"),
    dtype: fc.constantFrom<"f32" | "f64">("f32", "f64"),
    n: fc.integer({ min: 0, max: 3 }),
    groups: fc.integer({ min: 1, max: 3 }),
    channels: fc.integer({ min: 1, max: 3 }),
    makes: fc.integer({ min: 1, max: 3 }),
    axes: fc.tuple(...[0, 1].map(() => axis())),
  })
  .map(({ product, dtype, n, groups, channels, makes, axes }): ConvolutionLaunch => {
    const pick = (f: (a: Axis) => number) => axes.map(f) as unknown as Pair;
    return {
      kind: "convolution",
      product,
      dtype,
      n,
      groups,
      c: groups * channels,
      o: groups * makes,
      input: pick((a) => a.input),
      output: pick((a) => a.output),
      kernel: pick((a) => a.kernel),
      stride: pick((a) => a.stride),
      dilation: pick((a) => a.dilation),
      padding: pick((a) => a.padding),
      inputs: [0, 1],
    };
  });

interface Axis {
  readonly input: number;
  readonly output: number;
  readonly kernel: number;
  readonly stride: number;
  readonly dilation: number;
  readonly padding: number;
}

function axis() {
  return fc
    .record({
      input: fc.integer({ min: 1, max: 9 }),
      kernel: fc.integer({ min: 1, max: 4 }),
      stride: fc.integer({ min: 1, max: 3 }),
      dilation: fc.integer({ min: 1, max: 2 }),
      padding: fc.integer({ min: 0, max: 3 }),
      more: fc.integer({ min: 0, max: 1 }),
    })
    .map(({ more, ...a }): Axis => {
      const whole = Math.floor((a.input + 2 * a.padding - a.dilation * (a.kernel - 1) - 1) / a.stride) + 1;
      return { ...a, output: Math.max(0, whole) + more };
    });
}

/** What a launch makes of small integers. Everything allocated is freed. */
export function runConvolution(device: Device, launch: ConvolutionLaunch): number[] {
  const { product, dtype, n, c, o, groups, input, output, kernel } = launch;
  const area = ([h, w]: Pair) => h * w;
  const lengths = { x: n * c * area(input), w: ((o * c) / groups) * area(kernel), y: n * o * area(output) };
  const roles =
    product === "forward" ? (["y", "x", "w"] as const) : product === "input" ? (["x", "y", "w"] as const) : (["w", "x", "y"] as const);
  const size = dtype === "f32" ? 4 : 8;
  const data = (length: number, seed: number) => Array.from({ length }, (_, i) => ((i * 7919 + seed * 31) % 9) - 4);
  const addresses = roles.map((role, k) => {
    const address = device.alloc(lengths[role] * size);
    const values = k === 0 ? data(lengths[role], 5).fill(Number.NaN) : data(lengths[role], k);
    device.upload(address, dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values));
    return address;
  }) as [Address, Address, Address];
  device.prepare(launch)(...addresses);
  const result = [...device.download(addresses[0], dtype, lengths[roles[0]])];
  for (const [k, address] of addresses.entries()) device.free(address, lengths[roles[k] as "x"] * size);
  return result.map((v) => v + 0);
}
