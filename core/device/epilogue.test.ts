import fc from "fast-check";
import { expect, it } from "vitest";
import { cuda } from "../../test/cuda.ts";
import type { MatmulLaunch } from "../kernel/launch.ts";
import { describeFused } from "../kernel/lower.ts";
import { binary, constant, load, unary } from "../kernel/scalar-expr.ts";
import { createCuda } from "./cuda/device.ts";
import type { Address, Device } from "./device.ts";
import { createInterpreter } from "./interpreter/device.ts";
import { findNative } from "./native/availability.ts";
import { createNative } from "./native/device.ts";
import { createWasm } from "./wasm/device.ts";

const native = findNative();
if (!native.available) console.warn(`epilogues and plans are not tested on the native device: ${native.detail}`);
const fast = (): Device[] => [createWasm(), ...(native.available ? [createNative()] : []), ...(cuda.available ? [createCuda()] : [])];

const cases = fc.record({
  dtype: fc.constantFrom<"f32" | "f64">("f32", "f64"),
  batch: fc.integer({ min: 1, max: 3 }),
  m: fc.integer({ min: 1, max: 40 }),
  n: fc.integer({ min: 1, max: 40 }),
  k: fc.integer({ min: 0, max: 40 }),
  biasRows: fc.boolean(),
  transposeB: fc.boolean(),
});
type Case = typeof cases extends fc.Arbitrary<infer T> ? T : never;

/** relu(A·B + bias), and beside it the negated product: small integers, so every device must agree exactly. */
function run(device: Device, { dtype, batch, m, n, k, biasRows, transposeB }: Case): number[][] {
  const C = [m * n, n, 1];
  const product = load(0, dtype);
  const epilogue = describeFused({
    extents: [batch, m, n],
    operands: [
      { dtype, strides: C, input: -1 },
      { dtype, strides: biasRows ? [0, 1, 0] : [0, 0, 1], input: 2 },
    ],
    outputs: [
      { dtype, strides: C, result: binary("max", binary("add", product, load(1, dtype)), constant(0, dtype)) },
      { dtype, strides: C, result: unary("neg", product) },
    ],
    indexed: true,
  });
  const launch: MatmulLaunch = {
    kind: "matmul",
    dtype,
    m,
    n,
    k,
    transposeA: false,
    transposeB,
    batch: Array.from({ length: batch }, (_, b) => ({ a: b * m * k, b: 0, c: b * m * n })),
    inputs: [0, 1],
    epilogue,
  };
  const size = dtype === "f32" ? 4 : 8;
  const lengths = [batch * m * n, batch * m * n, batch * m * k, k * n, biasRows ? m : n];
  const addresses = lengths.map((length, seed) => {
    const address = device.alloc(length * size);
    const values = Array.from({ length }, (_, i) => ((i * 7919 + seed * 31) % 9) - 4);
    device.upload(address, dtype === "f32" ? Float32Array.from(values) : Float64Array.from(values));
    return address;
  });
  device.prepare(launch)(...(addresses as [Address]));
  const results = [0, 1].map((o) => [...device.download(addresses[o] as Address, dtype, lengths[o] as number)].map((v) => v + 0));
  for (const [i, address] of addresses.entries()) device.free(address, (lengths[i] as number) * size);
  return results;
}

it("an epilogue maps every element of a product on its way to memory, on every device as on the interpreter", () => {
  const [devices, interpreter] = [fast(), createInterpreter()];
  fc.assert(
    fc.property(cases, (c) => {
      for (const device of devices) expect(run(device, c), device.name).toEqual(run(interpreter, c));
    }),
    { numRuns: 100 },
  );
});

it("a plan runs its launches in order, with operands at offsets in blocks, as the single launches do", () => {
  for (const device of [...fast(), createInterpreter()]) {
    const n = 8;
    const view = { dtype: "f64" as const, strides: [1] };
    const map = (result: ReturnType<typeof load>) =>
      describeFused({ extents: [n], operands: [{ ...view, input: 0 }], outputs: [{ ...view, result }] });
    const x = load(0, "f64");
    const arena = device.alloc(2 * n * 8);
    const input = device.alloc(n * 8);
    device.upload(
      input,
      Float64Array.from({ length: n }, (_, i) => i),
    );
    const plan = device.preparePlan([
      {
        launch: map(binary("mul", x, constant(2, "f64"))),
        operands: [
          { block: 0, offset: n * 8 },
          { block: 1, offset: 0 },
        ],
      },
      {
        launch: map(binary("add", x, constant(1, "f64"))),
        operands: [
          { block: 0, offset: 0 },
          { block: 0, offset: n * 8 },
        ],
      },
    ]);
    plan([arena, input]);
    expect([...device.download(arena, "f64", n)]).toEqual(Array.from({ length: n }, (_, i) => 2 * i + 1));
  }
});
