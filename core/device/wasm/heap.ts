/**
 * The WebAssembly memory as a source of blocks: one growing linear memory (at most 4 GiB), handed out from the bottom up. Blocks
 * that come back (when the pool trims) are joined with their neighbours and reused, first fit.
 */
import type { Address } from "../device.ts";
import type { MemorySource } from "../pool.ts";

const PAGE = 65536;
/** Of the largest memory the last page is left out, so that every address and end of a block fits 32 bits. */
export const MAX_BYTES = 65535 * PAGE;

/** In pages. Address space is reserved for the maximum, which costs no time (20 µs a memory) and no memory. */
const SIZE = { initial: 16, maximum: 65536 };

export class Heap implements MemorySource {
  readonly memory: WebAssembly.Memory;
  /** Whether threads can share the memory. */
  readonly isShared: boolean;
  /** Views of the whole memory; replaced when it grows. */
  i32: Int32Array;
  f32: Float32Array;
  f64: Float64Array;
  private top: number;
  /** Free extents, by address; no two touch. */
  private free: { address: Address; bytes: number }[] = [];

  /** Bytes below `base` are left to the owner. Memory that threads are to share is not shared where the host has none such. */
  constructor(base: number, wantsShared: boolean) {
    const shared = wantsShared ? sharedMemory() : undefined;
    this.isShared = shared !== undefined;
    this.memory = shared ?? new WebAssembly.Memory(SIZE);
    this.top = base;
    this.i32 = new Int32Array(this.memory.buffer);
    this.f32 = new Float32Array(this.memory.buffer);
    this.f64 = new Float64Array(this.memory.buffer);
  }

  reserve(bytes: number): Address | undefined {
    const fit = this.free.findIndex((extent) => extent.bytes >= bytes);
    if (fit >= 0) {
      const extent = this.free[fit] as { address: Address; bytes: number };
      const { address } = extent;
      extent.address += bytes;
      extent.bytes -= bytes;
      if (extent.bytes === 0) this.free.splice(fit, 1);
      return address;
    }
    const address = this.top;
    if (!this.grow(address + bytes)) return undefined;
    this.top += bytes;
    return address;
  }

  release(address: Address, bytes: number): void {
    let low = 0;
    let high = this.free.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.free[middle] as { address: Address }).address < address) low = middle + 1;
      else high = middle;
    }
    const before = this.free[low - 1];
    const after = this.free[low];
    const joinsBefore = before !== undefined && before.address + before.bytes === address;
    const joinsAfter = after !== undefined && address + bytes === after.address;
    if (joinsBefore && joinsAfter) {
      before.bytes += bytes + after.bytes;
      this.free.splice(low, 1);
    } else if (joinsBefore) before.bytes += bytes;
    else if (joinsAfter) {
      after.address = address;
      after.bytes += bytes;
    } else this.free.splice(low, 0, { address, bytes });
    const last = this.free.at(-1);
    if (last !== undefined && last.address + last.bytes === this.top) {
      this.top = last.address;
      this.free.pop();
    }
  }

  /** Makes the memory reach `end`; false where it cannot. Grows by at least an eighth, so that views are replaced rarely. */
  private grow(end: number): boolean {
    const have = this.memory.buffer.byteLength;
    if (end <= have) return true;
    if (end > MAX_BYTES) return false;
    const needed = Math.ceil((end - have) / PAGE);
    const generous = Math.min(Math.max(needed, Math.ceil(have / 8 / PAGE)), Math.floor((MAX_BYTES - have) / PAGE));
    for (const pages of [generous, needed]) {
      try {
        this.memory.grow(pages);
      } catch (error) {
        if (error instanceof RangeError) continue;
        throw error;
      }
      this.i32 = new Int32Array(this.memory.buffer);
      this.f32 = new Float32Array(this.memory.buffer);
      this.f64 = new Float64Array(this.memory.buffer);
      return true;
    }
    return false;
  }
}

function sharedMemory(): WebAssembly.Memory | undefined {
  try {
    return new WebAssembly.Memory({ ...SIZE, shared: true });
  } catch {
    return undefined;
  }
}
