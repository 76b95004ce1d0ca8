/**
 * Reads a run's folder: `run.json`, `machine.json`, `cells.jsonl` and, if there, `generality.jsonl`, all checked against the result
 * schema. A run that is still being written, or was interrupted, is an ordinary input: missing records are cells that were not run,
 * and a torn last line is left out and noted. A record that is complete but not of the schema is an error, never skipped.
 */
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import type { z } from "zod";
import {
  type Cell,
  type Check,
  cellId,
  cellSchema,
  checkSchema,
  type Machine,
  machineSchema,
  type Run,
  runSchema,
} from "../harness/schema.ts";
import { ReportError } from "./failure.ts";

export interface StoredRun {
  readonly run: Run;
  readonly machine: Machine;
  /** The last record of each cell, in the order of the plan; cells outside the plan follow. */
  readonly cells: readonly Cell[];
  readonly checks: readonly Check[];
  /** Whether `generality.jsonl` is there. */
  readonly hasChecks: boolean;
  /** Things about the files that a reader should know, such as a torn last line. */
  readonly notes: readonly string[];
}

export async function readStoredRun(folder: string): Promise<StoredRun> {
  const notes: string[] = [];
  const run = await readRecord(folder, "run.json", runSchema);
  const machine = await readRecord(folder, "machine.json", machineSchema);
  const cells = (await readLines(folder, "cells.jsonl", cellSchema, notes)) ?? [];
  const checks = await readLines(folder, "generality.jsonl", checkSchema, notes);
  return { run, machine, cells: lastOfEach(run, cells), checks: checks ?? [], hasChecks: checks !== null, notes };
}

function lastOfEach(run: Run, records: readonly Cell[]): Cell[] {
  const last = new Map<string, Cell>();
  for (const record of records) last.set(cellId(record.cell), record);
  const planned = run.plan.flatMap((key) => last.get(cellId(key)) ?? []);
  const names = new Set(run.plan.map(cellId));
  return [...planned, ...[...last.values()].filter((record) => !names.has(cellId(record.cell)))];
}

async function readText(folder: string, name: string): Promise<string | null> {
  try {
    return await readFile(join(folder, name), "utf8");
  } catch (cause) {
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return null;
    throw new ReportError("usage", `${join(folder, name)} cannot be read: ${cause instanceof Error ? cause.message : cause}`);
  }
}

async function readRecord<T>(folder: string, name: string, schema: z.ZodType<T>): Promise<T> {
  const text = await readText(folder, name);
  if (text === null) {
    throw new ReportError("usage", `${folder} is not a run's folder: it has no ${name}`, "name a folder written by bench all or bench run");
  }
  return parse(text, schema, join(folder, name));
}

async function readLines<T>(folder: string, name: string, schema: z.ZodType<T>, notes: string[]): Promise<T[] | null> {
  const text = await readText(folder, name);
  if (text === null) return null;
  const lines = text.split("\n");
  const torn = lines.pop() ?? "";
  const records = lines.flatMap((line, i) => (line.trim() === "" ? [] : [parse(line, schema, `${join(folder, name)}:${i + 1}`)]));
  if (torn.trim() === "") return records;
  try {
    records.push(parse(torn, schema, `${join(folder, name)}:${lines.length + 1}`));
  } catch {
    notes.push(`${name} ends in an unfinished line, which is left out: the run was writing it or was cut off there.`);
  }
  return records;
}

function parse<T>(text: string, schema: z.ZodType<T>, where: string): T {
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new ReportError("usage", `${where} is not JSON: ${cause instanceof Error ? cause.message : cause}`);
  }
  const result = schema.safeParse(json);
  if (result.success) return result.data;
  const issue = result.error.issues[0];
  const path = issue ? issue.path.join(".") : "";
  throw new ReportError(
    "usage",
    `${where} does not follow the result schema: ${path === "" ? "" : `${path}: `}${issue?.message ?? "invalid"}`,
    "rebuild the report with the version of the project that wrote the run (its commit is in run.json)",
  );
}
