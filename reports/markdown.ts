/** `report.md`: the report in brief, for a repository or a merge request; pictures are the SVG files beside it. */
import type { Chart } from "./chart-list.ts";
import { outcomeText } from "./charts/cell-row.ts";
import type { Figures } from "./figures.ts";
import { duration, number, times } from "./format.ts";
import { facts, subtitle, warnings } from "./headline.ts";
import { PAPER, PAPER_TABLE, PARADIGMS } from "./paradigms.ts";
import type { Estimate } from "./statistics.ts";
import type { StoredRun } from "./stored-run.ts";
import { MARK_RULE, type TradeoffCell, type TradeoffRow } from "./tradeoff.ts";

export function markdown(stored: StoredRun, figures: Figures, rows: readonly TradeoffRow[], charts: readonly Chart[]): string {
  const lines = [
    "# What each paradigm of automatic differentiation costs and covers",
    "",
    plain(subtitle(stored)),
    "",
    ...warnings(stored, figures).map((w) => `> ${plain(w)}`),
    "",
    "![The trade-off table](tradeoff.svg)",
    "",
    `| | | ${PARADIGMS.map((p) => `${p.title} (${p.engine})`).join(" | ")} |`,
    `|---|---|${PARADIGMS.map(() => "---|").join("")}`,
    ...rows.flatMap((row) =>
      row.lanes.map((lane, i) => {
        const name = i === 0 ? `**${row.name}**<br>${row.quantity}` : "";
        return `| ${name} | ${plain(lane.group?.label ?? "")} | ${lane.cells.map((c, k) => cellText(c, PAPER_TABLE[row.name][k]?.mark ?? null)).join(" | ")} |`;
      }),
    ),
    "",
    ...rows.map((row) => `- **${row.name}.** ${plain(row.verdict)}`),
    "",
    plain(`${MARK_RULE} The marks of 2018 are those of ${PAPER}.`),
    "",
    ...charts.flatMap((c) => [`![${c.name}](charts/${c.name}.svg)`, ""]),
    "## Cells",
    "",
    "| model | size | engine | device | dtype | value | gradient | gradient ÷ value | gradient ÷ hand-written | outcome |",
    "|---|---|---|---|---|---|---|---|---|---|",
    ...figures.cells.map(
      (c) =>
        `| ${[c.key.model, c.key.size, c.key.engine, c.key.device, c.key.dtype].map(plain).join(" | ")} | ${c.record?.value ? duration(c.record.value.median) : ""} | ${c.gradient ? duration(c.gradient.value) : ""} | ${ratio(c.gradientRatio)} | ${ratio(c.overhead)} | ${plain(outcomeText(c, "ok"))} |`,
    ),
    "",
    "## Machine and run",
    "",
    "| | |",
    "|---|---|",
    ...facts(stored).map(([label, text]) => `| ${plain(label)} | ${plain(text)} |`),
    "",
  ];
  return `${lines.join("\n").replace(/\n{3,}/gu, "\n\n")}`;
}

const ratio = (e: Estimate | null) => (e === null ? "" : `${times(e.value)} [${number(e.lo)}, ${number(e.hi)}]`);

function cellText(cell: TradeoffCell, paper: string | null): string {
  const then = paper === null ? "" : ` · 2018: ${paper}`;
  if (cell.kind === "unmeasured") return `${plain(cell.reason)}${then}`;
  const mark = cell.mark === null ? "" : ` **${cell.mark}**`;
  return `**${plain(cell.text)}**${mark}${cell.interval === null ? "" : ` (${plain(cell.interval)})`}<br>${plain(cell.how)}${then}`;
}

/** Text as text: no table bars, no markup. */
function plain(text: string): string {
  const entities: Record<string, string> = { "<": "&lt;", ">": "&gt;", "&": "&amp;" };
  return text
    .replace(/\s+/gu, " ")
    .replace(/[<>&]/gu, (c) => entities[c] as string)
    .replace(/[\\`*_{}[\]|#]/gu, (c) => `\\${c}`);
}
