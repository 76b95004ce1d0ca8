/** Memory that one launch uses and the next may overwrite: it grows to what was needed most and is kept. */
import type { Address } from "../device.ts";
import type { Pool } from "../pool.ts";

export class Scratch {
  private readonly pool: Pool;
  private address: Address = 0;
  private bytes = 0;

  constructor(pool: Pool) {
    this.pool = pool;
  }

  /** At least this many bytes; the address is good until the next call. */
  atLeast(bytes: number): Address {
    if (bytes <= this.bytes) return this.address;
    const larger = this.pool.permanent(bytes);
    if (this.address !== 0) this.pool.discard(this.address, this.bytes);
    this.address = larger;
    this.bytes = bytes;
    return larger;
  }
}
