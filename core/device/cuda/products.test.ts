/** Products by our own kernels and by cuBLAS, against the interpreter: small integers, so every device must agree exactly. */
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { cuda } from "../../../test/cuda.ts";
import type { ConvolutionLaunch, Launch, MatmulLaunch, Pair } from "../../kernel/launch.ts";
import { planProduct } from "../../render/cuda-product.ts";
import type { Address, Device } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { runsOf } from "./cublas.ts";
import { createCuda } from "./device.ts";

const interpreter = createInterpreter();

/** The result of a product of operands of these lengths. */
function run(device: Device, launch: Launch & { readonly dtype: "f32" | "f64" }, lengths: readonly [number, number, number]): number[] {
  const size = launch.dtype === "f32" ? 4 : 8;
  const addresses = lengths.map((length, seed) => {
    const address = device.alloc(length * size);
    const values = Array.from({ length }, (_, i) => ((Math.imul(i + seed * 31, 2654435761) >>> 16) % 9) - 4);
    device.upload(address, launch.dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values));
    return address;
  });
  device.prepare(launch)(...(addresses as [Address]));
  const result = [...device.download(addresses[0] as Address, launch.dtype, lengths[0])].map((x) => x + 0);
  for (const [i, address] of addresses.entries()) device.free(address, (lengths[i] as number) * size);
  return result;
}

function matmul(m: number, n: number, k: number, more: Partial<MatmulLaunch> & { readonly batches?: number } = {}): MatmulLaunch {
  const { batches = 1, ...rest } = more;
  const batch = Array.from({ length: batches }, (_, i) => ({ a: i * m * k, b: i * k * n, c: i * m * n }));
  return { kind: "matmul", dtype: "f32", m, n, k, transposeA: false, transposeB: false, batch, inputs: [0, 1], ...rest };
}

const lengthsOf = ({ m, n, k, batch }: MatmulLaunch): [number, number, number] => [
  batch.length * m * n,
  Math.max(...batch.map((b) => b.a)) + m * k,
  Math.max(...batch.map((b) => b.b)) + k * n,
];

describe.runIf(cuda.available)("products on CUDA", () => {
  const own = () => {
    const named = process.env.TRIGRAD_LIBCUBLAS;
    process.env.TRIGRAD_LIBCUBLAS = "";
    try {
      return createCuda();
    } finally {
      if (named === undefined) delete process.env.TRIGRAD_LIBCUBLAS;
      else process.env.TRIGRAD_LIBCUBLAS = named;
    }
  };

  it("are right on random shapes, with cuBLAS and without", { timeout: 180_000 }, () => {
    const devices = [own(), createCuda()];
    const length = fc.oneof(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 10, max: 70 }));
    const shapes = fc.record({
      dtype: fc.constantFrom<"f32" | "f64">("f32", "f64"),
      m: length,
      n: length,
      k: fc.oneof(fc.constant(0), length),
      transposeA: fc.boolean(),
      transposeB: fc.boolean(),
      batches: fc.integer({ min: 1, max: 3 }),
    });
    fc.assert(
      fc.property(shapes, ({ m, n, k, ...more }) => {
        const launch = matmul(m, n, k, more);
        const want = run(interpreter, launch, lengthsOf(launch));
        for (const [i, device] of devices.entries()) expect(run(device, launch, lengthsOf(launch)), `device ${i}`).toEqual(want);
      }),
      { numRuns: 60 },
    );
  });

  it("are right with every tile, with depth in parts, and with operands that a batch shares", { timeout: 180_000 }, () => {
    const device = own();
    const shared = Array.from({ length: 6 }, (_, i) => ({ a: (i % 2) * 30, b: Math.floor(i / 3) * 35, c: i * 42 }));
    const launches = [
      matmul(20, 30, 1500),
      matmul(40, 44, 21, { batches: 64 }),
      matmul(100, 99, 11, { batches: 128, transposeB: true }),
      matmul(6, 7, 5, { batch: shared, transposeA: true }),
    ];
    const ways = launches.map((l) => `${planProduct(l).tile[0]} ${planProduct(l).splits > 1}`);
    expect(ways).toEqual(["32 true", "64 false", "128 false", "32 false"]);
    for (const launch of launches) expect(run(device, launch, lengthsOf(launch))).toEqual(run(interpreter, launch, lengthsOf(launch)));
  });

  it("give cuBLAS a batch as few runs of fixed steps", () => {
    const batch = [0, 1, 2, 0, 1, 2].map((b, i) => ({ a: i * 30, b: b * 35, c: i * 42 }));
    expect(runsOf(matmul(6, 7, 5, { batch })).map((r) => r.count)).toEqual([3, 3]);
    expect(runsOf(matmul(6, 7, 5, { batches: 9 })).map((r) => r.count)).toEqual([9]);
    const launch = matmul(6, 7, 5, { batch });
    expect(run(createCuda(), launch, lengthsOf(launch))).toEqual(run(interpreter, launch, lengthsOf(launch)));
  });

  it("of f32 are not rounded to TF32 unless that is asked for", () => {
    const launch = matmul(2, 2, 2);
    const product = (device: Device) => {
      const at = [0, 1, 2].map(() => device.alloc(16)) as [Address, Address, Address];
      device.upload(at[1], Float32Array.of(1 + 2 ** -20, 0, 0, 1));
      device.upload(at[2], Float32Array.of(1, 0, 0, 1));
      device.prepare(launch)(...at);
      return device.download(at[0], "f32", 4)[0];
    };
    expect(product(createCuda())).toBe(1 + 2 ** -20);
    expect(product(createCuda({ tf32: true }))).not.toBe(1 + 2 ** -20);
  });

  it("of convolutions are right, all three of them", { timeout: 180_000 }, () => {
    const device = createCuda();
    const pair = (min: number, max: number) => fc.tuple(fc.integer({ min, max }), fc.integer({ min, max }));
    const shapes = fc.record({
      dtype: fc.constantFrom<"f32" | "f64">("f32", "f64"),
      n: fc.integer({ min: 1, max: 3 }),
      groups: fc.integer({ min: 1, max: 3 }),
      channels: fc.integer({ min: 1, max: 4 }),
      makes: fc.integer({ min: 1, max: 5 }),
      output: pair(1, 7),
      kernel: pair(1, 3),
      stride: pair(1, 3),
      dilation: pair(1, 2),
      padding: pair(0, 2),
      spare: pair(0, 1),
    });
    fc.assert(
      fc.property(shapes, ({ dtype, n, groups, channels, makes, output, kernel, stride, dilation, padding, spare }) => {
        const along = (i: 0 | 1) =>
          Math.max(1, (output[i] - 1) * stride[i] + (kernel[i] - 1) * dilation[i] + 1 - 2 * padding[i] + spare[i] * (stride[i] - 1));
        const input: Pair = [along(0), along(1)];
        const made = ([0, 1] as const).map(
          (i) => Math.floor((input[i] + 2 * padding[i] - (kernel[i] - 1) * dilation[i] - 1) / stride[i]) + 1,
        );
        const [c, o] = [groups * channels, groups * makes];
        const [x, y, w] = [
          n * c * input[0] * input[1],
          n * o * (made[0] as number) * (made[1] as number),
          o * channels * kernel[0] * kernel[1],
        ];
        for (const product of ["forward", "input", "weight"] as const) {
          const launch: ConvolutionLaunch = {
            kind: "convolution",
            product,
            dtype,
            n,
            groups,
            c,
            o,
            input,
            output: made as [number, number],
            kernel,
            stride,
            dilation,
            padding,
            inputs: [0, 1],
          };
          const lengths = { forward: [y, x, w], input: [x, y, w], weight: [w, x, y] } as const;
          expect(run(device, launch, lengths[product]), product).toEqual(run(interpreter, launch, lengths[product]));
        }
      }),
      { numRuns: 80 },
    );
  });

  it("of a deep convolution's weights are summed in parts", () => {
    const launch: ConvolutionLaunch = {
      kind: "convolution",
      product: "weight",
      dtype: "f32",
      n: 6,
      groups: 2,
      c: 4,
      o: 6,
      input: [12, 11],
      output: [12, 11],
      kernel: [3, 3],
      stride: [1, 1],
      dilation: [1, 1],
      padding: [1, 1],
      inputs: [0, 1],
    };
    expect(planProduct(launch).splits).toBeGreaterThan(1);
    const lengths = [6 * 2 * 9, 6 * 4 * 132, 6 * 6 * 132] as const;
    expect(run(createCuda(), launch, lengths)).toEqual(run(interpreter, launch, lengths));
  });
});
