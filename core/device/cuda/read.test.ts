/** Reading a tensor without waiting for the GPU: the process goes on, and what it does meanwhile does not show in the numbers. */
import { afterEach, describe, expect, it } from "vitest";
import { cuda } from "../../../test/cuda.ts";
import { everyDevice } from "../../../test/devices.ts";
import { createTensor, indexSelect, mul } from "../../ops.ts";
import { type Tensor, useDevice } from "../../tensor/tensor.ts";
import { createCuda } from "./device.ts";

describe("reading a tensor", () => {
  it.each(everyDevice)("gives its numbers on %s, though it is disposed meanwhile", async (_, open) => {
    useDevice(open());
    const x = createTensor([1, 2, 3], [3], "f64");
    const y = mul(x, 2) as Tensor;
    const reading = y.read();
    y.dispose();
    // Whoever gets that memory next comes later.
    const z = mul(x, 7) as Tensor;
    expect([...(await reading)]).toEqual([2, 4, 6]);
    x.dispose();
    z.dispose();
  });
});

describe.runIf(cuda.available && process.env.TRIGRAD_TEST_GPU !== "1")("reading a tensor on CUDA", () => {
  afterEach(() => {
    delete process.env.FAKE_CUDA_SEED;
  });

  it("lets the process go on until the GPU is done", async () => {
    // Nothing runs on the fake before somebody asks, and then a part of it.
    process.env.FAKE_CUDA_SEED = "3";
    useDevice(createCuda());
    let x = createTensor([1], [1], "f64");
    for (let i = 0; i < 40; i++) {
      const next = mul(x, 2) as Tensor;
      x.dispose();
      x = next;
    }
    let turns = 0;
    let isThere = false;
    const reading = x.read().then((data) => {
      isThere = true;
      return data;
    });
    while (!isThere && turns < 1e6) {
      turns++;
      await new Promise<void>((resolve) => setImmediate(resolve));
    }
    expect([...(await reading)]).toEqual([2 ** 40]);
    expect(turns).toBeGreaterThan(1);
    x.dispose();
  });

  it("tells of an index out of range", async () => {
    useDevice(createCuda());
    const [table, at] = [createTensor([1, 2, 3], [3], "f64"), createTensor([0, 5], [2], "i32")];
    const taken = indexSelect(table, at, 0) as Tensor;
    await expect(taken.read()).rejects.toThrow("index 5 is out of range [0, 3)");
    for (const t of [table, at, taken]) t.dispose();
  });
});
