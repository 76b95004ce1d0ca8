/**
 * `npm run prepare`, which npm runs after an install: builds the project. TypeScript is a development dependency: where it was left out,
 * this says so in one line and the install succeeds, since a failed one would leave half of what it made behind.
 */
import { spawnSync } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";

let compiler;
try {
  compiler = join(dirname(createRequire(import.meta.url).resolve("typescript/package.json")), "bin", "tsc");
} catch {
  console.log("trigrad is not built: TypeScript, a development dependency, is not installed. Run npm ci without --omit=dev to build it.");
}
if (compiler !== undefined) {
  const { status } = spawnSync(process.execPath, [compiler, "-p", "tsconfig.build.json"], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}
