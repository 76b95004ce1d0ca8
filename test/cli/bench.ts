/** Runs the compiled command line as a user does, in a process of its own. */

import { join } from "node:path";
import { execa } from "execa";
import { projectRoot } from "../../harness/root.ts";
import { buildProject } from "../build.ts";

export interface Ran {
  readonly code: number | undefined;
  readonly stdout: string;
  readonly stderr: string;
  /** Stdout as JSON Lines. */
  readonly lines: readonly Record<string, unknown>[];
}

/** Path of a model for tests of the harness. */
export function model(name: string): string {
  return join(projectRoot, "test", "harness", "models", `${name}.ts`);
}

export const bench = (...words: string[]) => benchIn({}, ...words);

/** The same with variables of the environment. */
export async function benchIn(environment: Readonly<Record<string, string>>, ...words: string[]): Promise<Ran> {
  const child = await execa(process.execPath, [join(buildProject(), "cli", "main.js"), ...words], {
    reject: false,
    stdin: "ignore",
    env: { NO_COLOR: "1", ...environment },
  });
  const { exitCode: code, stdout, stderr } = child;
  return {
    code,
    stdout,
    stderr,
    get lines() {
      return stdout
        .split("\n")
        .filter((line) => line !== "")
        .map((line) => JSON.parse(line) as Record<string, unknown>);
    },
  };
}
