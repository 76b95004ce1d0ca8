/**
 * Loads programs from their TypeScript source with operators overloaded: no build step, places of errors in the user's own text.
 * A file and the files that it imports are compiled, linked and run once per call; the derivative operators that they use by
 * name (`grad`, `vjp`, ...) are those of the engine that loads them.
 */
import { resolve as resolvePath } from "node:path";
import { pathToFileURL } from "node:url";
import { compileFunction } from "node:vm";
import { BenchError, mismatch, takeRefusal, unsupported } from "../core/base/errors.ts";
import type { Span } from "../core/base/span.ts";
import { forgetTexts } from "../core/tensor/traced.ts";
import type { Intrinsics, Program, Sources } from "../engines/engine.ts";
import { builtins } from "./builtins.ts";
import { type Compiled, compile } from "./compile.ts";
import { INTRINSICS } from "./globals.ts";
import type { Request } from "./link.ts";
import { method, methods, optional } from "./methods.ts";
import * as operators from "./operators.ts";
import { readSource, resolveImport } from "./resolve.ts";
import { patternNames } from "./scope.ts";
import { explain, scriptName } from "./stack.ts";

/** A file, or the text of one (imports are then resolved from the file's place). */
export interface Source {
  readonly file: string;
  readonly source?: string | undefined;
}

export interface LoadedModule {
  readonly exports: Readonly<Record<string, unknown>>;
  readonly file: string;
  readonly source: string;
}

type Exports = Record<string, unknown>;

/** Run-time functions that every module may use, by the names that rewritten text gives them. */
const RUNTIME: Readonly<Record<string, unknown>> = {
  ...operators,
  ...builtins,
  ...Object.fromEntries(Object.entries(methods).map(([name, f]) => [`_${name}`, f])),
  method,
  optional,
};

/**
 * Compiles and runs a module. Throws a `BenchError` with line and column: `syntax`, `type` or `unsupported` before running,
 * `runtime` for what its top level throws.
 */
export function loadModule(from: Source, intrinsics: Intrinsics): LoadedModule {
  const source = from.source ?? readSource(from.file);
  const runtime = {
    ...RUNTIME,
    ...Object.fromEntries(
      INTRINSICS.map((name) => [name, (...args: unknown[]) => (intrinsics[name] as (...args: unknown[]) => unknown)(...args)]),
    ),
  };
  const loader = new Loader(runtime);
  const exports = loader.load(from.file, source, []).exports;
  return { exports, file: from.file, source };
}

interface Instance {
  readonly exports: Exports;
  readonly mutable: ReadonlySet<string>;
}

/** One run of a module graph. */
class Loader {
  readonly #runtime: Readonly<Record<string, unknown>>;
  readonly #instances = new Map<string, Instance>();

  constructor(runtime: Readonly<Record<string, unknown>>) {
    this.#runtime = runtime;
  }

  /** `path` lists the files whose imports led here. The depth of the recursion is the length of a chain of imports. */
  load(file: string, source: string, path: readonly string[]): Instance {
    const compiled = compile(file, source);
    const exports: Exports = {};
    const mutable = new Set(compiled.links.mutable);
    const here = [...path, resolvePath(file)];
    const imports = compiled.links.requests.map((request) => {
      const other = this.#import(request, file, here);
      passOn(exports, other, request);
      return other.exports;
    });
    evaluate(compiled, exports, { ...this.#runtime, imports, meta: { url: pathToFileURL(resolvePath(file)).href } });
    return { exports, mutable };
  }

  #import(request: Request, from: string, path: readonly string[]): Instance {
    const found = resolveImport(request.specifier, from, request.span);
    let instance: Instance | undefined;
    if (found.kind === "runtime") instance = { exports: found.module, mutable: new Set() };
    else {
      if (path.includes(found.path)) {
        throw unsupported(
          `import cycle: ${from} imports ${found.path}, which is still being loaded`,
          "move what both need into a third file",
          request.span,
        );
      }
      instance = this.#instances.get(found.path) ?? this.load(found.path, readSource(found.path), path);
      this.#instances.set(found.path, instance);
    }
    for (const { name, span } of request.names) {
      if (name === "*") continue;
      if (!(name in instance.exports))
        throw mismatch(
          `${found.path} has no export named ${name}`,
          `it exports ${Object.keys(instance.exports).slice(0, 30).join(", ") || "nothing"}`,
          span,
        );
      if (instance.mutable.has(name))
        throw unsupported(
          `${name} of ${found.path} is assigned after its declaration; its importers would see an old value`,
          "export a function that returns it",
          span,
        );
    }
    return instance;
  }
}

/** `export ... from`: accessors to the other module's exports. */
function passOn(exports: Exports, other: Instance, { passedOn }: Request): void {
  const pairs =
    passedOn === "*"
      ? Object.keys(other.exports)
          .filter((n) => n !== "default" && !(n in exports))
          .map((n) => [n, n] as const)
      : passedOn;
  for (const [name, from] of pairs) offer(exports, name, () => (from === "*" ? other.exports : other.exports[from]));
}

function offer(exports: Exports, name: string, get: () => unknown): void {
  Object.defineProperty(exports, name, { get, enumerable: true, configurable: true });
}

function evaluate(compiled: Compiled, exports: Exports, runtime: Readonly<Record<string, unknown>>): void {
  const all: Record<string, unknown> = {
    ...runtime,
    export: (accessors: Record<string, () => unknown>) => {
      for (const [name, get] of Object.entries(accessors)) offer(exports, name, get);
    },
  };
  const missing = compiled.used.find((name) => !(name in all));
  if (missing !== undefined)
    throw new BenchError("runtime", `internal error: the run-time function ${missing} is not there`, {
      advice: "please report this as a bug",
    });
  withSpan(compiled, () => {
    const body = compileFunction(compiled.code, [...compiled.parameters], { filename: scriptName(compiled) });
    Reflect.apply(
      body,
      undefined,
      compiled.used.map((name) => all[name]),
    );
  });
}

/** How many frames an error keeps: enough to find the user's below those of an engine. */
const STACK_DEPTH = 200;

/**
 * Runs user code; whatever it throws leaves as a `BenchError` with the line of the user's innermost frame, or, where no frame
 * is the user's (a result of the wrong kind, say), with the line of the exported function.
 */
export function withSpan<T>(module: { readonly file: string; readonly source: string; readonly exportName?: string }, run: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_DEPTH;
  try {
    return run();
  } catch (error) {
    throw explain(error, () => placeOfExport(module.file, module.source, module.exportName));
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** The place of an export's declaration; of the text's start where there is none of that name. */
export function placeOfExport(file: string, source: string, exportName = "f"): Span {
  const { syntax } = compile(file, source);
  for (const node of syntax.program.body) {
    if (node.type === "ExportDefaultDeclaration" && exportName === "default") return syntax.spanAt(node.start);
    if (node.type !== "ExportNamedDeclaration" || !node.declaration) continue;
    const { declaration } = node;
    const ids =
      declaration.type === "VariableDeclaration"
        ? declaration.declarations.flatMap((d) => patternNames(d.id))
        : "id" in declaration && declaration.id
          ? [declaration.id]
          : [];
    if (ids.some((id) => id.type === "Identifier" && id.name === exportName)) return syntax.spanAt(node.start);
  }
  return syntax.spanAt(0);
}

/** Source files for engines that read syntax: checked as those that run, imports led to the same places. */
export const sources: Sources = {
  parse(path, text) {
    const { syntax } = compile(path, text ?? readSource(path));
    return { file: path, body: syntax.program.body, spanAt: syntax.spanAt };
  },
  resolve: resolveImport,
};

/**
 * A program of one exported function. Static refusals are thrown at once; each engine's `overloaded` loads the module with that
 * engine's derivative operators, once.
 */
export function loadProgram(from: Source, exportName = "f"): Program {
  const file = from.file;
  const source = from.source ?? readSource(file);
  compile(file, source);
  const loaded = new WeakMap<Intrinsics, (...args: unknown[]) => unknown>();
  return {
    file,
    source,
    exportName,
    span: placeOfExport(file, source, exportName),
    sources,
    overloaded(intrinsics) {
      let run = loaded.get(intrinsics);
      if (run === undefined) {
        run = exportedFunction(loadModule({ file, source }, intrinsics), exportName);
        loaded.set(intrinsics, run);
      }
      return run;
    },
  };
}

function exportedFunction(module: LoadedModule, name: string): (...args: unknown[]) => unknown {
  const f = module.exports[name];
  if (typeof f !== "function") {
    const offered = Object.keys(module.exports).join(", ") || "nothing";
    const what = name in module.exports ? `the export ${name} is not a function` : `there is no export named ${name}`;
    throw new BenchError("usage", `${module.file}: ${what}`, {
      advice: `it exports ${offered}; name one as FILE#EXPORT`,
      span: placeOfExport(module.file, module.source, name),
    });
  }
  const place = { file: module.file, source: module.source, exportName: name };
  return (...args) =>
    withSpan(place, () => {
      forgetTexts();
      takeRefusal();
      const result = Reflect.apply(f, undefined, args) as unknown;
      const swallowed = takeRefusal();
      if (swallowed !== undefined) throw swallowed;
      return result;
    });
}
