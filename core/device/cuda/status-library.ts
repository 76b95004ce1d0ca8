/**
 * A C library whose functions give a status, 0 where all went well: cuBLAS, cuBLASLt and cuDNN. The table of its functions is checked
 * against NVIDIA's headers by headers.test.ts; errors are told with the library's own words.
 */
import { BenchError } from "../../base/errors.ts";
import { allocateNative, type Library, type NativeFunction, type NativeType, readText, viewMemory } from "../foreign.ts";

type Argument = number | null | ArrayBufferView;

/** The parameters of each function of a library; all of them give an int32. */
export type Functions = Readonly<Record<string, readonly NativeType[]>>;

export interface LibraryWords {
  /** As people call it. */
  readonly title: string;
  /** The function from a status to its text. */
  readonly describe: string;
  readonly advice: string;
}

export class StatusLibrary<F extends Functions> {
  private readonly library: Library;
  private readonly functions: F;
  private readonly words: LibraryWords;
  private readonly declared = new Map<keyof F, NativeFunction>();
  private readonly cell = allocateNative(8);
  private readonly cellWords = new BigUint64Array(viewMemory(this.cell, 8));

  constructor(library: Library, functions: F, words: LibraryWords) {
    this.library = library;
    this.functions = functions;
    this.words = words;
  }

  /** The function itself. */
  function(name: keyof F & string): NativeFunction {
    let f = this.declared.get(name);
    if (f === undefined) {
      f = this.library.declare(name, "int32", this.functions[name] as readonly NativeType[]);
      this.declared.set(name, f);
    }
    return f;
  }

  /** Calls a function; throws where its status is an error. */
  call(name: keyof F & string, ...args: Argument[]): void {
    const status = this.function(name)(...args);
    if (status !== 0) throw this.failure(status, name);
  }

  /** The handle or number that a function writes to its parameter, the one at which it is given `made`. */
  made(make: (cell: number) => number, what: string): number {
    this.cellWords[0] = 0n;
    const status = make(this.cell);
    if (status !== 0) throw this.failure(status, what);
    return Number(this.cellWords[0]);
  }

  /** The error of a status. */
  failure(status: number, what: string): BenchError {
    const { title, describe, advice } = this.words;
    const text = readText(this.library.declare(describe, "address", ["int32"])(status), 256);
    return new BenchError("runtime", `${title} failed in ${what}: ${text} (${status})`, { advice });
  }
}
