/**
 * How the numbers of a launch reach a generated C function: a block of int64 words that begins with how the work is split (the
 * words of runtime/kernel.h), then the extents, the strides of what is strided and the bounds of indices. Pointers are arguments.
 */
import type { Geometry, Kernel } from "../kernel/kernel.ts";
import type { Split } from "./c-schedule.ts";
import { allOperands } from "./wasm-layout.ts";

/** Words before the extents: TG_WORDS. */
const HEAD = 5;

/** The number of each word; strides and index strides are in elements. */
export class Layout {
  readonly length: number;
  private readonly strides: (number | undefined)[][];
  private readonly indices: (number | undefined)[];

  constructor(kernel: Kernel) {
    let next = HEAD + kernel.rank;
    this.strides = allOperands(kernel).map((o) => o.access.map((a) => (a === "strided" ? next++ : undefined)));
    const first = next;
    const indirect = allOperands(kernel).flatMap((o, k) => (o.indirect ? [k] : []));
    this.indices = allOperands(kernel).map((o, k) => (o.indirect ? first + 2 * indirect.indexOf(k) : undefined));
    this.length = first + 2 * indirect.length;
  }

  extent(axis: number): number {
    return HEAD + axis;
  }

  stride(operand: number, axis: number): number {
    return this.strides[operand]?.[axis] as number;
  }

  indexStride(operand: number): number {
    return this.indices[operand] as number;
  }

  indexExtent(operand: number): number {
    return (this.indices[operand] as number) + 1;
  }

  /** The words of a launch; `error` is the address of the error cell. */
  values(geometry: Geometry, split: Split, error: number): number[] {
    const words = new Array<number>(this.length).fill(0);
    words.splice(0, HEAD, split.chunks, split.axis, split.grain, split.points, error);
    for (const [axis, extent] of geometry.extents.entries()) words[HEAD + axis] = extent;
    for (const [k, axes] of this.strides.entries()) {
      for (const [axis, word] of axes.entries()) if (word !== undefined) words[word] = geometry.strides[k]?.[axis] as number;
      const at = this.indices[k];
      if (at === undefined) continue;
      const { stride, extent } = geometry.indirect[k] as { stride: number; extent: number };
      words[at] = stride;
      words[at + 1] = extent;
    }
    return words;
  }
}
