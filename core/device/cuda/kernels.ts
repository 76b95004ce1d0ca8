/**
 * Compiled kernels of the CUDA device. Those that are needed together are one program of NVRTC. Kernels are kept for the life of the
 * process, images on disk (see compiler.ts).
 */
import type { RenderedCuda } from "../../render/cuda-program.ts";
import type { CudaCompiler } from "./compiler.ts";
import type { Driver } from "./driver.ts";

/** A kernel that is wanted: what it is known by, and its text under a name. */
export interface WantedText {
  readonly key: string;
  render(name: string): RenderedCuda;
}

export interface LoadedKernel extends Omit<RenderedCuda, "source"> {
  /** Handles of the kernel and of the one that joins its parts; 0 where there is none. */
  readonly function: number;
  readonly join: number;
}

/** Kernels of one program. */
const BATCH = 48;

export class CudaKernels {
  private readonly driver: Driver;
  private readonly compiler: CudaCompiler;
  private readonly loaded = new Map<string, LoadedKernel>();

  constructor(driver: Driver, compiler: CudaCompiler) {
    this.driver = driver;
    this.compiler = compiler;
  }

  get size(): number {
    return this.loaded.size;
  }

  /** The compiled form of a kernel, made now if need be. */
  get(wanted: WantedText): LoadedKernel {
    const found = this.loaded.get(wanted.key);
    if (found !== undefined) return found;
    this.load([wanted]);
    return this.loaded.get(wanted.key) as LoadedKernel;
  }

  /** Compiles all that are not yet, in few programs. */
  prepare(wanted: readonly WantedText[]): void {
    const missing = [...new Map(wanted.filter((w) => !this.loaded.has(w.key)).map((w) => [w.key, w])).values()];
    for (let from = 0; from < missing.length; from += BATCH) this.load(missing.slice(from, from + BATCH));
  }

  private load(batch: readonly WantedText[]): void {
    const rendered = batch.map((wanted, i) => ({ key: wanted.key, name: `k${i}`, text: wanted.render(`k${i}`) }));
    const image = this.compiler.image(rendered.map(({ text }) => text.source).join("\n"));
    const { driver } = this;
    driver.call("cuModuleLoadData", driver.cell, image);
    const module = driver.found;
    const handle = (name: string) => {
      driver.call("cuModuleGetFunction", driver.cell, module, name);
      return driver.found;
    };
    for (const { key, name, text } of rendered) {
      const { sites, layout, joins } = text;
      this.loaded.set(key, { sites, layout, joins, function: handle(name), join: joins ? handle(`${name}_join`) : 0 });
    }
  }
}
