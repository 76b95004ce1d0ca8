/**
 * The size of an engine, as the report gives it for "AD implementation": lines of its own TypeScript that are neither blank nor
 * comment, tests apart. The tensor core and the table of derivative rules are shared by all engines and not counted.
 */
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { parseSync } from "oxc-parser";
import type { EngineName } from "../engines/engine.ts";
import { projectRoot } from "./root.ts";

export interface EngineSize {
  readonly lines: number;
  /** Derivative rules that only this engine has: none, since all engines read the one table. */
  readonly rules: number;
}

export function engineSize(engine: EngineName): EngineSize {
  const folder = join(projectRoot, "engines", engine);
  const files = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((e) => e.isFile() && e.name.endsWith(".ts") && !e.name.endsWith(".test.ts"))
    .map((e) => join(e.parentPath, e.name));
  return { lines: files.reduce((n, file) => n + codeLines(file, readFileSync(file, "utf8")), 0), rules: 0 };
}

/** Lines that hold something besides white space and comments. */
export function codeLines(file: string, text: string): number {
  const { comments } = parseSync(file, text);
  let code = text;
  for (const { start, end } of comments) code = code.slice(0, start) + text.slice(start, end).replace(/[^\n]/gu, " ") + code.slice(end);
  return code.split("\n").filter((line) => line.trim() !== "").length;
}
