/** Turns cells of one device and dtype into the rows of the ratio charts. */
import type { CellFigures } from "../figures.ts";
import type { Estimate } from "../statistics.ts";
import type { IntervalRow } from "./interval-rows.ts";

/** `missing` is said of a cell that is ok but lacks what the chart shows. */
export function cellRow(cell: CellFigures, estimate: Estimate | null, missing: string): IntervalRow {
  const { suite, model, size, engine } = cell.key;
  const base = { suite, model, size, engine };
  if (estimate !== null) return { ...base, estimate, missing: null, alarming: false };
  const alarming = cell.outcome.kind === "wrong-gradient";
  return { ...base, estimate: null, missing: outcomeText(cell, missing), alarming };
}

/** `timeout: 60 s were not enough`. */
export function outcomeText(cell: CellFigures, missing: string): string {
  if (cell.outcome.kind === "ok") return missing;
  const word = cell.outcome.kind.replaceAll("-", " ");
  return cell.outcome.reason === undefined ? word : `${word}: ${cell.outcome.reason}`;
}
