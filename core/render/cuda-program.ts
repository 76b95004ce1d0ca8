/**
 * What every CUDA kernel has: its struct of parameters, pointers and strides as local constants, the sites where indices are
 * checked, and stores. How points are given to threads is said by those that extend this.
 */
import type { Kernel, Operand, Output } from "../kernel/kernel.ts";
import { levelsOf } from "../kernel/level.ts";
import { cast, type Expr } from "../kernel/scalar-expr.ts";
import { C_TYPE } from "./c-scalar.ts";
import { everyExpression } from "./c-schedule.ts";
import { CudaEmitter } from "./cuda-emitter.ts";
import { CudaLayout, manyOf } from "./cuda-layout.ts";
import { type CudaSchedule, THREADS } from "./cuda-schedule.ts";
import { allOperands, type Site } from "./wasm-layout.ts";

export interface RenderedCuda {
  /** Definitions; the headers of core/device/cuda/runtime come before them. */
  readonly source: string;
  /** Where indices are checked. */
  readonly sites: readonly Site[];
  readonly layout: CudaLayout;
  /** True where a second kernel, `name_join`, joins what parts of rows were folded to. */
  readonly joins: boolean;
}

/** An output with its number among the operands. */
export type Stored = Output & { readonly number: number };

export abstract class CudaProgram {
  protected readonly kernel: Kernel;
  protected readonly schedule: CudaSchedule;
  protected readonly name: string;
  protected readonly outer: number;
  protected readonly operands: readonly Operand[];
  protected readonly outputs: readonly Stored[];
  protected readonly sites: readonly (Site & { readonly at: Expr })[];
  protected readonly layout: CudaLayout;
  protected em: CudaEmitter;
  /** True: one launch does this for several sets of operands, each by blocks of its own. */
  isMany = false;

  /** `extra` names pointers of the program's own. */
  constructor(given: Kernel, schedule: CudaSchedule, name: string, extra: readonly string[] = [], appended = 0) {
    this.kernel = { ...given, outputs: given.outputs.map((o) => ({ ...o, result: cast(o.result, o.dtype) })) };
    this.schedule = schedule;
    this.name = name;
    this.outer = given.rank - given.reduced;
    this.operands = allOperands(this.kernel);
    this.outputs = this.kernel.outputs.map((o, i) => ({ ...o, number: given.operands.length + i }));
    this.sites = sitesOf(this.kernel);
    const pointers = [...extra, ...(this.sites.length > 0 ? ["cell"] : [])];
    this.layout = new CudaLayout(this.kernel, schedule.wide, pointers, appended);
    this.em = this.emitter();
  }

  protected emitter(): CudaEmitter {
    return new CudaEmitter(this.kernel, this.layout, this.operands, this.sites);
  }

  protected get index(): string {
    return this.layout.index;
  }

  /** The number of a block among those that share the work, and how many they are. */
  protected get block(): string {
    return this.isMany ? "block" : "blockIdx.x";
  }

  protected get blocks(): string {
    return this.isMany ? "blocks" : "gridDim.x";
  }

  /** Pointers and strides as local constants. */
  protected locals(): void {
    const { em, layout } = this;
    for (const [k, o] of this.operands.entries()) {
      em.line(`${C_TYPE[o.dtype]} *const p${k} = (${C_TYPE[o.dtype]} *)a.p[${k}];`);
      for (const [axis, access] of o.access.entries())
        if (access === "strided") em.line(`const ${this.index} s${layout.stride(k, axis)} = a.n[${layout.stride(k, axis)}];`);
      if (o.indirect) em.line(`const ${this.index} s${layout.indexStride(k)} = a.n[${layout.indexStride(k)}];`);
    }
  }

  /** The text of a kernel of this name. */
  protected function(name: string, body: () => void): string {
    this.em = this.emitter();
    const kernel = `extern "C" __global__ void __launch_bounds__(${THREADS}) ${name}`;
    const head = this.isMany
      ? `TG_FN void ${name}_one(const ${this.name}_args &a, int block, int blocks)`
      : `${kernel}(const ${this.name}_args a)`;
    this.em.block(head, () => {
      this.locals();
      body();
    });
    return this.isMany ? `${this.em.text()}\n${manyText(kernel, this.name, manyOf(this.layout))}` : this.em.text();
  }

  protected rendered(texts: readonly string[], joins = false): RenderedCuda {
    const source = numbered([this.layout.definition(this.name), ...texts].join("\n"));
    return { source, sites: this.sites.map(({ operand, level }) => ({ operand, level })), layout: this.layout, joins };
  }

  /** Stores outputs whose results are computed: all values before any store. `when`: the condition under which this thread does. */
  protected store(outputs: readonly Stored[], when?: string): void {
    const { em } = this;
    const guards = outputs.map((o) => {
      if (o.storeAt === undefined) return undefined;
      em.line(em.lateCheck(o.number, o.storeAt, em.name(o.storeAt)) as string);
      return em.lastGuard;
    });
    for (const [i, o] of outputs.entries()) {
      const conditions = [when, guards[i]].filter((c) => c !== undefined);
      em.line(`${conditions.length > 0 ? `if (${conditions.join(" && ")}) ` : ""}${this.storeText(o)}`);
    }
  }

  protected storeText(o: Stored): string {
    const { em } = this;
    const place = em.element(o.number, o.storeAt && em.name(o.storeAt));
    const value = em.name(o.result);
    if (!o.accumulate) return `${place} = ${value};`;
    if (o.dtype === "bool") return `${place} |= ${value};`;
    return o.dtype === "i32" ? `${place} = tg_add_i32(${place}, ${value});` : `${place} += ${value};`;
  }
}

/** A kernel over several structs: the blocks [from[m], from[m + 1]) have the one numbered m. Beyond the last, `from` is the number of blocks. */
function manyText(kernel: string, name: string, count: number): string {
  return [
    `struct ${name}_many { int from[${count + 1}]; ${name}_args each[${count}]; };`,
    `${kernel}(const __grid_constant__ ${name}_many all) {`,
    "  int m = 0;",
    "  while ((int)blockIdx.x >= all.from[m + 1]) m++;",
    `  ${name}_one(all.each[m], (int)blockIdx.x - all.from[m], all.from[m + 1] - all.from[m]);`,
    "}",
    "",
  ].join("\n");
}

/**
 * The text with its temporaries numbered as they come. Expressions have the numbers of all that a process made before, and a text that
 * depends on those would not be found among the compiled ones.
 */
function numbered(text: string): string {
  const names = new Map<string, string>();
  return text.replace(/\bt\d+\b/g, (name) => {
    const known = names.get(name) ?? `t${names.size}`;
    names.set(name, known);
    return known;
  });
}

/** Every place where an index is checked, each once. */
function sitesOf(kernel: Kernel): (Site & { readonly at: Expr })[] {
  const ordered = everyExpression(kernel);
  const levels = levelsOf(kernel, ordered);
  const sites: (Site & { readonly at: Expr })[] = [];
  const add = (operand: number, at: Expr) => {
    if (!sites.some((s) => s.operand === operand && s.at === at)) sites.push({ operand, level: levels.get(at) as number, at });
  };
  for (const e of ordered) if (e.kind === "load" && e.at !== undefined) add(e.operand, e.at);
  for (const [i, o] of kernel.outputs.entries()) if (o.storeAt !== undefined) add(kernel.operands.length + i, o.storeAt);
  return sites;
}
