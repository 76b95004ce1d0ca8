/** Chart: which language features and operators each engine differentiates, from the checks against reference cases. */
import type { Check } from "../../harness/schema.ts";
import { featureOf } from "../figures.ts";
import { plural } from "../format.ts";
import { engineOrder } from "../paradigms.ts";
import type { VegaLiteSpec } from "../theme.ts";
import { type CellState, type MatrixCell, matrix } from "./matrix.ts";

export interface FeatureCount {
  readonly feature: string;
  readonly engine: string;
  readonly group: string;
  readonly pass: number;
  /** Wrong numbers without a word of warning. */
  readonly silent: number;
  readonly refused: number;
  readonly error: number;
  readonly skipped: number;
}

export function countFeatures(checks: readonly Check[]): FeatureCount[] {
  const counts = new Map<string, FeatureCount>();
  for (const check of checks) {
    const place = { feature: featureOf(check), engine: check.engine, group: `${check.device} · ${check.dtype}` };
    const key = JSON.stringify(place);
    const before = counts.get(key) ?? { ...place, pass: 0, silent: 0, refused: 0, error: 0, skipped: 0 };
    const status = check.status === "fail" ? "silent" : check.status;
    counts.set(key, { ...before, [status]: before[status] + 1 });
  }
  return [...counts.values()];
}

export function generality(counts: readonly FeatureCount[]): VegaLiteSpec {
  const cells = counts.map(toCell);
  return matrix(
    cells,
    "Which programs each engine differentiates",
    ["Right answers ÷ reference cases of the feature. A clear refusal is not a wrong answer: silent wrong numbers are the loud cells."],
    engineOrder(counts.map((c) => c.engine)),
  );
}

function toCell(c: FeatureCount): MatrixCell {
  const all = c.pass + c.silent + c.refused + c.error;
  const state: CellState = c.silent > 0 ? "silent" : all === 0 || c.pass === 0 ? "blank" : c.pass === all ? "whole" : "some";
  const wrong = c.silent > 0 ? `, ${c.silent} wrong` : "";
  const text = all === 0 ? "skipped" : `${c.pass}/${all}${wrong}`;
  const parts = [`${c.pass} right`, plural(c.silent, "silent wrong answer"), `${c.refused} refused clearly`, plural(c.error, "error")];
  return {
    section: "",
    row: c.feature,
    group: c.group,
    engine: c.engine,
    state,
    text,
    tooltip: `${c.feature}, ${c.engine}: ${parts.join(", ")}`,
  };
}
