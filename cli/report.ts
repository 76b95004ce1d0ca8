/** `bench report RUN`: builds the report of a stored run again, from its records alone. */
import { join } from "node:path";
import { Command } from "commander";
import { projectRoot } from "../harness/root.ts";
import { findRun } from "../harness/store.ts";
import type { CommandMaker } from "./command.ts";

export const reportCommand: CommandMaker = ({ output }) =>
  new Command("report")
    .description("rebuild the report of a stored run")
    .argument("<run>", "a run's folder, or its name below results")
    .option("--json", "JSON Lines on stdout")
    .action(async (run: string, { json }: { json?: boolean }) => {
      const folder = findRun(run, join(projectRoot, "results"));
      const { buildReport } = await import("../reports/build.ts");
      const { html, files } = await buildReport(folder);
      if (json) output.json({ report: html, files });
      else output.text(`${html}\n`);
    });
