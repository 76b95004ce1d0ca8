/**
 * The memory pool that devices share: buffers are rounded up to size classes (powers of two in quarter steps, multiples of 64
 * bytes), and a freed buffer waits in its class for the next request, so that allocating and freeing are an array pop and push.
 * Fresh blocks come from a {@link MemorySource}. Before it gives up, the pool returns its waiting blocks to the source, which
 * can join them; an out-of-memory error leaves everything usable.
 */
import { BenchError } from "../base/errors.ts";
import type { Address } from "./device.ts";

/** Where a pool's blocks come from. Sizes are multiples of 64. */
export interface MemorySource {
  /** A block of `bytes` bytes aligned to 64, or undefined where there is no room. */
  reserve(bytes: number): Address | undefined;
  release(address: Address, bytes: number): void;
  /** Bytes that the system has left, where it can tell: others may hold the rest. */
  left?(): number;
}

/** Classes 0 to 3 are 64, 128, 192 and 256 bytes; every power of two from there has four: 320, 384, 448, 512, 640, … */
export function sizeClass(bytes: number): number {
  if (bytes <= 256) return bytes === 0 ? 0 : ((bytes + 63) >>> 6) - 1;
  const n = bytes - 1;
  if (n < 4294967296) {
    const e = 31 - Math.clz32(n);
    return (e - 8) * 4 + ((n >>> (e - 2)) & 3) + 4;
  }
  const scaled = Math.floor(n / 65536);
  const e = 31 - Math.clz32(scaled);
  return (e + 8) * 4 + ((scaled >>> (e - 2)) & 3) + 4;
}

/** Bytes of a block of this class. */
export function classBytes(index: number): number {
  return index < 4 ? (index + 1) * 64 : (5 + (index & 3)) * 2 ** ((index >> 2) + 5);
}

/** Enough classes for 2^45 bytes. */
const CLASSES = 160;

export class Pool {
  readonly source: MemorySource;
  readonly deviceName: string;
  /** Most bytes that may be reserved at once. */
  readonly limit: number;
  liveBytes = 0;
  peakBytes = 0;
  liveBuffers = 0;
  reservedBytes = 0;
  allocations = 0;
  private readonly waiting: Address[][] = Array.from({ length: CLASSES }, () => []);

  constructor(deviceName: string, source: MemorySource, limit: number) {
    this.deviceName = deviceName;
    this.source = source;
    this.limit = limit;
  }

  /** A block of at least `bytes` bytes, contents undefined. */
  alloc(bytes: number): Address {
    const index = sizeClass(bytes);
    const address = (this.waiting[index] as Address[]).pop() ?? this.fresh(index, bytes);
    this.allocations++;
    this.liveBuffers++;
    this.liveBytes += bytes;
    if (this.liveBytes > this.peakBytes) this.peakBytes = this.liveBytes;
    return address;
  }

  /** Returns a block; `bytes` is what was asked for. */
  free(address: Address, bytes: number): void {
    (this.waiting[sizeClass(bytes)] as Address[]).push(address);
    this.liveBuffers--;
    this.liveBytes -= bytes;
  }

  /** A block for the device's own tables: reserved, but not live. */
  permanent(bytes: number): Address {
    const index = sizeClass(bytes);
    return (this.waiting[index] as Address[]).pop() ?? this.fresh(index, bytes);
  }

  /** Lets go of a {@link permanent} block. */
  discard(address: Address, bytes: number): void {
    (this.waiting[sizeClass(bytes)] as Address[]).push(address);
  }

  resetPeak(): void {
    this.peakBytes = this.liveBytes;
  }

  /** Gives every waiting block back to the source. */
  trim(): void {
    for (let index = 0; index < CLASSES; index++) {
      const blocks = this.waiting[index] as Address[];
      const bytes = classBytes(index);
      for (const address of blocks) this.source.release(address, bytes);
      this.reservedBytes -= bytes * blocks.length;
      blocks.length = 0;
    }
  }

  private fresh(index: number, asked: number): Address {
    const first = this.reserve(index);
    if (first !== undefined) return first;
    this.trim();
    const second = this.reserve(index);
    if (second !== undefined) return second;
    const left = this.source.left?.();
    throw new BenchError(
      "out-of-memory",
      `out of memory on ${this.deviceName}: ${showBytes(asked)} asked for, ${showBytes(this.liveBytes)} live in ${this.liveBuffers} buffers, ` +
        `${showBytes(this.reservedBytes)} reserved, limit ${showBytes(this.limit)}${left === undefined ? "" : `, ${showBytes(left)} free`}`,
      { advice: "use a smaller size, free intermediate tensors earlier, or raise the device's limit" },
    );
  }

  private reserve(index: number): Address | undefined {
    const bytes = classBytes(index);
    if (this.reservedBytes + bytes > this.limit) return undefined;
    const address = this.source.reserve(bytes);
    if (address !== undefined) this.reservedBytes += bytes;
    return address;
  }
}

/** `12.5 MiB`; exact bytes below 10 KiB. */
export function showBytes(bytes: number): string {
  if (bytes < 10240) return `${bytes} B`;
  const units = ["KiB", "MiB", "GiB", "TiB"];
  let value = bytes / 1024;
  let i = 0;
  for (; value >= 1024 && i < units.length - 1; i++) value /= 1024;
  return `${value.toFixed(value < 100 ? 1 : 0)} ${units[i]}`;
}
