/**
 * What the harness asks of the process that runs one cell, and how the answer comes back: the request is one JSON argument, the
 * answer one JSON line on file descriptor 3, so that whatever a model or a native library prints stays apart from it.
 */
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

/** The file descriptor on which a cell's process answers. */
export const ANSWER_FD = 3;
