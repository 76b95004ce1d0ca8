/**
 * A run that is killed with SIGKILL at random moments and resumed gives every cell exactly once, and leaves no process behind.
 * The plan is real, the store is real, the cells are a stand-in that answers after some milliseconds.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, test } from "vitest";
import { type CellKey, cellId } from "../../harness/schema.ts";
import { counterInteger } from "../../harness/statistics.ts";
import { readRun } from "../../harness/store.ts";
import { buildProject } from "../build.ts";

const CELLS = 24;
const KILLS = 8;
const SEED = Number(process.env.KILL_SEED ?? Date.now() % 1_000_000);

const plan: CellKey[] = Array.from({ length: CELLS }, (_, i) => ({
  suite: "stand-in",
  model: `m${Math.floor(i / 3)}`,
  size: "small",
  engine: ["tape", "graph", "program-transform"][i % 3] as string,
  device: "wasm",
  dtype: "f32",
}));

const DRIVER = `
const [build, folder, child, plan] = JSON.parse(process.argv[2]);
const { createRun, resumeRun } = await import(build + "/harness/store.js");
const { runPlan } = await import(build + "/harness/run-plan.js");
const { machineRecord } = await import(build + "/harness/machine.js");
const { existsSync } = await import("node:fs");
const run = { schema: 1, name: "killed", command: ["all"], seed: 1, commit: null, quick: true, plan, started: "2025-01-01T00:00:00Z", finished: null };
const store = existsSync(folder + "/run.json") ? resumeRun(folder) : createRun(folder, run, machineRecord());
await runPlan({
  cells: plan.map((key) => ({ key, file: "/none.ts" })),
  sampling: { mode: "measure", budgetMs: 1, minRounds: 1, maxRounds: 1, seed: 1 },
  entry: child, timeoutMs: 20000,
  progress: { start() {}, end() {}, note() {}, close() {} },
  isDone: (id) => store.has(id),
  onCell: (cell) => store.append(cell),
});
store.finish("2025-01-01T00:01:00Z");
store.close();
`;

const CHILD = `
import { writeFileSync, writeSync } from "node:fs";
const request = JSON.parse(process.argv[2]);
writeFileSync(new URL("./pids/" + process.pid, import.meta.url), "");
await new Promise((resolve) => setTimeout(resolve, 15));
const reason = "padding ".repeat(2000);
writeSync(3, JSON.stringify({ schema: 1, cell: request.cell, outcome: { kind: "error", reason } }) + "\\n");
`;

let folder = "";
let build = "";
beforeAll(() => {
  build = buildProject();
  folder = mkdtempSync(join(tmpdir(), "trigrad-kill-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function start(): ChildProcess {
  const words = JSON.stringify([build, join(folder, "run"), join(folder, "child.mjs"), plan]);
  return spawn(process.execPath, [join(folder, "driver.mjs"), words], { stdio: ["ignore", "ignore", "inherit"] });
}

function ended(process: ChildProcess): Promise<number | null> {
  return new Promise((resolve) => {
    process.once("exit", (code) => resolve(code));
  });
}

test(`a run killed ${KILLS} times at random moments and resumed has every cell once (KILL_SEED=${SEED})`, async () => {
  writeFileSync(join(folder, "driver.mjs"), DRIVER);
  writeFileSync(join(folder, "child.mjs"), CHILD);
  rmSync(join(folder, "pids"), { recursive: true, force: true });
  mkdirSync(join(folder, "pids"));
  let interrupted = 0;
  for (let kill = 0; kill < KILLS; kill++) {
    const driver = start();
    const exit = ended(driver);
    await sleep(60 + counterInteger(SEED, kill, 500));
    if (driver.kill("SIGKILL")) interrupted++;
    if ((await exit) === 0) break;
  }
  expect(interrupted).toBeGreaterThan(0);
  expect(await ended(start())).toBe(0);
  const lines = readFileSync(join(folder, "run", "cells.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  const { run, cells } = readRun(join(folder, "run"));
  expect(lines).toHaveLength(CELLS);
  expect(cells.map((cell) => cellId(cell.cell)).sort()).toEqual(plan.map(cellId).sort());
  expect(run.finished).not.toBeNull();
  expect(existsSync(join(folder, "run", ".lock"))).toBe(false);
  await nobodyLeft();
});

/** Every cell's process is gone: those of a killed harness are ended by its watchdog. */
async function nobodyLeft(): Promise<void> {
  for (const pid of readdirSync(join(folder, "pids")).map(Number)) {
    let alive = true;
    for (let attempt = 0; alive && attempt < 100; attempt++) {
      alive = existsSync(`/proc/${pid}`) && readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(folder);
      if (alive) await sleep(20);
    }
    expect(alive, `process ${pid} still runs`).toBe(false);
  }
}

test("a cell that is running when the harness is killed is killed too", async () => {
  writeFileSync(join(folder, "driver.mjs"), DRIVER);
  writeFileSync(
    join(folder, "child.mjs"),
    `import { writeFileSync } from "node:fs"; writeFileSync(new URL("./pids/" + process.pid, import.meta.url), ""); for (;;);`,
  );
  rmSync(join(folder, "pids"), { recursive: true, force: true });
  rmSync(join(folder, "run"), { recursive: true, force: true });
  mkdirSync(join(folder, "pids"));
  const driver = start();
  const exit = ended(driver);
  for (let i = 0; i < 500 && readdirSync(join(folder, "pids")).length === 0; i++) await sleep(10);
  expect(readdirSync(join(folder, "pids"))).toHaveLength(1);
  driver.kill("SIGKILL");
  await exit;
  await nobodyLeft();
});
