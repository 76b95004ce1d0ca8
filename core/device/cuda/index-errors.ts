/**
 * Indices out of range: kernels report them in device memory (runtime/kernel.cuh, tg_report) and go on; the host reads the report
 * when it waits for the device the next time, and throws. The first launch that reports owns the cells until then.
 */
import { BenchError } from "../../base/errors.ts";
import type { Geometry } from "../../kernel/kernel.ts";
import type { Site } from "../../render/wasm-layout.ts";
import { indexOutOfRange } from "../bounds.ts";
import type { Address } from "../device.ts";
import type { Driver } from "./driver.ts";
import type { Staging } from "./memory.ts";

/** Sites that a launch may have, which the space for its parameters bounds far below this. */
const SITES = 1023;
export const CELL_BYTES = 8 * (SITES + 1);

interface Owner {
  readonly sites: readonly Site[];
  readonly geometry: Geometry;
}

export class IndexErrors {
  readonly cells: Address;
  /** True where a kernel that checks has run since the report was read. */
  isUnread = false;
  private readonly driver: Driver;
  private readonly stream: number;
  private readonly staging: Staging;
  private readonly owners = new Map<number, Owner>();
  private readonly retired = new Set<number>();
  private next = 1;

  /** `cells`: memory of {@link CELL_BYTES}. */
  constructor(driver: Driver, stream: number, staging: Staging, cells: Address) {
    this.driver = driver;
    this.stream = stream;
    this.staging = staging;
    this.cells = cells;
    this.clear();
  }

  /** A number by which reports of a launch are known. */
  owner(sites: readonly Site[], geometry: Geometry): number {
    this.owners.set(this.next, { sites, geometry });
    return this.next++;
  }

  /** The launch will not run again; what it may have reported is still told. */
  retire(owner: number): void {
    this.retired.add(owner);
    if (!this.isUnread) this.forget();
  }

  /** Waits for the device; throws where a kernel found an index out of range. */
  read(): void {
    if (!this.isUnread) return;
    this.isUnread = false;
    const first = new Int32Array(2);
    this.staging.download(this.cells, first);
    const owner = this.owners.get(first[0] as number);
    this.forget();
    if (first[0] === 0) return;
    const words = new Int32Array(CELL_BYTES / 4);
    this.staging.download(this.cells, words);
    this.clear();
    if (owner === undefined) throw new BenchError("runtime", "an index is out of range, in a launch that is not known any more");
    throw this.errorOf(owner, new Uint32Array(words.buffer));
  }

  /** The least position in row-major order, of all sites. */
  private errorOf({ sites, geometry }: Owner, words: Uint32Array): BenchError {
    const found = sites
      .map((site, i) => ({ site, place: words[2 * (i + 1) + 1] as number, index: (words[2 * (i + 1)] as number) | 0 }))
      .filter(({ place }) => place !== 0xffffffff)
      .map((f) => ({ ...f, position: positionOf(f.place, geometry.extents.slice(0, f.site.level)) }))
      .sort((a, b) => compare(a.position, b.position));
    const [{ site, index, position }] = found as [(typeof found)[number]];
    const { extent } = geometry.indirect[site.operand] as { readonly extent: number };
    return indexOutOfRange(index, extent, position);
  }

  private forget(): void {
    for (const owner of this.retired) this.owners.delete(owner);
    this.retired.clear();
  }

  private clear(): void {
    this.driver.call("cuMemsetD8Async", this.cells, 0, 8, this.stream);
    this.driver.call("cuMemsetD8Async", this.cells + 8, 0xff, CELL_BYTES - 8, this.stream);
  }
}

function positionOf(place: number, extents: readonly number[]): number[] {
  const position: number[] = [];
  let rest = place;
  for (const extent of [...extents].reverse()) {
    position.unshift(rest % extent);
    rest = Math.floor(rest / extent);
  }
  return position;
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let i = 0; i < Math.min(a.length, b.length); i++) if (a[i] !== b[i]) return (a[i] as number) - (b[i] as number);
  return a.length - b.length;
}
