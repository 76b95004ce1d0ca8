/**
 * One file from text to JavaScript: parse, resolve names, refuse, overload, link, erase types, in one set of edits. The result
 * is the body of a function with the injected names as parameters. Results are kept by text, so that the engines that run the
 * same program share the work.
 */
import type { SourceMapSegment } from "@jridgewell/trace-mapping";
import { check } from "./check.ts";
import { Edits } from "./edits.ts";
import { type Links, link } from "./link.ts";
import { overload } from "./overload.ts";
import { findPlain } from "./plain.ts";
import { Rewriting } from "./rewriting.ts";
import { resolveNames } from "./scope.ts";
import { stripTypes } from "./strip-types.ts";
import { parse, type Syntax } from "./syntax.ts";

export interface Compiled {
  readonly file: string;
  readonly source: string;
  /** Body of the module's function. */
  readonly code: string;
  /** Names of the run-time functions that the body uses, and the parameters that hold them, in the same order. */
  readonly used: readonly string[];
  readonly parameters: readonly string[];
  /** What injected names start with, to be taken out of messages. */
  readonly prefix: string;
  readonly links: Links;
  readonly syntax: Syntax;
  /** Decoded source map, made when first asked for. */
  segments(): SourceMapSegment[][];
}

const cache = new Map<string, Compiled>();
const CACHE_LIMIT = 200;

/** Throws the first refusal. */
export function compile(file: string, source: string): Compiled {
  const key = `${file}\0${source}`;
  let compiled = cache.get(key);
  if (compiled === undefined) {
    compiled = compileAnew(file, source);
    if (cache.size >= CACHE_LIMIT) cache.delete(cache.keys().next().value as string);
    cache.set(key, compiled);
  }
  return compiled;
}

function compileAnew(file: string, source: string): Compiled {
  const syntax = parse(file, source);
  const names = resolveNames(syntax);
  check(syntax, names);
  const edits = new Edits(source);
  const r = new Rewriting(syntax, names, findPlain(syntax, names), edits);
  overload(r);
  const links = link(r);
  stripTypes(syntax, edits);
  edits.text.prepend(links.prelude);
  const used = [...r.used];
  let segments: SourceMapSegment[][] | undefined;
  return {
    file,
    source,
    code: edits.text.toString(),
    used,
    parameters: used.map((name) => r.prefix + name),
    prefix: r.prefix,
    links,
    syntax,
    segments: () => {
      segments ??= edits.text.generateDecodedMap({ hires: true, source: file }).mappings as SourceMapSegment[][];
      return segments;
    },
  };
}
