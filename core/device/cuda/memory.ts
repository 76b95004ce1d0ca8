/**
 * Memory of the CUDA device: blocks for the pool, in the order of the one stream where the driver can, and pinned memory through
 * which host data travels. A copy reads or writes pinned memory after the call that asked for it has returned, so a half of that
 * memory is written anew only when the event behind its copies has passed.
 */
import type { TypedArray } from "../../base/dtype.ts";
import type { Address } from "../device.ts";
import { viewMemory } from "../foreign.ts";
import type { MemorySource } from "../pool.ts";
import { DRIVER_CONSTANTS, type Driver } from "./driver.ts";

const OUT_OF_MEMORY = DRIVER_CONSTANTS.CUDA_ERROR_OUT_OF_MEMORY;

/** Blocks of device memory; `isOrdered`: allocated and released on the stream. */
export function deviceMemory(driver: Driver, stream: number, isOrdered: boolean): MemorySource {
  return {
    reserve: (bytes) => {
      const allocate = () =>
        isOrdered ? driver.attempt("cuMemAllocAsync", driver.cell, bytes, stream) : driver.attempt("cuMemAlloc_v2", driver.cell, bytes);
      let status = allocate();
      if (status === OUT_OF_MEMORY) {
        // What was released may be free only when the stream comes to it.
        driver.call("cuStreamSynchronize", stream);
        status = allocate();
      }
      if (status === OUT_OF_MEMORY) return undefined;
      if (status !== 0) throw driver.failure(status, "an allocation");
      return driver.found;
    },
    left: () => {
      driver.call("cuMemGetInfo_v2", driver.cell, driver.cell + 8);
      return driver.found;
    },
    release: (address) => {
      if (isOrdered) driver.call("cuMemFreeAsync", address, stream);
      else driver.call("cuMemFree_v2", address);
    },
  };
}

/** Turns of the event loop in which a copy is looked for before that is left to a clock. */
const QUICK_TURNS = 100;

/** Bytes of a half. */
const HALF = 4 * 2 ** 20;

interface Half {
  readonly address: number;
  readonly bytes: Uint8Array;
  readonly event: number;
  /** True where copies may still read it. */
  isBusy: boolean;
}

export class Staging {
  private readonly driver: Driver;
  private readonly stream: number;
  private readonly halves: readonly [Half, Half];
  private current: Half;
  private used = 0;

  constructor(driver: Driver, stream: number) {
    this.driver = driver;
    this.stream = stream;
    const half = (): Half => {
      driver.call("cuMemHostAlloc", driver.cell, HALF, 0);
      const address = driver.found;
      driver.call("cuEventCreate", driver.cell, DRIVER_CONSTANTS.CU_EVENT_DISABLE_TIMING);
      return { address, bytes: new Uint8Array(viewMemory(address, HALF)), event: driver.found, isBusy: false };
    };
    this.halves = [half(), half()];
    this.current = this.halves[0];
  }

  /** Copies host data to the device; `data` may change as soon as this returns. */
  upload(to: Address, data: TypedArray): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let done = 0; done < bytes.length; ) {
      if (this.used === HALF) this.turn();
      const some = Math.min(bytes.length - done, HALF - this.used);
      this.current.bytes.set(bytes.subarray(done, done + some), this.used);
      this.driver.call("cuMemcpyHtoDAsync_v2", to + done, this.current.address + this.used, some, this.stream);
      this.used = Math.min(HALF, Math.ceil((this.used + some) / 64) * 64);
      done += some;
    }
  }

  /** Copies device memory to a host array, after all that the stream was given so far. */
  download(from: Address, data: TypedArray): void {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    for (let done = 0; done < bytes.length; ) {
      if (this.used > 0) this.turn();
      const some = Math.min(bytes.length - done, HALF);
      this.driver.call("cuMemcpyDtoHAsync_v2", this.current.address, from + done, some, this.stream);
      this.driver.call("cuStreamSynchronize", this.stream);
      bytes.set(this.current.bytes.subarray(0, some), done);
      done += some;
    }
  }

  /**
   * As `download`, but the copy is looked for between other work of the process until an event behind it has passed: at once at first,
   * then every millisecond.
   */
  async read(from: Address, data: TypedArray): Promise<void> {
    const { driver, stream } = this;
    driver.call("cuMemHostAlloc", driver.cell, data.byteLength, 0);
    const pinned = driver.found;
    driver.call("cuEventCreate", driver.cell, DRIVER_CONSTANTS.CU_EVENT_DISABLE_TIMING);
    const event = driver.found;
    driver.call("cuMemcpyDtoHAsync_v2", pinned, from, data.byteLength, stream);
    driver.call("cuEventRecord", event, stream);
    for (let turns = 0; ; turns++) {
      const status = driver.attempt("cuEventQuery", event);
      if (status === 0) break;
      if (status !== DRIVER_CONSTANTS.CUDA_ERROR_NOT_READY) throw driver.failure(status, "reading a tensor");
      await new Promise<void>((resolve) => (turns < QUICK_TURNS ? setImmediate(resolve) : setTimeout(resolve, 1)));
    }
    new Uint8Array(data.buffer, data.byteOffset, data.byteLength).set(new Uint8Array(viewMemory(pinned, data.byteLength)));
    driver.call("cuEventDestroy_v2", event);
    driver.call("cuMemFreeHost", pinned);
  }

  /** Goes on with the other half, when nothing reads it any more. */
  private turn(): void {
    const [first, second] = this.halves;
    this.driver.call("cuEventRecord", this.current.event, this.stream);
    this.current.isBusy = true;
    this.current = this.current === first ? second : first;
    if (this.current.isBusy) this.driver.call("cuEventSynchronize", this.current.event);
    this.current.isBusy = false;
    this.used = 0;
  }
}
