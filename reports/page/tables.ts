/** The tables of the page: the trade-off table with evidence, and beside each chart the numbers that it draws. */
import type { Chart } from "../chart-list.ts";
import { outcomeText } from "../charts/cell-row.ts";
import { countFeatures, type FeatureCount } from "../charts/generality.ts";
import type { CellFigures, Figures } from "../figures.ts";
import { duration, number, times } from "../format.ts";
import { PAPER_TABLE, PARADIGMS } from "../paradigms.ts";
import type { Estimate } from "../statistics.ts";
import type { TradeoffCell, TradeoffRow } from "../tradeoff.ts";
import { cellAnchor } from "./cell-detail.ts";
import { html, type Markup } from "./markup.ts";

export function tradeoffTable(rows: readonly TradeoffRow[]): Markup {
  return html`<div class="scroll"><table class="tradeoff"><thead><tr><th></th><th></th>${PARADIGMS.map((p) => html`<th scope="col">${p.title} <span class="small">${p.engine}; in 2018: ${p.systems}</span></th>`)}</tr></thead>
<tbody>${rows.flatMap((row) =>
    row.lanes.map(
      (lane, i) =>
        html`<tr><th scope="row">${i === 0 ? html`${row.name}<span class="small">${row.quantity}</span>` : ""}</th><td class="small">${lane.group?.label ?? ""}</td>${lane.cells.map((cell, k) => html`<td>${tradeoffCell(cell, PAPER_TABLE[row.name][k] ?? { mark: null, words: "" })}</td>`)}</tr>`,
    ),
  )}</tbody></table></div>`;
}

function tradeoffCell(cell: TradeoffCell, paper: { mark: string | null; words: string }): Markup {
  const then = html`<span class="small">2018: ${paper.mark === null ? "" : `${paper.mark} `}${paper.words}</span>`;
  if (cell.kind === "unmeasured") return html`<span class="small">${cell.reason}</span>${then}`;
  return html`<span class="big">${cell.text}</span>${cell.mark === null ? "" : html`<span class="mark">${cell.mark}</span>`}<span class="small">${cell.interval ?? ""}</span><span class="small">${cell.how}; ${cell.evidence}</span>${then}`;
}

/** The numbers that a chart draws. */
export function chartTable(chart: Chart, figures: Figures): Markup {
  return chart.kind === "generality" ? featureTable(countFeatures(figures.checks)) : cellTable(chart.cells);
}

function cellTable(cells: readonly CellFigures[]): Markup {
  const ratio = (e: Estimate | null) => (e === null ? "" : `${times(e.value)} [${number(e.lo)}, ${number(e.hi)}]`);
  return html`<div class="scroll"><table><thead><tr><th>model</th><th>size</th><th>engine</th><th>value</th><th>gradient</th><th>hand-written</th><th>gradient ÷ value</th><th>gradient ÷ hand-written</th><th>outcome</th></tr></thead>
<tbody>${cells.map(
    (c) =>
      html`<tr><td>${c.key.model}</td><td>${c.key.size}</td><td><a href="#${cellAnchor(c)}">${c.key.engine}</a></td><td class="number">${c.record?.value ? duration(c.record.value.median) : ""}</td><td class="number">${c.gradient ? duration(c.gradient.value) : ""}</td><td class="number">${c.record?.handwritten ? duration(c.record.handwritten.median) : ""}</td><td class="number">${ratio(c.gradientRatio)}</td><td class="number">${ratio(c.overhead)}</td><td class="${c.outcome.kind === "wrong-gradient" ? "alarm" : ""}">${outcomeText(c, "ok")}</td></tr>`,
  )}</tbody></table></div>`;
}

function featureTable(counts: readonly FeatureCount[]): Markup {
  const columns = Object.keys(counts[0] ?? {}) as (keyof FeatureCount)[];
  return html`<div class="scroll"><table><thead><tr>${columns.map((c) => html`<th>${String(c)}</th>`)}</tr></thead><tbody>${counts.map((row) => html`<tr>${columns.map((c) => html`<td>${String(row[c])}</td>`)}</tr>`)}</tbody></table></div>`;
}
