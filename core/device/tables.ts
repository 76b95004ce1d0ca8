/**
 * Tables of numbers (extents, strides, places) that a prepared launch keeps in the device's memory, and who owns them: whatever is
 * written while one launch or plan is prepared belongs to the function that comes out, and goes back to the pool when that function
 * is forgotten. So a program whose shapes never repeat does not fill memory.
 */
import type { Address } from "./device.ts";
import type { Pool } from "./pool.ts";

interface Block {
  readonly address: Address;
  readonly bytes: number;
}

export class Tables {
  private readonly pool: Pool;
  /** Blocks of the preparation in progress. */
  private open: Block[] | undefined;
  private readonly owned = new WeakMap<object, readonly Block[]>();

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** Memory for a table; outside of {@link ownedBy} it lives as long as the device. */
  block(bytes: number): Address {
    const address = this.pool.permanent(bytes);
    this.open?.push({ address, bytes });
    return address;
  }

  /** Runs `prepare`; its result owns the blocks taken meanwhile. What is prepared within a preparation belongs to the outer one. */
  ownedBy<T extends object>(prepare: () => T): T {
    if (this.open !== undefined) return prepare();
    const blocks: Block[] = [];
    this.open = blocks;
    try {
      const result = prepare();
      if (blocks.length > 0) this.owned.set(result, blocks);
      return result;
    } catch (error) {
      this.discard(blocks);
      throw error;
    } finally {
      this.open = undefined;
    }
  }

  /** Returns the blocks of a function that will not run again. */
  forget(result: object): void {
    this.discard(this.owned.get(result) ?? []);
    this.owned.delete(result);
  }

  private discard(blocks: readonly Block[]): void {
    for (const { address, bytes } of blocks) this.pool.discard(address, bytes);
  }
}
