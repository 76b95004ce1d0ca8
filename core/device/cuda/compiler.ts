/**
 * The compiler service of the CUDA device: NVRTC, called in this process, makes images for one architecture; they are kept on disk
 * by the hash of all that they were made from.
 *
 * `--fmad=false`: products and sums are not contracted, so that a fused kernel gives the same bits as the kernels that it was fused
 * from; products of matrices ask for an FMA by name.
 */
import { createHash } from "node:crypto";
import { statSync, writeFileSync } from "node:fs";
import { BenchError } from "../../base/errors.ts";
import { allocateNative, type Library, type NativeType, readText, viewMemory } from "../foreign.ts";
import { ImageCache } from "../image-cache.ts";
import { fileOf } from "./find.ts";
import { runtimeText } from "./runtime-text.ts";

export const NVRTC_FUNCTIONS = {
  nvrtcVersion: ["address", "address"],
  nvrtcCreateProgram: ["address", "string", "string", "int32", "address", "address"],
  nvrtcCompileProgram: ["address", "int32", "strings"],
  nvrtcDestroyProgram: ["address"],
  nvrtcGetCUBINSize: ["address", "address"],
  nvrtcGetCUBIN: ["address", "data"],
  nvrtcGetProgramLogSize: ["address", "address"],
  nvrtcGetProgramLog: ["address", "data"],
  nvrtcGetNumSupportedArchs: ["address"],
  nvrtcGetSupportedArchs: ["data"],
} as const satisfies Record<string, readonly NativeType[]>;

export class CudaCompiler {
  /** As `13.0`. */
  readonly version: string;
  private readonly library: Library;
  private readonly cell = allocateNative(16);
  private readonly words: Uint32Array;
  private readonly options: readonly string[];
  private readonly cache: ImageCache;
  private readonly identity: string;

  /** `architecture` as `sm_90`. Throws an `environment` error where this NVRTC does not know it. */
  constructor(library: Library, architecture: string, cache = new ImageCache(undefined, undefined, ".cubin")) {
    this.library = library;
    this.cache = cache;
    this.words = new Uint32Array(viewMemory(this.cell, 16));
    this.call("nvrtcVersion", this.cell, this.cell + 4);
    this.version = `${this.words[0]}.${this.words[1]}`;
    this.options = [`--gpu-architecture=${architecture}`, "--fmad=false"];
    this.identity = [this.version, ...this.options, fileIdentity(fileOf(library))].join(" ");
    const known = this.architectures();
    if (known.length > 0 && !known.includes(architecture)) {
      throw new BenchError("environment", `NVRTC ${this.version} (${fileOf(library)}) does not know ${architecture}`, {
        advice: `it knows ${known.join(", ")}; install a version of CUDA that supports this GPU, or use another device`,
      });
    }
  }

  /** The image of generated kernels, with the runtime's headers before them. */
  image(kernels: string): Buffer {
    const source = `${runtimeText(kernels)}\n${kernels}`;
    const key = `cuda-${createHash("sha256")
      .update(JSON.stringify([source, this.identity]))
      .digest("hex")
      .slice(0, 32)}`;
    const known = this.cache.read(key);
    if (known !== undefined) return known;
    const image = this.compile(source);
    const file = this.cache.temporary("cubin");
    writeFileSync(file, image);
    this.cache.put(key, file);
    return image;
  }

  private compile(source: string): Buffer {
    this.call("nvrtcCreateProgram", this.cell, source, "kernels.cu", 0, 0, 0);
    const program = this.address();
    try {
      const status = this.function("nvrtcCompileProgram")(program, this.options.length, this.options);
      if (status !== 0) throw this.refusal(status, program, source);
      this.call("nvrtcGetCUBINSize", program, this.cell);
      const image = Buffer.alloc(this.address());
      this.call("nvrtcGetCUBIN", program, image);
      return image;
    } finally {
      this.words[0] = program;
      this.words[1] = program / 4294967296;
      this.function("nvrtcDestroyProgram")(this.cell);
    }
  }

  /** The error of a program that does not compile: the log, the lines that it names, and the file where the whole text is. */
  private refusal(status: number, program: number, source: string): BenchError {
    this.call("nvrtcGetProgramLogSize", program, this.cell);
    const bytes = Buffer.alloc(Math.max(1, this.address()));
    this.call("nvrtcGetProgramLog", program, bytes);
    const log = bytes.toString("utf8").replace(/\0+$/, "").trim();
    const kept = `${this.cache.folder}/failed-${createHash("sha256").update(source).digest("hex").slice(0, 16)}.cu`;
    writeFileSync(kept, source);
    const lines = source.split("\n");
    const named = [...new Set([...log.matchAll(/kernels\.cu[(:](\d+)/g)].map((m) => Number(m[1])))].slice(0, 5);
    const shown = named.map((n) => `${n} | ${lines[n - 1] ?? ""}`).join("\n");
    const words = log.split("\n").slice(0, 30).join("\n");
    return new BenchError("runtime", `NVRTC does not compile ${kept} (${this.describe(status)}):\n${words}\n${shown}`, {
      advice: "please report this as a bug, with that file; --device native and --device wasm need no NVRTC",
    });
  }

  private architectures(): string[] {
    if (!this.library.has("nvrtcGetNumSupportedArchs")) return [];
    this.call("nvrtcGetNumSupportedArchs", this.cell);
    const numbers = new Int32Array(this.words[0] as number);
    if (numbers.length > 0) this.call("nvrtcGetSupportedArchs", numbers);
    return [...numbers].map((n) => `sm_${n}`);
  }

  private address(): number {
    return (this.words[0] as number) + (this.words[1] as number) * 4294967296;
  }

  private function(name: keyof typeof NVRTC_FUNCTIONS) {
    return this.library.declare(name, "int32", NVRTC_FUNCTIONS[name]);
  }

  private call(name: keyof typeof NVRTC_FUNCTIONS, ...args: (number | string | ArrayBufferView)[]): void {
    const status = this.function(name)(...args);
    if (status !== 0) throw new BenchError("runtime", `NVRTC failed in ${name}: ${this.describe(status)}`);
  }

  private describe(status: number): string {
    return `${readText(this.library.declare("nvrtcGetErrorString", "address", ["int32"])(status), 256)} (${status})`;
  }
}

/** A file's place, size and time: what another library of the same version would not share. */
function fileIdentity(path: string): string {
  const stat = statSync(path, { throwIfNoEntry: false });
  return stat === undefined ? path : `${path} ${stat.size} ${stat.mtimeMs}`;
}
