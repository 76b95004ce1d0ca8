import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import type { CellRequest } from "./request.ts";
import { type RunCellOptions, runCell } from "./run-cell.ts";
import { type Cell, SCHEMA_VERSION } from "./schema.ts";

const request: CellRequest = {
  cell: { suite: "s", model: "m", size: "small", engine: "tape", device: "wasm", dtype: "f32" },
  file: "/nowhere.ts",
  mode: "measure",
  budgetMs: 1,
  minRounds: 1,
  maxRounds: 1,
  seed: 1,
};
const ok: Cell = { schema: SCHEMA_VERSION, cell: request.cell, outcome: { kind: "ok" } };

/** Sends the record of success, as the real child does. */
const ANSWER = `
import { writeSync } from "node:fs";
const request = JSON.parse(process.argv[2]);
const record = { schema: 1, cell: request.cell, outcome: { kind: "ok" } };
const answer = () => writeSync(3, JSON.stringify(record) + "\\n");
`;

let folder = "";
let children = 0;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), "trigrad-child-"));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

function run(program: string, options: Partial<RunCellOptions> = {}): Promise<Cell> {
  const entry = join(folder, `child-${children++}.mjs`);
  writeFileSync(entry, program);
  return runCell(request, { entry, timeoutMs: 20_000, ...options });
}

async function isGone(pid: number): Promise<boolean> {
  for (let i = 0; i < 100; i++) {
    try {
      process.kill(pid, 0);
    } catch {
      return true;
    }
    await sleep(20);
  }
  return false;
}

describe("a cell in its own process", () => {
  test("gives back the record of the child, with garbage collection exposed to it", async () => {
    expect(await run(`${ANSWER} if (typeof gc !== "function") process.exit(9); answer();`)).toEqual(ok);
  });

  test("noise on stdout and stderr does not touch the record", async () => {
    expect(
      await run(`${ANSWER} console.log("{}\\n".repeat(50000)); console.error("x".repeat(200000)); answer(); console.log("more");`),
    ).toEqual(ok);
  });

  test("an abort is an error that names the signal", async () => {
    const cell = await run(`console.error("before the end"); process.abort();`);
    expect(cell.outcome.kind).toBe("error");
    expect(cell.outcome.reason).toMatch(/SIGABRT/);
    expect(cell.outcome.reason).toMatch(/before the end/);
  });

  test("a segmentation fault is an error that names the signal", async () => {
    const cell = await run(`process.kill(process.pid, "SIGSEGV"); setInterval(() => {}, 1000);`);
    expect(cell.outcome).toMatchObject({ kind: "error", reason: expect.stringMatching(/SIGSEGV/) });
  });

  test("an exhausted heap is out of memory", async () => {
    const cell = await run(`const all = []; for (;;) all.push(new Array(1000).fill({}));`, { nodeFlags: ["--max-old-space-size=30"] });
    expect(cell.outcome.kind).toBe("out-of-memory");
  });

  test("an exception, an early exit, an unreadable answer and an answer for another cell are errors that say so", async () => {
    const thrown = await run(`throw new Error("boom");`);
    expect(thrown.outcome).toMatchObject({ kind: "error", reason: expect.stringMatching(/code 1[\s\S]*boom/) });
    const silent = await run("process.exit(0);");
    expect(silent.outcome).toMatchObject({ kind: "error", reason: "the process ended without an answer" });
    const unreadable = await run(`import { writeSync } from "node:fs"; writeSync(3, "what?\\n");`);
    expect(unreadable.outcome.reason).toMatch(/no record/);
    const torn = await run(`import { writeSync } from "node:fs"; writeSync(3, '{"schema":1');`);
    expect(torn.outcome.reason).toMatch(/without an answer/);
    const other = await run(`${ANSWER} record.cell = { ...request.cell, model: "other" }; answer();`);
    expect(other.outcome.reason).toMatch(/another cell, s\/other/);
  });

  test("a record that arrived whole counts also where the process crashes afterwards", async () => {
    expect(await run(`${ANSWER} answer(); process.abort();`)).toEqual(ok);
  });

  test("a hang is a timeout, and what the child started is killed with it", async () => {
    const cell = await run(
      `import { spawn } from "node:child_process";
       process.on("SIGTERM", () => {});
       const grandchild = spawn("sleep", ["1000"], { stdio: "inherit" });
       console.log("grandchild", grandchild.pid);
       for (;;);`,
      { timeoutMs: 700 },
    );
    expect(cell.outcome.kind).toBe("timeout");
    const pid = Number(/grandchild (\d+)/.exec(cell.outcome.reason ?? "")?.[1]);
    expect(pid).toBeGreaterThan(1);
    expect(await isGone(pid)).toBe(true);
  });

  test("a grandchild that outlives a crashed child neither blocks the run nor stays", async () => {
    const cell = await run(
      `import { spawn } from "node:child_process";
       const grandchild = spawn("sleep", ["1000"], { stdio: ["inherit", "inherit", "inherit", 3] });
       console.log("grandchild", grandchild.pid);
       process.abort();`,
    );
    const pid = Number(/grandchild (\d+)/.exec(cell.outcome.reason ?? "")?.[1]);
    expect(pid).toBeGreaterThan(1);
    expect(await isGone(pid)).toBe(true);
  });

  test("an interruption kills the child and rejects with its reason", async () => {
    const controller = new AbortController();
    const running = run("for (;;);", { signal: controller.signal });
    await sleep(200);
    controller.abort(new Error("stop"));
    await expect(running).rejects.toThrow("stop");
  });

  test("a program that cannot be started is an error", async () => {
    const cell = await runCell(request, { entry: join(folder, "absent.mjs"), timeoutMs: 20_000 });
    expect(cell.outcome).toMatchObject({ kind: "error", reason: expect.stringMatching(/absent\.mjs/) });
  });
});
