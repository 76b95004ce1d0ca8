/** The format of saved dataflows, and how numbers, tensors and types are written in it. */
import { z } from "zod";
import { aval } from "../../core/base/aval.ts";
import { hostArray, type TypedArray } from "../../core/base/dtype.ts";
import { BenchError } from "../../core/base/errors.ts";
import type { Tensor } from "../../core/tensor/tensor.ts";
import type { Type } from "./type.ts";

export const FORMAT = "trigrad-graph/1";

const shapeSchema = z.array(z.int().nonnegative());
const dtypeSchema = z.enum(["f32", "f64", "i32", "bool"]);
const tensorSchema = z.object({ shape: shapeSchema, dtype: dtypeSchema, data: z.string() });
/** "number", a tensor's dtype and shape, or lists of such. */
const typeSchema = z.object({ lists: z.int().nonnegative(), dtype: dtypeSchema.optional(), shape: shapeSchema.optional() });

const graphSchema = z.object({
  parameters: z.array(z.int()),
  captured: z.array(z.int()),
  get nodes() {
    return z.array(nodeSchema);
  },
  results: z.array(z.int()),
});
const nodeSchema = z.object({
  op: z.string(),
  name: z.string().optional(),
  /** Place in the user's program: number of the file, line, column. */
  at: z.tuple([z.int().nonnegative(), z.int().positive(), z.int().positive()]).optional(),
  /** Name of what it is a part of the derivative of. */
  about: z.string().optional(),
  scope: z.string().optional(),
  in: z.array(z.int()),
  captures: z.array(z.int()).optional(),
  out: z.array(z.int()),
  types: z.array(typeSchema),
  primitive: z.string().optional(),
  params: z.json().optional(),
  isDerivative: z.boolean().optional(),
  reversed: z.boolean().optional(),
  message: z.string().optional(),
  value: z.union([z.number(), z.string(), tensorSchema]).optional(),
  get graphs() {
    return z.array(graphSchema).optional();
  },
});
export const fileSchema = z.object({
  format: z.literal(FORMAT),
  name: z.string(),
  /** Those that places are in. */
  files: z.array(z.string()).optional(),
  placeholders: z.array(z.object({ name: z.string(), dtype: dtypeSchema, shape: shapeSchema, value: z.int() })),
  variables: z.array(z.object({ name: z.string(), isTrainable: z.boolean(), value: z.int().nullable(), now: tensorSchema })),
  graph: graphSchema,
  ends: z.json(),
});
export type SavedGraph = z.infer<typeof graphSchema>;
export type SavedNode = z.infer<typeof nodeSchema>;
export type SavedDataflow = z.infer<typeof fileSchema>;

/** Numbers that JSON has no word for. */
const WORDS: readonly (readonly [number, string])[] = [
  [Number.POSITIVE_INFINITY, "Infinity"],
  [Number.NEGATIVE_INFINITY, "-Infinity"],
  [Number.NaN, "NaN"],
  [-0, "-0"],
];
export const wordOf = (x: number): number | string => WORDS.find(([n]) => Object.is(n, x))?.[1] ?? x;
export const numberOf = (x: number | string): number => (typeof x === "number" ? x : (WORDS.find(([, w]) => w === x)?.[0] as number));

/** Parameters of primitives are records of numbers, words and lists of them; a word of a number is `{ "number": word }`. */
export function paramsOut(p: unknown): unknown {
  if (typeof p === "number") return typeof wordOf(p) === "number" ? p : { number: wordOf(p) };
  if (Array.isArray(p)) return p.map(paramsOut);
  return typeof p === "object" && p !== null ? Object.fromEntries(Object.entries(p).map(([k, v]) => [k, paramsOut(v)])) : p;
}
export function paramsIn(p: unknown): unknown {
  if (Array.isArray(p)) return p.map(paramsIn);
  if (typeof p !== "object" || p === null) return p;
  if (Object.keys(p).length === 1 && "number" in p && typeof p.number === "string") return numberOf(p.number);
  return Object.fromEntries(Object.entries(p).map(([k, v]) => [k, paramsIn(v)]));
}

export function tensorOut(data: TypedArray, { shape, dtype }: { readonly shape: readonly number[]; readonly dtype: Tensor["dtype"] }) {
  return { shape: [...shape], dtype, data: Buffer.from(data.buffer, data.byteOffset, data.byteLength).toString("base64") };
}
export function tensorIn({ shape, dtype, data }: z.infer<typeof tensorSchema>): {
  readonly aval: Tensor["aval"];
  readonly data: TypedArray;
} {
  const a = aval(shape, dtype);
  const bytes = Buffer.from(data, "base64");
  const host = hostArray(dtype, a.size);
  if (bytes.length !== host.byteLength) throw broken(`a tensor ${dtype}[${shape.join(", ")}] has ${bytes.length} bytes of data`);
  new Uint8Array(host.buffer).set(bytes);
  return { aval: a, data: host };
}

export function typeOut(t: Type): z.infer<typeof typeSchema> {
  let lists = 0;
  let at = t;
  for (; at.kind === "list"; at = at.of) lists++;
  return at.kind === "tensor" ? { lists, dtype: at.aval.dtype, shape: [...at.aval.shape] } : { lists };
}
export function typeIn({ lists, dtype, shape }: z.infer<typeof typeSchema>): Type {
  let t: Type = dtype === undefined ? { kind: "number" } : { kind: "tensor", aval: aval(shape ?? [], dtype) };
  for (let i = 0; i < lists; i++) t = { kind: "list", of: t };
  return t;
}

export function broken(what: string): BenchError {
  return new BenchError("usage", `a saved graph cannot be read: ${what}`, {
    advice: `write it with save(...) of this version (${FORMAT})`,
  });
}
