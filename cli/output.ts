/**
 * Where things are printed. Stdout is for results: with --json it carries JSON Lines only, so whatever else in the process writes
 * there (a model's console.log, a library) is sent to stderr. Everything said to a person while work is going on goes to stderr.
 */
import { Console } from "node:console";

export interface Output {
  /** A result: one line of JSON on stdout. */
  json(value: unknown): void;
  /** A result as text on stdout; nothing is added to it. */
  text(text: string): void;
  /** A line for a person, on stderr. */
  say(line: string): void;
}

/** Takes stdout for results; prints of anybody else go to stderr from here on. */
export function claimStdout(): Output {
  const write = process.stdout.write.bind(process.stdout);
  process.stdout.write = process.stderr.write.bind(process.stderr);
  globalThis.console = new Console(process.stderr, process.stderr);
  process.stdout.on("error", (error: NodeJS.ErrnoException) => {
    // The reader has gone (bench list | head): there is nobody left to tell.
    if (error.code === "EPIPE") process.exit(0);
    throw error;
  });
  return {
    json: (value) => {
      write(`${JSON.stringify(value)}\n`);
    },
    text: (text) => {
      write(text);
    },
    say: (line) => {
      process.stderr.write(`${line}\n`);
    },
  };
}

/** Rows of text with aligned columns; the last column is not padded. */
export function columns(rows: readonly (readonly string[])[], indent = "  "): string {
  const widths: number[] = [];
  for (const row of rows)
    row.forEach((cell, i) => {
      widths[i] = Math.max(widths[i] ?? 0, cell.length);
    });
  return rows
    .map((row) => `${indent}${row.map((cell, i) => (i === row.length - 1 ? cell : cell.padEnd(widths[i] ?? 0))).join("  ")}\n`)
    .join("");
}
