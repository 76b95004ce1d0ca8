/**
 * Works through a plan: every cell without a record is run in a process of its own, recorded as soon as it ends, and reported.
 * After a timeout the larger sizes of that model on that engine and device are not tried; their records say so.
 */
import type { PlannedCell } from "./plan.ts";
import type { Progress } from "./progress.ts";
import type { CellRequest } from "./request.ts";
import { type RunCellOptions, runCell } from "./run-cell.ts";
import { type Cell, type CellKey, cellId, SCHEMA_VERSION } from "./schema.ts";
import { startWatchdog } from "./watchdog.ts";

export interface RunPlanOptions extends Omit<RunCellOptions, "watchdog"> {
  /** In the order of execution. */
  readonly cells: readonly PlannedCell[];
  readonly sampling: Omit<CellRequest, "cell" | "file">;
  readonly progress: Progress;
  /** Whether a cell is done already. */
  readonly isDone: (id: string) => boolean;
  /** Called with each record before the next cell starts. */
  readonly onCell: (cell: Cell) => void;
}

/** Rejects with the signal's reason where it is aborted; records that were given to `onCell` stay. */
export async function runPlan(options: RunPlanOptions): Promise<void> {
  const watchdog = startWatchdog();
  const timedOut = new Map<string, string>();
  try {
    for (const [i, { key, file }] of options.cells.entries()) {
      if (options.isDone(cellId(key))) continue;
      options.signal?.throwIfAborted();
      options.progress.start(key, i, options.cells.length);
      const blocked = timedOut.get(seriesOf(key));
      const cell =
        blocked === undefined
          ? await runCell({ ...options.sampling, cell: key, file }, { ...options, watchdog })
          : notRun(key, `size ${blocked} of the same model timed out on this engine and device`);
      if (cell.outcome.kind === "timeout") timedOut.set(seriesOf(key), key.size);
      options.onCell(cell);
      options.progress.end(cell);
    }
  } finally {
    watchdog.close();
    options.progress.close();
  }
}

function seriesOf(key: CellKey): string {
  return cellId({ ...key, size: "" });
}

function notRun(cell: CellKey, reason: string): Cell {
  return { schema: SCHEMA_VERSION, cell, outcome: { kind: "not-run", reason } };
}
