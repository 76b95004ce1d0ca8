import fc from "fast-check";
import { expect, it } from "vitest";
import { arbitraryConvolution, runConvolution as run } from "../../../test/arbitrary-convolution.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { createWasm } from "./device.ts";

it("computes the three products of any convolution as the interpreter does", () => {
  const wasm = createWasm();
  const interpreter = createInterpreter();
  fc.assert(
    fc.property(arbitraryConvolution, (launch) => {
      expect(run(wasm, launch)).toEqual(run(interpreter, launch));
    }),
    { numRuns: 300 },
  );
  expect(wasm.stats().liveBytes).toBe(0);
});
