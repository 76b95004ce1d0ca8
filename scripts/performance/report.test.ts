import { expect, test } from "vitest";
import type { Measured } from "./measure.ts";
import { planFigures } from "./plans.ts";
import { duration, goalTable, judge, planTable, timeTable } from "./report.ts";
import { type Goal, type Workload, workloads } from "./workloads.ts";

const measured = (samples: Record<string, readonly number[]>): Measured => ({
  workload: { ...(workloads[0] as Workload), title: "work", size: "1k", work: { amount: 4000, unit: "GB/s" } },
  samples: new Map(Object.entries(samples)),
});
const half: Goal = { against: "other", ratio: 0.5, says: "≤ 0.5 of the other" };

test("a goal is met where the ratio of the best and that of the medians meet it", () => {
  const verdict = judge(measured({ ours: [100, 110, 120], other: [300, 330, 360] }), half, ["ours"]);
  expect(verdict).toMatchObject({ ours: "ours", best: "0.33", met: true });
  expect(verdict.typical).toMatch(/^0\.33 \[/);
});

test("neither a lucky median nor a lucky best meets a goal", () => {
  expect(judge(measured({ ours: [190, 200, 210], other: [200, 800, 900] }), half, ["ours"]).met).toBe(false);
  expect(judge(measured({ ours: [50, 200, 210], other: [200, 220, 240] }), half, ["ours"]).met).toBe(false);
});

test("the first preferred side that ran is judged, and a missing peer leaves the goal open", () => {
  expect(judge(measured({ second: [1], other: [4] }), half, ["first", "second"])).toMatchObject({ ours: "second", met: true });
  expect(judge(measured({ second: [1] }), half, ["first", "second"])).toMatchObject({ ours: "second", met: undefined });
  expect(judge(measured({ other: [1] }), half, ["first", "second"]).met).toBeUndefined();
});

test("a goal in nanoseconds needs no peer", () => {
  const goal: Goal = { nanoseconds: 500, says: "≤ 0.5 µs" };
  expect(judge(measured({ ours: [400, 450, 480] }), goal, ["ours"])).toMatchObject({ best: "400 ns", met: true });
  expect(judge(measured({ ours: [400, 600, 700] }), goal, ["ours"]).met).toBe(false);
});

test("tables show what was measured, a rate where the work is known, and a dash for what was not", () => {
  const all = [measured({ ours: [1000, 2000, 3000] }), measured({ other: [1_500_000] })];
  const text = timeTable(all, ["ours", "absent", "other"]);
  expect(text.split("\n")).toEqual([
    "| workload | ours | other |",
    "| --- | --- | --- |",
    "| work, 1k | 1.00 µs / 2.00 µs (4.0 GB/s) | – |",
    "| work, 1k | – | 1.50 ms / 1.50 ms (0.0 GB/s) |",
  ]);
  expect(goalTable([judge(all[0] as Measured, half, ["ours"])])).toContain(
    "| work, 1k | ≤ 0.5 of the other | ours | – | – | not measured |",
  );
});

test("durations have three significant figures", () => {
  expect([0.5, 999, 12345, 4.2e6, 1.5e9].map(duration)).toEqual(["0.500 ns", "999 ns", "12.3 µs", "4.20 ms", "1500 ms"]);
});

test("a plan is judged by its arena against the least that it needs", () => {
  const plan = {
    name: "net",
    launches: 3,
    unfusedLaunches: 9,
    arenaBytes: 3 * 2 ** 20,
    lowerBound: 2 * 2 ** 20,
    unsharedBytes: 4 * 2 ** 20,
  };
  expect(planTable([plan])).toContain("| net | 3 (9) | 3.00 MiB | 2.00 MiB | 1.500 | 4.00 MiB | **not met** |");
  expect(planTable([{ ...plan, arenaBytes: 2.1 * 2 ** 20 }])).toMatch(/1\.050 .*\| met \|$/);
});

test("training steps of the networks whose plans are reported stay within 1.1 of the least", () => {
  for (const plan of planFigures()) {
    expect(plan.launches, plan.name).toBeLessThan(plan.unfusedLaunches);
    expect(plan.lowerBound, plan.name).toBeGreaterThan(2 ** 20);
    expect(plan.arenaBytes, plan.name).toBeGreaterThanOrEqual(plan.lowerBound);
    expect(plan.arenaBytes, plan.name).toBeLessThanOrEqual(1.1 * plan.lowerBound);
  }
});
