/** The page in a real browser, from disk: all charts drawn, no console error. Skipped, with the reason, where there is no Chromium. */
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { execa } from "execa";
import { afterAll, expect, test } from "vitest";
import { buildReport } from "../../reports/build.ts";
import { fullRun, writeRun } from "./synthetic-run.ts";

const folder = mkdtempSync(join(tmpdir(), "trigrad-browser-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const names = ["chromium", "chromium-browser", "google-chrome", "chrome"];
const browser = (process.env.PATH ?? "")
  .split(delimiter)
  .flatMap((place) => names.map((name) => join(place, name)))
  .find((file) => existsSync(file));

test.skipIf(browser === undefined)(
  `the page draws every chart without a console error${browser === undefined ? " (no Chromium on the PATH)" : ""}`,
  async () => {
    const { html, files } = await buildReport(await writeRun(join(folder, "run"), fullRun()));
    const flags =
      "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking --disable-component-update --disable-sync";
    const { stdout, stderr } = await execa(
      browser as string,
      [
        ...flags.split(" "),
        `--user-data-dir=${join(folder, "profile")}`,
        "--virtual-time-budget=30000",
        "--enable-logging=stderr",
        "--v=0",
        "--dump-dom",
        `file://${html}`,
      ],
      { timeout: 50_000, reject: false, maxBuffer: 50_000_000 },
    );
    expect(stderr.split("\n").filter((line) => line.includes("CONSOLE"))).toEqual([]);
    const charts = files.filter((f) => f.endsWith(".vl.json")).length;
    expect(/data-charts-drawn="(\d+)"/u.exec(stdout)?.[1]).toBe(String(charts));
  },
);
