import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cuda } from "../../../test/cuda.ts";
import { launchOf, reduction, vectorMap } from "../../../test/kernel-cases.ts";
import type { TypedArray } from "../../base/dtype.ts";
import { describeFused } from "../../kernel/lower.ts";
import { binary, constant, type Expr, load } from "../../kernel/scalar-expr.ts";
import type { Address, Device } from "../device.ts";
import { Library } from "../foreign.ts";
import { createCuda } from "./device.ts";

const f32 = "f32";
/** Graphs that the fake has launched. */
const graphs = (): number | undefined =>
  process.env.TRIGRAD_TEST_GPU === "1"
    ? undefined
    : new Library(process.env.TRIGRAD_LIBCUDA as string).declare("fakeCudaCount", "int64", ["string"])("graphs");

describe.runIf(cuda.available)("plans on CUDA", () => {
  let device: Device;
  beforeAll(() => {
    device = createCuda();
  }, 60_000);
  afterAll(() => expect(device.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0 }));

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

  it("runs a plan that the driver does not take as a graph launch by launch, and says so once", () => {
    if (graphs() === undefined) return;
    const said: string[] = [];
    const write = process.stderr.write;
    process.stderr.write = ((text: string) => said.push(text) > 0) as typeof write;
    process.env.FAKE_CUDA_FAIL_CAPTURE = "1";
    process.env.FAKE_CUDA_QUIET = "1";
    const [n, launched] = [100, graphs()];
    const addresses = Array.from({ length: 4 }, () => device.alloc(4 * n));
    const step = (i: number) => ({ launch: launchOf(vectorMap(n)), operands: [i + 1, i].map((block) => ({ block, offset: 0 })) });
    const plan = device.preparePlan([0, 1, 2].map(step));
    try {
      for (let round = 0; round < 4; round++) {
        device.upload(addresses[0] as Address, new Float32Array(n).fill(round));
        plan(addresses);
        expect(device.download(addresses[3] as Address, f32, n)).toEqual(new Float32Array(n).fill(1 - round));
      }
    } finally {
      process.stderr.write = write;
      delete process.env.FAKE_CUDA_FAIL_CAPTURE;
      delete process.env.FAKE_CUDA_QUIET;
    }
    expect(graphs()).toBe(launched);
    expect(said).toEqual([
      expect.stringMatching(/a plan of 3 launches is put on the stream one by one, since it cannot be a graph: .*invalidated/),
    ]);
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
});
