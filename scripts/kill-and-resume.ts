/**
 * Kills a real `bench all --quick` with SIGKILL at random moments, ten times, resumes it, and checks that every cell of the plan is
 * there exactly once and that nothing is left running. Run by `npm run test:kill`; arguments: number of kills, seed.
 */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { execa } from "execa";
import { cellId } from "../harness/schema.ts";
import { counterInteger } from "../harness/statistics.ts";
import { readRun } from "../harness/store.ts";

const [kills = 10, seed = Date.now() % 1_000_000] = process.argv.slice(2).map(Number);
const bench = fileURLToPath(new URL("../cli/main.js", import.meta.url));
const folder = join(mkdtempSync(join(tmpdir(), "bench-kill-")), "run");

/** Milliseconds between start and kill: long enough for some cells, short enough not to finish. */
const SHORTEST = 1000;
const SPREAD = 5000;

async function main(): Promise<number> {
  process.stderr.write(`kills ${kills}, seed ${seed}, run ${folder}\n`);
  let words = ["all", "--quick", "--out", folder];
  let recorded = 0;
  for (let kill = 0; kill < kills; kill++) {
    const running = execa(process.execPath, [bench, ...words], { reject: false, stdio: "ignore" });
    await Promise.race([running, sleep(SHORTEST + counterInteger(seed, kill, SPREAD))]);
    running.kill("SIGKILL");
    const { signal } = await running;
    if (signal !== "SIGKILL") {
      process.stderr.write(`the run ended by itself before kill ${kill + 1}\n`);
      break;
    }
    words = ["all", "--resume", folder];
    const { cells } = readRun(folder);
    if (cells.length < recorded) return failed(`kill ${kill + 1} lost records: ${recorded} before, ${cells.length} after`);
    recorded = cells.length;
    process.stderr.write(`kill ${kill + 1}: ${recorded} cells recorded\n`);
  }
  const last = await execa(process.execPath, [bench, ...words], { reject: false, stdin: "ignore", stdout: "ignore", stderr: "inherit" });
  if (last.exitCode !== 0 && last.exitCode !== 1) return failed(`the last resume ended with ${last.exitCode ?? last.signal}`);
  const { run, cells } = readRun(folder);
  const lines = readFileSync(join(folder, "cells.jsonl"), "utf8").trimEnd().split("\n").length;
  const want = run.plan.map(cellId).sort();
  const got = cells.map((record) => cellId(record.cell)).sort();
  if (lines !== want.length || JSON.stringify(want) !== JSON.stringify(got))
    return failed(`${lines} lines and ${new Set(got).size} cells for a plan of ${want.length}`);
  if (run.finished === null) return failed("the run has no end");
  rmSync(join(folder, ".."), { recursive: true, force: true });
  process.stderr.write(`${want.length} cells, each exactly once, after ${kills} kills\n`);
  return 0;
}

function failed(what: string): number {
  process.stderr.write(`${what}; the run is kept in ${folder}\n`);
  return 1;
}

process.exitCode = await main();
