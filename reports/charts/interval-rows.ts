/**
 * The form shared by the two ratio charts: a block for each model and size, a line for each engine in it, with a point, its 95 %
 * interval, and the number in a column at the right. A cell without a number keeps its line and says why in words. Log scale.
 */
import { fitText, textWidth } from "../fonts.ts";
import { number, times } from "../format.ts";
import type { Estimate } from "../statistics.ts";
import type { VegaLiteSpec } from "../theme.ts";
import { at, boxes, colour, type Layer, type Row, SCHEMA, shape, texts } from "./layout.ts";

export interface IntervalRow {
  readonly suite: string;
  readonly model: string;
  readonly size: string;
  readonly engine: string;
  readonly estimate: Pick<Estimate, "value" | "lo" | "hi"> | null;
  /** Why there is no estimate: `timeout: 60 s were not enough`. Null where there is one. */
  readonly missing: string | null;
  /** A wrong number is louder than any other failure. */
  readonly alarming: boolean;
}

export interface IntervalChart {
  readonly title: string;
  readonly subtitle: readonly string[];
  readonly axis: string;
  /** Vertical lines with words below them, from left to right. */
  readonly guides: readonly { readonly at: number; readonly label: string }[];
}

const PLOT = 440;
const LANE = 17;
const GAP = 11;
const SUITE = 26;

export function intervalRows(rows: readonly IntervalRow[], chart: IntervalChart): VegaLiteSpec {
  const engines = [...new Set(rows.map((r) => r.engine))];
  const { lanes, stripes, labels, suites, height } = placeRows(rows);
  const engineColumn = Math.max(0, ...engines.map((e) => textWidth(e, 11)));
  const caseColumn = Math.max(60, ...labels.map((l) => textWidth(l.text, 11.5, "semiBold")), ...suites.map((s) => textWidth(s.text, 11)));
  const left = -Math.ceil(engineColumn + caseColumn + 58);
  const domain = domainOf(rows, chart);
  const x = {
    type: "quantitative" as const,
    title: chart.axis,
    scale: { type: "log" as const, domain, nice: false },
    axis: {
      values: ticks(domain),
      labelExpr: "format(datum.value, '~r') + '×'",
      domain: false,
      ticks: false,
      labelPadding: 6,
      grid: true,
      orient: "top" as const,
    },
  };
  const measured = lanes.flatMap(({ row, y }) => (row.estimate === null ? [] : [measuredRow(row, row.estimate, y)]));
  const shown: Layer[] = [
    {
      data: { values: measured },
      mark: { type: "rule", strokeWidth: 2.2, strokeCap: "round", ...at("y") },
      encoding: { x: { field: "lo", ...x }, x2: { field: "hi" }, color: colour(engines) },
    },
    {
      data: { values: measured },
      mark: { type: "point", filled: true, size: 62, opacity: 1, ...at("y") },
      encoding: {
        x: { field: "value", ...x },
        color: colour(engines),
        shape: shape(engines),
        tooltip: [{ field: "case", title: "case" }, { field: "engine" }, { field: "text", title: "median" }],
      },
    },
  ] as Layer[];
  const keys = lanes.map(({ row, y }) => ({ x: -16, y, engine: row.engine }));
  const failures = lanes.filter((l) => l.row.estimate === null);
  const failureText = (alarming: boolean): { x: number; y: number; text: string; striped: boolean }[] =>
    failures
      .filter((f) => f.row.alarming === alarming)
      .map(({ row, y, striped }) => ({ x: 8, y, striped, text: fitText(row.missing ?? "no number", 11, PLOT + 96) }));
  /** Words stand on the colour of their row, so that no guide runs through them. */
  const failureGround = (onStripe: boolean): Row[] =>
    [...failureText(false), ...failureText(true)]
      .filter(({ striped }) => striped === onStripe)
      .map(({ x, y, text }) => ({ x: x - 5, x2: x + textWidth(text, 11, "semiBold") + 5, y: y - LANE / 2, y2: y + LANE / 2 }));
  return {
    $schema: SCHEMA,
    description: `${chart.title}. ${chart.subtitle.join(" ")}`,
    title: { text: chart.title, subtitle: [...chart.subtitle], dx: left },
    width: PLOT,
    height,
    layer: [
      ...boxes(
        stripes.map((s) => ({ x: left - 8, x2: PLOT + 128, ...s })),
        "stripe",
      ),
      ...guideLayers(chart, x, height),
      ...shown,
      {
        data: { values: keys },
        mark: { type: "point", filled: true, size: 44, opacity: 1, ...at("x", "y") },
        encoding: { color: colour(engines), shape: shape(engines) },
      } as Layer,
      ...texts(
        suites.map((s) => ({ ...s, x: left })),
        "muted",
        { fontSize: 11 },
      ),
      ...texts(
        labels.map((l) => ({ ...l, x: left })),
        "strong",
        { fontSize: 11.5 },
      ),
      ...texts(
        keys.map((k) => ({ x: -28, y: k.y, text: k.engine })),
        "muted",
        { align: "right", fontSize: 11 },
      ),
      ...texts(
        measured.map((m) => ({ x: PLOT + 46, y: m.y as number, text: m.text as string })),
        "strong",
        { align: "right", fontSize: 11 },
      ),
      ...texts(
        measured.map((m) => ({ x: PLOT + 54, y: m.y as number, text: m.interval as string })),
        "muted",
        { fontSize: 10.5 },
      ),
      ...boxes(failureGround(true), "stripe"),
      ...boxes(failureGround(false), "paper"),
      ...texts(failureText(false), "muted", { fontSize: 11 }),
      ...texts(failureText(true), "alarm", { fontSize: 11 }),
    ],
  } as VegaLiteSpec;
}

function measuredRow(row: IntervalRow, { value, lo, hi }: Pick<Estimate, "value" | "lo" | "hi">, y: number): Row {
  return {
    case: `${row.model} ${row.size}`,
    engine: row.engine,
    value,
    lo,
    hi,
    y,
    text: times(value),
    interval: `${number(lo)} to ${number(hi)}`,
  };
}

function placeRows(rows: readonly IntervalRow[]) {
  const bySuite = new Map<string, Map<string, IntervalRow[]>>();
  for (const row of rows) {
    const cases = bySuite.get(row.suite) ?? new Map<string, IntervalRow[]>();
    bySuite.set(row.suite, cases);
    const name = `${row.model}  ${row.size}`;
    cases.set(name, [...(cases.get(name) ?? []), row]);
  }
  const lanes: { row: IntervalRow; y: number; striped: boolean }[] = [];
  const stripes: { y: number; y2: number }[] = [];
  const labels: { y: number; text: string }[] = [];
  const suites: { y: number; text: string }[] = [];
  let y = 0;
  for (const [suite, cases] of bySuite) {
    suites.push({ y: y + SUITE / 2 + 3, text: suite });
    y += SUITE;
    for (const [k, [name, own]] of [...cases].entries()) {
      const height = own.length * LANE + GAP;
      if (k % 2 === 0) stripes.push({ y, y2: y + height });
      labels.push({ y: y + GAP / 2 + LANE / 2, text: name });
      for (const [i, row] of own.entries()) lanes.push({ row, y: y + GAP / 2 + LANE * (i + 0.5), striped: k % 2 === 0 });
      y += height;
    }
  }
  return { lanes, stripes, labels, suites, height: Math.max(y, 40) };
}

function guideLayers(chart: IntervalChart, x: Record<string, unknown>, height: number): Layer[] {
  const guide = (right: boolean): Layer[] => {
    const values = chart.guides.filter((_, i) => i < chart.guides.length - 1 === right).map(({ at, label }) => ({ at, text: label }));
    if (values.length === 0) return [];
    const position = { field: "at", ...x };
    return [
      { data: { values }, mark: { type: "rule", style: "guide", strokeDash: [4, 4] }, encoding: { x: position } } as Layer,
      {
        data: { values },
        mark: {
          type: "text",
          style: "muted",
          fontSize: 10.5,
          baseline: "middle",
          align: right ? "right" : "left",
          dx: right ? 4 : -4,
          y: height + 12,
        },
        encoding: { x: position, text: { field: "text" } },
      } as Layer,
    ];
  };
  return [...guide(true), ...guide(false)];
}

function domainOf(rows: readonly IntervalRow[], chart: IntervalChart): [number, number] {
  const ends = [...rows.flatMap((r) => (r.estimate ? [r.estimate.lo, r.estimate.hi] : [])), ...chart.guides.map((g) => g.at)].filter(
    (v) => v > 0,
  );
  return [Math.min(...ends, 1) / 1.25, Math.max(...ends, 2) * 1.25];
}

/** The 1-2-5 series inside the domain, thinned to powers of ten where that would be crowded. */
export function ticks([lo, hi]: readonly [number, number]): number[] {
  const decades: number[] = [];
  for (let e = Math.floor(Math.log10(lo)); e <= Math.ceil(Math.log10(hi)); e++) decades.push(e);
  const inside = (steps: readonly number[]) =>
    decades.flatMap((e) => steps.map((s) => Number(`${s}e${e}`))).filter((v) => v >= lo && v <= hi);
  const fine = inside([1, 2, 5]);
  return fine.length <= 11 ? fine : inside([1]);
}
