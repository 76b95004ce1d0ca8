/**
 * Compiled kernels. Those that are needed together are compiled together: the compiler's start costs as much as a kernel. An image
 * exports its kernels as k0, k1, …, and a table of their addresses for plans. Kernels are kept for the life of the process, images
 * on disk (see compiler.ts).
 */
import type { Geometry, Kernel } from "../../kernel/kernel.ts";
import { renderC } from "../../render/c.ts";
import type { Layout } from "../../render/c-layout.ts";
import type { RenderedC } from "../../render/c-program.ts";
import { type Schedule, scheduleOf } from "../../render/c-schedule.ts";
import type { Site } from "../../render/wasm-layout.ts";
import type { Library, NativeFunction } from "../foreign.ts";
import { compileAndLoad } from "./library.ts";

/** Kernels of one compilation; more are slower to compile than they save. */
const BATCH = 24;

export class CompiledKernel {
  readonly sites: readonly Site[];
  readonly layout: Layout;
  readonly schedule: Schedule;
  /** Addresses of `k_run` and, for maps of three axes, of `k_block`; 0 where there is none. */
  readonly run: number;
  readonly block: number;
  private readonly library: Library;
  private readonly name: string;
  private readonly pointers: number;
  private declared: NativeFunction | undefined;

  constructor(library: Library, name: string, kernel: Kernel, schedule: Schedule, rendered: RenderedC, run: number, block: number) {
    this.library = library;
    this.name = name;
    this.pointers = kernel.operands.length + kernel.outputs.length;
    this.schedule = schedule;
    this.sites = rendered.sites;
    this.layout = rendered.layout;
    this.run = run;
    this.block = block;
  }

  /** The kernel as a function of its pointers (outputs, operands) and of the address of its words. */
  get call(): NativeFunction {
    this.declared ??= this.library.declare(this.name, "void", new Array(this.pointers + 1).fill("address"));
    return this.declared;
  }
}

export interface WantedKernel {
  readonly kernel: Kernel;
  readonly geometry: Geometry;
}

export class KernelCache {
  private readonly compiled = new Map<string, CompiledKernel>();

  get size(): number {
    return this.compiled.size;
  }

  /** The compiled form of a kernel, made now if need be. */
  get(kernel: Kernel, geometry: Geometry): CompiledKernel {
    const schedule = scheduleOf(kernel, geometry);
    const key = keyOf(kernel, schedule);
    const found = this.compiled.get(key);
    if (found !== undefined) return found;
    this.compile(new Map([[key, { kernel, schedule }]]));
    return this.compiled.get(key) as CompiledKernel;
  }

  /** Compiles all that are not yet, in few runs of the compiler. */
  prepareAll(wanted: readonly WantedKernel[]): void {
    let missing = new Map<string, { kernel: Kernel; schedule: Schedule }>();
    for (const { kernel, geometry } of wanted) {
      const schedule = scheduleOf(kernel, geometry);
      const key = keyOf(kernel, schedule);
      if (!this.compiled.has(key)) missing.set(key, { kernel, schedule });
      if (missing.size < BATCH) continue;
      this.compile(missing);
      missing = new Map();
    }
    if (missing.size > 0) this.compile(missing);
  }

  private compile(batch: ReadonlyMap<string, { readonly kernel: Kernel; readonly schedule: Schedule }>): void {
    const rendered = [...batch].map(([key, { kernel, schedule }], i) => {
      const name = `k${i}`;
      return { key, kernel, schedule, name, c: renderC(kernel, schedule, name), hasBlock: kernel.rank === 3 && kernel.reduced === 0 };
    });
    const table = rendered.map(({ name, hasBlock }, i) => {
      const entries = [`table[${2 * i}] = (int64_t)(intptr_t)${name}_run;`];
      if (hasBlock) entries.push(`table[${2 * i + 1}] = (int64_t)(intptr_t)${name}_block;`);
      return `  ${entries.join(" ")}`;
    });
    const source = [
      '#include "kernel.h"\n',
      ...rendered.map(({ c }) => c.source),
      `TG_EXPORT void tg_functions(int64_t *table) {\n${table.join("\n")}\n}\n`,
    ].join("\n");
    // Kernels may read one dtype where they store another: memory has no type here.
    const library = compileAndLoad(source, "kernels", { flags: ["-fno-strict-aliasing"] });
    const addresses = new BigInt64Array(2 * rendered.length);
    library.declare("tg_functions", "void", ["data"])(addresses);
    for (const [i, { key, kernel, schedule, name, c }] of rendered.entries()) {
      const [run, block] = [addresses[2 * i], addresses[2 * i + 1]].map(Number) as [number, number];
      this.compiled.set(key, new CompiledKernel(library, name, kernel, schedule, c, run, block));
    }
  }
}

function keyOf(kernel: Kernel, { lanes, tile }: Schedule): string {
  return `${kernel.key}/${lanes},${tile}`;
}
