/**
 * The long form of the devices' property tests: random kernels on every device that is here against the interpreter. Says the seed
 * of the first difference and ends with 1. `npm run fuzz:kernels -- [kernels] [seed]`; 10 000 kernels take about twenty minutes,
 * nearly all of them the C compiler's.
 */
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import type { Device } from "../core/device/device.ts";
import { createInterpreter } from "../core/device/interpreter/device.ts";
import { findNative } from "../core/device/native/availability.ts";
import { createNative } from "../core/device/native/device.ts";
import { createWasm } from "../core/device/wasm/device.ts";
import { drawKernelCase, type KernelCase, runKernelCase } from "../test/arbitrary-kernel.ts";

/** Kernels that are drawn, and compiled, together; each list has a seed of its own. */
const LIST = 100;

const count = Number(process.argv[2] ?? 10_000);
const start = Number(process.argv[3] ?? 1);
const interpreter = createInterpreter();
const native = findNative();
if (!native.available) console.log(`the native device is left out: ${native.detail}`);
const devices: Device[] = [createWasm(), ...(native.available ? [createNative()] : [])];

function compileTogether(device: Device, cases: readonly KernelCase[]): void {
  device.preparePlan(
    cases.map(({ kernel, geometry, inputs, outputs }) => ({
      launch: { kind: "kernel", kernel, geometry, inputs: inputs.map((_, k) => k) },
      operands: [...outputs, ...inputs].map((_, block) => ({ block, offset: 0 })),
    })),
  );
}

for (let done = 0, seed = start; done < count; done += LIST, seed++) {
  const list = fc.sample(
    fc.gen().map((gen) => drawKernelCase(gen)),
    { seed, numRuns: Math.min(LIST, count - done) },
  );
  const wanted = list.map((c) => runKernelCase(interpreter, c));
  for (const device of devices) {
    compileTogether(device, list);
    for (const [i, c] of list.entries()) {
      if (isDeepStrictEqual(runKernelCase(device, c), wanted[i])) continue;
      console.log(`${device.name} differs from the interpreter: seed ${seed}, kernel ${i}: ${c.kernel.key}`);
      process.exit(1);
    }
  }
  console.log(`${done + list.length} kernels agree on ${devices.map((d) => d.name).join(", ")}`);
}
