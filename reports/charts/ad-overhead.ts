/** Chart: gradient time against a hand-written gradient on the same tensor core, the floor under every engine. */
import type { CellFigures, Group } from "../figures.ts";
import type { VegaLiteSpec } from "../theme.ts";
import { cellRow } from "./cell-row.ts";
import { intervalRows } from "./interval-rows.ts";

/** Takes cells of models that have a hand-written gradient, and failed cells of such models. */
export function adOverhead(cells: readonly CellFigures[], group: Group): VegaLiteSpec {
  return intervalRows(
    cells.map((c) => cellRow(c, c.overhead, "the hand-written gradient was not timed")),
    {
      title: "Overhead over a hand-written gradient",
      subtitle: [
        `${group.label}. Median gradient time ÷ median time of the hand-written gradient; 95 % bootstrap interval over rounds. Left is better.`,
      ],
      axis: "gradient time ÷ hand-written gradient time",
      guides: [{ at: 1, label: "as written by hand" }],
    },
  );
}
