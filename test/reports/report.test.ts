/** The report of synthetic runs: complete, failed, empty, of one engine; and of names that try to be markup. */
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, test } from "vitest";
import { buildReport } from "../../reports/build.ts";
import { listCharts } from "../../reports/chart-list.ts";
import { tradeoff } from "../../reports/charts/tradeoff.ts";
import { deriveFigures } from "../../reports/figures.ts";
import { renderPng, renderSvg } from "../../reports/render.ts";
import { readStoredRun } from "../../reports/stored-run.ts";
import type { VegaLiteSpec } from "../../reports/theme.ts";
import { buildTradeoff } from "../../reports/tradeoff.ts";
import {
  fullRun,
  type SyntheticRun,
  syntheticCell,
  syntheticMachine,
  syntheticPlan,
  syntheticRunRecord,
  writeRun,
} from "./synthetic-run.ts";

const folder = mkdtempSync(join(tmpdir(), "trigrad-report-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let count = 0;
const stored = (run: SyntheticRun) => writeRun(join(folder, `run-${count++}`), run);
const read = (...path: string[]) => readFileSync(join(...path), "utf8");

/** Rows of a CSV text, by the quoting of RFC 4180. */
function parseCsv(text: string): string[][] {
  const rows: string[][] = [[]];
  for (const [, quoted, bare, end] of text.matchAll(/(?:"((?:[^"]|"")*)"|([^",\n]*))(,|\n|$)/gu)) {
    rows.at(-1)?.push(quoted === undefined ? (bare ?? "") : quoted.replaceAll('""', '"'));
    if (end === "\n") rows.push([]);
    if (end === "") break;
  }
  return rows.filter((r) => r.length > 1 || r[0] !== "");
}

function oneEngine(): SyntheticRun {
  const plan = syntheticPlan(["tape"], [["wasm", "f32"]]);
  return {
    run: syntheticRunRecord(plan.map((p) => p.key)),
    machine: syntheticMachine(),
    cells: plan.map((p) => syntheticCell(p.key, p.base)),
    checks: null,
  };
}

describe("a run with every kind of outcome", () => {
  test("gives all files, and the same bytes when built again", async () => {
    const run = await stored(fullRun());
    const { html, files } = await buildReport(run);
    const names = files.map((f) => f.slice(run.length + 1));
    expect(html).toBe(join(run, "report.html"));
    for (const name of [
      "report.md",
      "tradeoff.csv",
      "tradeoff.md",
      "tradeoff.svg",
      "tradeoff.png",
      "tradeoff.vl.json",
      "overhead.csv",
      "generality.csv",
      "cells.csv",
    ])
      expect(names).toContain(name);
    for (const kind of ["gradient-ratio-wasm-f32", "ad-overhead-native-f64", "scaling-wasm-f32", "outcomes", "generality"]) {
      for (const ending of ["svg", "png", "vl.json"]) expect(names).toContain(`charts/${kind}.${ending}`);
    }
    const before = files.map((f) => readFileSync(f).toString("base64"));
    await buildReport(run);
    expect(files.map((f) => readFileSync(f).toString("base64"))).toEqual(before);
  });

  test("CSV files parse back to the figures, one row a cell and a check", async () => {
    const synthetic = fullRun();
    const run = await stored(synthetic);
    await buildReport(run);
    const cells = parseCsv(read(run, "cells.csv"));
    const header = cells[0] as string[];
    expect(cells.length - 1).toBe(synthetic.run.plan.length);
    expect(cells.every((row) => row.length === header.length)).toBe(true);
    const first = synthetic.cells[0];
    expect(Number(cells[1]?.[header.indexOf("gradient_ns")])).toBe(first?.gradient?.median);
    expect(parseCsv(read(run, "generality.csv")).length - 1).toBe(synthetic.checks?.length);
    expect(parseCsv(read(run, "overhead.csv")).length).toBe(cells.length);
  });

  test("failures are shown with their reasons, and a missing record as not run", async () => {
    const run = await stored(fullRun());
    await buildReport(run);
    for (const text of [read(run, "report.html"), read(run, "report.md")]) {
      expect(text).toContain("60 s were not enough");
      expect(text).toContain("off by 0.12");
      expect(text).toContain("the run ended without it");
    }
    expect(read(run, "report.html")).toContain('<th scope="row">Threads of a device</th><td>8</td>');
    expect(read(run, "charts/gradient-ratio-wasm-f32.svg")).toContain("timeout: 60 s were not enough");
  });

  test("ratios come from paired rounds, and a model without a floor has no overhead", async () => {
    const figures = deriveFigures(await readStoredRun(await stored(fullRun())));
    const mlp = figures.cells.find((c) => c.id === "dense/mlp/small/tape/wasm/f32");
    expect(mlp?.gradientRatio?.method).toBe("paired rounds");
    expect(mlp?.overhead?.value).toBeGreaterThan(1);
    expect(mlp?.gradientRatio?.lo).toBeLessThanOrEqual(mlp?.gradientRatio?.value ?? 0);
    expect(figures.cells.find((c) => c.key.model === "gmm" && c.outcome.kind === "ok")?.overhead).toBeNull();
  });
});

test("a run of one engine marks nothing, and says of the other paradigms why they are empty", async () => {
  const synthetic = oneEngine();
  const run = await stored(synthetic);
  await buildReport(run);
  const rows = buildTradeoff(synthetic.run, deriveFigures(await readStoredRun(run)));
  const marks = rows.flatMap((r) => r.lanes.flatMap((l) => l.cells.map((c) => (c.kind === "measured" ? c.mark : null))));
  expect(marks.every((m) => m === null)).toBe(true);
  expect(rows.find((r) => r.name === "AD overhead")?.lanes[0]?.cells.map((c) => c.kind)).toEqual(["measured", "unmeasured", "unmeasured"]);
  expect(read(run, "report.html")).toContain("no cells of this engine in this run");
});

test("a run without records builds, and says so", async () => {
  const plan = syntheticPlan(["tape"], [["wasm", "f32"]]).map((p) => p.key);
  const run = await stored({ run: syntheticRunRecord(plan, false), machine: syntheticMachine(), cells: [], checks: [] });
  await buildReport(run);
  expect(read(run, "report.html")).toContain("The run is not finished.");
  const empty = await stored({ run: syntheticRunRecord([]), machine: syntheticMachine(), cells: [], checks: null });
  await buildReport(empty);
  expect(read(empty, "report.html")).toContain("no cells in this run");
});

test("a torn last line is left out and noted; a record of another schema is an error that names its line", async () => {
  const run = await stored(oneEngine());
  const { appendFileSync, writeFileSync } = await import("node:fs");
  appendFileSync(join(run, "cells.jsonl"), '{"schema":1,"cell":{"su');
  await buildReport(run);
  expect(read(run, "report.html")).toContain("ends in an unfinished line");
  writeFileSync(join(run, "cells.jsonl"), '{"schema":2}\n');
  await expect(buildReport(run)).rejects.toThrow("cells.jsonl:1 does not follow the result schema");
});

test("names that are markup stay text", async () => {
  const nasty = `</script><img src=x onerror="alert(1)">|*_`;
  const key = { suite: "dense", model: nasty, size: "small", engine: "tape", device: "wasm", dtype: "f32" as const };
  const cell = { ...syntheticCell(key, 1e5), outcome: { kind: "error" as const, reason: nasty } };
  const run = await stored({ run: syntheticRunRecord([key]), machine: syntheticMachine(), cells: [cell], checks: null });
  await buildReport(run);
  const page = read(run, "report.html");
  expect(page).not.toContain(nasty);
  expect(page).not.toContain("<img src=x");
  expect(read(run, "report.md")).not.toContain("<img src=x");
});

test("the policy of the page allows its own scripts by hash and nothing else", async () => {
  const run = await stored(oneEngine());
  await buildReport(run);
  const page = read(run, "report.html");
  const policy = /Content-Security-Policy" content="([^"]*)"/u.exec(page)?.[1] ?? "";
  expect(policy).not.toContain("unsafe-eval");
  expect(policy.match(/sha256-/gu)?.length).toBe(4);
  expect(page).not.toMatch(/(?:src|href)="https?:/u);
});

test("a PNG shows its text: the picture differs from one without", async () => {
  const label = (text: string): VegaLiteSpec => ({
    data: { values: [{}] },
    width: 200,
    height: 40,
    mark: { type: "text", text, fontSize: 20 },
  });
  const [withText, without] = await Promise.all(
    ["gradient × ✓", ""].map(async (t) => renderPng(await renderSvg(label(t), "light", "label"))),
  );
  expect(withText?.length).toBeGreaterThan((without?.length ?? 0) + 500);
});

test("a chart that Vega complains about fails the build", async () => {
  const odd = {
    data: { values: [{ a: 1 }] },
    mark: "bar",
    encoding: { x: { field: "a", type: "quantitative", scale: { type: "log" } } },
  } as VegaLiteSpec;
  await expect(renderSvg(odd, "light", "odd")).rejects.toThrow("not drawn cleanly");
});

test("the specs of a small run are as they were, one of each chart, with a failed and a wrong cell", async () => {
  const plan = syntheticPlan(["tape", "graph"], [["wasm", "f32"]]).filter((p) => p.key.model === "logistic");
  const cells = plan.map((p, i) => {
    const cell = syntheticCell(p.key, p.base);
    if (i === 1)
      return { schema: cell.schema, cell: cell.cell, outcome: { kind: "wrong-gradient" as const, reason: "off by 0.1 at w[0]" } };
    if (i === 2) return { schema: cell.schema, cell: cell.cell, outcome: { kind: "timeout" as const } };
    return cell;
  });
  const checks = fullRun().checks?.filter((c) => c.case.startsWith("jumps/")) ?? [];
  const synthetic = { run: syntheticRunRecord(plan.map((p) => p.key)), machine: syntheticMachine(), cells, checks };
  const figures = deriveFigures(await readStoredRun(await stored(synthetic)));
  const charts = [{ name: "tradeoff", spec: tradeoff(buildTradeoff(synthetic.run, figures)) }, ...listCharts(figures)];
  expect(charts.map((c) => c.name)).toEqual([
    "tradeoff",
    "gradient-ratio-wasm-f32",
    "ad-overhead-wasm-f32",
    "scaling-wasm-f32",
    "outcomes",
    "generality",
  ]);
  for (const chart of charts) {
    await expect(`${JSON.stringify(chart.spec, null, 1)}\n`).toMatchFileSnapshot(`snapshots/${chart.name}.vl.json`);
  }
});
