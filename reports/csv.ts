/** The CSV files of a report: the figures of the charts and the records behind them, one header line each, empty fields for what is not known. */
import { stringify } from "csv-stringify/sync";
import type { CellFigures, Figures } from "./figures.ts";
import { featureOf } from "./figures.ts";
import { PAPER_TABLE, PARADIGMS } from "./paradigms.ts";
import type { Estimate } from "./statistics.ts";
import type { TradeoffRow } from "./tradeoff.ts";

type Field = string | number | null | undefined;

function table(columns: readonly string[], rows: readonly (readonly Field[])[]): string {
  return stringify([columns, ...rows] as Field[][]);
}

const keyColumns = ["suite", "model", "size", "engine", "device", "dtype"] as const;
const keyOf = ({ key }: CellFigures): Field[] => keyColumns.map((c) => key[c]);
const spread = (e: Estimate | null): Field[] => (e === null ? [null, null, null] : [e.value, e.lo, e.hi]);

/** A row a cell of the plan: outcome, verification, phases (ms), times (ns per call), counts and memory. */
export function cellsCsv({ cells }: Figures): string {
  const columns = [
    ...keyColumns,
    "outcome",
    "reason",
    "value_error",
    "gradient_error",
    "load_ms",
    "trace_ms",
    "transform_ms",
    "optimise_ms",
    "compile_ms",
    "first_call_ms",
    "value_ns",
    "value_lo",
    "value_hi",
    "gradient_ns",
    "gradient_lo",
    "gradient_hi",
    "handwritten_ns",
    "handwritten_lo",
    "handwritten_hi",
    "host_ns_per_op",
    "host_ns_per_step",
    "ops",
    "kernels",
    "launches",
    "syncs",
    "ir_nodes",
    "tape_nodes",
    "peak_bytes",
    "saved_bytes",
    "samples",
  ]; // prettier-ignore
  const rows = cells.map((c): Field[] => {
    const r = c.record;
    const interval = (i: { median: number; lo: number; hi: number } | undefined): Field[] => [i?.median, i?.lo, i?.hi];
    return [
      ...keyOf(c),
      c.outcome.kind,
      c.outcome.reason,
      r?.verified?.value,
      r?.verified?.gradient,
      r?.phases?.load,
      r?.phases?.trace,
      r?.phases?.transform,
      r?.phases?.optimise,
      r?.phases?.compile,
      r?.phases?.firstCall,
      ...interval(r?.value),
      ...interval(r?.gradient),
      ...interval(r?.handwritten),
      r?.host?.nsPerOp,
      r?.host?.nsPerStep,
      r?.counts?.ops,
      r?.counts?.kernels,
      r?.counts?.launches,
      r?.counts?.syncs,
      r?.counts?.irNodes,
      r?.counts?.tapeNodes,
      r?.memory?.peakBytes,
      r?.memory?.savedBytes,
      r?.samples?.gradient.length,
    ]; // prettier-ignore
  });
  return table(columns, rows);
}

/** A row a cell: gradient cost ratio and overhead over the hand-written floor, with 95 % intervals. */
export function overheadCsv({ cells }: Figures): string {
  const columns = [
    ...keyColumns,
    "outcome",
    "gradient_over_value",
    "gradient_over_value_lo",
    "gradient_over_value_hi",
    "gradient_over_handwritten",
    "gradient_over_handwritten_lo",
    "gradient_over_handwritten_hi",
    "host_ns_per_op",
    "host_ns_per_step",
  ];
  const rows = cells.map((c): Field[] => [
    ...keyOf(c),
    c.outcome.kind,
    ...spread(c.gradientRatio),
    ...spread(c.overhead),
    c.record?.host?.nsPerOp,
    c.record?.host?.nsPerStep,
  ]);
  return table(columns, rows);
}

/** A row a reference case and engine. */
export function generalityCsv({ checks }: Figures): string {
  return table(
    ["feature", "case", "engine", "device", "dtype", "status", "worst", "line", "message"],
    checks.map((c) => [featureOf(c), c.case, c.engine, c.device, c.dtype, c.status, c.worst, c.line, c.message]),
  );
}

/** A row a cell of the trade-off table. */
export function tradeoffCsv(rows: readonly TradeoffRow[]): string {
  return table(
    ["row", "quantity", "device_and_dtype", "paradigm", "engine", "value", "lo", "hi", "text", "how", "evidence", "mark", "mark_2018"],
    rows.flatMap((row) =>
      row.lanes.flatMap((lane) =>
        lane.cells.map((cell, i): Field[] => {
          const { title, engine } = PARADIGMS[i] as (typeof PARADIGMS)[number];
          const base = [row.name, row.quantity, lane.group?.label, title, engine];
          const paper = PAPER_TABLE[row.name][i]?.mark;
          if (cell.kind === "unmeasured") return [...base, null, null, null, null, cell.reason, null, null, paper];
          return [...base, cell.value, cell.lo, cell.hi, cell.text, cell.how, cell.evidence, cell.mark, paper];
        }),
      ),
    ),
  );
}
