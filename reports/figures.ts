/**
 * Everything that charts, tables and CSV files show of a cell, derived once from its stored samples: gradient cost ratio =
 * median(gradient) / median(value), AD overhead = median(gradient) / median(hand-written gradient). A planned cell without a
 * record is a row like any other, with the outcome "not-run": nothing is ever dropped.
 */
import { type Cell, type CellKey, type Check, cellId, type Outcome } from "../harness/schema.ts";
import { type Estimate, type Measured, medianEstimate, ratioOfMedians } from "./statistics.ts";
import type { StoredRun } from "./stored-run.ts";

export interface CellFigures {
  readonly id: string;
  readonly key: CellKey;
  readonly outcome: Outcome;
  /** The stored record; null for a planned cell that has none. */
  readonly record: Cell | null;
  /** Time of value and gradient together, ns per call. All estimates are null unless the outcome is ok. */
  readonly gradient: Estimate | null;
  readonly gradientRatio: Estimate | null;
  readonly overhead: Estimate | null;
}

/** Cells of one device and dtype. Figures of different groups are never averaged together. */
export interface Group {
  /** `wasm · f32`. */
  readonly label: string;
  readonly device: string;
  readonly dtype: string;
}

export interface Figures {
  readonly groups: readonly Group[];
  readonly cells: readonly CellFigures[];
  readonly checks: readonly Check[];
  readonly hasChecks: boolean;
  readonly checkGroups: readonly Group[];
}

export function deriveFigures({ run, cells, checks, hasChecks }: StoredRun): Figures {
  const records = new Map(cells.map((record) => [cellId(record.cell), record]));
  const planned = new Set(run.plan.map(cellId));
  const keys = [...run.plan, ...cells.map((c) => c.cell).filter((key) => !planned.has(cellId(key)))];
  const unrecorded: Outcome = {
    kind: "not-run",
    reason: run.finished === null ? "no record: the run was interrupted, or is still going" : "no record: the run ended without it",
  };
  const all = [...new Map(keys.map((key) => [cellId(key), key])).entries()].map(([id, key]) =>
    deriveCell(id, key, records.get(id) ?? null, unrecorded),
  );
  return {
    groups: groupsOf(all.map((c) => c.key)),
    cells: all,
    checks,
    hasChecks,
    checkGroups: groupsOf(checks),
  };
}

function deriveCell(id: string, key: CellKey, record: Cell | null, unrecorded: Outcome): CellFigures {
  const outcome = record?.outcome ?? unrecorded;
  const none = { id, key, outcome, record, gradient: null, gradientRatio: null, overhead: null };
  if (record === null || outcome.kind !== "ok" || record.gradient === undefined) return none;
  const gradient: Measured = { interval: record.gradient, samples: record.samples?.gradient };
  const value: Measured | null = record.value ? { interval: record.value, samples: record.samples?.value } : null;
  const floor: Measured | null = record.handwritten ? { interval: record.handwritten, samples: record.samples?.handwritten } : null;
  return {
    ...none,
    gradient: { ...medianEstimate(gradient, `${id}#gradient`), ...endsOf(record.gradient) },
    gradientRatio: value && ratioOfMedians(gradient, value, `${id}#ratio`),
    overhead: floor && ratioOfMedians(gradient, floor, `${id}#overhead`),
  };
}

/** A time is shown with the interval that the run stored; the bootstrap here only supplies replicates for what is derived from it. */
function endsOf({ median, lo, hi }: { median: number; lo: number; hi: number }): { value: number; lo: number; hi: number } {
  return { value: median, lo, hi };
}

/** The groups in order of first appearance. */
export function groupsOf(keys: readonly { device: string; dtype: string }[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { device, dtype } of keys) {
    const label = `${device} · ${dtype}`;
    if (!groups.has(label)) groups.set(label, { label, device, dtype });
  }
  return [...groups.values()];
}

/** Whether a cell or check belongs to the group. */
export function isOf(group: Group, key: { device: string; dtype: string }): boolean {
  return key.device === group.device && key.dtype === group.dtype;
}

/** Model and size: what the engines of one group are compared on. */
export function caseName(key: CellKey): string {
  return `${key.suite}/${key.model}/${key.size}`;
}

/** The feature that a check exercises: its path without the last part and without the collection; the name itself where it has no path. */
export function featureOf(check: Check): string {
  const parts = check.case.replace(/^generality\//u, "").split("/");
  return parts.length < 2 ? check.case : parts.slice(0, -1).join("/");
}
