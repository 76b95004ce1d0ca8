/** Compiled C as a library of this process. */
import { BenchError } from "../../base/errors.ts";
import { canCallNative, Library } from "../foreign.ts";
import { type CompileOptions, compileLibrary } from "./compiler.ts";

/** Compiles C source and opens the result; an image that the loader refuses is made once more. */
export function compileAndLoad(source: string, name: string, options: CompileOptions & { readonly global?: boolean } = {}): Library {
  const load = (rebuild: boolean) => {
    const path = compileLibrary(source, name, { ...options, rebuild });
    return new Library(path, { global: options.global ?? false });
  };
  try {
    return load(options.rebuild ?? false);
  } catch (error) {
    if (!(error instanceof BenchError) || error.kind !== "environment" || !canCallNative()) throw error;
    return load(true);
  }
}
