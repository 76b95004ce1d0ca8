/**
 * Entry of the process that runs one cell. It reads its request from the command line and writes one record to file descriptor 3.
 * What the model or a library prints goes where it likes; a mistake becomes the record's outcome.
 */
import { BenchError } from "../core/base/errors.ts";
import type { DeviceName } from "../core/device/device.ts";
import { readyDevice } from "../core/device/registry.ts";
import { measureWorkload } from "./measure.ts";
import { answer, type CellRequest, cellRequestSchema } from "./request.ts";
import { type Cell, type Outcome, SCHEMA_VERSION } from "./schema.ts";
import { verifyWorkload } from "./verify-cell.ts";
import { makeWorkload } from "./workload.ts";

async function runRequest(request: CellRequest): Promise<Cell> {
  const base = { schema: SCHEMA_VERSION, cell: request.cell } as const;
  try {
    await readyDevice(request.cell.device as DeviceName);
    const work = makeWorkload(request);
    const { verified, problem } = verifyWorkload(work);
    if (problem !== undefined) return { ...base, outcome: { kind: "wrong-gradient", reason: problem }, verified };
    if (request.mode === "verify") return { ...base, outcome: { kind: "ok" }, verified };
    return { ...base, outcome: { kind: "ok" }, verified, phases: work.phases, ...measureWorkload(work) };
  } catch (error) {
    return { ...base, outcome: outcomeOf(error) };
  }
}

function outcomeOf(error: unknown): Outcome {
  if (error instanceof BenchError) {
    const kind = error.kind === "unsupported" || error.kind === "out-of-memory" ? error.kind : "error";
    return { kind, reason: kind === "error" && error.span === undefined ? `${error.describe()}\n${stackOf(error)}` : error.describe() };
  }
  if (error instanceof RangeError && /allocation|array length|memory/i.test(error.message))
    return { kind: "out-of-memory", reason: error.message };
  return { kind: "error", reason: error instanceof Error ? stackOf(error) : String(error) };
}

function stackOf(error: Error): string {
  return (error.stack ?? error.message).split("\n").slice(0, 12).join("\n");
}

answer(await runRequest(cellRequestSchema.parse(JSON.parse(process.argv[2] ?? "null"))));
// Devices may keep threads and handles; the answer is given, so nothing is waited for.
process.exit(0);
