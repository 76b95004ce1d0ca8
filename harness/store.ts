/**
 * A run's folder: `run.json`, `machine.json` and `cells.jsonl`. A record is one line, written by one write to a file opened for
 * appending and flushed to disk before the next cell starts, so whatever kills the harness, finished cells stay. Reading drops a
 * torn last line. A record is keyed by its cell, and a lock keeps two processes off one folder, so no cell is there twice.
 */
import {
  closeSync,
  existsSync,
  fsyncSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import type { z } from "zod";
import { assert, BenchError } from "../core/base/errors.ts";
import { acquireLock, type Lock } from "./lock.ts";
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
  SCHEMA_VERSION,
} from "./schema.ts";

const RUN_FILE = "run.json";
const MACHINE_FILE = "machine.json";
const CELLS_FILE = "cells.jsonl";
const CHECKS_FILE = "generality.jsonl";

export interface RunStore {
  readonly folder: string;
  readonly run: Run;
  /** Records so far, in the order of the file. */
  readonly cells: readonly Cell[];
  has(id: string): boolean;
  /** Adds a finished cell; it is on disk when this returns. Throws on a cell that is there already. */
  append(cell: Cell): void;
  /** Replaces the generality checks of the run. */
  writeChecks(checks: readonly Check[]): void;
  /** Writes run.json with the time of the end; an interrupted run keeps null. */
  finish(finished: string): void;
  close(): void;
}

/** Starts a run in a new (or empty) folder. Throws a usage error where the folder holds a run. */
export function createRun(folder: string, run: Run, machine: Machine): RunStore {
  mkdirSync(folder, { recursive: true });
  const lock = acquireLock(folder);
  try {
    if (existsSync(join(folder, RUN_FILE)))
      throw new BenchError("usage", `${folder} already holds a run`, { advice: "continue it with --resume, or name another --out" });
    writeJson(join(folder, MACHINE_FILE), machineSchema.parse(machine));
    writeJson(join(folder, RUN_FILE), runSchema.parse(run));
    return new FolderStore(folder, run, lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Opens an unfinished (or finished) run to add what is missing. */
export function resumeRun(folder: string): RunStore {
  const lock = acquireLock(folder);
  try {
    return new FolderStore(folder, readRunFile(folder), lock);
  } catch (error) {
    lock.release();
    throw error;
  }
}

export interface StoredRun {
  readonly run: Run;
  readonly machine: Machine;
  readonly cells: readonly Cell[];
  readonly checks: readonly Check[];
}

/** Everything a run's folder holds; changes nothing. Throws where a file is not what the schema says. */
export function readRun(folder: string): StoredRun {
  return {
    run: readRunFile(folder),
    machine: parse(machineSchema, readFileSync(join(folder, MACHINE_FILE), "utf8"), join(folder, MACHINE_FILE)),
    cells: readLines(join(folder, CELLS_FILE), cellSchema).records,
    checks: readLines(join(folder, CHECKS_FILE), checkSchema).records,
  };
}

/** The folder that a user's RUN names: a path, or a name below `results`. Throws a usage error where there is no run. */
export function findRun(nameOrPath: string, resultsFolder: string): string {
  const candidates = [resolve(nameOrPath), join(resultsFolder, nameOrPath)];
  const found = candidates.find((folder) => existsSync(join(folder, RUN_FILE)));
  if (found === undefined)
    throw new BenchError("usage", `no run at ${candidates.join(" or ")}`, {
      advice: `runs are the folders below ${resultsFolder} that hold a run.json`,
    });
  return found;
}

class FolderStore implements RunStore {
  readonly folder: string;
  run: Run;
  readonly cells: Cell[];
  readonly #ids: Set<string>;
  readonly #file: number;
  readonly #lock: Lock;

  constructor(folder: string, run: Run, lock: Lock) {
    this.folder = folder;
    this.run = run;
    this.#lock = lock;
    const path = join(folder, CELLS_FILE);
    const { records, intactBytes } = readLines(path, cellSchema);
    this.#file = openSync(path, "a");
    ftruncateSync(this.#file, intactBytes);
    fsyncSync(this.#file);
    this.cells = [...records];
    this.#ids = new Set(records.map((record) => cellId(record.cell)));
    assert(this.#ids.size === records.length, `${path} holds a cell twice`);
  }

  has(id: string): boolean {
    return this.#ids.has(id);
  }

  append(cell: Cell): void {
    const record = cellSchema.parse(cell);
    const id = cellId(record.cell);
    assert(!this.#ids.has(id), `the cell ${id} is recorded already`);
    const line = Buffer.from(`${JSON.stringify(record)}\n`);
    const written = writeSync(this.#file, line);
    if (written !== line.length)
      throw new BenchError("environment", `only ${written} of ${line.length} bytes of ${id} could be written to ${this.folder}`);
    fsyncSync(this.#file);
    this.#ids.add(id);
    this.cells.push(record);
  }

  writeChecks(checks: readonly Check[]): void {
    writeAtomically(join(this.folder, CHECKS_FILE), checks.map((check) => `${JSON.stringify(checkSchema.parse(check))}\n`).join(""));
  }

  finish(finished: string): void {
    this.run = { ...this.run, finished };
    writeJson(join(this.folder, RUN_FILE), this.run);
  }

  close(): void {
    closeSync(this.#file);
    this.#lock.release();
  }
}

function readRunFile(folder: string): Run {
  const path = join(folder, RUN_FILE);
  if (!existsSync(path)) throw new BenchError("usage", `${folder} holds no run: there is no ${RUN_FILE}`);
  const text = readFileSync(path, "utf8");
  const version = (JSON.parse(text) as { schema?: unknown }).schema;
  if (version !== SCHEMA_VERSION)
    throw new BenchError("usage", `${path} has schema version ${String(version)}; this program reads version ${SCHEMA_VERSION}`);
  return parse(runSchema, text, path);
}

/** Records of a JSON Lines file (none where it is absent) and the bytes up to the end of the last whole line. */
function readLines<S extends z.ZodType>(path: string, schema: S): { records: z.infer<S>[]; intactBytes: number } {
  if (!existsSync(path)) return { records: [], intactBytes: 0 };
  const bytes = readFileSync(path);
  const intactBytes = bytes.lastIndexOf(0x0a) + 1;
  const lines = bytes.subarray(0, intactBytes).toString("utf8").split("\n").slice(0, -1);
  return { records: lines.map((line, i) => parse(schema, line, `${path}:${i + 1}`)), intactBytes };
}

function parse<S extends z.ZodType>(schema: S, text: string, where: string): z.infer<S> {
  try {
    return schema.parse(JSON.parse(text));
  } catch (cause) {
    const detail = cause instanceof Error ? cause.message : String(cause);
    throw new BenchError("usage", `${where} is not a record of this schema: ${detail}`, {
      cause,
      advice: "restore the file or start a new run",
    });
  }
}

function writeJson(path: string, value: unknown): void {
  writeAtomically(path, `${JSON.stringify(value, null, 2)}\n`);
}

/** Writes beside, flushes, renames: a reader sees the old file or the new one. */
function writeAtomically(path: string, text: string): void {
  const temporary = join(dirname(path), `.${basename(path)}.${process.pid}`);
  const file = openSync(temporary, "w");
  try {
    writeFileSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  try {
    renameSync(temporary, path);
  } catch (error) {
    rmSync(temporary, { force: true });
    throw error;
  }
}
