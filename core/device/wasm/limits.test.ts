import { expect, test } from "vitest";
import { broadcastTo, createTensor, scope, sum } from "../../ops.ts";
import { useDevice } from "../../tensor/tensor.ts";
import { createWasm } from "./device.ts";

const filled = (shape: readonly number[]) => broadcastTo(createTensor([1], [1], "f64"), shape);

test.each([
  ["its own limit", createWasm({ maxBytes: 2 ** 20 }), [500, 500], "1.9 MiB asked for", "limit 1.0 MiB"],
  ["the 4 GiB of a WebAssembly memory", createWasm(), [700_000_000], "5.2 GiB asked for", "limit 4.0 GiB"],
] as const)("beyond %s an operation is refused with the numbers, and the device works afterwards", (_, device, shape, asked, limit) => {
  useDevice(device);
  expect(() => scope(() => filled(shape))).toThrow(new RegExp(`out of memory on wasm: ${asked}.*live in 1 buffers.*${limit}`));
  expect(device.stats().liveBytes).toBe(0);
  expect(scope(() => sum(filled([300, 300])).item())).toBe(90_000);
  expect(device.stats().liveBytes).toBe(0);
});

test("a device that is full of tensors works again when they are freed", () => {
  const device = createWasm({ maxBytes: 2 ** 20 });
  useDevice(device);
  expect(() =>
    scope(() => {
      for (;;) filled([1000]);
    }),
  ).toThrow("out of memory");
  expect(device.stats().liveBytes).toBe(0);
  expect(scope(() => sum(filled([100_000])).item())).toBe(100_000);
});
