/**
 * The devices by name. A device is opened once per process; `auto` is the fastest one that is available here. A new device is
 * one entry of the table.
 */
import { assert, BenchError } from "../base/errors.ts";
import { findCuda } from "./cuda/availability.ts";
import { createCuda } from "./cuda/device.ts";
import type { Device, DeviceName } from "./device.ts";
import { createInterpreter } from "./interpreter/device.ts";
import { type Availability, findNative } from "./native/availability.ts";
import { createNative } from "./native/device.ts";
import { createNull } from "./null/device.ts";
import { findTfjs, type LoadedTfjs, loadTfjs } from "./tfjs/backend.ts";
import { createTfjs } from "./tfjs/device.ts";
import { threadLimit } from "./threads.ts";
import { createWasm } from "./wasm/device.ts";

interface Entry {
  readonly name: DeviceName;
  /** Whether it can be used here, and what it is, or why it cannot. Asked when somebody wants to know, not before. */
  readonly find: () => Availability;
  readonly open: () => Device;
  /** What has to be waited for before it can be opened. */
  readonly ready?: () => Promise<void>;
}

const always = (detail: string) => () => ({ available: true, detail });
const threadCount = () => (threadLimit() === 1 ? "one thread" : `${threadLimit()} threads`);

let tfjs: LoadedTfjs | undefined;

/** In the order in which `auto` prefers them; those of `NEVER_AUTOMATIC` are asked for by name only. */
const ENTRIES: readonly Entry[] = [
  { name: "cuda", find: findCuda, open: createCuda },
  { name: "native", find: findNative, open: createNative },
  { name: "wasm", find: () => ({ available: true, detail: `WebAssembly SIMD, ${threadCount()}` }), open: createWasm },
  {
    name: "tfjs",
    find: findTfjs,
    open: () => {
      assert(tfjs !== undefined, "the tfjs device is opened before readyDevice was waited for");
      return createTfjs(tfjs);
    },
    ready: async () => {
      tfjs ??= await loadTfjs();
    },
  },
  { name: "interpreter", find: always("float64 on the host, point by point: the reference, slow"), open: createInterpreter },
  { name: "null", find: always("computes nothing: isolates the host's overhead"), open: createNull },
];

const NEVER_AUTOMATIC: readonly DeviceName[] = ["tfjs", "interpreter", "null"];

const opened = new Map<DeviceName, Device>();

/** Waits until {@link openDevice} can open a device. Only tfjs has something to wait for, and nobody else has to ask. */
export async function readyDevice(name: DeviceName | "auto"): Promise<void> {
  if (name !== "auto" && !opened.has(name)) await entryOf(name).ready?.();
}

/** The process's one device of this name. Throws where it is unknown or not available here. */
export function openDevice(name: DeviceName | "auto"): Device {
  if (name === "auto") return openBest();
  const known = opened.get(name);
  if (known !== undefined) return known;
  const device = entryOf(name).open();
  opened.set(name, device);
  return device;
}

/** The entry of a device that can be opened here. */
function entryOf(name: DeviceName): Entry {
  const entry = ENTRIES.find((e) => e.name === name);
  const { available, detail } = entry?.find() ?? { available: false, detail: "" };
  if (entry === undefined || !available) {
    const usable = describeDevices().filter((d) => d.available);
    const why = entry === undefined ? "is not a device" : `is not available here: ${detail}`;
    throw new BenchError("environment", `${name} ${why}`, {
      advice: `devices of this machine: auto, ${usable.map((d) => d.name).join(", ")}`,
    });
  }
  return entry;
}

let best: Device | undefined;

/** The first device that is available and opens. Where a faster one is not, that is said once. */
function openBest(): Device {
  if (best !== undefined) return best;
  for (const { name, find } of ENTRIES.filter((e) => !NEVER_AUTOMATIC.includes(e.name))) {
    const { available, detail, isQuiet } = find();
    if (available) {
      try {
        best = openDevice(name);
        return best;
      } catch (error) {
        if (!(error instanceof BenchError)) throw error;
        process.stderr.write(`the ${name} device is passed over: ${error.message}\n`);
      }
    } else if (!isQuiet) process.stderr.write(`the ${name} device is passed over: ${detail}\n`);
  }
  return assert(false, "no device can be opened") as never;
}

export interface DeviceDescription {
  readonly name: DeviceName;
  readonly available: boolean;
  readonly detail: string;
  /** False for those that are used only where they are named. */
  readonly automatic: boolean;
}

/** Every device that the project knows, for `bench doctor`. */
export function describeDevices(): readonly DeviceDescription[] {
  return ENTRIES.map(({ name, find }) => {
    const { available, detail } = find();
    return { name, available, detail, automatic: !NEVER_AUTOMATIC.includes(name) };
  });
}
