/**
 * TensorFlow.js as the tfjs device finds it. None of its packages is a dependency: whichever is installed is loaded when somebody asks
 * for the device, the fastest first, or the one that `$TRIGRAD_TFJS_BACKEND` names. Loading is asynchronous because the
 * WebAssembly backend compiles itself asynchronously; everything after it is synchronous. Of the library only `runKernel` and what it
 * takes to make, read and dispose tensors is used, typed here, so that the project compiles without it.
 */
import { existsSync, readdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, sep } from "node:path";
import { BenchError } from "../../base/errors.ts";
import type { Availability } from "../native/availability.ts";

export type TfDType = "float32" | "int32" | "bool";

export interface TfTensor {
  readonly shape: readonly number[];
  readonly dtype: TfDType;
  readonly size: number;
  dataSync(): Float32Array | Int32Array | Uint8Array;
  dispose(): void;
}

/** What the device uses of the library's engine. */
export interface TfEngine {
  /** Bytes that all tensors together may take. */
  readonly mostBytes: number;
  runKernel(name: string, inputs: object, attributes?: object): TfTensor | readonly TfTensor[];
  makeTensor(values: Float32Array | Int32Array | Uint8Array, shape: readonly number[], dtype: TfDType): TfTensor;
  memory(): { readonly numBytes: number; readonly numTensors: number };
}

interface TfModule {
  engine(): Omit<TfEngine, "mostBytes">;
  enableProdMode(): void;
  setBackend(name: string): Promise<boolean>;
}

export type BackendName = "node-gpu" | "node" | "wasm" | "cpu";

interface Backend {
  readonly name: BackendName;
  /** Packages that are loaded, the one that exports the engine first. */
  readonly packages: readonly string[];
  /** The name under which the last package registers itself. */
  readonly registered: string;
}

/** Fastest first. */
const BACKENDS: readonly Backend[] = [
  { name: "node-gpu", packages: ["@tensorflow/tfjs-node-gpu"], registered: "tensorflow" },
  { name: "node", packages: ["@tensorflow/tfjs-node"], registered: "tensorflow" },
  { name: "wasm", packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-wasm"], registered: "wasm" },
  { name: "cpu", packages: ["@tensorflow/tfjs-core", "@tensorflow/tfjs-backend-cpu"], registered: "cpu" },
];

/** The release that the device is tested with. */
const TESTED = "4.22.0";

const require = createRequire(import.meta.url);

/** Whether TensorFlow.js can be used here, found out without loading it. */
export function findTfjs(): Availability {
  const asked = process.env.TRIGRAD_TFJS_BACKEND;
  const names = BACKENDS.map((b) => b.name).join(", ");
  if (asked && !BACKENDS.some((b) => b.name === asked))
    return { available: false, detail: `TRIGRAD_TFJS_BACKEND is ${asked}, and backends are ${names}` };
  const chosen = chooseBackend();
  if (chosen === undefined) {
    const wanted = backendNamed(asked || "wasm");
    const how = `npm install --no-save ${wanted.packages.map((p) => `${p}@${TESTED}`).join(" ")}`;
    return { available: false, detail: `${asked ? problemOf(wanted) : "no backend of TensorFlow.js is installed"} (${how})` };
  }
  const missing = BACKENDS.flatMap((b) => problemOf(b) ?? []);
  const rest = missing.length > 0 ? `; ${missing.join("; ")}` : "";
  return { available: true, detail: `TensorFlow.js, backend ${chosen.name}: ${describe(chosen)}${rest}` };
}

/** The backends that can be loaded here, fastest first. */
export function installedBackends(): readonly BackendName[] {
  return BACKENDS.filter((b) => problemOf(b) === undefined).map((b) => b.name);
}

/** The backend that is named, or the first, if it can be loaded. */
function chooseBackend(): Backend | undefined {
  const asked = process.env.TRIGRAD_TFJS_BACKEND;
  return BACKENDS.find((b) => (!asked || b.name === asked) && problemOf(b) === undefined);
}

function backendNamed(name: string): Backend {
  return BACKENDS.find((b) => b.name === name) as Backend;
}

function describe({ packages }: Backend): string {
  const name = packages.at(-1) as string;
  return `${name} ${versionOf(name)}`;
}

/** Why a backend cannot be loaded; undefined where it can. */
function problemOf({ name, packages }: Backend): string | undefined {
  const absent = packages.find((p) => versionOf(p) === undefined);
  if (absent !== undefined) return `${absent} is not installed`;
  const [own] = packages as [string];
  if ((name === "node" || name === "node-gpu") && !hasBinding(own)) return `${own} is installed without its native library`;
  return undefined;
}

function versionOf(name: string): string | undefined {
  try {
    return (require(`${name}/package.json`) as { readonly version: string }).version;
  } catch {
    return undefined;
  }
}

/** The binding is downloaded or built when the package is installed, into a folder named after the version of the interface. */
function hasBinding(name: string): boolean {
  const folder = join(dirname(require.resolve(`${name}/package.json`)), "lib");
  return existsSync(folder) && readdirSync(folder).some((version) => existsSync(join(folder, version, "tfjs_binding.node")));
}

/**
 * The WebAssembly backend has 4 GiB. Beyond that its allocator answers 0, and it goes on and writes there, over everything; the rest is
 * for what its kernels allocate besides their results.
 */
const MOST_BYTES: Record<BackendName, number> = {
  "node-gpu": Number.POSITIVE_INFINITY,
  node: Number.POSITIVE_INFINITY,
  wasm: 3 * 2 ** 30,
  cpu: Number.POSITIVE_INFINITY,
};

function limited(engine: Omit<TfEngine, "mostBytes">, mostBytes: number): TfEngine {
  return {
    mostBytes,
    runKernel: (name, inputs, attributes) => engine.runKernel(name, inputs, attributes),
    makeTensor: (values, shape, dtype) => engine.makeTensor(values, shape, dtype),
    memory: () => engine.memory(),
  };
}

export interface LoadedTfjs {
  readonly backend: BackendName;
  /** Package and version. */
  readonly version: string;
  readonly engine: TfEngine;
}

/** Loads a backend, by default the one that {@link findTfjs} tells of, and makes it the library's current one. */
export async function loadTfjs(name?: BackendName): Promise<LoadedTfjs> {
  const chosen = name === undefined ? chooseBackend() : backendNamed(name);
  const problem = chosen === undefined ? findTfjs().detail : problemOf(chosen);
  if (chosen === undefined || problem !== undefined) throw new BenchError("environment", `tfjs is not available here: ${problem}`);
  const listeners = FATAL.map((event) => process.listeners(event as "uncaughtException"));
  try {
    const [tf, backend] = chosen.packages.map((p) => require(p) as unknown) as [TfModule, { setWasmPaths?: (folder: string) => void }?];
    // The advice to install another backend, and checks of what this device checks itself.
    tf.enableProdMode();
    backend?.setWasmPaths?.(dirname(require.resolve(chosen.packages.at(-1) as string)) + sep);
    if (!(await tf.setBackend(chosen.registered))) throw new Error(`the backend ${chosen.registered} does not start`);
    return { backend: chosen.name, version: describe(chosen), engine: limited(tf.engine(), MOST_BYTES[chosen.name]) };
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new BenchError("environment", `${describe(chosen)} cannot be loaded: ${reason}`, {
      advice: "name another backend in TRIGRAD_TFJS_BACKEND (wasm, cpu), or leave tfjs out",
      cause,
    });
  } finally {
    // The WebAssembly backend's own answer to errors of the process that has loaded it is not wanted.
    for (const [i, event] of FATAL.entries())
      for (const listener of process.listeners(event as "uncaughtException"))
        if (!(listeners[i] as (typeof listeners)[number]).includes(listener)) process.removeListener(event, listener);
  }
}

const FATAL = ["uncaughtException", "unhandledRejection"] as const;
