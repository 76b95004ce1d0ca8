import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { machineRecord } from "./machine.ts";
import { type Cell, type Check, cellId, type Run, SCHEMA_VERSION } from "./schema.ts";
import { createRun, findRun, readRun, resumeRun } from "./store.ts";

const machine = machineRecord();
const run: Run = {
  schema: SCHEMA_VERSION,
  name: "test",
  command: ["all"],
  seed: 1,
  commit: null,
  quick: true,
  plan: [],
  started: "2025-01-01T00:00:00Z",
  finished: null,
};

function cell(i: number, reason?: string): Cell {
  return {
    schema: SCHEMA_VERSION,
    cell: { suite: "s", model: `m${i}`, size: "small", engine: "tape", device: "wasm", dtype: "f32" },
    outcome: reason === undefined ? { kind: "ok" } : { kind: "error", reason },
  };
}

let folder = "";
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "trigrad-store-"));
});
afterEach(() => {
  rmSync(folder, { recursive: true, force: true });
});

describe("a run's folder", () => {
  test("gives back what was written, cell by cell, before it is closed", () => {
    const store = createRun(folder, run, machine);
    store.append(cell(0));
    store.append(cell(1, "line one\nline two \u2028 and é"));
    const read = readRun(folder);
    expect(read.run).toEqual(run);
    expect(read.machine).toEqual(machine);
    expect(read.cells).toEqual([cell(0), cell(1, "line one\nline two \u2028 and é")]);
    store.finish("2025-01-01T00:01:00Z");
    store.close();
    expect(readRun(folder).run.finished).toBe("2025-01-01T00:01:00Z");
    expect(readdirSync(folder).sort()).toEqual(["cells.jsonl", "machine.json", "run.json"]);
  });

  test("takes no second record of a cell, in this process or after a resume", () => {
    const store = createRun(folder, run, machine);
    store.append(cell(0));
    expect(() => store.append(cell(0, "again"))).toThrow(/recorded already/);
    store.close();
    const again = resumeRun(folder);
    expect(again.has(cellId(cell(0).cell))).toBe(true);
    expect(() => again.append(cell(0))).toThrow(/recorded already/);
    again.close();
    expect(readRun(folder).cells).toHaveLength(1);
  });

  test("loses at most the torn last line, wherever the file was cut", () => {
    const store = createRun(folder, run, machine);
    for (let i = 0; i < 4; i++) store.append(cell(i));
    store.close();
    const path = join(folder, "cells.jsonl");
    const whole = readFileSync(path);
    const lineEnds = [...whole.keys()].filter((i) => whole[i] === 0x0a);
    fc.assert(
      fc.property(fc.integer({ min: 0, max: whole.length }), (cut) => {
        writeFileSync(path, whole.subarray(0, cut));
        const intact = lineEnds.filter((end) => end < cut).length;
        expect(readRun(folder).cells).toHaveLength(intact);
        const resumed = resumeRun(folder);
        expect(resumed.cells).toHaveLength(intact);
        for (let i = 0; i < 4; i++) if (!resumed.has(cellId(cell(i).cell))) resumed.append(cell(i));
        resumed.close();
        expect(readRun(folder).cells).toEqual([0, 1, 2, 3].map((i) => cell(i)));
      }),
    );
  });

  test("a whole line that is no record is an error that names the line, not a silent loss", () => {
    createRun(folder, run, machine).close();
    appendFileSync(join(folder, "cells.jsonl"), '{"schema":1}\n');
    expect(() => readRun(folder)).toThrow(/cells\.jsonl:1/);
    expect(() => resumeRun(folder)).toThrow(/cells\.jsonl:1/);
  });

  test("refuses records that break the schema", () => {
    const store = createRun(folder, run, machine);
    expect(() => store.append({ ...cell(0), surprise: 1 } as Cell)).toThrow();
    expect(() => store.append({ ...cell(0), verified: { value: Number.NaN, gradient: 0 } })).toThrow();
    store.close();
  });

  test("refuses another schema version, a folder in use, a second run in one folder and a folder without a run", () => {
    const store = createRun(folder, run, machine);
    expect(() => resumeRun(folder)).toThrow(new RegExp(`process ${process.pid} is working`));
    store.close();
    expect(() => createRun(folder, run, machine)).toThrow(/already holds a run/);
    expect(existsSync(join(folder, ".lock"))).toBe(false);
    writeFileSync(join(folder, "run.json"), JSON.stringify({ ...run, schema: 2 }));
    expect(() => readRun(folder)).toThrow(/version 2/);
    expect(() => findRun("no-such-run", folder)).toThrow(/no run at/);
  });

  test("takes over the lock of a process that is gone", () => {
    createRun(folder, run, machine).close();
    writeFileSync(join(folder, ".lock"), `${2 ** 22 + 1} 12345`);
    resumeRun(folder).close();
    writeFileSync(join(folder, ".lock"), `${process.pid} 1`);
    resumeRun(folder).close();
  });

  test("keeps the generality checks beside the cells", () => {
    const check: Check = {
      case: "loops/while",
      engine: "tape",
      device: "wasm",
      dtype: "f64",
      status: "pass",
      worst: 1e-16,
      checks: { value: 0 },
    };
    const store = createRun(folder, run, machine);
    store.writeChecks([check, { ...check, status: "refused", worst: null, checks: {}, message: "no", line: 3 }]);
    store.close();
    expect(readRun(folder).checks).toHaveLength(2);
  });
});
