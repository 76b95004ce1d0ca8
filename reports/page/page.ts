/** report.html: one file that opens from disk, offline. First screen: what, where, when, and the trade-off table with its verdicts. */
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import type { Chart, ChartKind } from "../chart-list.ts";
import type { CellFigures, Figures } from "../figures.ts";
import { fontFiles } from "../fonts.ts";
import { plural } from "../format.ts";
import { facts, subtitle, warnings } from "../headline.ts";
import { PAPER } from "../paradigms.ts";
import type { StoredRun } from "../stored-run.ts";
import { themeConfig, type VegaLiteSpec } from "../theme.ts";
import { MARK_RULE, type TradeoffRow } from "../tradeoff.ts";
import { cellDetail } from "./cell-detail.ts";
import { CLIENT, libraries } from "./client.ts";
import { html, type Markup, raw, scriptJson } from "./markup.ts";
import { STYLE } from "./style.ts";
import { chartTable, tradeoffTable } from "./tables.ts";

export interface Drawn {
  readonly light: string;
  readonly dark: string;
}

export interface PageParts {
  readonly stored: StoredRun;
  readonly figures: Figures;
  readonly rows: readonly TradeoffRow[];
  readonly tradeoffSpec: VegaLiteSpec;
  readonly charts: readonly Chart[];
  /** The pictures by chart name; the trade-off table is "tradeoff". */
  readonly drawn: ReadonlyMap<string, Drawn>;
  /** Files of the run's folder that the reader may want. */
  readonly downloads: readonly string[];
}

const SECTIONS: Readonly<Record<ChartKind, { readonly title: string; readonly text: string }>> = {
  "gradient-ratio": { title: "Gradient cost", text: "Time of value and gradient together as a multiple of the value alone." },
  "ad-overhead": {
    title: "Overhead over a hand-written gradient",
    text: "The floor is the gradient written by hand in direct kernel calls on the same tensor core: 1× means that differentiation costs nothing beyond the mathematics.",
  },
  scaling: { title: "Time by size", text: "Where lines run flat, launches and bookkeeping decide; where they rise, the kernels do." },
  outcomes: { title: "Outcomes", text: "How each planned cell ended. Nothing is dropped." },
  generality: { title: "Generality", text: "Programs with known value and gradient, by feature of the language." },
};

export function page(parts: PageParts): string {
  const { stored, figures, rows, charts } = parts;
  const scripts = [...libraries(), CLIENT];
  const hashes = scripts.map((s) => `'sha256-${createHash("sha256").update(s).digest("base64")}'`).join(" ");
  const policy = `default-src 'none'; script-src ${hashes}; style-src 'unsafe-inline'; font-src data:; img-src data: blob:; base-uri 'none'; form-action 'none'`;
  const kinds = [...new Set(charts.map((c) => c.kind))];
  const specs = Object.fromEntries([["tradeoff", parts.tradeoffSpec], ...charts.map((c) => [c.name, c.spec])]);
  const data = { specs, configs: { light: themeConfig("light"), dark: themeConfig("dark") } };
  const notes = warnings(stored, figures);
  return `<!doctype html>
${
  html`<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${policy}"><meta name="viewport" content="width=device-width, initial-scale=1"><title>trigrad · ${stored.run.name}</title><style>${raw(`${fontFaces()}${STYLE}`)}</style></head>
<body><header><h1>What each paradigm of automatic differentiation costs and covers</h1><p class="sub">${subtitle(stored)}</p>
<nav aria-label="Sections"><a href="#tradeoff">Trade-off</a>${kinds.map((k) => html`<a href="#${k}">${SECTIONS[k].title}</a>`)}<a href="#cells">Cells</a><a href="#environment">Environment</a><a href="#downloads">Downloads</a></nav>
${notes.length > 0 ? html`<ul class="warnings">${notes.map((w) => html`<li>${w}</li>`)}</ul>` : ""}</header>
<main><section id="tradeoff">${figure(parts, "tradeoff", "The trade-off table", html``)}
<ul class="verdicts">${rows.map((r) => html`<li><strong>${r.name}.</strong> ${r.verdict}</li>`)}</ul>
<details><summary>As a table, with evidence</summary>${tradeoffTable(rows)}<p class="sub">${MARK_RULE} The marks of 2018 are those of ${PAPER}.</p></details></section>
${kinds.map((kind) => section(parts, kind))}
<section id="cells"><h2>Cells</h2><p>${plural(figures.cells.length, "cell")}: a model and size on an engine, device and dtype. Each was verified before it was timed, in a process of its own.</p>${groupCells(figures.cells).map(([title, cells]) => html`<h3>${title}</h3>${cells.map((c) => cellDetail(c, stored.run.seed, stored.run.quick))}`)}</section>
<section id="environment"><h2>Environment</h2><div class="scroll"><table>${facts(stored).map(([label, text]) => html`<tr><th scope="row">${label}</th><td>${text}</td></tr>`)}</table></div></section>
<section id="downloads"><h2>Downloads</h2><p>Everything here is derived from the records of the run; the samples are in cells.jsonl.</p><p>${parts.downloads.map((f, i) => html`${i > 0 ? " · " : ""}<a href="${f}">${f}</a>`)}</p></section></main>
<footer>Rebuild this page: <code>npx bench report ${stored.run.name}</code></footer>
<script type="application/json" id="charts">${raw(scriptJson(data))}</script>${scripts.map((s) => html`<script>${raw(s)}</script>`)}</body></html>`
    .text
}
`;
}

function section(parts: PageParts, kind: ChartKind): Markup {
  const own = parts.charts.filter((c) => c.kind === kind);
  return html`<section id="${kind}"><h2>${SECTIONS[kind].title}</h2><p class="sub">${SECTIONS[kind].text}</p>${own.map((c) => figure(parts, c.name, SECTIONS[kind].title, html`<details><summary>The numbers</summary>${chartTable(c, parts.figures)}</details>`))}</section>`;
}

function figure({ drawn }: PageParts, name: string, title: string, table: Markup): Markup {
  const still = drawn.get(name);
  const folder = name === "tradeoff" ? "" : "charts/";
  return html`<figure id="figure-${name}"><div class="chart"><div class="still" role="img" aria-label="${title}"><div class="light">${raw(still?.light ?? "")}</div><div class="dark">${raw(still?.dark ?? "")}</div></div><div id="draw-${name}"></div></div><figcaption><a href="${folder}${name}.svg">SVG</a><a href="${folder}${name}.png">PNG</a><a href="${folder}${name}.vl.json">Vega-Lite</a></figcaption>${table}</figure>`;
}

function groupCells(cells: readonly CellFigures[]): [string, CellFigures[]][] {
  const groups = new Map<string, CellFigures[]>();
  for (const c of cells) {
    const title = `${c.key.suite} · ${c.key.model}`;
    groups.set(title, [...(groups.get(title) ?? []), c]);
  }
  return [...groups.entries()];
}

function fontFaces(): string {
  const face = (file: string, weight: number) =>
    `@font-face{font-family:Inter;font-weight:${weight};font-display:block;src:url(data:font/ttf;base64,${readFileSync(file).toString("base64")}) format("truetype")}`;
  return face(fontFiles.regular, 400) + face(fontFiles.semiBold, 600);
}
