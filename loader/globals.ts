/**
 * The names that a program may use without declaring them. Pure ones are JavaScript's own, some replaced by versions that
 * understand traced numbers (`builtins.ts`); impure ones (clock, randomness, input and output) are refused by name, because a
 * function that reads them has no derivative and no reproducible value.
 */

/** Derivative operators, supplied by the engine that runs the program. */
export const INTRINSICS = ["grad", "valueAndGrad", "vjp", "jvp", "stopGradient", "checkpoint"] as const;

/** Globals whose own version would lose derivatives without a word; `builtins.ts` and `math.ts` hold their replacements. */
export const REPLACED = [
  "Math",
  "Number",
  "Object",
  "Array",
  "Boolean",
  "Set",
  "Map",
  "WeakSet",
  "WeakMap",
  "isNaN",
  "isFinite",
  "parseFloat",
  "parseInt",
  "console",
  "Float32Array",
  "Float64Array",
  "Int8Array",
  "Int16Array",
  "Int32Array",
  "Uint8Array",
  "Uint8ClampedArray",
  "Uint16Array",
  "Uint32Array",
] as const;

const PURE = new Set([
  "Infinity",
  "NaN",
  "undefined",
  "String",
  "Symbol",
  "JSON",
  "RegExp",
  "BigInt",
  "BigInt64Array",
  "BigUint64Array",
  "ArrayBuffer",
  "DataView",
  "Reflect",
  "Proxy",
  "Iterator",
  "Error",
  "TypeError",
  "RangeError",
  "SyntaxError",
  "ReferenceError",
  "EvalError",
  "URIError",
  "AggregateError",
  "encodeURIComponent",
  "decodeURIComponent",
  "encodeURI",
  "decodeURI",
]);

/** What the name reads or does, for the message of the refusal. */
const IMPURE: Readonly<Record<string, string>> = {
  Date: "reads the clock",
  performance: "reads the clock",
  Temporal: "reads the clock",
  crypto: "gives random numbers",
  process: "reads the process",
  Deno: "reads the process",
  Bun: "reads the process",
  globalThis: "reaches everything",
  global: "reaches everything",
  window: "reaches everything",
  self: "reaches everything",
  document: "reads the page",
  navigator: "reads the machine",
  fetch: "reads the network",
  XMLHttpRequest: "reads the network",
  WebSocket: "reads the network",
  setTimeout: "runs code later",
  setInterval: "runs code later",
  setImmediate: "runs code later",
  clearTimeout: "runs code later",
  clearInterval: "runs code later",
  clearImmediate: "runs code later",
  queueMicrotask: "runs code later (async)",
  Promise: "runs code later (async)",
  eval: "runs text as code",
  Function: "runs text as code",
  require: "loads modules while running",
  module: "is not there in an ES module",
  exports: "is not there in an ES module",
  __filename: "is not there in an ES module",
  __dirname: "is not there in an ES module",
  Buffer: "belongs to Node, not to the language",
  structuredClone: "copies a traced number without its derivative",
  WeakRef: "depends on the garbage collector",
  FinalizationRegistry: "depends on the garbage collector",
  SharedArrayBuffer: "shares memory with other threads",
  Atomics: "shares memory with other threads",
  Intl: "depends on the machine's language settings",
  WebAssembly: "runs code that cannot be differentiated",
};

export type GlobalMeaning =
  | { readonly kind: "intrinsic" | "replaced" | "pure" | "unknown" }
  | { readonly kind: "impure"; readonly why: string };

const replaced: ReadonlySet<string> = new Set(REPLACED);
const intrinsics: ReadonlySet<string> = new Set(INTRINSICS);

export function globalMeaning(name: string): GlobalMeaning {
  if (intrinsics.has(name)) return { kind: "intrinsic" };
  if (replaced.has(name)) return { kind: "replaced" };
  if (PURE.has(name)) return { kind: "pure" };
  const why = Object.hasOwn(IMPURE, name) ? IMPURE[name] : undefined;
  return why === undefined ? { kind: "unknown" } : { kind: "impure", why };
}
