/** Chart: how every cell of the plan ended. Nothing is left out: what did not run says so. */

import type { Outcome } from "../../harness/schema.ts";
import type { CellFigures } from "../figures.ts";
import { duration } from "../format.ts";
import { engineOrder } from "../paradigms.ts";
import type { VegaLiteSpec } from "../theme.ts";
import { outcomeText } from "./cell-row.ts";
import { type CellState, matrix } from "./matrix.ts";

const STATE: Readonly<Record<Outcome["kind"], CellState>> = {
  ok: "whole",
  "wrong-gradient": "silent",
  unsupported: "blank",
  error: "some",
  timeout: "some",
  "out-of-memory": "some",
  "not-run": "blank",
};

export function outcomes(cells: readonly CellFigures[]): VegaLiteSpec {
  const good = cells.filter((c) => c.outcome.kind === "ok").length;
  return matrix(
    cells.map((c) => ({
      section: c.key.suite,
      row: `${c.key.model}  ${c.key.size}`,
      group: `${c.key.device} · ${c.key.dtype}`,
      engine: c.key.engine,
      state: STATE[c.outcome.kind],
      text:
        c.gradient === null
          ? c.outcome.kind === "ok"
            ? "ok, not timed"
            : c.outcome.kind.replaceAll("-", " ")
          : duration(c.gradient.value),
      tooltip: outcomeText(c, "completed"),
    })),
    "How every cell ended",
    [
      `${good} of ${cells.length} completed: verified, then timed. A time is the median of value and gradient together; a word is the outcome.`,
    ],
    engineOrder(cells.map((c) => c.key.engine)),
  );
}
