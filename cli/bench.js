#!/usr/bin/env node
/**
 * The command `bench`: plain JavaScript, which is there before anything is built, so that links to it hold whatever was installed.
 * It starts what was compiled from main.ts.
 */
import { existsSync } from "node:fs";

const main = new URL("../dist/cli/main.js", import.meta.url);
if (existsSync(main)) {
  const { start } = await import(main.href);
  await start();
} else {
  console.error(
    "trigrad is not built. Its compiler, TypeScript, is a development dependency: run npm ci (without --omit=dev), which builds it.",
  );
  process.exitCode = 3;
}
