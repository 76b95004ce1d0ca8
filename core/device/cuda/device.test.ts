import fc from "fast-check";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { drawKernelCase, type KernelCase, runKernelCase as run } from "../../../test/arbitrary-kernel.ts";
import { cuda } from "../../../test/cuda.ts";
import type { TypedArray } from "../../base/dtype.ts";
import { type Access, type Geometry, kernel, type Output, type Reduction } from "../../kernel/kernel.ts";
import type { RoutineLaunch } from "../../kernel/launch.ts";
import { describeFused } from "../../kernel/lower.ts";
import { binary, constant, type Expr, load, reduced, unary } from "../../kernel/scalar-expr.ts";
import { cudaSchedule } from "../../render/cuda-schedule.ts";
import type { Address, Device } from "../device.ts";
import { Library } from "../foreign.ts";
import { createInterpreter } from "../interpreter/device.ts";
import type { PlanStep } from "../plan.ts";
import { createCuda } from "./device.ts";

const f32 = "f32";
const interpreter = createInterpreter();
const operand = (access: Access[]) => ({ dtype: f32, access, indirect: false }) as const;
const output = (access: Access[], result: Expr, each: Output["each"] = "element"): Output => ({
  ...operand(access),
  result,
  each,
  storeAt: undefined,
  accumulate: false,
});
const launchOf = ({ kernel, geometry, inputs }: KernelCase) =>
  ({ kind: "kernel", kernel, geometry, inputs: inputs.map((_, k) => k) }) as const;
/** One step per case, each with blocks of its own: prepares (and compiles) all cases at once. */
const stepOf = (c: KernelCase): PlanStep => ({
  launch: launchOf(c),
  operands: [...c.outputs, ...c.inputs].map((_, block) => ({ block, offset: 0 })),
});

/** Graphs that the fake has launched. */
const graphs = (): number | undefined =>
  process.env.TRIGRAD_TEST_GPU === "1"
    ? undefined
    : new Library(process.env.TRIGRAD_LIBCUDA as string).declare("fakeCudaCount", "int64", ["string"])("graphs");

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
        "rows 1 256 split",
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

  it("runs a plan as a graph where its addresses come again, and right for every set of addresses", () => {
    const n = 1000;
    const double = vectorMap(n);
    const launch = launchOf(double);
    const addresses = Array.from({ length: 6 }, () => device.alloc(4 * n));
    const plan = device.preparePlan(
      [0, 1, 2, 3].map((i) => ({
        launch,
        operands: [
          { block: i + 1, offset: 0 },
          { block: i, offset: 0 },
        ],
      })),
    );
    const before = device.stats().launches;
    const launched = graphs();
    for (let round = 0; round < 5; round++) {
      const blocks = round % 2 === 0 ? addresses.slice(0, 5) : addresses.slice(1, 6);
      device.upload(blocks[0] as Address, new Float32Array(n).fill(round));
      plan(blocks);
      let want = round;
      for (let i = 0; i < 4; i++) want = 1 - want;
      expect(device.download(blocks[4] as Address, f32, n)).toEqual(new Float32Array(n).fill(want));
    }
    expect(device.stats().launches - before).toBe(20);
    // Of five runs with two sets of addresses, in turns, the first with each is on the stream.
    if (launched !== undefined) expect(graphs()).toBe(launched + 3);
    device.forget(plan);
    for (const address of addresses) device.free(address, 4 * n);
  });

  it("runs launches together as branches of a graph, between what comes before and after", () => {
    const [n, members] = [300, 11];
    const map = (result: Expr, inputs = 1) =>
      describeFused({
        extents: [n],
        operands: Array.from({ length: inputs }, (_, input) => ({ dtype: f32, strides: [1], input })),
        outputs: [{ dtype: f32, strides: [1], result }],
      });
    const x = load(0, f32);
    const slots = (...blocks: number[]) => blocks.map((block) => ({ block, offset: 0 }));
    // y = 1 - x; z_k = y + k for all k together; then their sum. Blocks: x, y, the sum, z_0, z_1, …
    const together = Array.from({ length: members }, (_, k) => ({
      launch: map(binary("add", x, constant(k, f32))),
      operands: [k, members],
    }));
    const total = Array.from({ length: members }, (_, k) => load(k, f32)).reduce((sum: Expr, e) => binary("add", sum, e));
    const z = Array.from({ length: members }, (_, k) => 3 + k);
    const plan = device.preparePlan([
      { launch: map(binary("sub", constant(1, f32), x)), operands: slots(1, 0) },
      { launch: { kind: "together", members: together }, operands: slots(...z, 1) },
      { launch: map(total, members), operands: slots(2, ...z) },
    ]);
    const addresses = Array.from({ length: 3 + members }, () => device.alloc(4 * n));
    const before = graphs();
    for (let round = 0; round < 6; round++) {
      device.upload(addresses[0] as Address, new Float32Array(n).fill(round));
      plan(addresses);
      const want = members * (1 - round) + (members * (members - 1)) / 2;
      expect(device.download(addresses[2] as Address, f32, n)).toEqual(new Float32Array(n).fill(want));
    }
    // The first run is on the stream. A capture that fails would be, too.
    if (before !== undefined) expect(graphs()).toBe(before + 5);
    device.forget(plan);
    for (const address of addresses) device.free(address, 4 * n);
  });

  it("tells the times of host, device and waiting apart, and those of each launch where asked for", () => {
    const launch = launchOf(vectorMap(5000));
    const [x, y] = [device.alloc(20_000), device.alloc(20_000)];
    device.upload(x, new Float32Array(5000));
    const operands = [
      { block: 1, offset: 0 },
      { block: 0, offset: 0 },
    ];
    const plan = device.preparePlan([0, 1, 2].map(() => ({ launch, operands })));
    for (let i = 0; i < 3; i++) plan([x, y]);
    const whole = device.times?.(() => plan([x, y]));
    expect(whole?.launches).toEqual([]);
    for (const part of [whole?.host, whole?.wait, whole?.device]) expect(part).toBeGreaterThan(0);
    const each = device.times?.(() => plan([x, y]), { perLaunch: true });
    expect(each?.launches.map((l) => l.label)).toEqual(new Array(3).fill(`kernel ${launch.kernel.key}`));
    expect(each?.launches.every((l) => l.device >= 0)).toBe(true);
    device.forget(plan);
    device.free(x, 20_000);
    device.free(y, 20_000);
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

  it("computes routines on the host, between launches", () => {
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

  it("holds no memory for launches and plans of ever-changing geometry once they are forgotten", () => {
    const prepare = (rows: number) => {
      const c = reduction([rows, 5000], [5000, 1], ["sum"], () => 1);
      const operands = [1, 0].map((block) => ({ block, offset: 0 }));
      const addresses = [device.alloc(4 * 5000 * rows), device.alloc(4 * rows)];
      device.upload(addresses[0] as Address, c.inputs[0] as TypedArray);
      const plan = device.preparePlan([0, 1, 2].map(() => ({ launch: launchOf(c), operands })));
      for (let i = 0; i < 3; i++) plan(addresses);
      expect(device.download(addresses[1] as Address, f32, rows)).toEqual(new Float32Array(rows).fill(5000));
      device.forget(plan);
      const run = device.prepare(launchOf(c));
      device.forget(run);
      device.free(addresses[0] as Address, 4 * 5000 * rows);
      device.free(addresses[1] as Address, 4 * rows);
    };
    for (let rows = 12; rows > 0; rows--) prepare(rows);
    const before = device.stats().reservedBytes;
    for (let rows = 1; rows <= 12; rows++) prepare(rows);
    expect(device.stats().reservedBytes).toBe(before);
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

/** 1 - x. */
function vectorMap(n: number): KernelCase {
  const { kernel, geometry } = describeFused({
    extents: [n],
    operands: [{ dtype: f32, strides: [1], input: 0 }],
    outputs: [{ dtype: f32, strides: [1], result: binary("sub", constant(1, f32), load(0, f32)) }],
  });
  return { kernel, geometry, inputs: [Float32Array.from({ length: n }, (_, i) => (i % 9) - 4)], outputs: [new Float32Array(n)] };
}

/** Rows of a table by number. */
function gatherCase(numbers: readonly number[]): KernelCase {
  const gather = kernel({
    rank: 2,
    reduced: 0,
    operands: [
      { ...operand(["fixed", "unit"]), indirect: true },
      { dtype: "i32", access: ["unit", "fixed"], indirect: false },
    ],
    reductions: [],
    outputs: [output(["strided", "unit"], load(0, f32, load(1, "i32")))],
  });
  const geometry: Geometry = {
    extents: [4, 5],
    strides: [
      [0, 1],
      [1, 0],
      [5, 1],
    ],
    offsets: [0, 0, 0],
    indirect: [{ stride: 5, extent: 5 }, undefined, undefined],
  };
  const table = Float32Array.from({ length: 25 }, (_, i) => i);
  return { kernel: gather, geometry, inputs: [table, Int32Array.from(numbers)], outputs: [new Float32Array(20)] };
}

const small = (i: number) => ((Math.imul(i, 2654435761) >>> 16) % 9) - 4;
const fill = (n: number) => Float32Array.from({ length: n }, (_, i) => small(i));

/** Adds each of `tokens` rows to one of six. */
function scatterCase(tokens: number, width: number): KernelCase {
  const { kernel, geometry } = describeFused({
    extents: [tokens, width],
    operands: [
      { dtype: f32, strides: [width, 1], input: 0 },
      { dtype: "i32", strides: [1, 0], input: 1 },
    ],
    outputs: [
      {
        dtype: f32,
        strides: [0, 1],
        indirect: { stride: width, extent: 6 },
        result: load(0, f32),
        storeAt: load(1, "i32"),
        accumulate: true,
      },
    ],
  });
  const numbers = Int32Array.from({ length: tokens }, (_, i) => (i * i) % 6);
  return { kernel, geometry, inputs: [fill(tokens * width), numbers], outputs: [fill(6 * width)] };
}

/** A fold of one operand over the last axis. */
function reduction(extents: number[], strides: number[], ops: readonly Reduction["op"][], value: (i: number) => number): KernelCase {
  const x = load(0, f32);
  const outer = extents.slice(0, -1);
  const { kernel, geometry } = describeFused({
    extents,
    reduced: 1,
    operands: [{ dtype: f32, strides, input: 0 }],
    reductions: ops.map((op) => ({ op, of: x, dtype: op.startsWith("arg") ? "i32" : f32 })),
    outputs: ops.map((op, stage) => {
      const dtype = op.startsWith("arg") ? "i32" : f32;
      return {
        dtype,
        strides: [...outer.map((_, a) => outer.slice(a + 1).reduce((n, e) => n * e, 1)), 0],
        result: reduced(stage, dtype),
        each: "row",
      };
    }),
  });
  const points = outer.reduce((n, e) => n * e, 1);
  const length = extents.reduce((n, e) => n * e, 1);
  return {
    kernel,
    geometry,
    inputs: [Float32Array.from({ length }, (_, i) => value(i))],
    outputs: ops.map((op): TypedArray => (op.startsWith("arg") ? new Int32Array(points) : new Float32Array(points))),
  };
}

/** Small integers in launches of every schedule. */
function teamCases(): KernelCase[] {
  const x = load(0, f32);
  const map = (extents: number[], from: number[], to: number[]): KernelCase => {
    const n = extents.reduce((p, e) => p * e, 1);
    const { kernel, geometry } = describeFused({
      extents,
      operands: [{ dtype: f32, strides: from, input: 0 }],
      outputs: [{ dtype: f32, strides: to, result: binary("add", unary("neg", x), constant(1, f32)) }],
    });
    return { kernel, geometry, inputs: [fill(2 * n)], outputs: [new Float32Array(n)] };
  };
  const scan = (rows: number, columns: number, strides: number[]): KernelCase => {
    const { kernel, geometry } = describeFused({
      extents: [rows, columns],
      reduced: 1,
      operands: [{ dtype: f32, strides, input: 0 }],
      reductions: [{ op: "sum", of: x, dtype: f32 }],
      outputs: [{ dtype: f32, strides, result: reduced(0, f32), each: "prefix" }],
    });
    return { kernel, geometry, inputs: [fill(rows * columns)], outputs: [new Float32Array(rows * columns)] };
  };
  /** Adds to one of five columns in each of four rows. */
  const scatterAlong = (length: number): KernelCase => {
    const { kernel, geometry } = describeFused({
      extents: [4, length],
      operands: [
        { dtype: f32, strides: [length, 1], input: 0 },
        { dtype: "i32", strides: [length, 1], input: 1 },
      ],
      outputs: [{ dtype: f32, strides: [5, 0], indirect: { stride: 1, extent: 5 }, result: x, storeAt: load(1, "i32"), accumulate: true }],
    });
    return {
      kernel,
      geometry,
      inputs: [fill(4 * length), Int32Array.from({ length: 4 * length }, (_, i) => (i * i) % 5)],
      outputs: [fill(20)],
    };
  };
  return [
    map([3001], [1], [1]),
    map([31, 44], [44, 1], [44, 1]),
    map([31, 43], [86, 2], [43, 1]),
    map([67, 83], [1, 67], [83, 1]),
    map([3, 51, 35], [1, 105, 3], [1785, 35, 1]),
    scan(7, 100, [100, 1]),
    scan(40, 33, [1, 40]),
    scan(3, 1801, [1801, 1]),
    scatterCase(50, 12),
    scatterCase(150, 301),
    scatterAlong(203),
    ...(["sum", "max", "argmin"] as const).flatMap((op) => [
      reduction([20_001], [1], [op], small),
      reduction([300, 5], [5, 1], [op], small),
      reduction([41, 103], [103, 1], [op], small),
      reduction([600, 300], [300, 1], [op], small),
      reduction([70, 40], [1, 70], [op], small),
      reduction([70, 1203], [1, 70], [op], small),
    ]),
  ];
}
