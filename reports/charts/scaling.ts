/**
 * Chart: gradient time against size, one small panel a model, log time. Where every size's name carries one number, sizes stand on
 * a log axis at that number; otherwise in the plan's order at equal steps. Sizes that failed are named below the panel.
 */
import { type CellFigures, caseName, type Group } from "../figures.ts";
import { fitText, textWidth } from "../fonts.ts";
import { duration } from "../format.ts";
import { engineOrder } from "../paradigms.ts";
import type { VegaLiteSpec } from "../theme.ts";
import { ticks } from "./interval-rows.ts";
import { at, colour, type Layer, type Row, SCHEMA, shape, texts } from "./layout.ts";

const WIDTH = 310;
const HEIGHT = 150;
const COLUMNS = 2;

export function scaling(cells: readonly CellFigures[], group: Group): VegaLiteSpec {
  const models = new Map<string, CellFigures[]>();
  for (const cell of cells) {
    const name = `${cell.key.suite}/${cell.key.model}`;
    models.set(name, [...(models.get(name) ?? []), cell]);
  }
  const engines = engineOrder(cells.map((c) => c.key.engine));
  return {
    $schema: SCHEMA,
    description: `Gradient time by size on ${group.label}, one panel a model.`,
    title: {
      text: "Gradient time by size",
      subtitle: [`${group.label}. Median time of value and gradient with 95 % interval, log scale. Dashed: hand-written gradient.`],
    },
    concat: [...models.values()].map((own) => panel(own, engines)),
    columns: COLUMNS,
    spacing: { row: 30, column: 34 },
    resolve: { scale: { color: "shared", shape: "shared" }, legend: { color: "shared", shape: "shared" } },
  } as unknown as VegaLiteSpec;
}

/** Horizontal position of each size in pixels: by the number in its name where all have one, else by rank. */
export function sizePositions(sizes: readonly string[]): { readonly at: ReadonlyMap<string, number>; readonly numeric: boolean } {
  const numbers = sizes.map((s) => {
    const found = s.match(/\d+(\.\d+)?/gu);
    return found?.length === 1 ? Number(found[0]) : Number.NaN;
  });
  const numeric = sizes.length > 1 && numbers.every((n) => n > 0) && new Set(numbers).size === sizes.length;
  const marks = numeric ? numbers.map(Math.log) : sizes.map((_, i) => i);
  const low = Math.min(...marks);
  const span = Math.max(...marks) - low;
  const inner = WIDTH - 48;
  return { at: new Map(sizes.map((s, i) => [s, span === 0 ? WIDTH / 2 : 24 + (((marks[i] as number) - low) / span) * inner])), numeric };
}

function panel(cells: readonly CellFigures[], engines: readonly string[]) {
  const sizes = [...new Set(cells.map((c) => c.key.size))];
  const { at: position } = sizePositions(sizes);
  const x = (size: string) => position.get(size) ?? 0;
  const measured = cells.flatMap((c) =>
    c.gradient === null
      ? []
      : [
          {
            engine: c.key.engine,
            x: x(c.key.size),
            value: c.gradient.value,
            lo: c.gradient.lo,
            hi: c.gradient.hi,
            text: duration(c.gradient.value),
            size: c.key.size,
          },
        ],
  );
  const floors = floorOf(cells).map((f) => ({ ...f, x: x(f.size) }));
  const all = [...measured.flatMap((m) => [m.lo, m.hi]), ...floors.map((f) => f.value)].filter((v) => v > 0);
  const domain: [number, number] = all.length === 0 ? [1e3, 1e6] : [Math.min(...all) / 1.6, Math.max(...all) * 1.6];
  const values = ticks(domain).filter((_, i, t) => t.length <= 6 || i % 2 === 0);
  const y = {
    type: "quantitative" as const,
    title: null,
    scale: { type: "log" as const, domain, nice: false },
    axis: { values, labelExpr: DURATION, domain: false, ticks: false, labelPadding: 6 },
  };
  const below = (rows: readonly { text: string; x: number; line: number }[]): Row[] =>
    rows.map((r) => ({ text: r.text, x: r.x, y: HEIGHT + 13 + 13 * r.line }));
  const legend = { title: null, orient: "top" as const, direction: "horizontal" as const, values: [...engines], offset: 4 };
  const first = cells[0];
  const layers: (Layer | Record<string, unknown>)[] = [
    ...floorLayer(floors, y),
    {
      data: { values: measured },
      mark: { type: "line", strokeWidth: 2, ...at("x") },
      encoding: { y: { field: "value", ...y }, color: { ...colour(engines), legend } },
    },
    {
      data: { values: measured },
      mark: { type: "rule", strokeWidth: 2, ...at("x") },
      encoding: { y: { field: "lo", ...y }, y2: { field: "hi" }, color: { ...colour(engines), legend } },
    },
    {
      data: { values: measured },
      mark: { type: "point", filled: true, size: 55, opacity: 1, ...at("x") },
      encoding: {
        y: { field: "value", ...y },
        color: { ...colour(engines), legend },
        shape: { ...shape(engines), legend },
        tooltip: [{ field: "size" }, { field: "engine" }, { field: "text", title: "median" }],
      },
    },
  ];
  const perSize = WIDTH / Math.max(1, sizes.length);
  // Names that would touch stand on two lines in turn.
  const lines = sizes.some((s) => textWidth(s, 10.5) + 6 > perSize) ? 2 : 1;
  return {
    title: { text: first?.key.model ?? "", anchor: "start", fontSize: 12.5, offset: 8, frame: "group" },
    width: WIDTH,
    height: HEIGHT,
    layer: [
      ...layers,
      ...texts(
        below(sizes.map((s, i) => ({ text: fitText(s, 10.5, Math.max(lines * perSize - 6, 44)), x: x(s), line: i % lines }))),
        "muted",
        {
          align: "center",
          fontSize: 10.5,
        },
      ),
      ...texts(below(failureLines(cells, lines)), "ink", { fontSize: 10.5 }),
    ],
  };
}

const DURATION =
  "datum.value < 1e3 ? format(datum.value, '~g') + ' ns' : datum.value < 1e6 ? format(datum.value / 1e3, '~g') + ' µs' : " +
  "datum.value < 1e9 ? format(datum.value / 1e6, '~g') + ' ms' : format(datum.value / 1e9, '~g') + ' s'";

function floorLayer(floors: readonly Row[], y: Record<string, unknown>): Layer[] {
  if (floors.length === 0) return [];
  const encoding = { y: { field: "value", ...y } };
  return [
    {
      data: { values: [...floors] },
      mark: { type: "line", style: "guide", strokeDash: [4, 4], strokeWidth: 1.5, ...at("x") },
      encoding,
    } as unknown as Layer,
  ];
}

/** Each engine's cell times the hand-written gradient again; the fastest of these is the floor. */
function floorOf(cells: readonly CellFigures[]): { size: string; value: number }[] {
  const floors = new Map<string, { size: string; value: number }>();
  for (const cell of cells) {
    const time = cell.outcome.kind === "ok" ? cell.record?.handwritten?.median : undefined;
    const known = floors.get(caseName(cell.key));
    if (time !== undefined && (known === undefined || time < known.value))
      floors.set(caseName(cell.key), { size: cell.key.size, value: time });
  }
  return [...floors.values()];
}

function failureLines(cells: readonly CellFigures[], after: number): { text: string; x: number; line: number }[] {
  const failed = cells.filter((c) => c.gradient === null);
  const shown = failed.slice(0, failed.length > 4 ? 3 : 4);
  const rows = shown.map(
    (c) => `${c.key.size}, ${c.key.engine}: ${c.outcome.kind === "ok" ? "not timed" : c.outcome.kind.replaceAll("-", " ")}`,
  );
  if (failed.length > shown.length) rows.push(`and ${failed.length - shown.length} more (see the outcomes)`);
  return rows.map((text, i) => ({ text: fitText(text, 10.5, WIDTH + 20), x: 0, line: i + after + 0.3 }));
}
