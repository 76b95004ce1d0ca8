import { describe, expect, it } from "vitest";
import { kernel } from "../../kernel/kernel.ts";
import { load, unary } from "../../kernel/scalar-expr.ts";
import { createWasm } from "./device.ts";

describe("memory", () => {
  it("runs out with the numbers, and is usable afterwards", () => {
    const device = createWasm({ maxBytes: 1 << 20 });
    const kept = Array.from({ length: 3 }, () => device.alloc(1 << 18));
    expect(() => device.alloc(1 << 19)).toThrow(
      "out of memory on wasm: 512 KiB asked for, 768 KiB live in 3 buffers, 768 KiB reserved, limit 1.0 MiB",
    );
    for (const address of kept) device.free(address, 1 << 18);
    const whole = device.alloc(1 << 20);
    device.upload(whole, new Float32Array(1 << 18).fill(3));
    expect(device.download(whole, "f32", 1 << 18)[262143]).toBe(3);
    device.free(whole, 1 << 20);
    expect(device.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0, peakBytes: 1 << 20 });
  });

  it("grows under live buffers, prepared launches and views", () => {
    const device = createWasm();
    const n = 1000;
    const a = device.alloc(n * 4);
    device.upload(a, new Float32Array(n).fill(2));
    const flat = { dtype: "f32", access: ["unit"], indirect: false } as const;
    const k = kernel({
      rank: 1,
      reduced: 0,
      operands: [flat],
      reductions: [],
      outputs: [{ ...flat, result: unary("neg", load(0, "f32")), each: "element", storeAt: undefined, accumulate: false }],
    });
    const negate = device.prepare({
      kind: "kernel",
      kernel: k,
      geometry: { extents: [n], strides: [[1], [1]], offsets: [0, 0], indirect: [undefined, undefined] },
      inputs: [0],
    });
    const large = device.alloc(1 << 26);
    negate(large, a);
    expect(device.download(large, "f32", n)).toEqual(new Float32Array(n).fill(-2));
  });
});
