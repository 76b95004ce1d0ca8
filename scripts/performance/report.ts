/** The measured workloads as Markdown: first the goals, then all times. Pure, so that it is tested without timing anything. */
import { bootstrapRatio, median } from "../../harness/statistics.ts";
import type { Measured } from "./measure.ts";
import type { PlanFigures } from "./plans.ts";
import type { Goal } from "./workloads.ts";

/** A goal and what was found; `met` is undefined where a side of it was missing. */
export interface Verdict {
  readonly what: string;
  readonly goal: string;
  readonly ours: string;
  readonly best: string;
  readonly typical: string;
  readonly met: boolean | undefined;
}

export const MISSING = "–";

/** The side of trigrad that goals are judged by: the first of `preference` that ran. */
function oursOf(measured: Measured, preference: readonly string[]): string | undefined {
  return preference.find((name) => measured.samples.has(name));
}

export function judge(measured: Measured, goal: Goal, preference: readonly string[]): Verdict {
  const { title, size } = measured.workload;
  const what = `${title}, ${size}`;
  const ours = oursOf(measured, preference);
  const a = ours === undefined ? undefined : measured.samples.get(ours);
  const b = "against" in goal ? measured.samples.get(goal.against) : undefined;
  if (a === undefined || ("against" in goal && b === undefined))
    return { what, goal: goal.says, ours: ours ?? MISSING, best: MISSING, typical: MISSING, met: undefined };
  if (!("against" in goal)) {
    const [best, typical] = [Math.min(...a), median(a)];
    return {
      what,
      goal: goal.says,
      ours: ours as string,
      best: duration(best),
      typical: duration(typical),
      met: Math.max(typical, best) <= goal.nanoseconds,
    };
  }
  const other = b as readonly number[];
  const best = Math.min(...a) / Math.min(...other);
  const { median: typical, lo, hi } = bootstrapRatio(a, other);
  return {
    what,
    goal: goal.says,
    ours: ours as string,
    best: best.toFixed(2),
    typical: `${typical.toFixed(2)} [${lo.toFixed(2)}, ${hi.toFixed(2)}]`,
    met: Math.max(best, typical) <= goal.ratio,
  };
}

/** Three significant figures. */
export function duration(nanoseconds: number): string {
  const [value, unit] = nanoseconds < 1e3 ? [nanoseconds, "ns"] : nanoseconds < 1e6 ? [nanoseconds / 1e3, "µs"] : [nanoseconds / 1e6, "ms"];
  return `${value >= 100 ? value.toFixed(0) : value.toPrecision(3)} ${unit}`;
}

const row = (cells: readonly string[]) => `| ${cells.join(" | ")} |`;
const table = (head: readonly string[], rows: readonly (readonly string[])[]) =>
  [row(head), row(head.map(() => "---")), ...rows.map(row)].join("\n");

const word = (met: boolean | undefined) => (met === undefined ? "not measured" : met ? "met" : "**not met**");

export function goalTable(verdicts: readonly Verdict[]): string {
  return table(
    ["workload", "goal", "side", "ratio of the best", "ratio of the medians [95 %]", "verdict"],
    verdicts.map((v) => [v.what, v.goal, v.ours, v.best, v.typical, word(v.met)]),
  );
}

/** Times of every side: best / median, and the rate of the best where the work is known. */
export function timeTable(all: readonly Measured[], sides: readonly string[]): string {
  const present = sides.filter((name) => all.some((m) => m.samples.has(name)));
  return table(
    ["workload", ...present],
    all.map((m) => [`${m.workload.title}, ${m.workload.size}`, ...present.map((name) => cell(m, name))]),
  );
}

function cell({ samples, workload: { work } }: Measured, name: string): string {
  const taken = samples.get(name);
  if (taken === undefined) return MISSING;
  const best = Math.min(...taken);
  const rate = work === undefined ? "" : ` (${(work.amount / best).toFixed(1)} ${work.unit})`;
  return `${duration(best)} / ${duration(median(taken))}${rate}`;
}

/** Memory plans; the goal is 1.1 of the bound. */
export function planTable(plans: readonly PlanFigures[]): string {
  const mb = (bytes: number) => `${(bytes / 2 ** 20).toFixed(2)} MiB`;
  return table(
    ["program", "launches (unfused)", "arena", "least", "ratio", "unshared", "verdict"],
    plans.map((p) => {
      const ratio = p.arenaBytes / p.lowerBound;
      const sizes = [mb(p.arenaBytes), mb(p.lowerBound), ratio.toFixed(3), mb(p.unsharedBytes)];
      return [p.name, `${p.launches} (${p.unfusedLaunches})`, ...sizes, word(ratio <= 1.1)];
    }),
  );
}
