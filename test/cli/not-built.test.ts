/** The command and the install where TypeScript was left out: one clear line, and nothing that stays broken. */
import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { expect, test } from "vitest";
import { projectRoot } from "../../harness/root.ts";

test.each([
  ["cli/bench.js", 3, "run npm ci (without --omit=dev)"],
  ["scripts/prepare.js", 0, "Run npm ci without --omit=dev to build it"],
])("%s alone, in a folder that has nothing else, ends with %d and says what to do", (file, code, advice) => {
  const folder = mkdtempSync(join(tmpdir(), "not-built-"));
  try {
    mkdirSync(dirname(join(folder, file)));
    copyFileSync(join(projectRoot, file), join(folder, file));
    writeFileSync(join(folder, "package.json"), JSON.stringify({ type: "module" }));
    const { status, stdout, stderr } = spawnSync(process.execPath, [join(folder, file)], { encoding: "utf8", cwd: folder });
    expect(`${stdout}${stderr}`).toContain(advice);
    expect(status).toBe(code);
  } finally {
    rmSync(folder, { recursive: true });
  }
});
