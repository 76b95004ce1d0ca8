/** What a report says of a run before any number: where, when, with what, and what a reader should be warned of. */

import type { Figures } from "./figures.ts";
import { bytes, plural } from "./format.ts";
import type { StoredRun } from "./stored-run.ts";

/** Label and text of each fact, in the order of the page. */
export function facts({ run, machine }: StoredRun): readonly (readonly [string, string])[] {
  return [
    ["Run", run.name],
    ["Command", run.command.join(" ")],
    ["Started", time(run.started)],
    ["Finished", run.finished === null ? "not finished" : time(run.finished)],
    ["Commit", run.commit ?? "not in a checkout"],
    ["Seed", String(run.seed)],
    ["Processor", `${machine.cpu}, ${plural(machine.cores, "core")}`],
    ...(machine.threads === undefined ? [] : [["Threads of a device", String(machine.threads)] as const]),
    ["Memory", bytes(machine.memoryBytes)],
    [
      "Graphics processor",
      machine.gpu === null
        ? "none"
        : [machine.gpu.name, `driver ${machine.gpu.driver}`, `clocks ${machine.gpu.clocks}`, machine.gpu.state].filter(Boolean).join(", "),
    ],
    ["Clock governor", machine.governor ?? "unknown"],
    ["Load at the start", machine.loadAverage.map((l) => l.toFixed(2)).join(", ")],
    ["System", `${machine.os}, ${machine.kernel}`],
    ["Node", `${machine.node}, V8 ${machine.v8}`],
    ...Object.entries(machine.libraries),
    ...(run.fused === undefined ? [] : [["Fused primitives, used by every engine alike", listFused(run.fused)] as const]),
  ];
}

/** `AMD EPYC · 22 November 2026 · commit 1a2b3c4`. */
export function subtitle({ run, machine }: StoredRun): string {
  const commit =
    run.commit === null ? "no commit" : `commit ${run.commit.slice(0, 7)}${run.commit.endsWith("-dirty") ? " with changes" : ""}`;
  return [machine.gpu?.name ?? machine.cpu, time(run.started).slice(0, 10), commit, ...(run.quick ? ["quick run"] : [])].join(" · ");
}

/** What may make the numbers less than they seem. */
export function warnings({ run, machine, notes }: StoredRun, figures: Figures): string[] {
  const unfinished = figures.cells.filter((c) => c.outcome.kind === "not-run").length;
  const wrong = figures.cells.filter((c) => c.outcome.kind === "wrong-gradient").length;
  const noted = figures.cells.filter((c) => c.record?.notes !== undefined && Object.keys(c.record.notes).length > 0).length;
  return [
    ...(wrong > 0 ? [`${plural(wrong, "cell")} gave a wrong gradient and ${wrong === 1 ? "is" : "are"} not timed.`] : []),
    ...(run.finished === null ? ["The run is not finished."] : []),
    ...(unfinished > 0 ? [`${plural(unfinished, "planned cell")} ${unfinished === 1 ? "has" : "have"} no measurement.`] : []),
    ...(run.quick ? ["A quick run: small sizes and few samples. It shows that everything works; publish a full run."] : []),
    ...((machine.loadAverage[0] ?? 0) > 0.5 ? [`The machine was not idle at the start (load ${machine.loadAverage[0]?.toFixed(2)}).`] : []),
    ...(run.commit?.endsWith("-dirty") ? ["The project had uncommitted changes."] : []),
    ...(noted > 0 ? [`${plural(noted, "cell")} ${noted === 1 ? "carries" : "carry"} a note; see its details.`] : []),
    ...notes,
  ];
}

/** Date and time in UTC, to the minute. */
function time(iso: string): string {
  return `${iso.slice(0, 10)} ${iso.slice(11, 16)} UTC`;
}

function listFused(fused: Readonly<Record<string, string>>): string {
  return Object.entries(fused)
    .map(([name, composition]) => `${name} = ${composition}`)
    .join("; ");
}
