/**
 * Builds the report of a stored run, from its records alone: the page, Markdown, CSV files, and every chart as Vega-Lite, SVG (light
 * and dark) and PNG. The same records give the same bytes. Files are written beside the records; each is complete or not there.
 */
import { mkdir, rename, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { listCharts } from "./chart-list.ts";
import { tradeoff } from "./charts/tradeoff.ts";
import { cellsCsv, generalityCsv, overheadCsv, tradeoffCsv } from "./csv.ts";
import { deriveFigures } from "./figures.ts";
import { subtitle } from "./headline.ts";
import { markdown } from "./markdown.ts";
import { type Drawn, page } from "./page/page.ts";
import { renderPng, renderSvg } from "./render.ts";
import { readStoredRun } from "./stored-run.ts";
import { themed, type VegaLiteSpec } from "./theme.ts";
import { buildTradeoff } from "./tradeoff.ts";

export interface BuiltReport {
  /** Path of report.html. */
  readonly html: string;
  /** Paths of all files written, sorted. */
  readonly files: string[];
}

/** Throws a `ReportError` where the folder holds no run, or records that are not of the schema. */
export async function buildReport(runFolder: string): Promise<BuiltReport> {
  const stored = await readStoredRun(runFolder);
  const figures = deriveFigures(stored);
  const rows = buildTradeoff(stored.run, figures);
  const charts = listCharts(figures);
  const tradeoffSpec = tradeoff(rows, [
    subtitle(stored),
    "Ranges are 95 % bootstrap intervals. A mark needs two engines measured on the same cells; the marks of 2018 stand at the right.",
  ]);

  const files = new Map<string, string | Uint8Array>();
  const drawn = new Map<string, Drawn>();
  const draw = async (name: string, place: string, spec: VegaLiteSpec): Promise<void> => {
    const light = await renderSvg(spec, "light", name);
    const dark = await renderSvg(spec, "dark", name);
    drawn.set(name, { light, dark });
    files.set(`${place}.svg`, light);
    files.set(`${place}-dark.svg`, dark);
    files.set(`${place}.png`, renderPng(light));
    files.set(`${place}.vl.json`, `${JSON.stringify(themed(spec, "light"), null, 1)}\n`);
  };
  await draw("tradeoff", "tradeoff", tradeoffSpec);
  for (const chart of charts) await draw(chart.name, `charts/${chart.name}`, chart.spec);
  files.set("tradeoff.csv", tradeoffCsv(rows));
  files.set("tradeoff.md", markdown(stored, figures, rows, []));
  files.set("overhead.csv", overheadCsv(figures));
  files.set("generality.csv", generalityCsv(figures));
  files.set("cells.csv", cellsCsv(figures));
  files.set("report.md", markdown(stored, figures, rows, charts));
  const records = ["cells.jsonl", "run.json", "machine.json", ...(stored.hasChecks ? ["generality.jsonl"] : [])];
  const downloads = [...records, ...[...files.keys()].filter((f) => f.endsWith(".csv") || f.endsWith(".md"))];
  files.set("report.html", page({ stored, figures, rows, tradeoffSpec, charts, drawn, downloads }));

  for (const [name, content] of files) await writeWhole(join(runFolder, name), content);
  return { html: join(runFolder, "report.html"), files: [...files.keys()].sort().map((f) => join(runFolder, f)) };
}

async function writeWhole(path: string, content: string | Uint8Array): Promise<void> {
  await mkdir(dirname(path), { recursive: true });
  await writeFile(`${path}.part`, content);
  await rename(`${path}.part`, path);
}
