/**
 * The memory harness: a test file that calls `checkMemory` fails where the live bytes of a device do not return to what they were
 * before the test. Every test runs inside a scope of its own, so what a test makes by hand is freed with it; what remains is held
 * by something that forgot to let go: a tape, a cache, a wrong reference count.
 */
import { afterEach, beforeEach, expect } from "vitest";
import type { DeviceName } from "../core/device/device.ts";
import { openDevice } from "../core/device/registry.ts";
import { releaseConstants } from "../core/tensor/eager.ts";
import { closeFrame, openFrame } from "../core/tensor/scope.ts";
import { useDevice } from "../core/tensor/tensor.ts";

/** Opens a scope on `device`; the function returned closes it and throws where live memory is not what it was. */
export function watchMemory(device: DeviceName): () => void {
  const live = () => {
    releaseConstants();
    const { liveBytes, liveBuffers } = openDevice(device).stats();
    return { bytes: liveBytes, buffers: liveBuffers };
  };
  useDevice(openDevice(device));
  const before = live();
  const mark = openFrame();
  return () => {
    closeFrame(mark);
    expect(live(), "live memory after the test, against before").toEqual(before);
  };
}

/** Makes `device` current in every test of the file and checks its memory after each. */
export function checkMemory(device: DeviceName): void {
  let end: (() => void) | undefined;
  beforeEach(() => {
    end = watchMemory(device);
  });
  afterEach(() => end?.());
}
