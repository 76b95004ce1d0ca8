/**
 * Blocks of parameters: a kernel's struct in native memory, with the one-element list of pointers by which the driver is told of it.
 * The driver copies the struct when a launch is made, so pointers may be written anew for every launch. Blocks are pooled.
 */
import { type CudaLayout, manyOf } from "../../render/cuda-layout.ts";
import type { Address } from "../device.ts";
import { allocateNative, viewMemory } from "../foreign.ts";
import { Pool } from "../pool.ts";

const SLAB = 1 << 16;

/** Native memory in blocks; what is freed waits for the next of its size. */
export class ParameterMemory {
  readonly pool: Pool;
  private free = 0;
  private left = 0;

  constructor() {
    const reserve = (bytes: number) => {
      if (bytes > SLAB / 4) return allocateNative(bytes);
      if (bytes > this.left) {
        this.free = allocateNative(SLAB);
        this.left = SLAB;
      }
      this.free += bytes;
      this.left -= bytes;
      return this.free - bytes;
    };
    this.pool = new Pool("native memory for parameters", { reserve, release: () => {} }, Number.POSITIVE_INFINITY);
  }
}

const HEAD = 16;

/** One kernel's parameters. */
export class ParameterBlock {
  /** The list of pointers to parameters that a launch takes. */
  readonly list: Address;
  private readonly pointers: Uint32Array;

  /** `at` is memory of {@link bytesOf} bytes; `table`: where the words lie in device memory, if they do. */
  constructor(at: Address, layout: CudaLayout, words: readonly number[], table: Address) {
    this.list = at;
    const memory = viewMemory(at, HEAD + layout.bytes);
    new BigUint64Array(memory, 0, 1)[0] = BigInt(at + HEAD);
    this.pointers = new Uint32Array(memory, HEAD, 2 * layout.pointers);
    const start = HEAD + 8 * layout.pointers;
    if (layout.isTable) new BigUint64Array(memory, start, 1)[0] = BigInt(table);
    else new Uint8Array(memory, start, layout.wordBytes).set(packed(layout, words));
  }

  static bytesOf(layout: CudaLayout): number {
    return HEAD + layout.bytes;
  }

  point(slot: number, address: Address): void {
    this.pointers[2 * slot] = address;
    this.pointers[2 * slot + 1] = address / 4294967296;
  }
}

/** The parameters of a kernel over several structs: the block where each begins, and then these (core/render/cuda-program.ts). */
export class ManyParameters {
  readonly list: Address;
  private readonly pointers: Uint32Array;
  private readonly first: number;
  private readonly step: number;

  /** `at` is memory of {@link bytesOf} bytes; `from`: the block where each of `words` begins, and how many blocks there are. */
  constructor(at: Address, layout: CudaLayout, words: readonly (readonly number[])[], from: readonly number[]) {
    const count = manyOf(layout);
    const memory = viewMemory(at, ManyParameters.bytesOf(layout));
    this.list = at;
    new BigUint64Array(memory, 0, 1)[0] = BigInt(at + HEAD);
    new Int32Array(memory, HEAD, count + 1).fill(from.at(-1) as number).set(from);
    this.first = HEAD + 8 * Math.ceil((count + 1) / 2);
    this.step = layout.bytes;
    for (const [m, own] of words.entries())
      new Uint8Array(memory, this.first + m * layout.bytes + 8 * layout.pointers, layout.wordBytes).set(packed(layout, own));
    this.pointers = new Uint32Array(memory);
  }

  static bytesOf(layout: CudaLayout): number {
    const count = manyOf(layout);
    return HEAD + 8 * Math.ceil((count + 1) / 2) + count * layout.bytes;
  }

  point(set: number, slot: number, address: Address): void {
    const at = (this.first + set * this.step) / 4 + 2 * slot;
    this.pointers[at] = address;
    this.pointers[at + 1] = address / 4294967296;
  }
}

/** Words as a kernel reads them. */
export function packed(layout: CudaLayout, words: readonly number[]): Uint8Array {
  return layout.wide ? new Uint8Array(BigInt64Array.from(words, BigInt).buffer) : new Uint8Array(Int32Array.from(words).buffer);
}
