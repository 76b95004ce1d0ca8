/**
 * What the harness asks of the process that runs one cell, and how the answer comes back: the request is one JSON argument, the
 * answer one JSON line on file descriptor 3, so that whatever a model or a native library prints stays apart from it.
 */
import { writeSync } from "node:fs";
import { z } from "zod";
import { cellKeySchema } from "./schema.ts";

export const cellRequestSchema = z.strictObject({
  cell: cellKeySchema,
  /** The model's TypeScript file. */
  file: z.string(),
  /** `verify` checks value and gradient and times nothing. */
  mode: z.enum(["measure", "verify"]),
  /** Milliseconds for the timed rounds. */
  budgetMs: z.number().positive(),
  minRounds: z.int().positive(),
  maxRounds: z.int().positive(),
  seed: z.int(),
});
export type CellRequest = z.infer<typeof cellRequestSchema>;

/** What is asked of the process that runs reference cases; it answers with one line per check, as soon as it is known. */
export const checksRequestSchema = z.strictObject({
  /** Files, or folders with such files. */
  paths: z.array(z.string()),
  engines: z.array(z.enum(["tape", "graph", "program-transform"])),
  devices: z.array(z.enum(["wasm", "native", "cuda", "tfjs", "interpreter", "null"])),
  dtypes: z.array(z.enum(["f32", "f64"])),
});
export type ChecksRequest = z.infer<typeof checksRequestSchema>;

/** The file descriptor on which a cell's process answers. */
export const ANSWER_FD = 3;

/** Sends one line of an answer, whole. */
export function answer(value: unknown): void {
  const line = Buffer.from(`${JSON.stringify(value)}\n`);
  for (let sent = 0; sent < line.length; ) sent += writeSync(ANSWER_FD, line, sent);
}
