/** Worker threads of the wasm device in processes of their own, from compiled code: they begin, and they let a process end. */
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { beforeAll, expect, test } from "vitest";
import { buildProject } from "./build.ts";

const run = promisify(execFile);
let built: string;
beforeAll(() => {
  built = buildProject();
}, 300_000);

/** Runs `body`, an async function's, with `device` and `launch` (a large one), until workers have run chunks; `end` comes last. */
function program(end: string, helped = true): string {
  return `
    const { createWasm } = await import(${JSON.stringify(`${built}/core/device/wasm/device.js`)});
    const device = createWasm();
    const n = 256;
    const [c, a, b] = [0, 1, 2].map(() => device.alloc(n * n * 4));
    const launch = device.prepare({
      kind: "matmul", dtype: "f32", m: n, n, k: n, transposeA: false, transposeB: false, batch: [{ a: 0, b: 0, c: 0 }], inputs: [0, 1],
    });
    const deadline = performance.now() + 20_000;
    do launch(c, a, b); while (performance.now() < deadline && ${helped ? "device.threads.helped === 0" : "false"});
    console.log(device.threads.limit, device.threads.started, device.threads.helped > 0);
    ${end}`;
}

function child(code: string, threads: number, limitMs = 30_000) {
  const env = { ...process.env, TRIGRAD_THREADS: String(threads) };
  return run(process.execPath, ["--input-type=module", "-e", code], { env, timeout: limitMs });
}

test.each([
  ["has nothing more to do", ""],
  ["calls exit", "process.exit(0);"],
  ["calls exit right after a launch", "launch(c, a, b); process.exit(0);"],
])("a process whose workers live ends when it %s", async (_, end) => {
  for (let i = 0; i < 5; i++) {
    const { stdout, stderr } = await child(program(end), 2 + (i % 3));
    expect(stdout).toMatch(/^\d+ \d+ true\n$/);
    expect(stderr).toBe("");
  }
});

test("an error ends a process whose workers live, with its message", async () => {
  await expect(child(program('throw new Error("told of");'), 2)).rejects.toMatchObject({
    code: 1,
    stderr: expect.stringContaining("told of"),
  });
});

test("one thread is one thread", async () => {
  const { stdout } = await child(program("", false), 1);
  expect(stdout).toBe("1 1 false\n");
});

test("a process that may not start workers computes alone", async () => {
  const forbid = `const threads = await import("node:worker_threads"); const { syncBuiltinESMExports } = await import("node:module");
    const { default: mutable } = await import("node:module");
    mutable.createRequire("/")("node:worker_threads").Worker = class { constructor() { throw new Error("no threads here"); } };
    syncBuiltinESMExports();`;
  const { stdout } = await child(
    `${forbid}\n${program("for (let i = 0; i < 50; i++) launch(c, a, b); console.log(device.threads.started);", false)}`,
    4,
  );
  expect(stdout).toBe("4 1 false\n1\n");
});
