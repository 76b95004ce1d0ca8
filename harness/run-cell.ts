/**
 * Runs one cell in a fresh process and always returns its record: a crash, a signal, an exhausted heap, a hang or an answer that
 * is no record becomes the cell's outcome, with the end of what the process printed as the reason, and the run goes on.
 */
import { type IsolateOptions, runIsolated } from "./isolate.ts";
import { probe } from "./machine.ts";
import type { CellRequest } from "./request.ts";
import { type Cell, cellId, cellSchema, type Outcome, SCHEMA_VERSION } from "./schema.ts";

export type RunCellOptions = Omit<IsolateOptions, "onLine">;

export async function runCell(request: CellRequest, options: RunCellOptions): Promise<Cell> {
  const lines: string[] = [];
  const { failure, printed } = await runIsolated(request, { ...options, onLine: (line) => lines.push(line) });
  if (failure?.kind === "timeout") return failed(request, failure.kind, failure.what, printed);
  const answer = readAnswer(lines, request);
  // A record that arrived whole counts also where the process crashed afterwards, in the teardown of a library.
  if (typeof answer !== "string") return answer;
  if (failure) return failed(request, failure.kind, failure.what, printed);
  return failed(request, "error", `the process ended ${answer}`, printed);
}

function failed(request: CellRequest, kind: Outcome["kind"], what: string, printed: string): Cell {
  const reason = printed === "" ? what : `${what}; it last printed:\n${printed}`;
  return { schema: SCHEMA_VERSION, cell: request.cell, outcome: { kind, reason } };
}

/** The record, or what is wrong with the answer. */
function readAnswer(lines: readonly string[], request: CellRequest): Cell | string {
  const [line] = lines;
  if (line === undefined) return "without an answer";
  if (lines.length > 1) return `with ${lines.length} answers`;
  const parsed = cellSchema.safeParse(probe(() => JSON.parse(line) as unknown, undefined));
  if (!parsed.success) return `with an answer that is no record: ${parsed.error.issues[0]?.message ?? "unreadable"}`;
  if (cellId(parsed.data.cell) !== cellId(request.cell)) return `with an answer for another cell, ${cellId(parsed.data.cell)}`;
  return parsed.data;
}
