/**
 * The form shared by outcomes and generality: rows in sections, columns of engines under a device and dtype, and in each cell a
 * word or a count on a colour. The word carries the meaning, the colour only repeats it, so the picture survives grey and print.
 */
import { fitText, textWidth } from "../fonts.ts";
import type { StyleName, VegaLiteSpec } from "../theme.ts";
import { boxes, SCHEMA, texts } from "./layout.ts";

export type CellState = "whole" | "some" | "silent" | "blank";

export interface MatrixCell {
  readonly section: string;
  readonly row: string;
  readonly group: string;
  readonly engine: string;
  readonly state: CellState;
  readonly text: string;
  readonly tooltip: string;
}

const COLUMN = 118;
const GROUP_GAP = 18;
const ROW = 24;
const SECTION = 26;

export function matrix(cells: readonly MatrixCell[], title: string, subtitle: readonly string[], engines: readonly string[]): VegaLiteSpec {
  const groups = [...new Set(cells.map((c) => c.group))];
  const columnX = new Map<string, number>();
  const heads: { text: string; x: number }[] = [];
  let x = 0;
  for (const group of groups) {
    heads.push({ text: group, x });
    for (const engine of engines) {
      if (!cells.some((c) => c.group === group && c.engine === engine)) continue;
      columnX.set(`${group}\n${engine}`, x);
      x += COLUMN;
    }
    x += GROUP_GAP;
  }
  const width = Math.max(x - GROUP_GAP, COLUMN);
  const { rowY, sections, height } = placeRows(cells);
  const rows = [...rowY].map(([key, y]) => ({ text: key.split("\n")[1] ?? "", y: y + ROW / 2 }));
  const left = -Math.max(90, ...rows.map((r) => textWidth(r.text, 11.5) + 14), ...sections.map((s) => textWidth(s.text, 11) + 14));
  const placed = cells.map((c) => {
    const at = columnX.get(`${c.group}\n${c.engine}`) ?? 0;
    const top = rowY.get(`${c.section}\n${c.row}`) ?? 0;
    return {
      state: c.state,
      x: at + 1.5,
      x2: at + COLUMN - 1.5,
      y: top + 1.5,
      y2: top + ROW - 1.5,
      text: c.text,
      tooltip: c.tooltip,
      middle: top + ROW / 2,
    };
  });
  const words = (states: readonly CellState[], style: StyleName) =>
    texts(
      placed
        .filter((p) => states.includes(p.state))
        .map((p) => ({ x: p.x + COLUMN / 2 - 1.5, y: p.middle, text: fitText(p.text, 11, COLUMN - 12) })),
      style,
      { align: "center", fontSize: 11 },
    );
  const fills = (["whole", "some", "silent", "blank"] as const).flatMap((state) =>
    boxes(
      placed.filter((p) => p.state === state),
      state,
      { cornerRadius: 3 },
      { tooltip: { field: "tooltip", type: "nominal" } },
    ),
  );
  const engineHeads = [...columnX].map(([key, at]) => ({ text: key.split("\n")[1] ?? "", x: at + COLUMN / 2, y: -12 }));
  return {
    $schema: SCHEMA,
    description: `${title}. ${subtitle.join(" ")}`,
    title: { text: title, subtitle: [...subtitle], dx: left },
    width,
    height,
    layer: [
      ...fills,
      ...words(["whole", "some"], "ink"),
      ...words(["blank"], "muted"),
      ...words(["silent"], "onSilent"),
      ...texts(
        heads.map((h) => ({ ...h, y: -32, x: h.x + 2 })),
        "strong",
        { fontSize: 12 },
      ),
      ...texts(engineHeads, "muted", { align: "center", fontSize: 11 }),
      ...texts(
        sections.map((s) => ({ ...s, x: left })),
        "muted",
        { fontSize: 11 },
      ),
      ...texts(
        rows.map((r) => ({ ...r, x: left })),
        "ink",
        { fontSize: 11.5 },
      ),
    ],
  } as VegaLiteSpec;
}

function placeRows(cells: readonly MatrixCell[]) {
  const bySection = new Map<string, Set<string>>();
  for (const { section, row } of cells) bySection.set(section, (bySection.get(section) ?? new Set()).add(row));
  const rowY = new Map<string, number>();
  const sections: { text: string; y: number }[] = [];
  let y = 0;
  for (const [section, rows] of bySection) {
    if (section !== "") {
      sections.push({ text: section, y: y + SECTION / 2 + 3 });
      y += SECTION;
    }
    for (const row of rows) {
      rowY.set(`${section}\n${row}`, y);
      y += ROW;
    }
  }
  return { rowY, sections, height: Math.max(y, ROW) };
}
