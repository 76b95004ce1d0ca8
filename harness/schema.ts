/**
 * The result schema: everything that a run writes and everything that reports read. Raw samples are stored and figures are
 * derived, so a report can be rebuilt from a run's folder on another machine. Version 1; a reader refuses other versions.
 */
import { z } from "zod";

export const SCHEMA_VERSION = 1;

export const cellKeySchema = z.strictObject({
  suite: z.string(),
  model: z.string(),
  size: z.string(),
  engine: z.string(),
  device: z.string(),
  dtype: z.enum(["f32", "f64"]),
});
/** A cell is a case (model, size, dtype) on an engine and a device. */
export type CellKey = z.infer<typeof cellKeySchema>;

export const outcomeSchema = z.strictObject({
  kind: z.enum(["ok", "wrong-gradient", "unsupported", "error", "timeout", "out-of-memory", "not-run"]),
  reason: z.string().optional(),
});
export type Outcome = z.infer<typeof outcomeSchema>;

/** Nanoseconds per call: median and 95 % bootstrap interval of the median. */
export const intervalSchema = z.strictObject({ median: z.number(), lo: z.number(), hi: z.number() });
export type Interval = z.infer<typeof intervalSchema>;

export const cellSchema = z.strictObject({
  schema: z.literal(SCHEMA_VERSION),
  cell: cellKeySchema,
  outcome: outcomeSchema,
  /** Largest error against the oracles: of the value relative to max(1, |reference|), of the gradient relative to its own size. */
  verified: z.strictObject({ value: z.number(), gradient: z.number() }).optional(),
  /** Milliseconds. */
  phases: z
    .strictObject({
      load: z.number(),
      trace: z.number().optional(),
      transform: z.number().optional(),
      optimise: z.number().optional(),
      compile: z.number().optional(),
      firstCall: z.number(),
    })
    .optional(),
  value: intervalSchema.optional(),
  gradient: intervalSchema.optional(),
  handwritten: intervalSchema.optional(),
  /** Nanoseconds per call, one entry per sample, in the order taken; equal positions were taken in one round. */
  samples: z
    .strictObject({ value: z.array(z.number()), gradient: z.array(z.number()), handwritten: z.array(z.number()).optional() })
    .optional(),
  /** Time of the engine's own thread on a device whose kernels return at once. */
  host: z.strictObject({ nsPerOp: z.number().optional(), nsPerStep: z.number() }).optional(),
  /**
   * One gradient on a device that works beside the host, in nanoseconds, medians of some: the host until all was enqueued, its waiting
   * for the device, and the device by its own clock. Absent where the device has no clock of its own.
   */
  times: z.strictObject({ host: z.number(), wait: z.number(), device: z.number() }).optional(),
  /** Per gradient evaluation. */
  counts: z
    .strictObject({
      ops: z.number(),
      kernels: z.number(),
      launches: z.number(),
      syncs: z.number(),
      irNodes: z.number().optional(),
      tapeNodes: z.number().optional(),
    })
    .optional(),
  memory: z.strictObject({ peakBytes: z.number(), savedBytes: z.number() }).optional(),
  /** Why a field is absent or to be read with care, by the field's name. */
  notes: z.record(z.string(), z.string()).optional(),
});
/** One line of `cells.jsonl`. */
export type Cell = z.infer<typeof cellSchema>;

export const runSchema = z.strictObject({
  schema: z.literal(SCHEMA_VERSION),
  name: z.string(),
  command: z.array(z.string()),
  seed: z.number(),
  /** git commit of the project, `-dirty` appended where the tree had changes; null outside a checkout. */
  commit: z.string().nullable(),
  quick: z.boolean(),
  /** Every cell of the plan, in order: a report shows those without a record as not run. */
  plan: z.array(cellKeySchema),
  started: z.string(),
  finished: z.string().nullable(),
  /** By engine: non-blank, non-comment lines of its code and the number of derivative rules of its own, where the run counted them. */
  implementation: z.record(z.string(), z.strictObject({ lines: z.number(), rules: z.number() })).optional(),
  /** Primitives that a composition of others could replace, with that composition: all engines use them alike. */
  fused: z.record(z.string(), z.string()).optional(),
});
/** `run.json`. */
export type Run = z.infer<typeof runSchema>;

export const machineSchema = z.strictObject({
  cpu: z.string(),
  cores: z.number(),
  /** How many threads the devices that compute on the processor may use; absent in runs of before it was recorded. */
  threads: z.number().optional(),
  memoryBytes: z.number(),
  governor: z.string().nullable(),
  loadAverage: z.array(z.number()),
  os: z.string(),
  kernel: z.string(),
  node: z.string(),
  v8: z.string(),
  /** `state`: temperature, power and why clocks are held back, as the run began; absent in runs of before it was recorded. */
  gpu: z.strictObject({ name: z.string(), driver: z.string(), clocks: z.string(), state: z.string().optional() }).nullable(),
  libraries: z.record(z.string(), z.string()),
});
/** `machine.json`. */
export type Machine = z.infer<typeof machineSchema>;

/** One line of `generality.jsonl`: a check of a reference case, as `bench verify --json` prints it. */
export const checkSchema = z.strictObject({
  case: z.string(),
  engine: z.string(),
  device: z.string(),
  dtype: z.enum(["f32", "f64"]),
  status: z.enum(["pass", "fail", "refused", "error", "skipped"]),
  worst: z.number().nullable(),
  checks: z.strictObject({
    value: z.number().optional(),
    vjp: z.number().optional(),
    jvp: z.number().optional(),
    hvp: z.number().optional(),
    derivatives: z.number().optional(),
    training: z.number().optional(),
  }),
  message: z.string().optional(),
  line: z.number().optional(),
});
export type Check = z.infer<typeof checkSchema>;

/** The key that decides whether a cell has been done already. */
export function cellId(c: CellKey): string {
  return `${c.suite}/${c.model}/${c.size}/${c.engine}/${c.device}/${c.dtype}`;
}
