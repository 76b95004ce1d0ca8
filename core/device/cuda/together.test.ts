/** Launches together: those of one kernel are one launch on the GPU, over as many sets of operands as its parameters have room for. */
import { describe, expect, it } from "vitest";
import { cuda } from "../../../test/cuda.ts";
import type { KernelLaunch, Member } from "../../kernel/launch.ts";
import { describeFused } from "../../kernel/lower.ts";
import { binary, constant, load, reduced, unary } from "../../kernel/scalar-expr.ts";
import type { Address, Device } from "../device.ts";
import { createInterpreter } from "../interpreter/device.ts";
import { createCuda } from "./device.ts";

const f32 = "f32";

/** The update of a parameter: p - 2 g, and beside it |g|. */
const update = (n: number): KernelLaunch =>
  describeFused({
    extents: [n],
    operands: [0, 1].map((input) => ({ dtype: f32, strides: [1], input })),
    outputs: [
      { dtype: f32, strides: [1], result: binary("sub", load(0, f32), binary("mul", constant(2, f32), load(1, f32))) },
      { dtype: f32, strides: [1], result: unary("abs", load(1, f32)) },
    ],
  });

/** The largest of each row, by teams of threads that meet at barriers. */
const largest = (rows: number, columns: number): KernelLaunch =>
  describeFused({
    extents: [rows, columns],
    reduced: 1,
    operands: [{ dtype: f32, strides: [columns, 1], input: 0 }],
    reductions: [{ op: "max", of: load(0, f32), dtype: f32 }],
    outputs: [{ dtype: f32, strides: [1, 0], result: reduced(0, f32), each: "row" }],
  });

interface Set {
  readonly launch: KernelLaunch;
  /** Lengths of outputs and of inputs. */
  readonly outputs: readonly number[];
  readonly inputs: readonly number[];
}

/** The outputs of all, and the labels of what was launched. */
function run(device: Device, sets: readonly Set[]): { readonly results: number[][]; readonly labels: readonly string[] } {
  const outputs = sets.flatMap((s) => s.outputs);
  const inputs = sets.flatMap((s) => s.inputs);
  const place = (from: number, lists: readonly (readonly number[])[], set: number) =>
    from + lists.slice(0, set).reduce((n, l) => n + l.length, 0);
  const members = sets.map(({ launch, ...own }, i): Member => {
    const [out, at] = [
      place(
        0,
        sets.map((s) => s.outputs),
        i,
      ),
      place(
        outputs.length,
        sets.map((s) => s.inputs),
        i,
      ),
    ];
    return { launch, operands: [...own.outputs.map((_, k) => out + k), ...own.inputs.map((_, k) => at + k)] };
  });
  const addresses = [...outputs, ...inputs].map((length, i) => {
    const address = device.alloc(4 * length);
    device.upload(
      address,
      Float32Array.from({ length }, (_, k) => ((Math.imul(k + 7 * i, 2654435761) >>> 16) % 19) - 9),
    );
    return address;
  });
  const operands = addresses.map((_, block) => ({ block, offset: 0 }));
  const plan = device.preparePlan([{ launch: { kind: "together", members }, operands }]);
  const times = device.times?.(() => plan(addresses), { perLaunch: true });
  if (times === undefined) plan(addresses);
  const results = outputs.map((length, i) => [...device.download(addresses[i] as Address, f32, length)]);
  device.forget(plan);
  for (const [i, length] of [...outputs, ...inputs].entries()) device.free(addresses[i] as Address, 4 * length);
  return { results, labels: times?.launches.map((l) => l.label.replace(/^kernel \S+/, "kernel")) ?? [] };
}

describe.runIf(cuda.available)("launches together on CUDA", () => {
  it("of one kernel are few, whatever their sizes, and the others stay alone", { timeout: 240_000 }, () => {
    const sizes = Array.from({ length: 70 }, (_, i) => 1 + ((i * 37) % 90));
    const sets = [
      ...sizes.map((n): Set => ({ launch: update(n + 3), outputs: [n + 3, n + 3], inputs: [n + 3, n + 3] })),
      ...[20, 33, 40].map((n): Set => ({ launch: largest(n, 300), outputs: [n], inputs: [n * 300] })),
      { launch: largest(70, 1), outputs: [70], inputs: [70] },
      { launch: update(40_000), outputs: [40_000, 40_000], inputs: [40_000, 40_000] },
    ];
    const device = createCuda();
    const got = run(device, sets);
    expect(got.results).toEqual(run(createInterpreter(), sets).results);
    // 71 updates, of which one launch has room for 32 or so; three folds by teams of one size, and one by single threads.
    expect(got.labels.every((l) => /^kernel( × \d+)?$/.test(l))).toBe(true);
    const counts = got.labels.map((l) => Number(/\d+/.exec(l)?.[0] ?? 1));
    expect(counts.reduce((a, b) => a + b)).toBe(75);
    expect(counts.length).toBeLessThan(8);
    expect(device.stats()).toMatchObject({ liveBytes: 0, liveBuffers: 0 });
  });
});
