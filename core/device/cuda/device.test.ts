import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { runKernelCase as run } from "../../../test/arbitrary-kernel.ts";
import { cuda } from "../../../test/cuda.ts";
import { launchOf, rowProgram, stepOf, teamCases, vectorMap } from "../../../test/kernel-cases.ts";
import type { RoutineLaunch } from "../../kernel/launch.ts";
import { cudaSchedule } from "../../render/cuda-schedule.ts";
import type { Address, Device } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { createCuda } from "./device.ts";

const f32 = "f32";
const interpreter = createInterpreter();

describe.runIf(cuda.available)("the CUDA device", () => {
  let device: Device;
  beforeAll(() => {
    device = createCuda();
  }, 60_000);
  afterAll(() => expect(device.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0 }));

  it("gives the same numbers in all the ways in which work is given to threads", { timeout: 240_000 }, () => {
    const cases = teamCases();
    const ways = cases.map(({ kernel, geometry }) => {
      const { form, vector, team, across, split, serial, groups } = cudaSchedule(kernel, geometry);
      const named = [across && "across", split && "split", serial.length > 0 && "serial", groups.length > 0 && "groups"];
      return [form, vector, team, ...named].filter(Boolean).join(" ");
    });
    // The cases are of no use unless they take all the ways there are.
    expect(new Set(ways)).toEqual(
      new Set([
        "map 1 1",
        "map 4 1",
        "tiles 1 1",
        "rows 1 1",
        "rows 1 32",
        "rows 1 256",
        "rows 4 32",
        "rows 4 256",
        "rows 4 256 split",
        "rows 1 8 across",
        "rows 1 8 across split",
        "rows 1 1 serial",
        "scatter 1 1 serial",
        "scatter 1 1 serial groups",
      ]),
    );
    device.preparePlan(cases.map(stepOf));
    for (const [i, c] of cases.entries()) expect(run(device, c), `case ${i}: ${ways[i]}`).toEqual(run(interpreter, c));
  });

  it("keeps a vector at an address that it does not fit apart", () => {
    const c = vectorMap(1027);
    const [x] = c.inputs as [Float32Array];
    const [at, out] = [device.alloc(8 * 1027), device.alloc(8 * 1027)];
    device.upload(at + 4, x);
    device.prepare(launchOf(c))(out + 4, at + 4);
    expect(device.download(out + 4, f32, 1027)).toEqual(run(interpreter, c)[0]);
    device.free(at, 8 * 1027);
    device.free(out, 8 * 1027);
  });

  it("keeps rows at an address that vectors do not fit apart", () => {
    const c = rowProgram(5, 131, 132);
    const lengths = [...c.outputs, ...c.inputs].map((data) => data.byteLength);
    const blocks = lengths.map((bytes) => device.alloc(bytes + 4));
    device.upload((blocks[2] as Address) + 4, c.inputs[0] as Float32Array);
    device.upload((blocks[0] as Address) + 4, c.outputs[0] as Float32Array);
    device.prepare(launchOf(c))(...(blocks.map((b) => b + 4) as [Address]));
    expect(device.download((blocks[0] as Address) + 4, f32, 5 * 132)).toEqual(run(interpreter, c)[0]);
    for (const [i, block] of blocks.entries()) device.free(block, (lengths[i] as number) + 4);
  });

  it("uploads more than its pinned memory holds, and may be given the next data at once", () => {
    const n = 3 * 2 ** 20;
    const data = new Float32Array(n);
    const [a, b] = [device.alloc(4 * n), device.alloc(4 * n)];
    for (let i = 0; i < n; i++) data[i] = i % 1000;
    device.upload(a, data);
    data.fill(7);
    device.upload(b, data);
    data.fill(0);
    const first = device.download(a, f32, n);
    expect(first.every((x, i) => x === i % 1000)).toBe(true);
    expect(device.download(b, f32, n).every((x) => x === 7)).toBe(true);
    device.free(a, 4 * n);
    device.free(b, 4 * n);
  });

  it("computes routines within a plan", () => {
    const launch: RoutineLaunch = {
      kind: "routine",
      routine: "solve",
      dtype: "f64",
      batch: 2,
      n: 3,
      columns: 2,
      lower: false,
      transpose: true,
      descending: false,
      inputs: [0, 1],
    };
    const solve = (d: Device) => {
      const a = Float64Array.from({ length: 18 }, (_, i) => ((i * 7) % 5) - 2 + (i % 4 === 0 ? 6 : 0));
      const b = Float64Array.from({ length: 12 }, (_, i) => i - 5);
      const addresses = [12, 18, 12].map((length) => d.alloc(8 * length));
      d.upload(addresses[1] as Address, a);
      d.upload(addresses[2] as Address, b);
      const plan = d.preparePlan([{ launch, operands: [0, 1, 2].map((block) => ({ block, offset: 0 })) }]);
      for (let i = 0; i < 3; i++) plan(addresses);
      const result = d.download(addresses[0] as Address, "f64", 12);
      for (const [i, length] of [12, 18, 12].entries()) d.free(addresses[i] as Address, 8 * length);
      return result;
    };
    expect(solve(device)).toEqual(solve(interpreter));
  });

  it("runs out of memory with the numbers, and is usable afterwards", () => {
    const small = createCuda({ maxBytes: 40 * 2 ** 20 });
    const kept = Array.from({ length: 3 }, () => small.alloc(1 << 20));
    expect(() => small.alloc(1 << 24)).toThrow(
      /^out of memory on cuda: 16.0 MiB asked for, 3.0 MiB live in 3 buffers, .* limit 40.0 MiB, .* free$/,
    );
    for (const address of kept) small.free(address, 1 << 20);
    const c = vectorMap(500);
    expect(run(small, c)).toEqual(run(interpreter, c));
    expect(small.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  });
});
