/**
 * Runs reference cases in a process of their own and hands on each check as it comes. A case that takes the process down ends the
 * checking; that is itself a check with status `error`, which names the last case that was answered and shows what was printed.
 */
import { totalmem } from "node:os";
import { type IsolateOptions, runIsolated } from "./isolate.ts";
import { probe } from "./machine.ts";
import type { ChecksRequest } from "./request.ts";
import { type Check, checkSchema } from "./schema.ts";
import { startWatchdog } from "./watchdog.ts";

export interface RunChecksOptions extends Omit<IsolateOptions, "onLine" | "watchdog"> {
  readonly onCheck: (check: Check) => void;
}

/** Half of the machine's memory: node stops at 4 GiB by itself, and close to that a graph of 600,000 nodes spends its time on collecting garbage. */
const heap = `--max-old-space-size=${Math.floor(totalmem() / 2 ** 21)}`;

export async function runChecks(request: ChecksRequest, options: RunChecksOptions): Promise<void> {
  const watchdog = startWatchdog();
  let last = "no case";
  let unreadable: string | undefined;
  try {
    const { failure, printed } = await runIsolated(request, {
      ...options,
      nodeFlags: [heap, ...(options.nodeFlags ?? [])],
      watchdog,
      onLine: (line) => {
        const parsed = checkSchema.safeParse(probe(() => JSON.parse(line) as unknown, undefined));
        if (!parsed.success) {
          unreadable ??= `an answer is no check: ${line.slice(0, 200)}`;
          return;
        }
        last = `${parsed.data.case} on ${parsed.data.engine}`;
        options.onCheck(parsed.data);
      },
    });
    const problem = failure?.what ?? unreadable;
    if (problem !== undefined)
      options.onCheck(stopped(request, `after ${last}: ${problem}${printed === "" ? "" : `; it last printed:\n${printed}`}`));
  } finally {
    watchdog.close();
  }
}

function stopped({ engines, devices, dtypes }: ChecksRequest, message: string): Check {
  return {
    case: "the process that runs the cases",
    engine: engines[0] ?? "tape",
    device: devices[0] ?? "wasm",
    dtype: dtypes[0] ?? "f64",
    status: "error",
    worst: null,
    checks: {},
    message,
  };
}
