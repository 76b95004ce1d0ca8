/**
 * The devices for tests that hold on every device: the reference, WebAssembly, and those that this machine has. CUDA is the fake one
 * unless there is a GPU to test on (cuda.ts). What is left out is said, with the reason.
 */
import { createCuda } from "../core/device/cuda/device.ts";
import type { Device, DeviceName } from "../core/device/device.ts";
import { createInterpreter } from "../core/device/interpreter/device.ts";
import { findNative } from "../core/device/native/availability.ts";
import { createNative } from "../core/device/native/device.ts";
import { createWasm } from "../core/device/wasm/device.ts";
import { cuda } from "./cuda.ts";

const native = findNative();
if (!native.available) process.stderr.write(`tests on every device leave out native: ${native.detail}\n`);

/** Each with what opens it anew. */
export const everyDevice: readonly (readonly [DeviceName, () => Device])[] = [
  ["interpreter", () => createInterpreter()],
  ["wasm", () => createWasm()],
  ...(native.available ? [["native", () => createNative()] as const] : []),
  ...(cuda.available ? [["cuda", () => createCuda()] as const] : []),
];

export const everyDeviceName: readonly DeviceName[] = everyDevice.map(([name]) => name);
