import { expect, test } from "vitest";
import { openDevice } from "../core/device/registry.ts";
import { releaseConstants } from "../core/tensor/eager.ts";
import { useDevice } from "../core/tensor/tensor.ts";
import { trainDigits } from "./train-digits.ts";

test.each(["tape", "graph", "program-transform"] as const)(
  "six epochs by the %s engine learn the digits, and all memory returns",
  (engine) => {
    const device = openDevice("wasm");
    useDevice(device);
    releaseConstants();
    const before = device.stats().liveBytes;
    const losses: number[] = [];
    const accuracy = trainDigits({ epochs: 6, engine, onEpoch: (_epoch, loss) => losses.push(loss) });
    expect(accuracy).toBeGreaterThan(0.95);
    expect(losses.at(-1)).toBeLessThan((losses[0] as number) / 5);
    releaseConstants();
    expect(device.stats().liveBytes).toBe(before);
  },
);

test("the same seed gives the same training, to the last bit", () => {
  useDevice(openDevice("wasm"));
  const losses = (seed: number) => {
    const all: number[] = [];
    trainDigits({ epochs: 1, width: 16, seed, onEpoch: (_epoch, loss) => all.push(loss) });
    return all;
  };
  expect(losses(3)).toEqual(losses(3));
  expect(losses(3)).not.toEqual(losses(4));
});
