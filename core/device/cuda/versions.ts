/** Versions of CUDA's libraries, by functions of theirs that need no GPU. */
import { allocateNative, type Library, type NativeType, viewMemory } from "../foreign.ts";
import type { CudaLibraryName } from "./find.ts";

/** What is asked of each; cudnnGetVersion gives a number, the others a status and write theirs. */
export const VERSION_FUNCTIONS = {
  cuDriverGetVersion: ["address"],
  nvrtcVersion: ["address", "address"],
  cublasGetProperty: ["int32", "address"],
  cudnnGetVersion: [],
} as const satisfies Record<string, readonly NativeType[]>;

export const VERSION_CONSTANTS = { MAJOR_VERSION: 0, MINOR_VERSION: 1, PATCH_LEVEL: 2 } as const;

/** As `13.0.2`; the driver's is the newest CUDA that it serves. Empty where the library does not tell. */
export function versionOf(name: CudaLibraryName, library: Library): string {
  const cell = allocateNative(8);
  const words = new Int32Array(viewMemory(cell, 8));
  const ask = (f: keyof typeof VERSION_FUNCTIONS, ...args: number[]) => library.declare(f, "int32", VERSION_FUNCTIONS[f])(...args) === 0;
  try {
    switch (name) {
      case "driver":
        return ask("cuDriverGetVersion", cell) ? `CUDA ${parts(words[0] as number, 1000, 10)}` : "";
      case "nvrtc":
        return ask("nvrtcVersion", cell, cell + 4) ? words.join(".") : "";
      case "cublas": {
        const property = (which: number) => (ask("cublasGetProperty", which, cell) ? [words[0]] : []);
        return Object.values(VERSION_CONSTANTS).flatMap(property).join(".");
      }
      case "cudnn": {
        const number = library.declare("cudnnGetVersion", "int64", [])();
        // Version 9 counts minor versions to 99, those before it to 9.
        return parts(number, number >= 90_000 ? 10_000 : 1000, 100, 1);
      }
      default:
        return name satisfies never;
    }
  } catch {
    // An older or a newer one, without that function.
    return "";
  }
}

/** The digits of a number above each of these units. */
function parts(number: number, ...units: readonly number[]): string {
  let rest = number;
  const found = units.map((unit) => {
    const digit = Math.floor(rest / unit);
    rest -= digit * unit;
    return digit;
  });
  return found.join(".");
}
