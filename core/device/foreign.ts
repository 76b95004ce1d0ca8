/**
 * Foreign functions: shared libraries, their functions, and native memory as typed arrays. All of koffi that the project uses is
 * behind this file (docs/decisions/0007-foreign-functions.md). koffi is loaded at the first use, so that a platform without its
 * binary still has the other devices. Addresses are JavaScript numbers: user space ends below 2^53, and no BigInt is made.
 */
import { createRequire } from "node:module";
import type koffiModule from "koffi";
import { BenchError } from "../base/errors.ts";

/** C types by which functions are declared: "address" is any pointer or handle, given as a number; "data" the contents of a typed array. */
export type NativeType = "void" | "int32" | "int64" | "f32" | "f64" | "address" | "data" | "string" | "strings";

/** A function of a library. Typed arrays may be passed only for the duration of the call. Null is a null pointer. */
export type NativeFunction = (...args: (number | string | null | ArrayBufferView | readonly string[])[]) => number;

const KOFFI_TYPES: Record<NativeType, string> = {
  void: "void",
  int32: "int32_t",
  int64: "int64_t",
  f32: "float",
  f64: "double",
  address: "uint64_t",
  data: "void *",
  string: "const char *",
  strings: "const char **",
};

type Koffi = typeof koffiModule;
let koffi: Koffi | undefined;

function foreign(): Koffi {
  if (koffi === undefined) {
    try {
      koffi = createRequire(import.meta.url)("koffi") as Koffi;
    } catch (error) {
      throw new BenchError("environment", `koffi, which calls native code, cannot be loaded on ${process.platform}-${process.arch}`, {
        advice: "reinstall with optional dependencies (npm ci --include=optional), or use --device wasm",
        cause: error,
      });
    }
  }
  return koffi;
}

/** True where native functions can be called. */
export function canCallNative(): boolean {
  try {
    foreign();
    return true;
  } catch {
    return false;
  }
}

export class Library {
  readonly path: string;
  private readonly handle: ReturnType<Koffi["load"]>;

  /**
   * Opens the library at a path, or by a name that the system's loader knows. `global`: its symbols serve libraries opened later.
   * `resident`: it stays mapped until the process is gone, as one with threads of its own must.
   * Throws an `environment` error where it cannot be opened.
   */
  constructor(path: string, options: { readonly global?: boolean; readonly resident?: boolean } = {}) {
    this.path = path;
    try {
      this.handle = foreign().load(path, { global: options.global ?? false });
      if (options.resident && process.platform === "linux") keepMapped(path);
    } catch (error) {
      if (error instanceof BenchError) throw error;
      throw new BenchError("environment", `${path} cannot be loaded: ${(error as Error).message}`, { cause: error });
    }
  }

  /** The function `name`. Throws where the library has none. */
  declare(name: string, result: NativeType, parameters: readonly NativeType[]): NativeFunction {
    const types = parameters.map((p) => KOFFI_TYPES[p]);
    return this.handle.func(name, KOFFI_TYPES[result], types) as unknown as NativeFunction;
  }

  /** Whether the library has a symbol of this name. */
  has(name: string): boolean {
    try {
      this.handle.symbol(name);
      return true;
    } catch {
      return false;
    }
  }
}

/** RTLD_NOW | RTLD_NODELETE, of glibc and musl. */
const KEEP = 0x2 | 0x1000;

/** koffi closes libraries at exit, when their threads still run: opening once more with this flag forbids that they go. */
function keepMapped(path: string): void {
  for (const name of ["libc.so.6", "libdl.so.2"]) {
    try {
      foreign().load(name).func("dlopen", "uint64_t", ["const char *", "int32_t"])(path, KEEP);
      return;
    } catch {
      // Another C library, or another part of it has the function.
    }
  }
}

/** Native memory as bytes: an alias, not a copy. The caller sees to it that the memory outlives the view. Costs about 1 µs. */
export function viewMemory(address: number, bytes: number): ArrayBuffer {
  return foreign().view(BigInt(address), bytes);
}

/** Zeroed native memory of the process's own, for as long as it runs. */
export function allocateNative(bytes: number): number {
  const address = Number(foreign().address(foreign().alloc("uint8_t", bytes)));
  new Uint8Array(viewMemory(address, bytes)).fill(0);
  return address;
}

/** The text at an address that a library gave, up to its end or `most` bytes. */
export function readText(address: number, most = 1024): string {
  if (address === 0) return "";
  const bytes = new Uint8Array(viewMemory(address, most));
  const end = bytes.indexOf(0);
  return new TextDecoder().decode(bytes.slice(0, end < 0 ? most : end));
}
