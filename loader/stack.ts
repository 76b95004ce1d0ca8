/**
 * From a thrown error to a place in the user's text. Loaded modules run under names of their own, which make their frames
 * recognisable in `error.stack`; the source map leads from there to line and column.
 */
import { GREATEST_LOWER_BOUND, LEAST_UPPER_BOUND, originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { BenchError } from "../core/base/errors.ts";
import type { Span } from "../core/base/span.ts";
import { readFrames } from "../engines/places.ts";
import type { Compiled } from "./compile.ts";

interface Registered {
  readonly compiled: Compiled;
  map?: TraceMap;
}

/** The modules that were loaded last, by their names. */
const modules = new Map<string, Registered>();
const MOST_MODULES = 500;
const names = new WeakMap<Compiled, string>();
let loaded = 0;

/** The name under which the module's code is compiled; frames of it start with this text. */
export function scriptName(compiled: Compiled): string {
  let name = names.get(compiled);
  if (name === undefined) {
    name = `trigrad-module-${loaded++}`;
    names.set(compiled, name);
    if (modules.size >= MOST_MODULES) modules.delete(modules.keys().next().value as string);
    modules.set(name, { compiled });
  }
  return name;
}

const FRAME = /(trigrad-module-\d+):(\d+):(\d+)/;

/** The place of a frame that lies in a loaded module. */
function spanOfFrame(line: string): Span | undefined {
  const frame = FRAME.exec(line);
  const module = frame ? modules.get(frame[1] as string) : undefined;
  return frame && module ? originalSpan(module, Number(frame[2]), Number(frame[3]) - 1) : undefined;
}
readFrames(spanOfFrame);

/** The innermost frame of the stack that lies in a loaded module. */
export function locate(error: unknown): Span | undefined {
  const stack = error instanceof Error ? error.stack : undefined;
  if (typeof stack !== "string") return undefined;
  for (const line of stack.split("\n")) {
    const span = spanOfFrame(line);
    if (span) return span;
  }
  return undefined;
}

/**
 * Inserted text carries no mapping of its own; it stands before the operand it belongs to, so the next mapped place on the line
 * is the user's expression.
 */
function originalSpan(module: Registered, line: number, column: number): Span | undefined {
  const { compiled } = module;
  module.map ??= new TraceMap({ version: 3, names: [], sources: [compiled.file], mappings: compiled.segments() });
  const segments = compiled.segments()[line - 1] ?? [];
  const isMapped = segments.some((s) => s[0] === column);
  for (const bias of isMapped ? ([GREATEST_LOWER_BOUND] as const) : ([LEAST_UPPER_BOUND, GREATEST_LOWER_BOUND] as const)) {
    const at = originalPositionFor(module.map, { line, column, bias });
    if (at.line !== null) return { file: compiled.file, line: at.line, column: at.column + 1 };
  }
  return undefined;
}

/** Injected names in JavaScript's own messages read as the user wrote them. */
function readable(message: string): string {
  let text = message;
  for (const { compiled } of modules.values()) if (text.includes(compiled.prefix)) text = text.replaceAll(compiled.prefix, "");
  return text;
}

/** Whatever a program threw, as an error with a place: that of its frame, or `fallback`. */
export function explain(error: unknown, fallback: () => Span | undefined): BenchError {
  if (error instanceof BenchError) {
    error.span ??= locate(error) ?? fallback();
    return error;
  }
  const span = locate(error) ?? fallback();
  if (error instanceof RangeError && /call stack/i.test(error.message)) {
    return new BenchError("runtime", "the program recurses too deeply: the call stack of JavaScript overflowed", {
      advice: "use a loop, or raise the limit with node --stack-size",
      span,
      cause: error,
    });
  }
  if (error instanceof Error) return new BenchError("runtime", readable(error.message) || error.name, { span, cause: error });
  return new BenchError("runtime", `the program threw ${describe(error)}`, { span, cause: error });
}

function describe(thrown: unknown): string {
  try {
    return typeof thrown === "string" ? thrown : String(thrown);
  } catch {
    return "an object";
  }
}
