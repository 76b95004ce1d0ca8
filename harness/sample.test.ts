import { describe, expect, test } from "vitest";
import { sampleInterleaved, typicalNanoseconds } from "./sample.ts";
import { median } from "./statistics.ts";

/** A clock that moves only when a task runs or the device is waited for. */
function fakeClock() {
  let ms = 0;
  return {
    now: () => ms,
    advance: (by: number) => {
      ms += by;
    },
  };
}

const base = { budgetMs: 50, minRounds: 5, maxRounds: 20, seed: 1, sync: () => {} };

describe("interleaved sampling", () => {
  test("samples are nanoseconds per call, one per round and task, in the order taken", () => {
    const clock = fakeClock();
    let cost = 1;
    const { samples, batch, rounds } = sampleInterleaved(
      [
        { name: "slow", run: () => clock.advance(3) },
        {
          name: "drifting",
          run: () => {
            cost += 0.01;
            clock.advance(cost);
          },
        },
      ],
      { ...base, budgetMs: 400, now: clock.now },
    );
    expect(samples.slow).toHaveLength(rounds);
    expect(samples.drifting).toHaveLength(rounds);
    for (const ns of samples.slow ?? []) expect(ns).toBeCloseTo(3e6, 0);
    expect([...(samples.drifting ?? [])]).toEqual([...(samples.drifting ?? [])].sort((a, b) => a - b));
    expect(batch.slow).toBeGreaterThanOrEqual(1);
  });

  test("short work is batched until a sample lasts 100 us, and the per-call time is kept", () => {
    const clock = fakeClock();
    const { samples, batch } = sampleInterleaved([{ name: "short", run: () => clock.advance(0.0004) }], {
      ...base,
      budgetMs: 1,
      now: clock.now,
    });
    expect((batch.short ?? 0) * 0.0004).toBeGreaterThanOrEqual(0.1 - 1e-9);
    expect(median(samples.short ?? [])).toBeCloseTo(400, 3);
  });

  test("waiting for the device is inside the clock and shared by the batch", () => {
    const clock = fakeClock();
    let queued = 0;
    const { samples, batch } = sampleInterleaved(
      [
        {
          name: "asynchronous",
          run: () => {
            queued++;
          },
        },
      ],
      {
        ...base,
        now: clock.now,
        sync: () => {
          clock.advance(queued * 5);
          queued = 0;
        },
      },
    );
    expect(batch.asynchronous).toBe(1);
    for (const ns of samples.asynchronous ?? []) expect(ns).toBeCloseTo(5e6, 0);
  });

  test("a round visits every task once, and the order changes from round to round", () => {
    const clock = fakeClock();
    const visits: string[] = [];
    let recording = false;
    const task = (name: string) => ({
      name,
      run: () => {
        clock.advance(1);
        if (recording) visits.push(name);
      },
    });
    const { rounds } = sampleInterleaved(["a", "b", "c"].map(task), {
      ...base,
      budgetMs: 100,
      now: clock.now,
      collect: () => {
        recording = true;
        visits.push("|");
      },
    });
    const orders = visits.join("").split("|").slice(1);
    expect(orders).toHaveLength(rounds);
    for (const order of orders) expect([...new Set(order)].sort().join("")).toBe("abc");
    expect(new Set(orders).size).toBeGreaterThan(1);
  });

  test("at least the smallest number of rounds is taken whatever it costs, and never more than the largest", () => {
    const clock = fakeClock();
    const heavy = sampleInterleaved([{ name: "x", run: () => clock.advance(1000) }], { ...base, now: clock.now });
    expect(heavy.rounds).toBe(5);
    const light = sampleInterleaved([{ name: "x", run: () => clock.advance(0.001) }], { ...base, budgetMs: 1e6, now: clock.now });
    expect(light.rounds).toBe(20);
  });

  test("the warm-up waits for calls to settle, and says when they did not", () => {
    const clock = fakeClock();
    let calls = 0;
    const warming = sampleInterleaved([{ name: "x", run: () => clock.advance(calls++ < 60 ? 1 - calls / 100 : 0.2) }], {
      ...base,
      budgetMs: 1e4,
      now: clock.now,
    });
    expect(warming.settled.x).toBe(true);
    for (const ns of warming.samples.x ?? []) expect(ns).toBeCloseTo(2e5, 0);
    let growing = 1;
    const restless = sampleInterleaved(
      [
        {
          name: "x",
          run: () => {
            growing *= 1.1;
            clock.advance(growing);
          },
        },
      ],
      {
        ...base,
        maxRounds: 5,
        now: clock.now,
      },
    );
    expect(restless.settled.x).toBe(false);
  });

  test("a task that throws ends the sampling with its own error", () => {
    let calls = 0;
    const failing = {
      name: "x",
      run: () => {
        if (++calls > 30) throw new RangeError("boom");
      },
    };
    expect(() => sampleInterleaved([failing], base)).toThrow("boom");
  });

  test("a typical time is the median of the samples", () => {
    const clock = fakeClock();
    expect(typicalNanoseconds(() => clock.advance(2), { ...base, now: clock.now })).toBeCloseTo(2e6, 0);
  });
});
