/**
 * How the numbers of a launch reach a CUDA kernel: one struct, passed by value, of pointers and then words: for every axis its
 * extent and what divides by it, the strides of what is strided, the bounds of indices, and how the work is split. Words are
 * 32-bit where every element's number fits, else 64-bit. A struct that would be larger than every driver takes keeps its words in
 * device memory and has a pointer to them.
 */
import type { Geometry, Kernel } from "../kernel/kernel.ts";
import type { Strides } from "./c-emitter.ts";
import { allOperands } from "./wasm-layout.ts";

/** Bytes of parameters that every driver and every architecture takes. */
const MOST_BYTES = 4096;

/** Sets of operands that one launch may have: as many as its struct has room for. */
const MOST_SETS = 64;

/** How many structs of a layout one launch takes; 0 where even two are too many. */
export function manyOf(layout: CudaLayout): number {
  const count = Math.min(MOST_SETS, Math.floor((MOST_BYTES - 16) / (layout.bytes + 4)));
  return layout.isTable || count < 2 ? 0 : count;
}

/** How a launch is divided, in words that follow the geometry. */
export interface Work {
  /** Per axis: into how many pieces it is divided where a thread takes several points of it; else its extent. */
  readonly counts: readonly number[];
  /** Rows (or points, or groups of points) that threads share among them, and the length of a row. */
  readonly total: number;
  readonly columns: number;
  /** A row is folded in `chunks` parts of `grain` elements. */
  readonly grain: number;
  readonly chunks: number;
  /** The number by which an index out of range is known to be of this launch. */
  readonly owner: number;
}

const PER_AXIS = 4;
const TAIL = ["total", "columns", "grain", "chunks", "owner"] as const;

/** The number of each word; strides and index strides are in elements. `extra` names pointers after those of the operands. */
export class CudaLayout implements Strides {
  readonly wide: boolean;
  readonly pointers: number;
  readonly words: number;
  private readonly rank: number;
  private readonly strides: (number | undefined)[][];
  private readonly indices: (number | undefined)[];
  private readonly tail: number;
  private readonly extra: readonly string[];
  private readonly operands: number;

  /** `appended`: words of the caller's own after all others. */
  constructor(kernel: Kernel, wide: boolean, extra: readonly string[], appended = 0) {
    const operands = allOperands(kernel);
    this.wide = wide;
    this.rank = kernel.rank;
    this.extra = extra;
    this.operands = operands.length;
    this.pointers = operands.length + extra.length;
    let next = PER_AXIS * kernel.rank;
    this.strides = operands.map((o) => o.access.map((a) => (a === "strided" ? next++ : undefined)));
    this.indices = operands.map((o) => {
      if (!o.indirect) return undefined;
      next += 2;
      return next - 2;
    });
    this.tail = next;
    this.words = next + TAIL.length + appended;
  }

  stride(operand: number, axis: number): number {
    return this.strides[operand]?.[axis] as number;
  }

  indexStride(operand: number): number {
    return this.indices[operand] as number;
  }

  extent(axis: number): string {
    return `a.n[${PER_AXIS * axis}]`;
  }

  indexExtent(operand: number): string {
    return `a.n[${(this.indices[operand] as number) + 1}]`;
  }

  count(axis: number): string {
    return `a.n[${PER_AXIS * axis + 1}]`;
  }

  /** The text of `x` divided by the count of an axis. */
  quotient(x: string, axis: number): string {
    const at = PER_AXIS * axis;
    return this.wide ? `${x} / a.n[${at + 1}]` : `tg_quotient(${x}, a.n[${at + 2}], a.n[${at + 3}])`;
  }

  number(name: (typeof TAIL)[number]): string {
    return `a.n[${this.tail + TAIL.indexOf(name)}]`;
  }

  /** Word `i` of the caller's own. */
  appended(i: number): string {
    return `a.n[${this.tail + TAIL.length + i}]`;
  }

  /** The place of a pointer after those of the operands and outputs. */
  place(extra: string): number {
    return this.operands + this.extra.indexOf(extra);
  }

  get index(): string {
    return this.wide ? "tg_wide" : "tg_narrow";
  }

  /** True where the words do not fit beside the pointers. */
  get isTable(): boolean {
    return 8 * this.pointers + this.wordBytes > MOST_BYTES;
  }

  get wordBytes(): number {
    return this.words * (this.wide ? 8 : 4);
  }

  /** Bytes of the struct. */
  get bytes(): number {
    return 8 * this.pointers + (this.isTable ? 8 : 8 * Math.ceil(this.wordBytes / 8));
  }

  /** The struct's definition. */
  definition(name: string): string {
    const words = this.isTable ? `const ${this.index} *n` : `${this.index} n[${this.words}]`;
    return `struct ${name}_args { void *p[${this.pointers}]; ${words}; };\n`;
  }

  /** The words of a launch. */
  values(geometry: Geometry, work: Work, appended: readonly number[] = []): number[] {
    const words: number[] = [];
    for (let axis = 0; axis < this.rank; axis++) {
      const count = work.counts[axis] as number;
      words.push(geometry.extents[axis] as number, count, ...divider(count));
    }
    for (const [k, axes] of this.strides.entries())
      for (const [axis, word] of axes.entries()) if (word !== undefined) words[word] = geometry.strides[k]?.[axis] as number;
    for (const [k, word] of this.indices.entries()) {
      if (word === undefined) continue;
      const { stride, extent } = geometry.indirect[k] as { readonly stride: number; readonly extent: number };
      words[word] = stride;
      words[word + 1] = extent;
    }
    return [...words, ...TAIL.map((name) => work[name]), ...appended];
  }
}

/**
 * The multiplier m (as an i32) and the shift s with x / d = (mulhi(x, m) + x) >> s for 0 <= x < 2^31: Granlund and Montgomery,
 * "Division by invariant integers using multiplication" (1994), figure 4.1.
 */
export function divider(d: number): readonly [number, number] {
  if (d <= 0 || d >= 2 ** 31) return [0, 0];
  const shift = Math.ceil(Math.log2(d));
  const multiplier = (2n ** 32n * (2n ** BigInt(shift) - BigInt(d))) / BigInt(d) + 1n;
  return [Number(BigInt.asIntN(32, multiplier)), shift];
}

/** True where the number of a point, or of an element of an operand, may not fit in 30 bits. */
export function isWide({ extents, strides, indirect }: Geometry): boolean {
  const most = 2 ** 30;
  const points = extents.reduce((n, e) => n * Math.max(1, e), 1);
  const reach = strides.map((axes, k) => {
    const along = axes.reduce((n, s, axis) => n + Math.abs(s) * Math.max(0, (extents[axis] as number) - 1), 0);
    const at = indirect[k];
    return along + (at === undefined ? 0 : Math.abs(at.stride) * Math.max(0, at.extent - 1));
  });
  return points > most || reach.some((r) => r > most);
}
