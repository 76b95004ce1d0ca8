/**
 * The six-row trade-off table of the 2018 paper, filled from one run. Each cell is a number with its interval, how it was got and
 * where the evidence is, or the reason why there is none. Engines are compared only on cells that all measured engines completed,
 * and only within one device and dtype (a lane). Marks follow `MARK_RULE`, where at least two engines were measured.
 */
import type { Check, Run } from "../harness/schema.ts";
import { type CellFigures, caseName, type Figures, featureOf, type Group, isOf } from "./figures.ts";
import { duration, number, plural, shorten, times } from "./format.ts";
import { type Mark, PARADIGMS, ROW_NAMES, type RowName } from "./paradigms.ts";
import { type Estimate, geometricMeanEstimate, relativeToSmallest } from "./statistics.ts";
import { verdict } from "./verdict.ts";

/** Published beside the table. */
export const MARK_RULE =
  "Marks are set within a lane and only where at least two engines were measured on the same cells. " +
  "+ : the best, or its 95 % interval reaches within 10 % of the best. " +
  "− : its whole 95 % interval is worse than twice the best. ± : in between. " +
  "An engine with a silent wrong answer gets no + for generality.";

export interface Measurement {
  readonly kind: "measured";
  readonly text: string;
  readonly value: number;
  readonly lo: number;
  readonly hi: number;
  /** `95 %: 1.9 to 2.1`; null where the number is a count. */
  readonly interval: string | null;
  readonly how: string;
  readonly evidence: string;
  readonly mark: Mark | null;
}
export type TradeoffCell = Measurement | { readonly kind: "unmeasured"; readonly reason: string };

/** One line of a row: a device and dtype, or null where the row does not depend on them. Cells in the order of `PARADIGMS`. */
export interface TradeoffLane {
  readonly group: Group | null;
  readonly cells: readonly TradeoffCell[];
}
export interface TradeoffRow {
  readonly name: RowName;
  /** What the numbers are, in one short line. */
  readonly quantity: string;
  readonly better: "lower" | "higher";
  readonly lanes: readonly TradeoffLane[];
  readonly verdict: string;
}

const ROWS: Readonly<Record<RowName, { quantity: string; better: "lower" | "higher" }>> = {
  "AD implementation": { quantity: "lines of engine code", better: "lower" },
  "AD overhead": { quantity: "gradient time ÷ hand-written gradient time", better: "lower" },
  Runtime: { quantity: "gradient time ÷ that of the fastest engine", better: "lower" },
  "User interface": { quantity: "programs that run unchanged", better: "higher" },
  "Program representation": { quantity: "nodes of the program representation", better: "lower" },
  Generality: { quantity: "reference cases right", better: "higher" },
};

export function buildTradeoff(run: Run, figures: Figures): TradeoffRow[] {
  const lanes: Record<RowName, TradeoffLane[]> = {
    "AD implementation": [{ group: null, cells: implementationCells(run) }],
    "AD overhead": perGroup(figures.groups, (g) => overheadCells(figures, g)),
    Runtime: perGroup(figures.groups, (g) => runtimeCells(figures, g)),
    "User interface": perGroup(figures.checkGroups, (g) => checkCells(figures, g, "ran")),
    "Program representation": perGroup(figures.groups, (g) => representationCells(figures, g)),
    Generality: perGroup(figures.checkGroups, (g) => checkCells(figures, g, "right")),
  };
  return ROW_NAMES.map((name) => {
    const { quantity, better } = ROWS[name];
    const marked = collapse(lanes[name].map((lane) => ({ ...lane, cells: withMarks(lane.cells, better) })));
    return { name, quantity, better, lanes: marked, verdict: verdict(name, better, marked) };
  });
}

function perGroup(groups: readonly Group[], cells: (group: Group | null) => TradeoffCell[]): TradeoffLane[] {
  return groups.length === 0 ? [{ group: null, cells: cells(null) }] : groups.map((group) => ({ group, cells: cells(group) }));
}

/** Lanes that say the same are shown once. */
function collapse(lanes: readonly TradeoffLane[]): readonly TradeoffLane[] {
  const first = lanes[0];
  if (first === undefined || lanes.some((lane) => JSON.stringify(lane.cells) !== JSON.stringify(first.cells))) return lanes;
  return [{ group: lanes.length === 1 ? first.group : null, cells: first.cells }];
}

/** Measured cells over different cases carry `comparable: false` until here and get no mark. */
type Draft = TradeoffCell & { readonly comparable?: boolean; readonly silentWrong?: number };

function withMarks(drafts: readonly Draft[], better: "lower" | "higher"): TradeoffCell[] {
  const rivals = drafts.filter((d) => d.kind === "measured" && d.comparable !== false) as Measurement[];
  const values = rivals.map((r) => r.value);
  const best = better === "lower" ? Math.min(...values) : Math.max(...values);
  return drafts.map(({ comparable, silentWrong, ...cell }) => {
    if (cell.kind === "unmeasured" || comparable === false || rivals.length < 2) return cell;
    const near = better === "lower" ? cell.lo <= best * 1.1 : cell.hi * 1.1 >= best;
    const poor = better === "lower" ? cell.lo > best * 2 : cell.hi * 2 < best;
    const mark: Mark = near ? ((silentWrong ?? 0) > 0 ? "±" : "+") : poor ? "−" : "±";
    return { ...cell, mark };
  });
}

function implementationCells(run: Run): Draft[] {
  return PARADIGMS.map(({ engine }) => {
    const size = run.implementation?.[engine];
    if (size === undefined)
      return unmeasured(
        run.implementation === undefined
          ? "not measured yet: this run holds no count of engine code"
          : "no cells of this engine in this run",
      );
    const { lines: value, rules } = size;
    return {
      kind: "measured",
      text: `${number(value)} lines`,
      value,
      lo: value,
      hi: value,
      ...COUNT,
      how: `${plural(rules, "derivative rule")} of its own`,
      evidence: "non-blank, non-comment lines",
    };
  });
}

const COUNT = { interval: null, mark: null } as const;

function unmeasured(reason: string): Draft {
  return { kind: "unmeasured", reason };
}

/** Takes a positive quantity of each cell, and gives per engine the cells that all measured engines have in common. */
function common(figures: Figures, group: Group, has: (cell: CellFigures) => boolean) {
  const inGroup = figures.cells.filter((c) => isOf(group, c.key));
  const byEngine = PARADIGMS.map(({ engine }) => inGroup.filter((c) => c.key.engine === engine));
  const measured = byEngine.map((cells) => new Map(cells.filter(has).map((c) => [caseName(c.key), c])));
  const present = measured.filter((cells) => cells.size > 0);
  const shared = [...(present[0]?.keys() ?? [])].filter((name) => present.every((cells) => cells.has(name)));
  const comparable = shared.length > 0;
  const cells = measured.map((own) => (own.size === 0 ? [] : comparable ? shared.flatMap((n) => own.get(n) ?? []) : [...own.values()]));
  return { byEngine, cells, comparable, engines: present.length };
}

function evidenceOf(used: number, all: number, engines: number, comparable: boolean): string {
  if (engines < 2) return `${used} of ${plural(all, "cell")}`;
  if (!comparable) return `${used} of ${plural(all, "cell")}; none in common with the other engines, so no mark`;
  return `${used} of ${plural(all, "cell")}: those that all ${engines} engines completed`;
}

function whyNot(cells: readonly CellFigures[], anywhere: readonly CellFigures[], missing: string): string {
  if (anywhere.length === 0) return "no cells of this engine in this run";
  if (cells.length === 0) return "no cells of this engine on this device and dtype";
  if (cells.some((c) => c.outcome.kind === "ok")) return missing;
  const counts = new Map<string, number>();
  for (const { outcome } of cells) {
    const why = outcome.reason === undefined ? outcome.kind : `${outcome.kind}: ${outcome.reason}`;
    counts.set(why, (counts.get(why) ?? 0) + 1);
  }
  const [why] = [...counts.entries()].sort((a, b) => b[1] - a[1])[0] ?? [""];
  return `none of ${plural(cells.length, "cell")} completed; ${shorten(why, 90)}`;
}

function groupedCells(
  figures: Figures,
  group: Group | null,
  has: (cell: CellFigures) => boolean,
  missing: string,
  measure: (
    cells: readonly CellFigures[],
    column: number,
    all: readonly (readonly CellFigures[])[],
  ) => Omit<Measurement, "kind" | "mark" | "evidence">,
): Draft[] {
  if (group === null) return PARADIGMS.map(() => unmeasured("no cells in this run"));
  const { byEngine, cells, comparable, engines } = common(figures, group, has);
  return PARADIGMS.map(({ engine }, column) => {
    const used = cells[column] ?? [];
    const planned = byEngine[column] ?? [];
    if (used.length === 0) {
      const anywhere = figures.cells.filter((c) => c.key.engine === engine);
      return unmeasured(whyNot(planned, anywhere, missing));
    }
    const evidence = evidenceOf(used.length, planned.length, engines, comparable);
    return { kind: "measured", ...measure(used, column, cells), evidence, mark: null, comparable };
  });
}

const interval = (e: Estimate, write: (x: number) => string) => `95 %: ${write(e.lo)} to ${write(e.hi)}`;

function overheadCells(figures: Figures, group: Group | null): Draft[] {
  return groupedCells(
    figures,
    group,
    (c) => c.overhead !== null,
    "no hand-written gradient was timed in these cells",
    (cells) => {
      const mean = geometricMeanEstimate(cells.flatMap((c) => c.overhead ?? []));
      return {
        text: times(mean.value),
        ...pick(mean),
        interval: interval(mean, times),
        how: `geometric mean over ${plural(cells.length, "cell")}`,
      };
    },
  );
}

function runtimeCells(figures: Figures, group: Group | null): Draft[] {
  return groupedCells(
    figures,
    group,
    (c) => c.gradient !== null,
    "completed, but without a time",
    (cells, column, all) => {
      const host = hostOf(cells);
      const rivals = all.filter((own) => own.length > 0);
      const aligned = rivals.every(
        (own) => own.length === cells.length && own.every((c, i) => caseName(c.key) === caseName(cells[i]?.key ?? c.key)),
      );
      if (rivals.length < 2 || !aligned) {
        const mean = geometricMeanEstimate(cells.flatMap((c) => c.gradient ?? []));
        return {
          text: duration(mean.value),
          ...pick(mean),
          interval: interval(mean, duration),
          how: `geometric mean gradient time, nothing to compare with${host}`,
        };
      }
      const own = rivals.indexOf(all[column] ?? []);
      const relative = cells.flatMap((_, i) => relativeToSmallest(rivals.flatMap((r) => r[i]?.gradient ?? []))[own] ?? []);
      const mean = geometricMeanEstimate(relative);
      return {
        text: times(mean.value),
        ...pick(mean),
        interval: interval(mean, times),
        how: `the fastest engine's gradient time, geometric mean${host}`,
      };
    },
  );
}

/** Host time is measured on a device whose kernels return at once; given per operation where known, else per step. */
function hostOf(cells: readonly CellFigures[]): string {
  const mean = (values: number[]) => Math.exp(values.reduce((sum, x) => sum + Math.log(x), 0) / values.length);
  const positive = (values: (number | undefined)[]) => values.filter((x): x is number => x !== undefined && x > 0);
  const perOp = positive(cells.map((c) => c.record?.host?.nsPerOp));
  if (perOp.length > 0) return `; host ${duration(mean(perOp))} per op`;
  const perStep = positive(cells.map((c) => c.record?.host?.nsPerStep));
  return perStep.length > 0 ? `; host ${duration(mean(perStep))} per step` : "";
}

const nodesOf = (c: CellFigures) => c.record?.counts?.tapeNodes ?? c.record?.counts?.irNodes ?? 0;

function representationCells(figures: Figures, group: Group | null): Draft[] {
  const has = (c: CellFigures) => c.outcome.kind === "ok" && nodesOf(c) > 0;
  return groupedCells(figures, group, has, "no node counts in these cells", (cells) => {
    const value = Math.exp(cells.reduce((sum, c) => sum + Math.log(nodesOf(c)), 0) / cells.length);
    const recorded = cells.some((c) => c.record?.counts?.tapeNodes !== undefined);
    const how = recorded ? "tape nodes, recorded again at every step" : "IR nodes, built once";
    return { text: `${number(value)} nodes`, value, lo: value, hi: value, interval: null, how: `${how}; geometric mean` };
  });
}

function pick({ value, lo, hi }: Estimate): { value: number; lo: number; hi: number } {
  return { value, lo, hi };
}

/** Cases that must be refused, and operator cases, are not programs that a user could want to run. */
function isProgram(check: Check): boolean {
  const feature = featureOf(check);
  return !feature.split("/").includes("rejections") && !feature.startsWith("ops");
}

/** A program ran if it gave numbers that could be checked, right or wrong. */
function didRun(check: Check): boolean {
  return (check.status === "pass" || check.status === "fail") && Object.keys(check.checks).length > 0;
}

function checkCells(figures: Figures, group: Group | null, question: "ran" | "right"): Draft[] {
  return PARADIGMS.map(({ engine }) => {
    if (!figures.hasChecks) return unmeasured("no generality checks in this run");
    const own = figures.checks.filter((c) => c.engine === engine && c.status !== "skipped" && (group === null || isOf(group, c)));
    const asked = question === "ran" ? own.filter(isProgram) : own;
    if (asked.length === 0) return unmeasured("no generality checks of this engine in this run");
    const count = (status: Check["status"]) => asked.filter((c) => c.status === status).length;
    const good = question === "ran" ? asked.filter(didRun).length : count("pass");
    const silentWrong = question === "right" ? count("fail") : 0;
    const value = good / asked.length;
    const how =
      question === "ran"
        ? "programs run unchanged"
        : `${plural(silentWrong, "silent wrong answer")}, ${plural(count("refused"), "clear refusal")}, ${plural(count("error"), "error")}`;
    return {
      kind: "measured",
      text: `${good} of ${asked.length}`,
      value,
      lo: value,
      hi: value,
      ...COUNT,
      how,
      evidence: plural(asked.length, "reference case"),
      silentWrong,
    };
  });
}
