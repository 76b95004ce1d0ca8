/**
 * Finding models: every `suites/<suite>/*.ts` whose default export is a model, and any file that a user names. There is no index
 * to maintain; the price is that two files may claim one name, which is an error that names both.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { BenchError } from "../core/base/errors.ts";
import type { Intrinsics, Program } from "../engines/engine.ts";
import { loadModule, loadProgram, sources } from "../loader/load.ts";
import type { Model } from "../suites/model.ts";
import { projectRoot } from "./root.ts";

export interface FoundModel {
  readonly suite: string;
  readonly file: string;
  readonly model: Model;
}

export interface Discovery {
  /** Sorted by suite and name. */
  readonly models: readonly FoundModel[];
  /** Files that could not be loaded; they do not hide the others. */
  readonly broken: readonly { readonly file: string; readonly error: unknown }[];
}

/** Scans `<root>/<suite>/*.ts`; files without a default export are helpers of models and are passed over. */
export function discoverModels(root: string = join(projectRoot, "suites")): Discovery {
  const models: FoundModel[] = [];
  const broken: { file: string; error: unknown }[] = [];
  for (const file of modelFiles(root)) {
    try {
      const model = loadModel(file, INERT);
      if (model !== null) models.push({ suite: basename(dirname(file)), file, model });
    } catch (error) {
      broken.push({ file, error });
    }
  }
  refuseDuplicates(models);
  return { models: models.sort((a, b) => compare(a.suite, b.suite) || compare(a.model.name, b.model.name)), broken };
}

/** The models that the user's words name: a model's name, `suite/name`, or a path to a file. All models where there are no words. */
export function selectModels(words: readonly string[], discovery: Discovery = discoverModels()): FoundModel[] {
  if (words.length === 0) {
    const first = discovery.broken[0];
    if (first !== undefined) throw first.error;
    return [...discovery.models];
  }
  const chosen = words.map((word) => named(word, discovery) ?? atPath(word, discovery));
  const unique = [...new Map(chosen.map((found) => [found.file, found])).values()];
  refuseDuplicates(unique);
  return unique;
}

/** The model in a file, with the given derivative operators bound; null where the default export is no model. */
export function loadModel(file: string, intrinsics: Intrinsics): Model | null {
  const model = loadModule({ file }, intrinsics).exports.default;
  return isModel(model) ? model : null;
}

/** The loss of a model as a program for an engine: the export that is the loss, so that engines which parse find it by name. */
export function lossProgram(file: string): Program {
  const { exports } = loadModule({ file }, INERT);
  const model = exports.default;
  if (!isModel(model)) throw notAModel(file);
  const name = Object.keys(exports).find((key) => key !== "default" && exports[key] === model.loss);
  if (name !== undefined) return loadProgram({ file }, name);
  return {
    file,
    exportName: "default.loss",
    source: readFileSync(file, "utf8"),
    sources,
    overloaded: (intrinsics) => {
      const loaded = loadModel(file, intrinsics);
      if (loaded === null) throw notAModel(file);
      return (...args) => loaded.loss(args[0], args[1]);
    },
  };
}

function modelFiles(root: string): string[] {
  const suites = readdirSync(root, { withFileTypes: true }).filter((entry) => entry.isDirectory() && entry.name !== "data");
  return suites
    .flatMap((suite) => readdirSync(join(root, suite.name)).map((name) => join(root, suite.name, name)))
    .filter((file) => file.endsWith(".ts") && !file.endsWith(".test.ts") && !file.endsWith(".d.ts"))
    .sort(compare);
}

function named(word: string, discovery: Discovery): FoundModel | undefined {
  return discovery.models.find(({ suite, model }) => model.name === word || `${suite}/${model.name}` === word);
}

function atPath(word: string, discovery: Discovery): FoundModel {
  const file = resolve(word);
  const broken = discovery.broken.find((entry) => entry.file === file || basename(entry.file, ".ts") === word);
  if (broken !== undefined) throw broken.error;
  if (!existsSync(file) || !file.endsWith(".ts"))
    throw new BenchError("usage", `no model ${word}`, {
      advice: `models are ${discovery.models.map(({ model }) => model.name).join(", ") || "none"}, or a path to a .ts file; see bench list`,
    });
  const model = loadModel(file, INERT);
  if (model === null) throw notAModel(file);
  return { suite: basename(dirname(file)), file, model };
}

function refuseDuplicates(models: readonly FoundModel[]): void {
  const seen = new Map<string, string>();
  for (const { model, file } of models) {
    const other = seen.get(model.name);
    if (other !== undefined)
      throw new BenchError("usage", `two models are named ${model.name}: ${other} and ${file}`, { advice: "rename one of them" });
    seen.set(model.name, file);
  }
}

function isModel(value: unknown): value is Model {
  if (typeof value !== "object" || value === null) return false;
  const model = value as Partial<Model>;
  return (
    typeof model.name === "string" &&
    typeof model.sizes === "object" &&
    typeof model.params === "function" &&
    typeof model.batch === "function" &&
    typeof model.loss === "function"
  );
}

function notAModel(file: string): BenchError {
  return new BenchError("usage", `the default export of ${file} is not a model`, {
    advice: "export default defineModel({ ... }) as suites/model.ts describes it",
  });
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** Derivative operators for a file that is only looked at. */
const INERT: Intrinsics = {
  grad: refuse,
  valueAndGrad: refuse,
  vjp: refuse,
  jvp: refuse,
  stopGradient: (x) => x,
  checkpoint: (f) => f,
};

function refuse(): never {
  throw new BenchError("usage", "a derivative is asked for while the model's file is being loaded", {
    advice: "ask for it inside the loss",
  });
}
