/**
 * From paths to reference cases: a folder stands for every `.json` file below it, and what a file is follows from its content.
 * A file that is no reference file is itself a finding, not a reason to stop: it is handed on with the reason.
 */
import { existsSync, readdirSync, readFileSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import type { z } from "zod";
import {
  type FunctionCase,
  familySchema,
  functionCaseSchema,
  type GeneralityCase,
  generalityCaseSchema,
  indexSchema,
  type ModelCase,
  modelCaseSchema,
  type WorkloadCase,
  type WorkloadFile,
  workloadFileSchema,
} from "./formats.ts";

export type ReferenceCase =
  | { readonly kind: "function"; readonly name: string; readonly case: FunctionCase }
  | { readonly kind: "model"; readonly name: string; readonly case: ModelCase }
  | { readonly kind: "generality"; readonly name: string; readonly case: GeneralityCase }
  | {
      readonly kind: "workload";
      readonly name: string;
      readonly file: string;
      readonly workload: string;
      readonly case: WorkloadCase;
      readonly chain: WorkloadFile["chain"];
    }
  | { readonly kind: "unreadable"; readonly name: string; readonly reason: string };

/**
 * Every case of a file or of the files below a folder, in the order of their sorted paths. A path that is not there or holds no
 * case is a finding too: to check nothing is not to pass.
 */
export function readCases(path: string): ReferenceCase[] {
  const nothing = (reason: string): ReferenceCase[] => [{ kind: "unreadable", name: path, reason: `${path} ${reason}` }];
  if (!existsSync(path)) return nothing("does not exist");
  const cases = jsonFiles(path).flatMap(readFile);
  return cases.length > 0 ? cases : nothing("holds no reference case");
}

function jsonFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path];
  return readdirSync(path, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith(".json"))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function readFile(file: string): ReferenceCase[] {
  let content: unknown;
  try {
    content = JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    return [{ kind: "unreadable", name: file, reason: `${file} is not JSON: ${(error as Error).message}` }];
  }
  return recognise(content, file);
}

/** The cases in the content of a reference file; `file` names it in messages and is where its data files are looked for. */
export function recognise(content: unknown, file: string): ReferenceCase[] {
  const wrong = (reason: string): ReferenceCase[] => [{ kind: "unreadable", name: file, reason: `${file} ${reason}` }];
  const parse = <T>(schema: z.ZodType<T>, value: unknown, wrap: (parsed: T) => ReferenceCase[], what: string): ReferenceCase[] => {
    const { success, data, error } = schema.safeParse(value);
    if (success) return wrap(data);
    const issue = error.issues[0];
    return wrong(`is not a valid ${what}: ${issue?.path.join(".") || "the whole"}: ${issue?.message ?? "malformed"}`);
  };
  if (Array.isArray(content)) {
    return content.flatMap((item, i) =>
      parse(
        generalityCaseSchema,
        item,
        (c) => [{ kind: "generality", name: `generality/${c.feature}/${c.name}`, case: c }],
        `array of programs at [${i}]`,
      ),
    );
  }
  if (typeof content !== "object" || content === null) return wrong(UNKNOWN);
  if (indexSchema.safeParse(content).success) return [];
  if ("cases" in content && "eval" in content) return parse(workloadFileSchema, content, (w) => workloadCases(w, file), "workload file");
  if (!("kind" in content)) return wrong(UNKNOWN);
  if (content.kind === "model")
    return parse(modelCaseSchema, content, (c) => [{ kind: "model", name: `models/${c.id}`, case: c }], "model file");
  if (content.kind === "ops")
    return parse(familySchema, content, ({ cases }) => cases.map((c) => ({ kind: "function", name: `ops/${c.id}`, case: c })), "ops file");
  if (content.kind === "op" || content.kind === "program")
    return parse(functionCaseSchema, content, (c) => [{ kind: "function", name: `${c.kind}s/${c.id}`, case: c }], `${content.kind} file`);
  return wrong(UNKNOWN);
}

const UNKNOWN =
  "is none of the known reference files: operator, program or model (format ad-golden/1), array of programs, workload (eval and cases)";

function workloadCases(file: WorkloadFile, path: string): ReferenceCase[] {
  const group = basename(path, ".json");
  return file.cases.map((c, i) => ({
    kind: "workload",
    name: `workloads/${group}/${c.id.replaceAll("/", "-")}`,
    file: path,
    workload: file.eval,
    case: c,
    chain: i === 0 ? file.chain : undefined,
  }));
}
