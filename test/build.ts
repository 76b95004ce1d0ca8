/**
 * Compiles the project for tests that start processes: a child is plain node, which reads no TypeScript, and `dist` may be stale.
 * The output is keyed by the names, sizes and times of all sources, so it is made once for any number of test files.
 */
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { projectRoot } from "../harness/root.ts";

const BUILDS = join(projectRoot, ".cache", "test-build");
const HOUR = 3_600_000;

/** Path of a folder with the compiled project, laid out as `dist`. */
export function buildProject(): string {
  const folder = join(BUILDS, sourceKey());
  if (existsSync(folder)) return folder;
  mkdirSync(BUILDS, { recursive: true });
  for (const old of readdirSync(BUILDS)) {
    if (Date.now() - statSync(join(BUILDS, old)).mtimeMs > HOUR) rmSync(join(BUILDS, old), { recursive: true, force: true });
  }
  const temporary = mkdtempSync(join(BUILDS, "making-"));
  const tsc = join(projectRoot, "node_modules", "typescript", "bin", "tsc");
  try {
    execFileSync(process.execPath, [tsc, "-p", join(projectRoot, "tsconfig.build.json"), "--outDir", temporary], { stdio: "pipe" });
  } catch (error) {
    // Type errors are the type checker's test; the code is emitted all the same. Anything else leaves no code behind.
    if (!existsSync(join(temporary, "cli", "main.js"))) throw error;
  }
  try {
    renameSync(temporary, folder);
  } catch {
    // Another test file was first.
    rmSync(temporary, { recursive: true, force: true });
  }
  return folder;
}

function sourceKey(): string {
  const config = JSON.parse(readFileSync(join(projectRoot, "tsconfig.build.json"), "utf8")) as { include: string[] };
  const hash = createHash("sha256");
  const pending = config.include.map((name) => join(projectRoot, name)).filter((path) => existsSync(path));
  for (let path = pending.pop(); path !== undefined; path = pending.pop()) {
    const stat = statSync(path);
    if (stat.isDirectory()) pending.push(...readdirSync(path).map((name) => join(path as string, name)));
    else if (path.endsWith(".ts")) hash.update(`${path} ${stat.size} ${stat.mtimeMs}\n`);
  }
  return hash.digest("hex").slice(0, 16);
}
