/**
 * Where an import leads. Relative imports lead to `.ts` sources, which are loaded like the file itself; imports of the project's
 * own run-time modules lead to the instances that are running, whether the project runs from `dist` or from source, so that a
 * `Tensor` of the program is a `Tensor` of the engine. Everything else is refused.
 */
import { existsSync, readFileSync, realpathSync } from "node:fs";
import { dirname, extname, join, relative, resolve as resolvePath, sep } from "node:path";
import { fileURLToPath } from "node:url";
import * as aval from "../core/base/aval.ts";
import * as dtype from "../core/base/dtype.ts";
import * as errors from "../core/base/errors.ts";
import { BenchError, unsupported } from "../core/base/errors.ts";
import * as rng from "../core/base/rng.ts";
import * as shape from "../core/base/shape.ts";
import type { Span } from "../core/base/span.ts";
import * as span from "../core/base/span.ts";
import * as special from "../core/base/special.ts";
import * as ops from "../core/ops.ts";
import * as model from "../suites/model.ts";

/** The project's modules that programs may import, by their path below the project's root. */
export const RUNTIME_MODULES: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  "core/base/aval.ts": aval,
  "core/base/dtype.ts": dtype,
  "core/base/errors.ts": errors,
  "core/base/rng.ts": rng,
  "core/base/shape.ts": shape,
  "core/base/span.ts": span,
  "core/base/special.ts": special,
  "core/ops.ts": ops,
  "suites/model.ts": model,
};

/** The project under which this file runs, be it from source or from `dist`. */
export const PROJECT_ROOT = findRoot(dirname(fileURLToPath(import.meta.url)));

function findRoot(start: string): string {
  let folder = start;
  while (!existsSync(join(folder, "package.json")) && dirname(folder) !== folder) folder = dirname(folder);
  return real(folder);
}

function real(path: string): string {
  return existsSync(path) ? realpathSync(path) : path;
}

export type Resolution =
  | { readonly kind: "runtime"; readonly path: string; readonly module: Readonly<Record<string, unknown>> }
  | { readonly kind: "source"; readonly path: string };

/** What `specifier`, imported by the file `from`, means. Throws with the import's place. */
export function resolveImport(specifier: string, from: string, at: Span): Resolution {
  const path = pathOf(specifier, from, at);
  const own = relative(PROJECT_ROOT, path).split(sep).join("/");
  const module = Object.hasOwn(RUNTIME_MODULES, own) ? RUNTIME_MODULES[own] : undefined;
  if (module) return { kind: "runtime", path: own, module };
  if (/^(core|engines|rules|harness|loader|cli)\//.test(own)) {
    throw unsupported(
      `a program cannot import ${own}, a module of the engines`,
      `it may import ${Object.keys(RUNTIME_MODULES).join(", ")} and files of its own`,
      at,
    );
  }
  return { kind: "source", path };
}

function pathOf(specifier: string, from: string, at: Span): string {
  const isPath = specifier.startsWith("./") || specifier.startsWith("../") || specifier.startsWith("/") || specifier.startsWith("file:");
  const own = specifier.startsWith("trigrad/") ? join(PROJECT_ROOT, specifier.slice("trigrad/".length)) : undefined;
  if (!isPath && own === undefined) {
    const what = specifier.startsWith("node:") ? "a module of Node" : "a package";
    throw unsupported(
      `${JSON.stringify(specifier)} is ${what}; a program can import only .ts files and the project's core/ops.ts`,
      "copy what is needed into a .ts file beside the program",
      at,
    );
  }
  const target = own ?? (specifier.startsWith("file:") ? fileURLToPath(specifier) : resolvePath(dirname(resolvePath(from)), specifier));
  const candidates = [target.replace(/\.(m?)js$/, ".$1ts"), `${target}.ts`, join(target, "index.ts")];
  const found = candidates.find(
    (path) =>
      /\.m?ts$/.test(path) && (existsSync(path) || Object.hasOwn(RUNTIME_MODULES, relative(PROJECT_ROOT, path).split(sep).join("/"))),
  );
  if (found !== undefined) return real(found);
  if (existsSync(target) && extname(target) !== "")
    throw unsupported(`${JSON.stringify(specifier)} is not a .ts file`, "programs are loaded from TypeScript source alone", at);
  throw new BenchError("usage", `${JSON.stringify(specifier)}, imported here, does not exist`, {
    advice: `looked for ${candidates[0]}`,
    span: at,
  });
}

/** The text of a file. */
export function readSource(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new BenchError("usage", `cannot read ${file}`, { advice: "check the path", cause });
  }
}
