import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawKernelCase, runKernelCase as run } from "../../../test/arbitrary-kernel.ts";
import { cuda } from "../../../test/cuda.ts";
import { gatherCase, launchOf, reduction, rowProgram, scatterCase, stepOf, teamCases, vectorMap } from "../../../test/cuda-cases.ts";
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

  it("gives the interpreter's numbers for every legal kernel", { timeout: 240_000 }, () => {
    const seed = Date.now() % 2 ** 31;
    const cases = fc.sample(
      fc.gen().map((gen) => drawKernelCase(gen)),
      { seed, numRuns: 48 },
    );
    device.preparePlan(cases.map(stepOf));
    for (const [i, c] of cases.entries()) expect(run(device, c), `seed ${seed}, case ${i}: ${c.kernel.key}`).toEqual(run(interpreter, c));
  });

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

  it("sums many f32 numbers as precisely as f64 partial sums allow, always to the same bits", () => {
    const c = reduction([200_003], [1], ["sum"], (i) => 1 + Math.sin(i) / 3);
    const wanted = run(interpreter, c)[0]?.[0] as number;
    const got = [0, 1].map(() => run(device, c)[0]?.[0] as number);
    expect(Math.abs((got[0] as number) / wanted - 1)).toBeLessThan(1.2e-7);
    expect(new Set(got).size).toBe(1);
  });

  it("folds NaN, infinities and zeros of both signs as the interpreter does", () => {
    const special = [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, 0, -0, 1, -1];
    for (const op of ["max", "min", "argmax", "argmin"] as const) {
      for (let from = 0; from < special.length; from++) {
        const c = reduction([9, 37], [37, 1], [op], (i) => (i % 7 < 3 ? (special[(from + i) % 7] as number) : i % 2 ? 0 : -0));
        expect(run(device, c)).toEqual(run(interpreter, c));
      }
    }
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

  it("reports an index out of range with its position at the next wait, also from within a plan, and works on", () => {
    const c = gatherCase([0, 4, -1, 9]);
    const good = gatherCase([0, 4, 1, 3]);
    const message = "index -1 is out of range [0, 5) at position [2]";
    expect(run(device, good)).toEqual(run(interpreter, good));
    const addresses = [...c.outputs, ...c.inputs].map((data) => {
      const address = device.alloc(data.byteLength);
      device.upload(address, data);
      return address;
    });
    device.prepare(launchOf(c))(...(addresses as [Address]));
    expect(() => device.download(addresses[0] as Address, f32, 20)).toThrow(message);
    const plan = device.preparePlan([stepOf(c), stepOf(c), stepOf(c)]);
    // Three runs: on the stream, captured, replayed. What is out of range is neither read nor stored.
    for (let i = 0; i < 3; i++) {
      plan(addresses);
      expect(() => device.sync()).toThrow(message);
      expect([...device.download(addresses[0] as Address, f32, 20)].slice(10)).toEqual(new Array(10).fill(0));
    }
    device.forget(plan);
    device.upload(addresses[2] as Address, Int32Array.of(0, 4, 1, 3));
    device.prepare(launchOf(good))(...(addresses as [Address]));
    expect(device.download(addresses[0] as Address, f32, 20)).toEqual(run(interpreter, good)[0]);
    for (const [i, data] of [...c.outputs, ...c.inputs].entries()) device.free(addresses[i] as Address, data.byteLength);
  });

  it("reports an index out of range of a scatter, by one thread or by warps, and stores nothing there", () => {
    for (const tokens of [9, 300]) {
      const c = scatterCase(tokens, 3);
      (c.inputs[1] as Int32Array)[7] = 6;
      const addresses = [...c.outputs, ...c.inputs].map((data) => {
        const address = device.alloc(data.byteLength);
        device.upload(address, data);
        return address;
      });
      device.prepare(launchOf(c))(...(addresses as [Address]));
      expect(() => device.sync()).toThrow("index 6 is out of range [0, 6) at position [7]");
      // The interpreter adds nothing for a point of zeros.
      (c.inputs[1] as Int32Array)[7] = 0;
      (c.inputs[0] as Float32Array).fill(0, 21, 24);
      expect(device.download(addresses[0] as Address, f32, 18)).toEqual(run(interpreter, c)[0]);
      for (const [i, data] of [...c.outputs, ...c.inputs].entries()) device.free(addresses[i] as Address, data.byteLength);
    }
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
