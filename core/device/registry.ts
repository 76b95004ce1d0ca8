/**
 * The devices by name. A device is opened once per process; `auto` is the fastest one that is available here. A new device is
 * one entry of the table.
 */
import { BenchError } from "../base/errors.ts";
import type { Device, DeviceName } from "./device.ts";
import { createInterpreter } from "./interpreter/device.ts";
import { createNull } from "./null/device.ts";
import { createWasm } from "./wasm/device.ts";

interface Entry {
  readonly name: DeviceName;
  /** What it is, or why it is not available. */
  readonly detail: string;
  readonly open: (() => Device) | undefined;
}

/** In the order in which `auto` prefers them; those of `NEVER_AUTOMATIC` are asked for by name only. */
const ENTRIES: readonly Entry[] = [
  { name: "cuda", detail: "not part of this version", open: undefined },
  { name: "native", detail: "not part of this version", open: undefined },
  { name: "wasm", detail: "WebAssembly SIMD, one thread", open: createWasm },
  { name: "tfjs", detail: "not part of this version", open: undefined },
  { name: "interpreter", detail: "float64 on the host, point by point: the reference, slow", open: createInterpreter },
  { name: "null", detail: "computes nothing: isolates the host's overhead", open: createNull },
];

const NEVER_AUTOMATIC: readonly DeviceName[] = ["tfjs", "interpreter", "null"];

const opened = new Map<DeviceName, Device>();

/** The process's one device of this name. Throws where it is unknown or not available here. */
export function openDevice(name: DeviceName | "auto"): Device {
  const entry = name === "auto" ? ENTRIES.find((e) => e.open && !NEVER_AUTOMATIC.includes(e.name)) : ENTRIES.find((e) => e.name === name);
  if (entry?.open === undefined) {
    const usable = ENTRIES.filter((e) => e.open).map((e) => e.name);
    const why = entry === undefined ? "is not a device" : `is not available here: ${entry.detail}`;
    throw new BenchError("environment", `${name} ${why}`, { advice: `devices of this machine: auto, ${usable.join(", ")}` });
  }
  let device = opened.get(entry.name);
  if (device === undefined) {
    device = entry.open();
    opened.set(entry.name, device);
  }
  return device;
}

/** Every device that the project knows, for `bench doctor`. */
export function describeDevices(): readonly { readonly name: DeviceName; readonly available: boolean; readonly detail: string }[] {
  return ENTRIES.map((e) => ({ name: e.name, available: e.open !== undefined, detail: e.detail }));
}
