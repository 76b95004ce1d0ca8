/**
 * The native runtime: the hand-written C of `runtime/` (threads, memory, products, convolutions, routines) as one loaded library,
 * whose functions generated code calls by name. What the functions do is said in runtime/trigrad.h.
 */

import type { Library } from "../foreign.ts";
import { threadLimit } from "../threads.ts";
import { compileAndLoad } from "./library.ts";

export interface NativeRuntime {
  readonly library: Library;
  /** Path or name of the OpenBLAS that was found; undefined where the runtime's own code serves alone. */
  readonly blas: string | undefined;
  /** Aligned memory, or 0 where there is none. */
  allocate(bytes: number): number;
  release(address: number): void;
}

/** Compiled together, so that what they share is inlined. */
export const SOURCES = ["special.c", "pool.c", "memory.c", "blas.c", "gemm.c", "convolution.c", "routines.c", "plan.c"];

let loaded: NativeRuntime | undefined;

/**
 * The runtime of this process, loaded once. Uses as many threads as the process may, or `$TRIGRAD_THREADS`. Throws an
 * `environment` error where there is no compiler or no foreign functions.
 */
export function nativeRuntime(): NativeRuntime {
  loaded ??= load();
  return loaded;
}

function load(): NativeRuntime {
  const source = SOURCES.map((file) => `#include "${file}"\n`).join("");
  const library = compileAndLoad(source, "runtime", { global: true, flags: ["-ffp-contract=fast", "-ldl"] });
  const allocate = library.declare("tg_allocate", "address", ["int64"]);
  const release = library.declare("tg_release", "void", ["address"]);
  library.declare("tg_set_threads", "void", ["int64"])(threadLimit());
  return { library, blas: openBlas(library), allocate, release };
}

/** `$TRIGRAD_OPENBLAS` is a path, or `none`; without it the names by which systems know OpenBLAS are tried. */
function openBlas(library: Library): string | undefined {
  const open = library.declare("tg_open_blas", "int32", ["string"]);
  const wanted = process.env.TRIGRAD_OPENBLAS;
  if (wanted === "none") return undefined;
  return (wanted ? [wanted] : ["libopenblas.so.0", "libopenblas.so", "libopenblas.dylib"]).find((path) => open(path) === 1);
}
