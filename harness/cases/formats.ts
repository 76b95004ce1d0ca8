/**
 * The formats of reference files, as schemas: golden operators and programs, golden models, arrays of generality programs and
 * workloads. Which of them a file is follows from its content; `test/data/{golden,generality,adbench}` describe them in words.
 */
import { z } from "zod";

const tensorSchema = z.object({
  name: z.string(),
  shape: z.array(z.int().nonnegative()),
  dtype: z.enum(["f64", "i64", "bool"]),
  data: z.array(z.number()),
});
/** A flat, row-major array of reference numbers. */
export type GoldenTensor = z.infer<typeof tensorSchema>;

const errorsSchema = z.record(z.string(), z.number());

export const functionCaseSchema = z.object({
  format: z.literal("ad-golden/1"),
  kind: z.enum(["op", "program"]),
  id: z.string(),
  op: z.string(),
  attrs: z.record(z.string(), z.json()),
  inputs: z.array(tensorSchema.extend({ diff: z.boolean().default(false) })),
  outputs: z.array(tensorSchema),
  cotangents: z.array(tensorSchema).default([]),
  vjp: z.array(tensorSchema).optional(),
  tangents: z.array(tensorSchema).default([]),
  jvp: z.array(tensorSchema).optional(),
  hvp: z.array(tensorSchema).optional(),
  f32_error: errorsSchema.default({}),
});
/** One primitive or one program: value, vjp, jvp and the Hessian-vector product of half the weighted sum of squares. */
export type FunctionCase = z.infer<typeof functionCaseSchema>;

const trajectorySchema = z.object({
  lr: z.number(),
  losses: z.array(z.number()),
  param_sqnorm: z.record(z.string(), z.number()).default({}),
});
/** Losses before each step and after the last one. */
export type Trajectory = z.infer<typeof trajectorySchema>;

export const modelCaseSchema = z.object({
  format: z.literal("ad-golden/1"),
  kind: z.literal("model"),
  id: z.string(),
  family: z.string(),
  attrs: z.record(z.string(), z.json()),
  data: z.array(tensorSchema),
  params: z.array(tensorSchema),
  loss: z.number(),
  outputs: z.array(tensorSchema).default([]),
  grads: z.array(tensorSchema),
  tangents: z.array(tensorSchema).default([]),
  jvp: z.number().optional(),
  hvp: z.array(tensorSchema).optional(),
  train: z
    .object({ sgd: trajectorySchema.optional(), momentum: trajectorySchema.optional(), adam: trajectorySchema.optional() })
    .default({}),
  f32_error: errorsSchema.default({}),
});
/** A whole model: loss, inner outputs, gradient, second order and short trainings. */
export type ModelCase = z.infer<typeof modelCaseSchema>;

export const generalityCaseSchema = z.object({
  name: z.string(),
  feature: z.string(),
  status: z.enum(["required", "pass-or-reject", "must-reject"]),
  source: z.string(),
  args: z.array(z.json()),
  wrt: z.array(z.int().nonnegative()).optional(),
  value: z.json().optional(),
  grad: z.array(z.json()).nullish(),
  derivatives: z.array(z.number()).optional(),
  tolerance: z.object({ rel: z.number().positive(), abs: z.number().nonnegative() }).default({ rel: 1e-9, abs: 1e-10 }),
  error: z.object({ line: z.int(), mentionsOneOf: z.array(z.string()) }).optional(),
});
/** A module of plain TypeScript and what its function and gradient are, or where and how it is to be refused. */
export type GeneralityCase = z.infer<typeof generalityCaseSchema>;

const workloadCaseSchema = z.object({
  id: z.string(),
  input: z.json().optional(),
  file: z.string().optional(),
  /** `ht`: the folder of the hand's model. */
  model: z.string().optional(),
  expected: z.record(z.string(), z.json()),
  expected_single: z.record(z.string(), z.json()).optional(),
});
export type WorkloadCase = z.infer<typeof workloadCaseSchema>;

export const workloadFileSchema = z.object({
  schema: z.literal("ad-golden/1"),
  eval: z.string(),
  cases: z.array(workloadCaseSchema),
  /** `hello`: calls that feed one another, as [function, input, result]. */
  chain: z.array(z.tuple([z.string(), z.number(), z.number()])).optional(),
});
export type WorkloadFile = z.infer<typeof workloadFileSchema>;

/** Many operator cases in one file. */
export const familySchema = z.object({ format: z.literal("ad-golden/1"), kind: z.literal("ops"), cases: z.array(functionCaseSchema) });

export const indexSchema = z.object({ format: z.literal("ad-golden-index/1") });
