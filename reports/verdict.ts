/**
 * One sentence for each row of the trade-off table, in words: who is best and by how much, whether intervals overlap, and whether
 * the marks agree with the paper's of 2018. It says only what the lanes hold; with one engine measured it says that nothing can be
 * compared yet.
 */
import { list, plural } from "./format.ts";
import { PAPER_TABLE, PARADIGMS, type RowName } from "./paradigms.ts";
import type { Measurement, TradeoffCell, TradeoffLane } from "./tradeoff.ts";

const BEST: Readonly<Record<RowName, string>> = {
  "AD implementation": "needs the least engine code",
  "AD overhead": "stays closest to the hand-written gradient",
  Runtime: "is the fastest",
  "User interface": "runs the most programs unchanged",
  "Program representation": "has the smallest representation",
  Generality: "is right most often",
};

export function verdict(name: RowName, better: "lower" | "higher", lanes: readonly TradeoffLane[]): string {
  const lane = lanes.find((l) => ranked(l, better).length > 1) ?? lanes.find((l) => ranked(l, better).length > 0);
  if (lane === undefined) return `Not measured yet: ${reasons(lanes[0]?.cells ?? [])}.`;
  const order = ranked(lane, better);
  const [best, second] = order;
  if (best === undefined) return "Not measured yet.";
  const where = lane.group === null || lanes.length < 2 ? "" : `On ${lane.group.label}, `;
  if (second === undefined)
    return `${where}${sentenceName(best.title, where)} alone is measured (${best.cell.text}); nothing can be compared yet.`;
  if (best.cell.mark === null) return `${where}${list(order.map(said))} were measured on different cells and cannot be compared.`;
  return `${where}${ranking(name, order, where)}.${paper(name, lane)}${elsewhere(lane, lanes, better)}`;
}

interface Ranked {
  readonly title: string;
  readonly cell: Measurement;
}

/** Measured engines, best first. */
function ranked(lane: TradeoffLane, better: "lower" | "higher"): Ranked[] {
  const sign = better === "lower" ? 1 : -1;
  return PARADIGMS.flatMap(({ title }, i) => {
    const cell = lane.cells[i];
    return cell?.kind === "measured" ? [{ title: title.toLowerCase(), cell }] : [];
  }).sort((a, b) => sign * (a.cell.value - b.cell.value));
}

const said = ({ title, cell }: Ranked) => `${title} (${cell.text})`;

function sentenceName(title: string, before: string): string {
  return before === "" ? `${title.charAt(0).toUpperCase()}${title.slice(1)}` : title;
}

function ranking(name: RowName, order: readonly Ranked[], where: string): string {
  const [best, second] = order;
  if (best === undefined || second === undefined) return "";
  const tied = order.filter(({ cell }) => cell.lo <= best.cell.hi && cell.hi >= best.cell.lo);
  const rest = order.filter((r) => !tied.includes(r)).map(said);
  const behind = rest.length > 0 ? `; then ${list(rest)}` : "";
  if (tied.length > 1) {
    const names = list(tied.map(said));
    return `${where === "" ? names.charAt(0).toUpperCase() + names.slice(1) : names} cannot be told apart${behind}`;
  }
  return `${sentenceName(best.title, where)} ${BEST[name]} (${best.cell.text})${behind}`;
}

function paper(name: RowName, lane: TradeoffLane): string {
  const pairs = PARADIGMS.flatMap((_, i) => {
    const cell = lane.cells[i];
    const expected = PAPER_TABLE[name][i]?.mark ?? null;
    return cell?.kind === "measured" && cell.mark !== null && expected !== null ? [cell.mark === expected] : [];
  });
  if (pairs.length === 0) return "";
  const agree = pairs.filter(Boolean).length;
  if (agree === pairs.length) return ` ${pairs.length === 2 ? "Both" : `All ${pairs.length}`} marks are those of 2018.`;
  return ` ${agree === 0 ? "None" : agree} of ${plural(pairs.length, "mark")} ${agree === 1 ? "is that" : "are those"} of 2018.`;
}

function elsewhere(lane: TradeoffLane, lanes: readonly TradeoffLane[], better: "lower" | "higher"): string {
  const leader = ranked(lane, better)[0]?.title;
  const others = lanes.filter((l) => l !== lane && ranked(l, better).length > 1);
  const differ = others.filter((l) => ranked(l, better)[0]?.title !== leader);
  if (others.length === 0) return "";
  if (differ.length === 0) return ` The same engine leads on ${list(others.map((l) => l.group?.label ?? "all devices"))}.`;
  return ` ${list(differ.map((l) => `On ${l.group?.label ?? "all devices"} ${ranked(l, better)[0]?.title ?? ""} leads`))}.`;
}

function reasons(cells: readonly TradeoffCell[]): string {
  const all = new Set(cells.flatMap((c) => (c.kind === "unmeasured" ? [c.reason.replace(/^not measured yet: /u, "")] : [])));
  return [...all].join("; ") || "no cells in this run";
}
