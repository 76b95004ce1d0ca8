/**
 * Modules as the device and its threads know them: compiled once, instantiated by every thread that runs them. A function is known
 * to all threads by its module and its name.
 */
import { erf, erfc, lgamma, polygamma } from "../../base/special.ts";
import type { GeneratedFunction } from "../bind.ts";

export interface SharedModule {
  readonly module: WebAssembly.Module;
  /** The functions that it exports, and those of the instance of the thread that owns the device. */
  readonly names: readonly string[];
  readonly exports: readonly GeneratedFunction[];
  /** False where it imports a function that threads do not have: those of `Math` and `rem` they have. */
  readonly isPortable: boolean;
  /** Its functions' numbers begin here; set when a chunk first needs one. */
  first: number | undefined;
}

export interface SharedFunction {
  readonly run: GeneratedFunction;
  readonly owner: SharedModule;
  /** Which of the owner's functions it is. */
  readonly index: number;
}

type MathFunction = (...args: number[]) => number;

const NOT_IN_THREADS: Readonly<Record<string, MathFunction>> = {
  erf: (x) => erf(x as number),
  erfc: (x) => erfc(x as number),
  lgamma: (x) => lgamma(x as number),
  polygamma: (n, x) => polygamma(n as number, x as number),
};

/** The float64 functions that modules may import. V8 calls those of `Math` directly. */
const FUNCTIONS: Readonly<Record<string, MathFunction>> = {
  ...Object.fromEntries(
    Object.getOwnPropertyNames(Math).flatMap((name) => {
      const value: unknown = Math[name as keyof Math];
      return typeof value === "function" ? [[name, value as MathFunction]] : [];
    }),
  ),
  rem: (x, y) => (x as number) % (y as number),
  ...NOT_IN_THREADS,
};

/** Compiles and instantiates a module; its functions by name. */
export function loadModule<Name extends string>(
  bytes: Uint8Array<ArrayBuffer>,
  names: readonly Name[],
  imports: readonly string[],
  memory: WebAssembly.Memory,
): Readonly<Record<Name, SharedFunction>> {
  const module = new WebAssembly.Module(bytes);
  const env = { memory, ...Object.fromEntries(imports.map((name) => [name, FUNCTIONS[name] as MathFunction])) };
  const instance = new WebAssembly.Instance(module, { env });
  const exports = names.map((name) => instance.exports[name] as GeneratedFunction);
  const isPortable = imports.every((name) => !(name in NOT_IN_THREADS));
  const owner: SharedModule = { module, names, exports, isPortable, first: undefined };
  const functions = exports.map((run, index): [string, SharedFunction] => [names[index] as Name, { run, owner, index }]);
  return Object.fromEntries(functions) as Record<Name, SharedFunction>;
}
