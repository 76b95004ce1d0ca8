import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Address } from "./device.ts";
import { classBytes, type MemorySource, Pool, sizeClass } from "./pool.ts";

/** A source that hands out consecutive addresses and remembers what is out. */
class Counting implements MemorySource {
  readonly out = new Map<Address, number>();
  next = 64;
  capacity = Number.POSITIVE_INFINITY;

  reserve(bytes: number): Address | undefined {
    if (bytes > this.capacity) return undefined;
    this.capacity -= bytes;
    const address = this.next;
    this.next += bytes;
    this.out.set(address, bytes);
    return address;
  }

  release(address: Address, bytes: number): void {
    expect(this.out.get(address)).toBe(bytes);
    this.out.delete(address);
    this.capacity += bytes;
  }
}

describe("size classes", () => {
  it("hold what was asked for, waste at most a quarter beyond 256 bytes, and are multiples of 64", () => {
    fc.assert(
      fc.property(fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.integer({ min: 0, max: 2 ** 40 })), (bytes) => {
        const held = classBytes(sizeClass(bytes));
        expect(held).toBeGreaterThanOrEqual(bytes);
        expect(held % 64).toBe(0);
        if (bytes > 256) expect(held).toBeLessThanOrEqual(bytes * 1.25 + 64);
        expect(sizeClass(held)).toBe(sizeClass(bytes));
      }),
    );
  });

  it("are consecutive and growing", () => {
    for (let i = 1; i < 140; i++) {
      expect(sizeClass(classBytes(i - 1) + 1)).toBe(i);
      expect(classBytes(i)).toBeGreaterThan(classBytes(i - 1));
    }
  });
});

describe("Pool", () => {
  it("never hands out a block twice and returns to zero", () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 0, max: 3000 })), { maxLength: 80 }), (steps) => {
        const source = new Counting();
        const pool = new Pool("test", source, 2 ** 30);
        const live: { address: Address; bytes: number }[] = [];
        for (const [isAlloc, bytes] of steps) {
          const victim = isAlloc ? undefined : live.splice(bytes % Math.max(1, live.length), 1)[0];
          if (victim) pool.free(victim.address, victim.bytes);
          else {
            const address = pool.alloc(bytes);
            expect(live.some((b) => b.address === address)).toBe(false);
            live.push({ address, bytes });
          }
          expect(pool.liveBytes).toBe(live.reduce((sum, b) => sum + b.bytes, 0));
          expect(pool.liveBuffers).toBe(live.length);
          expect(pool.reservedBytes).toBe([...source.out.values()].reduce((sum, b) => sum + b, 0));
        }
        for (const b of live) pool.free(b.address, b.bytes);
        pool.trim();
        expect([pool.liveBytes, pool.liveBuffers, pool.reservedBytes, source.out.size]).toEqual([0, 0, 0, 0]);
      }),
    );
  });

  it("reuses a freed block of the class before it asks the source", () => {
    const pool = new Pool("test", new Counting(), 2 ** 20);
    const a = pool.alloc(1000);
    pool.free(a, 1000);
    expect(pool.alloc(900)).toBe(a);
  });

  it("trims waiting blocks before it gives up, says the numbers, and works afterwards", () => {
    const pool = new Pool("test", new Counting(), 4096);
    const blocks = Array.from({ length: 8 }, () => pool.alloc(512));
    expect(() => pool.alloc(100)).toThrow(
      "out of memory on test: 100 B asked for, 4096 B live in 8 buffers, 4096 B reserved, limit 4096 B",
    );
    for (const b of blocks) pool.free(b, 512);
    const whole = pool.alloc(4096);
    expect(pool.reservedBytes).toBe(4096);
    pool.free(whole, 4096);
    expect(pool.liveBytes).toBe(0);
    expect(pool.peakBytes).toBe(4096);
    pool.resetPeak();
    expect(pool.peakBytes).toBe(0);
  });
});
