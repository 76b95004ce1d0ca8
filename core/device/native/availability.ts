/** Whether the native device can be used on this machine, found out without compiling anything. */

import { canCallNative } from "../foreign.ts";
import { threadLimit } from "../threads.ts";
import { systemCache, systemCompiler } from "./compiler.ts";

export interface Availability {
  readonly available: boolean;
  /** What there is, or why there is none and how to get it. */
  readonly detail: string;
  /** True where its absence is nothing that a user has to be told unasked: this machine is not made for it. */
  readonly isQuiet?: boolean;
}

let found: Availability | undefined;

/** Looked for once per process. */
export function findNative(): Availability {
  found ??= look();
  return found;
}

function look(): Availability {
  const compiler = systemCompiler();
  if (compiler === undefined) return { available: false, detail: "no C compiler runs here (install gcc or clang, or name one in CC)" };
  if (!canCallNative()) return { available: false, detail: "koffi is not installed for this platform (npm ci --include=optional)" };
  const threads = threadLimit();
  const command = compiler.command.join(" ");
  return { available: true, detail: `C by ${command} (${compiler.version}), ${threads} threads, kernels kept in ${systemCache().folder}` };
}
