/**
 * From a stack to a place in the user's text: that of the innermost frame which is no part of this project. Who loads programs under
 * names of its own says how its frames are read; frames of files that were compiled are led back by the source map beside them.
 */
import { existsSync, readFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import { BenchError } from "../core/base/errors.ts";
import type { Span } from "../core/base/span.ts";

/** The place that a line of a stack is about; undefined where the line is another's. */
export type FrameReader = (frame: string) => Span | undefined;

const readers: FrameReader[] = [];

/** Also asks `reader` about frames, before they are taken for those of files. */
export function readFrames(reader: FrameReader): void {
  readers.push(reader);
}

const ROOT = join(dirname(fileURLToPath(import.meta.url)), "..");
/** What programs call, and what calls them. Tests are programs of their own. */
const OWN = ["core", "rules", "engines", "loader", "node_modules"].map((room) => `${join(ROOT, room)}/`);
const isOwn = (file: string) =>
  (OWN.some((room) => file.startsWith(room)) && !/\.test\.[jt]s$/.test(file)) || file.includes("/node_modules/");

const FRAME = /((?:file:\/\/)?\/[^()]*):(\d+):(\d+)\)?$/;

/** The user's place of a stack, the text of `error.stack`. `known` is what was found of frames before. */
export function placeOnStack(stack: string | undefined, known = new Map<string, Span | undefined>()): Span | undefined {
  for (const line of (stack ?? "").split("\n")) {
    if (!known.has(line)) known.set(line, spanOfFrame(line));
    const span = known.get(line);
    if (span !== undefined) return span;
  }
  return undefined;
}

function spanOfFrame(line: string): Span | undefined {
  for (const reader of readers) {
    const span = reader(line);
    if (span !== undefined) return span;
  }
  const [, path, row, column] = FRAME.exec(line) ?? [];
  if (path === undefined || !/^\s*at /.test(line)) return undefined;
  const file = path.startsWith("file:") ? fileURLToPath(path) : path;
  return isOwn(file) ? undefined : mapped({ file, line: Number(row), column: Number(column) });
}

/** Frames that lead from a user's line to where an error is thrown, or a node is made. */
export const STACK_DEPTH = 40;

/** Runs user code; an error of this project that it ends with has a place. */
export function located<T>(body: () => T): T {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = STACK_DEPTH;
  try {
    return body();
  } catch (error) {
    if (error instanceof BenchError) error.span ??= placeOnStack(error.stack);
    throw error;
  } finally {
    Error.stackTraceLimit = limit;
  }
}

const maps = new Map<string, TraceMap | undefined>();

/** The place in the source of a file that was compiled. */
function mapped(span: Span): Span {
  const { file } = span;
  if (!maps.has(file)) {
    const beside = `${file}.map`;
    maps.set(file, file.endsWith(".js") && existsSync(beside) ? new TraceMap(readFileSync(beside, "utf8")) : undefined);
  }
  const map = maps.get(file);
  if (map === undefined) return span;
  const at = originalPositionFor(map, { line: span.line, column: span.column - 1 });
  return at.line === null || at.source === null ? span : { file: resolve(dirname(file), at.source), line: at.line, column: at.column + 1 };
}
