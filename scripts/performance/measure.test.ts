import { expect, test } from "vitest";
import { measure } from "./measure.ts";
import { NotHere, type Side } from "./side.ts";
import { fill, type Workload, workloads } from "./workloads.ts";

const workload: Workload = { ...(workloads[0] as Workload), key: "any" };
const effort = { budgetMs: 0, minRounds: 5, maxRounds: 5, sampleMs: 0.01 };

class Fake implements Side {
  readonly name: string;
  finished = 0;
  readonly calls: number[] = [];
  private readonly outputs: number[][] | Error;

  constructor(name: string, outputs: number[][] | Error) {
    this.name = name;
    this.outputs = outputs;
  }

  async prepare(): Promise<number[][]> {
    if (this.outputs instanceof Error) throw this.outputs;
    return this.outputs;
  }

  async time(calls: number): Promise<number> {
    this.calls.push(calls);
    return 1000;
  }

  async finish(): Promise<void> {
    this.finished++;
  }
}

test("every side that is here gives one sample a round, and the others none", async () => {
  const [a, b, silent, absent] = [
    new Fake("a", [[1, 2]]),
    new Fake("b", [[1, 2.00001]]),
    new Fake("copy", []),
    new Fake("absent", new NotHere("no")),
  ] as const;
  const { samples } = await measure(workload, [a, absent, silent, b], effort);
  expect([...samples.keys()]).toEqual(["a", "copy", "b"]);
  for (const taken of samples.values()) expect(taken).toHaveLength(5);
  expect([a.finished, b.finished, absent.finished]).toEqual([1, 1, 0]);
});

test("a batch of calls grows until it lasts as long as a sample should", async () => {
  const side = new Fake("a", [[1]]);
  await measure(workload, [side], effort);
  expect(side.calls[0]).toBe(1);
  expect(side.calls.at(-1)).toBeGreaterThanOrEqual(10);
});

test.each([
  ["another number", [[1, 2.01]]],
  ["a NaN", [[1, Number.NaN]]],
  ["fewer numbers", [[1]]],
  ["no second output", []],
])("%s is refused before anything is timed, and all sides are freed", async (_, outputs) => {
  const a = new Fake("a", [[1, 2], ...(outputs.length === 0 ? [[3]] : [])]);
  const b = new Fake("b", outputs.length === 0 ? [[1, 2]] : outputs);
  await expect(measure(workload, [a, b], effort)).rejects.toThrow(/output \d of b differs from that of a/);
  expect([a.calls.length, a.finished, b.finished]).toEqual([0, 1, 1]);
});

test("inputs are uniform in their range, differ by seed, and are the formula that peers compute", () => {
  const spec = { shape: [64, 64], low: -2, high: 2 };
  const [x, y] = [fill(spec, 0), fill(spec, 1)];
  expect(x.every((v) => v >= -2 && v < 2)).toBe(true);
  expect(Math.abs(x.reduce((s, v) => s + v, 0) / x.length)).toBeLessThan(0.1);
  expect(x.filter((v, i) => v === y[i]).length).toBeLessThan(10);
  // From scripts/peers/pytorch.py: fill({"shape": [4], "low": 0, "high": 1}, 3).
  expect([...fill({ shape: [4], low: 0, high: 1 }, 3)]).toEqual([
    0.1057814210653305, 0.5903106331825256, 0.07254599034786224, 0.2567419111728668,
  ]);
  const spec3 = { shape: [3, 3], low: -1, high: 1 };
  const plain = fill(spec3, 5);
  expect([...fill({ ...spec3, diagonal: 6 }, 5)].map((v, i) => v - (plain[i] as number)).map(Math.round)).toEqual([
    6, 0, 0, 0, 6, 0, 0, 0, 6,
  ]);
});
