import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { DType, TypedArray } from "../../base/dtype.ts";
import { drawKernelCase, type KernelCase } from "../../kernel/arbitrary.ts";
import type { Device } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { createWasm } from "./device.ts";

function run(device: Device, { kernel, geometry, inputs, output }: KernelCase): TypedArray {
  const put = (data: TypedArray) => {
    const address = device.alloc(data.byteLength);
    device.upload(address, data);
    return address;
  };
  const addresses = inputs.map(put);
  const out = put(output);
  device.prepare({ kind: "kernel", kernel, geometry, inputs: inputs.map((_, k) => k) })(out, ...addresses);
  const result = device.download(out, kernel.output.dtype as DType, output.length);
  for (const [k, address] of addresses.entries()) device.free(address, (inputs[k] as TypedArray).byteLength);
  device.free(out, output.byteLength);
  return result;
}

describe("wasm against the interpreter", () => {
  it("gives the same numbers for every legal kernel", () => {
    const wasm = createWasm();
    const interpreter = createInterpreter();
    fc.assert(
      fc.property(fc.gen(), (gen) => {
        const c = drawKernelCase(gen);
        expect(run(wasm, c)).toEqual(run(interpreter, c));
      }),
      { numRuns: 600 },
    );
    expect(wasm.stats().liveBytes).toBe(0);
    expect(interpreter.stats().liveBytes).toBe(0);
  });
});
