import { describe, expect, it } from "vitest";
import { BenchError } from "../base/errors.ts";
import type { DeviceName } from "./device.ts";
import { describeDevices, openDevice } from "./registry.ts";

describe("openDevice", () => {
  it("opens a device once per process", () => {
    expect(openDevice("interpreter")).toBe(openDevice("interpreter"));
    expect(openDevice("null").name).toBe("null");
  });

  it("takes a fast device for auto, never the interpreter or the null device", () => {
    const first = describeDevices().find((d) => d.available);
    expect(openDevice("auto").name).toBe(first?.name);
    expect(["interpreter", "null", "tfjs"]).not.toContain(openDevice("auto").name);
  });

  it("refuses unknown and unavailable devices with what there is", () => {
    const missing = describeDevices().filter((d) => !d.available);
    for (const name of ["tpu" as DeviceName, ...missing.map((d) => d.name)]) {
      expect(() => openDevice(name)).toThrow(BenchError);
      expect(() => openDevice(name)).toThrow(`${name} is not`);
    }
  });
});
