/** The rules of the trade-off table, on figures made up for each rule. */
import { describe, expect, test } from "vitest";
import { type Cell, type Check, SCHEMA_VERSION } from "../harness/schema.ts";
import { sizePositions } from "./charts/scaling.ts";
import { deriveFigures } from "./figures.ts";
import { cellAnchor, rerunCommand } from "./page/cell-detail.ts";
import type { StoredRun } from "./stored-run.ts";
import { buildTradeoff, type TradeoffRow } from "./tradeoff.ts";

const flat = (ns: number) => ({ median: ns, lo: ns, hi: ns });

function cell(engine: string, model: string, gradient: number, handwritten?: number): Cell {
  return {
    schema: SCHEMA_VERSION,
    cell: { suite: "made-up", model, size: "one", engine, device: "wasm", dtype: "f32" },
    outcome: { kind: "ok" },
    value: flat(1),
    gradient: flat(gradient),
    ...(handwritten === undefined ? {} : { handwritten: flat(handwritten) }),
  };
}

function table(cells: readonly Cell[], checks: readonly Check[] = []): (name: string) => TradeoffRow {
  const run = {
    schema: SCHEMA_VERSION,
    name: "made-up",
    command: [],
    seed: 0,
    commit: null,
    quick: false,
    plan: cells.map((c) => c.cell),
    started: "",
    finished: "",
  } as const;
  const stored = { run: { ...run, command: [], plan: [...run.plan] }, cells, checks, hasChecks: checks.length > 0, notes: [] };
  const rows = buildTradeoff(stored.run, deriveFigures(stored as unknown as StoredRun));
  return (name) => rows.find((r) => r.name === name) as TradeoffRow;
}

const shown = (row: TradeoffRow) => row.lanes[0]?.cells.map((c) => (c.kind === "measured" ? `${c.text} ${c.mark ?? "no mark"}` : "none"));

describe("marks", () => {
  test("are + within 10 % of the best, − beyond twice the best, ± between", () => {
    expect(shown(table([cell("tape", "a", 21), cell("graph", "a", 10), cell("program-transform", "a", 11)])("Runtime"))).toEqual([
      "2.10× −",
      "1.00× +",
      "1.10× +",
    ]);
    expect(shown(table([cell("tape", "a", 20), cell("graph", "a", 10)])("Runtime"))).toEqual(["2.00× ±", "1.00× +", "none"]);
    expect(shown(table([cell("tape", "a", 11.5), cell("graph", "a", 10)])("Runtime"))).toEqual(["1.15× ±", "1.00× +", "none"]);
  });

  test("are not given to a single engine, nor to engines without a case in common", () => {
    expect(shown(table([cell("tape", "a", 20, 10)])("AD overhead"))?.[0]).toBe("2.00× no mark");
    const apart = table([cell("tape", "a", 20, 10), cell("graph", "b", 30, 10)])("AD overhead");
    expect(shown(apart)).toEqual(["2.00× no mark", "3.00× no mark", "none"]);
    expect(apart.verdict).toContain("cannot be compared");
  });

  test("withhold the + of generality from an engine with a silent wrong answer", () => {
    const check = (engine: string, i: number, status: Check["status"]): Check => ({
      case: `loops/${i}`,
      engine,
      device: "wasm",
      dtype: "f64",
      status,
      worst: 0,
      checks: { value: 0 },
    });
    const all = (engine: string, last: Check["status"]) => Array.from({ length: 20 }, (_, i) => check(engine, i, i === 19 ? last : "pass"));
    const row = table([], [...all("tape", "fail"), ...all("graph", "refused")])("Generality");
    expect(shown(row)).toEqual(["19 of 20 ±", "19 of 20 +", "none"]);
  });
});

describe("means", () => {
  test("are geometric, and only over cases that every measured engine completed", () => {
    const cells = [
      cell("tape", "a", 20, 10),
      cell("tape", "b", 80, 10),
      cell("tape", "c", 9e9, 1),
      cell("graph", "a", 10, 10),
      cell("graph", "b", 20, 10),
    ];
    const row = table(cells)("AD overhead");
    expect(shown(row)?.slice(0, 2)).toEqual(["4.00× −", "1.41× +"]);
    const tape = row.lanes[0]?.cells[0];
    expect(tape?.kind === "measured" ? tape.evidence : "").toContain("2 of 3 cells");
  });

  test("never cross devices or dtypes: each has a lane of its own", () => {
    const other = cell("tape", "a", 30, 10);
    const cells = [cell("tape", "a", 20, 10), { ...other, cell: { ...other.cell, dtype: "f64" as const } }];
    const row = table(cells)("AD overhead");
    expect(row.lanes.map((l) => l.group?.label)).toEqual(["wasm · f32", "wasm · f64"]);
    expect(row.lanes.map((l) => (l.cells[0]?.kind === "measured" ? l.cells[0].text : ""))).toEqual(["2.00×", "3.00×"]);
  });
});

test("an empty column says why: no cells, or none completed and the commonest reason", () => {
  const failed: Cell = {
    schema: SCHEMA_VERSION,
    cell: cell("graph", "a", 1).cell,
    outcome: { kind: "timeout", reason: "60 s were not enough" },
  };
  const lane = table([cell("tape", "a", 20, 10), failed])("Runtime").lanes[0];
  const reasons = lane?.cells.map((c) => (c.kind === "unmeasured" ? c.reason : ""));
  expect(reasons?.[1]).toBe("none of 1 cell completed; timeout: 60 s were not enough");
  expect(reasons?.[2]).toBe("no cells of this engine in this run");
});

test("sizes stand at the logarithm of their number where each has one, and at equal steps otherwise", () => {
  const { at, numeric } = sizePositions(["n10", "n100", "n10000"]);
  expect(numeric).toBe(true);
  const [a, b, c] = [...at.values()] as [number, number, number];
  expect((c - b) / (b - a)).toBeCloseTo(2, 9);
  const named = [...sizePositions(["small", "medium", "large"]).at.values()] as [number, number, number];
  expect(named[2] - named[1]).toBeCloseTo(named[1] - named[0], 9);
  expect(sizePositions(["d2-k5", "d10-k5"]).numeric).toBe(false);
});

test("a cell's command is one shell command whatever the model is called, and its anchor is its own", () => {
  const key = { ...cell("tape", "x'; rm -rf ~ #", 1).cell };
  expect(rerunCommand({ key }, 7, true)).toBe(
    `npx bench run 'x'\\''; rm -rf ~ #' --engine tape --device wasm --dtype f32 --seed 7 --quick`,
  );
  expect(rerunCommand({ key: { ...key, model: "dense/mlp.ts" } }, 7, false)).toContain("run dense/mlp.ts --engine");
  const anchors = ["a/b-c", "a-b/c", "a/b.c", "a.b/c", "a/b_2e_c"].map((id) => cellAnchor({ id }));
  expect(new Set(anchors).size).toBe(anchors.length);
});
