import { describe, expect, test, vi } from "vitest";
import { createProgress, describeCell, showNanoseconds, wantsColour } from "./progress.ts";
import { type Cell, SCHEMA_VERSION } from "./schema.ts";

const key = { suite: "s", model: "m", size: "small", engine: "tape", device: "wasm", dtype: "f32" } as const;
const interval = (median: number) => ({ median, lo: median, hi: median });
const done: Cell = { schema: SCHEMA_VERSION, cell: key, outcome: { kind: "ok" }, value: interval(12_345), gradient: interval(40_000) };
const failed: Cell = { schema: SCHEMA_VERSION, cell: key, outcome: { kind: "timeout", reason: "no answer within 1 s\nmore" } };

function sink(isTTY: boolean) {
  let text = "";
  return {
    isTTY,
    columns: 60,
    write: (more: string) => {
      text += more;
    },
    text: () => text,
  };
}

describe("progress", () => {
  test("elsewhere than on a terminal every cell is one plain line without escape codes", () => {
    const stream = sink(false);
    const progress = createProgress({ stream, redraw: true, colour: false });
    progress.start(key, 0, 2);
    progress.end(done);
    progress.start(key, 1, 2);
    progress.end(failed);
    progress.close();
    expect(stream.text()).toBe(
      "[1/2] s/m/small/tape/wasm/f32  ok  value 12.3 us  gradient 40.0 us (3.2 x)\n[2/2] s/m/small/tape/wasm/f32  timeout  no answer within 1 s\n",
    );
  });

  test("on a terminal one line is redrawn at most four times a second, whatever happens, and removed at the end", () => {
    vi.useFakeTimers();
    try {
      const stream = sink(true);
      const progress = createProgress({ stream, redraw: true, colour: false });
      for (let i = 0; i < 50; i++) {
        progress.start(key, i, 50);
        vi.advanceTimersByTime(20);
        progress.end(done);
      }
      expect(stream.text().split("\r").length - 1).toBeLessThanOrEqual(4);
      expect(stream.text()).not.toContain("\n");
      progress.end(failed);
      expect(stream.text()).toContain("timeout");
      progress.close();
      expect(stream.text().endsWith("\r\u001b[K")).toBe(true);
      const length = stream.text().length;
      vi.advanceTimersByTime(1000);
      expect(stream.text()).toHaveLength(length);
    } finally {
      vi.useRealTimers();
    }
  });

  test("colour is for terminals without NO_COLOR", () => {
    expect(wantsColour({ isTTY: true }, {})).toBe(true);
    expect(wantsColour({ isTTY: true }, { NO_COLOR: "1" })).toBe(false);
    expect(wantsColour({ isTTY: true }, { NO_COLOR: "" })).toBe(true);
    expect(wantsColour({ isTTY: false }, {})).toBe(false);
    expect(wantsColour({ isTTY: true }, { TERM: "dumb" })).toBe(false);
    expect(describeCell(failed, true)).toContain("\u001b[31m");
    expect(describeCell(failed, false)).not.toContain("\u001b");
  });

  test("durations have three digits and the unit that fits", () => {
    expect([0.5, 999, 1000, 123_456, 5e6, 2.5e9].map(showNanoseconds)).toEqual([
      "0.500 ns",
      "999 ns",
      "1.00 us",
      "123 us",
      "5.00 ms",
      "2.50 s",
    ]);
  });
});
