/** The evidence behind a cell: its samples in the order taken, phases, counts, errors, and the command that measures it again. */
import { outcomeText } from "../charts/cell-row.ts";
import type { CellFigures } from "../figures.ts";
import { bytes, duration, number, times } from "../format.ts";
import { median } from "../statistics.ts";
import { html, type Markup, raw } from "./markup.ts";

/** Anchor of a cell, different for every cell: slashes become dots, and what is neither letter, digit nor hyphen its code. */
export function cellAnchor({ id }: Pick<CellFigures, "id">): string {
  return `cell-${id.replace(/[^A-Za-z0-9-]/gu, (c) => (c === "/" ? "." : `_${c.codePointAt(0)?.toString(16)}_`))}`;
}

/** What a reader types to measure this cell alone, with the seed of the run. */
export function rerunCommand({ key }: Pick<CellFigures, "key">, seed: number, quick: boolean): string {
  const words = [
    "npx",
    "bench",
    "run",
    key.model,
    "--engine",
    key.engine,
    "--device",
    key.device,
    "--dtype",
    key.dtype,
    "--seed",
    String(seed),
  ];
  return [...words, ...(quick ? ["--quick"] : [])].map(shellWord).join(" ");
}

/** A word as a POSIX shell reads it back: a name with a space, a quote or a dollar sign cannot become anything else. */
function shellWord(word: string): string {
  return /^[\w./:@%+,=-]+$/u.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`;
}

export function cellDetail(cell: CellFigures, seed: number, quick: boolean): Markup {
  const { key, record } = cell;
  const rows: [string, string][] = [["Outcome", outcomeText(cell, "ok")]];
  if (record?.verified)
    rows.push(["Error of value and gradient", `${number(record.verified.value)} and ${number(record.verified.gradient)}`]);
  const { phases, counts, memory, host } = record ?? {};
  if (phases)
    rows.push([
      "Phases",
      Object.entries(phases)
        .map(([name, ms]) => `${name === "firstCall" ? "first call" : name} ${duration((ms ?? 0) * 1e6)}`)
        .join(", "),
    ]);
  if (cell.gradientRatio)
    rows.push([
      "Gradient ÷ value",
      `${times(cell.gradientRatio.value)} (${number(cell.gradientRatio.lo)} to ${number(cell.gradientRatio.hi)}, ${cell.gradientRatio.method})`,
    ]);
  if (cell.overhead)
    rows.push([
      "Gradient ÷ hand-written",
      `${times(cell.overhead.value)} (${number(cell.overhead.lo)} to ${number(cell.overhead.hi)}, ${cell.overhead.method})`,
    ]);
  if (host)
    rows.push([
      "Host time",
      `${duration(host.nsPerStep)} a step${host.nsPerOp === undefined ? "" : `, ${duration(host.nsPerOp)} an operation`}`,
    ]);
  if (record?.times)
    rows.push([
      "Apart",
      `host ${duration(record.times.host)} until all was enqueued, then ${duration(record.times.wait)} of waiting; device ${duration(record.times.device)} by its own clock`,
    ]);
  if (counts)
    rows.push([
      "Counts per gradient",
      Object.entries(counts)
        .map(([name, n]) => `${words(name)} ${number(n ?? 0)}`)
        .join(", "),
    ]);
  if (memory) rows.push(["Memory", `peak ${bytes(memory.peakBytes)}, saved for the backward pass ${bytes(memory.savedBytes)}`]);
  for (const [name, note] of Object.entries(record?.notes ?? {})) rows.push([`Note on ${words(name)}`, note]);
  const title = `${key.model} ${key.size} · ${key.engine} · ${key.device} · ${key.dtype}`;
  return html`<details id="${cellAnchor(cell)}"><summary>${title}${cell.outcome.kind === "ok" ? "" : ` · ${cell.outcome.kind.replaceAll("-", " ")}`}</summary>
<table>${rows.map(([label, text]) => html`<tr><th scope="row">${label}</th><td>${text}</td></tr>`)}</table>
${record?.samples ? [samples("value", record.samples.value), samples("gradient", record.samples.gradient), ...(record.samples.handwritten ? [samples("hand-written", record.samples.handwritten)] : [])] : []}
<p>Measure it again: <code>${rerunCommand(cell, seed, quick)}</code></p></details>`;
}

const words = (name: string) => name.replace(/([A-Z])/gu, (c) => ` ${c.toLowerCase()}`);

const WIDTH = 620;
const HEIGHT = 54;

/** Samples from left to right in the order taken, with their median: drift and outliers show, nothing is removed. */
function samples(name: string, ns: readonly number[]): Markup {
  if (ns.length === 0) return html``;
  const low = Math.min(...ns);
  const high = Math.max(...ns);
  const y = (v: number) => HEIGHT - 4 - ((v - low) / (high - low || 1)) * (HEIGHT - 8);
  const step = WIDTH / ns.length;
  const dots = ns.map((v, i) => `<circle cx="${((i + 0.5) * step).toFixed(1)}" cy="${y(v).toFixed(1)}" r="2.2"/>`).join("");
  const middle = median(ns);
  const label = `${name}: ${ns.length} samples, median ${duration(middle)}, from ${duration(low)} to ${duration(high)}`;
  return html`<svg class="samples" width="${WIDTH + 8}" height="${HEIGHT + 16}" role="img" aria-label="${label}"><text x="0" y="11">${label}</text><g transform="translate(0,14)"><line x1="0" x2="${WIDTH}" y1="${y(middle).toFixed(1)}" y2="${y(middle).toFixed(1)}"/>${raw(dots)}</g></svg>`;
}
