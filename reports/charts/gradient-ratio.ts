/** Chart: what value and gradient together cost as a multiple of the value alone, per model, size and engine. */
import type { CellFigures, Group } from "../figures.ts";
import type { VegaLiteSpec } from "../theme.ts";
import { cellRow } from "./cell-row.ts";
import { intervalRows } from "./interval-rows.ts";

/** Griewank, "On automatic differentiation" (1989): value and gradient cost at most about five times the value. */
export const CHEAP_GRADIENT_BOUND = 5;

export function gradientRatio(cells: readonly CellFigures[], group: Group): VegaLiteSpec {
  return intervalRows(
    cells.map((c) => cellRow(c, c.gradientRatio, "the value alone was not timed")),
    {
      title: "Gradient cost as a multiple of the value",
      subtitle: [
        `${group.label}. Median time of value and gradient ÷ median time of the value; 95 % bootstrap interval over rounds. Left is better.`,
      ],
      axis: "gradient time ÷ value time",
      guides: [
        { at: 1, label: "as the value alone" },
        { at: CHEAP_GRADIENT_BOUND, label: `cheap-gradient bound ${CHEAP_GRADIENT_BOUND}×` },
      ],
    },
  );
}
