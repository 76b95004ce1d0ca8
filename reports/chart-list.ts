/** Which charts a run has: one of each kind for each device and dtype, so that figures of different ones never share an axis. */
import { adOverhead } from "./charts/ad-overhead.ts";
import { countFeatures, generality } from "./charts/generality.ts";
import { gradientRatio } from "./charts/gradient-ratio.ts";
import { outcomes } from "./charts/outcomes.ts";
import { scaling } from "./charts/scaling.ts";
import { type CellFigures, caseName, type Figures, isOf } from "./figures.ts";
import { slug } from "./format.ts";
import type { VegaLiteSpec } from "./theme.ts";

export type ChartKind = "gradient-ratio" | "ad-overhead" | "scaling" | "outcomes" | "generality";

export interface Chart {
  /** File name without ending, and anchor in the page: `gradient-ratio-wasm-f32`. */
  readonly name: string;
  readonly kind: ChartKind;
  /** `wasm · f32`; null for charts that show all side by side. */
  readonly group: string | null;
  readonly spec: VegaLiteSpec;
  /** The cells that it shows, for the table beside it; empty for generality. */
  readonly cells: readonly CellFigures[];
}

export function listCharts(figures: Figures): Chart[] {
  const charts: Chart[] = [];
  for (const kind of ["gradient-ratio", "ad-overhead", "scaling"] as const) {
    for (const group of figures.groups) {
      const cells = figures.cells.filter((c) => isOf(group, c.key));
      const shown = kind === "ad-overhead" ? withFloor(cells) : cells;
      if (shown.length === 0) continue;
      const draw = { "gradient-ratio": gradientRatio, "ad-overhead": adOverhead, scaling }[kind];
      charts.push({ name: `${kind}-${slug(group.label)}`, kind, group: group.label, spec: draw(shown, group), cells: shown });
    }
  }
  if (figures.cells.length > 0) {
    charts.push({ name: "outcomes", kind: "outcomes", group: null, spec: outcomes(figures.cells), cells: figures.cells });
  }
  if (figures.checks.length > 0) {
    charts.push({ name: "generality", kind: "generality", group: null, spec: generality(countFeatures(figures.checks)), cells: [] });
  }
  return charts;
}

/** Cells of the models that have a hand-written gradient; failed cells of the same case stay, so that they are seen. */
function withFloor(cells: readonly CellFigures[]): CellFigures[] {
  const cases = new Set(cells.filter((c) => c.overhead !== null).map((c) => caseName(c.key)));
  return cells.filter((c) => cases.has(caseName(c.key)));
}
