/**
 * Chart: the trade-off table of the 2018 paper as a picture, three paradigm columns always. A measured cell shows its number, the
 * interval, how it was got and its evidence, its mark and the paper's; a cell without a number says why. The bar is the best of the
 * lane ÷ this cell (for counts of successes the other way round), drawn only where two engines were measured.
 */
import { fitText, textWidth, wrapText } from "../fonts.ts";
import { PAPER_TABLE, PARADIGMS } from "../paradigms.ts";
import type { VegaLiteSpec } from "../theme.ts";
import type { TradeoffCell, TradeoffLane, TradeoffRow } from "../tradeoff.ts";
import { boxes, colour, type Layer, type Row, SCHEMA, texts } from "./layout.ts";

const CARD = 262;
const GAP = 10;
const LANE = 82;
const BETWEEN_ROWS = 12;
const BETWEEN_LANES = 6;
const INSET = 12;

interface Drawing {
  readonly cards: Row[];
  readonly values: Row[];
  readonly intervals: Row[];
  readonly details: Row[];
  readonly reasons: Row[];
  readonly marks: Row[];
  readonly papers: Row[];
  readonly bars: Row[];
}

export function tradeoff(rows: readonly TradeoffRow[], subtitle: readonly string[] = []): VegaLiteSpec {
  const drawing: Drawing = { cards: [], values: [], intervals: [], details: [], reasons: [], marks: [], papers: [], bars: [] };
  const names: Row[] = [];
  const quantities: Row[] = [];
  let y = 0;
  for (const row of rows) {
    names.push({ x: -190, y: y + 18, text: row.name });
    quantities.push({ x: -190, y: y + 36, text: wrapText(row.quantity, 11, 165, 2) });
    for (const [i, lane] of row.lanes.entries()) {
      if (lane.group !== null || row.lanes.length > 1) {
        quantities.push({ x: -190, y: y + (i === 0 ? 68 : 18), text: lane.group?.label ?? "" });
      }
      drawLane(drawing, row, lane, y);
      y += LANE + BETWEEN_LANES;
    }
    y += BETWEEN_ROWS - BETWEEN_LANES;
  }
  const size = { width: PARADIGMS.length * (CARD + GAP) - GAP, height: Math.max(y - BETWEEN_ROWS, LANE) };
  const left = (column: number) => column * (CARD + GAP);
  return {
    $schema: SCHEMA,
    description: rows.map((r) => `${r.name}: ${r.verdict}`).join(" "),
    title: { text: "What each paradigm costs and covers", subtitle: [...subtitle], dx: -190 },
    width: size.width,
    height: size.height,
    layer: [
      ...boxes(drawing.cards, "card", { cornerRadius: 6 }),
      ...texts(
        PARADIGMS.map((p, i) => ({ x: left(i) + INSET, y: -34, text: p.title })),
        "strong",
        { fontSize: 13.5 },
      ),
      ...texts(
        PARADIGMS.map((p, i) => ({ x: left(i) + INSET, y: -16, text: `${p.engine} · in 2018: ${p.systems}` })),
        "muted",
        { fontSize: 10.5 },
      ),
      ...texts(names, "strong", { fontSize: 13 }),
      ...texts(quantities, "muted", { fontSize: 11 }),
      ...texts(drawing.values, "strong", { fontSize: 17 }),
      ...texts(drawing.intervals, "muted", { fontSize: 11 }),
      ...texts(drawing.details, "muted", { fontSize: 10.5, lineHeight: 13.5 }),
      ...texts(drawing.reasons, "muted", { fontSize: 11.5, lineHeight: 15 }),
      ...texts(drawing.marks, "strong", { fontSize: 19, align: "center" }),
      ...texts(drawing.papers, "muted", { fontSize: 10.5, align: "right" }),
      ...barLayer(drawing.bars),
    ],
  } as VegaLiteSpec;
}

function drawLane(drawing: Drawing, row: TradeoffRow, lane: TradeoffLane, y: number): void {
  const measured = lane.cells.flatMap((c) => (c.kind === "measured" ? [c.value] : []));
  const best = row.better === "lower" ? Math.min(...measured) : Math.max(...measured);
  for (const [column, cell] of lane.cells.entries()) {
    const x = column * (CARD + GAP);
    const right = x + CARD - INSET;
    drawing.cards.push({ x, x2: x + CARD, y, y2: y + LANE });
    const expected = PAPER_TABLE[row.name][column]?.mark ?? null;
    if (expected !== null) drawing.papers.push({ x: right, y: y + 17, text: `2018: ${expected}` });
    if (cell.kind === "unmeasured") {
      drawing.reasons.push({ x: x + INSET, y: y + 38, text: wrapText(cell.reason, 11.5, CARD - 2 * INSET, 3) });
      continue;
    }
    drawMeasured(drawing, cell, x, y);
    if (cell.mark !== null) {
      drawing.marks.push({ x: right - textWidth("2018: +", 10.5) - 18, y: y + 17, text: cell.mark });
      const share = row.better === "lower" ? best / cell.value : cell.value / best;
      drawing.bars.push({
        x: x + INSET,
        x2: x + INSET + (CARD - 2 * INSET) * Math.max(share, 0.01),
        y: y + LANE - 8,
        y2: y + LANE - 4,
        engine: PARADIGMS[column]?.engine ?? "",
      });
    }
  }
}

function drawMeasured(drawing: Drawing, cell: Extract<TradeoffCell, { kind: "measured" }>, x: number, y: number): void {
  drawing.values.push({ x: x + INSET, y: y + 18, text: cell.text });
  if (cell.interval !== null) {
    const after = x + INSET + textWidth(cell.text, 17, "semiBold") + 10;
    drawing.intervals.push({
      x: after,
      y: y + 19,
      text: fitText(cell.interval.replace(/^95 %: /u, ""), 11, x + CARD - (cell.mark === null ? 64 : 76) - after),
    });
  }
  const lines = [...wrapText(cell.how, 10.5, CARD - 2 * INSET, 2), ...wrapText(cell.evidence, 10.5, CARD - 2 * INSET, 1)].slice(0, 3);
  drawing.details.push({ x: x + INSET, y: y + 38, text: lines });
}

function barLayer(bars: readonly Row[]): Layer[] {
  const engines = bars.map((b) => String(b.engine));
  return boxes(bars, "bar", { cornerRadius: 2 }, { color: colour(engines) });
}
