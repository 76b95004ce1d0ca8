/**
 * Kernels as calls: a whole launch, a box of its iteration space (a launch of its own with smaller extents and other offsets), and
 * the chunks into which a large launch is split.
 */
import { sizeOf } from "../../base/dtype.ts";
import type { Geometry, Kernel } from "../../kernel/kernel.ts";
import type { KernelLaunch } from "../../kernel/launch.ts";
import { allOperands, ERROR_CELL_WORDS, type Site, type Word, wordValues } from "../../render/wasm-layout.ts";
import { joinOf, type Split, splitOf, worthOf } from "../../render/wasm-split.ts";
import type { Address } from "../device.ts";
import type { SharedFunction } from "./modules.ts";
import { after, type Call, type Chunk, LAUNCH, MOST_CHUNKS, type Place, plain, type Work } from "./work.ts";

export interface CompiledKernel {
  readonly run: SharedFunction;
  readonly sites: readonly Site[];
  readonly words: readonly Word[];
  /** What a point costs, see `wasm-split.ts`. */
  readonly cost: number;
}

/** What calls are made with. */
export interface CallHost {
  /** How large chunks are, compared with what is usual. */
  readonly grain: number;
  compile(kernel: Kernel): CompiledKernel;
  /** Puts numbers into memory that lives as long as what is being prepared. */
  block(values: readonly number[]): Address;
}

/** From where to where (exclusive) along each axis. */
export interface Box {
  readonly from: readonly number[];
  readonly to: readonly number[];
}

/** The lowest bytes of memory are error cells; address 0 is nobody's. */
const ERROR_CELLS = 64;

/** Address of error cell `chunk`. */
export function errorCell(chunk: number): Address {
  return ERROR_CELLS + chunk * ERROR_CELL_WORDS * 4;
}

/** Where memory that is nobody's begins. */
export const FIRST_FREE = errorCell(MOST_CHUNKS);

/** True where a launch has no point to store; rows of an empty reduction are stored. */
export function storesNothing({ kernel, geometry }: KernelLaunch): boolean {
  const rows = kernel.outputs.some((o) => o.each === "row");
  return geometry.extents.slice(0, rows ? kernel.rank - kernel.reduced : kernel.rank).includes(0);
}

/**
 * The call of a launch, or of a box of it, on operands at `places` (outputs, then the inputs that the launch names). What it finds out
 * of range it reports in error cell `chunk`.
 */
export function kernelCall(host: CallHost, launch: KernelLaunch, places: readonly Place[], box?: Box, chunk = 0): Call {
  const { kernel, inputs } = launch;
  const outputs = kernel.outputs.length;
  const geometry = box === undefined ? launch.geometry : within(launch.geometry, box);
  const starts = box?.from ?? geometry.extents.map(() => 0);
  const operands = allOperands(kernel);
  const at = operands.map((o, k) => {
    const number = k < kernel.operands.length ? outputs + (inputs[k] as number) : k - kernel.operands.length;
    return after(places[number] as Place, (geometry.offsets[k] as number) * sizeOf(o.dtype));
  });
  const { run, words } = host.compile(kernel);
  const last =
    words.length === 0 ? (geometry.extents[0] ?? 1) : host.block(wordValues(words, operands, geometry, starts, errorCell(chunk)));
  const count = kernel.operands.length;
  return { fn: run, args: [...at.slice(count), ...at.slice(0, count), plain(last)] };
}

/** How many chunks a launch is worth. */
function worth({ grain, compile }: CallHost, { kernel, geometry }: KernelLaunch): number {
  return worthOf(geometry, compile(kernel).cost / grain);
}

/** The chunks of a launch whose work is to be shared; one where it is not worth it. */
export function kernelChunks(host: CallHost, launch: KernelLaunch, places: readonly Place[]): readonly Chunk[] {
  if (storesNothing(launch)) return [];
  const split = splitOf(launch, worth(host, launch));
  if (split === undefined) return [[kernelCall(host, launch, places)]];
  return boxesOf(launch.geometry, split).map((box, i) => [kernelCall(host, launch, places, box, i)]);
}

/** The work of a launch. A fold to few results is done in parts, which a second phase joins. */
export function kernelWork(host: CallHost, launch: KernelLaunch, places: readonly Place[]): Work {
  const join = joinOf(launch, worth(host, launch));
  if (join === undefined) {
    const { sites } = host.compile(launch.kernel);
    const phases = [kernelChunks(host, launch, places)];
    return sites.length === 0 ? { phases } : { phases, checks: { sites, geometry: launch.geometry } };
  }
  const { outputs } = launch.kernel;
  const [rows, elements] = (["row", "element"] as const).map((each) => places.filter((_, i) => outputs[i]?.each === each));
  const inputs = places.slice(outputs.length);
  const { split, part, rowBytes, whole } = join;
  let launchBytes = 0;
  // The rows of one reduction lie one after the other.
  const scratch = rowBytes.map((bytes) => {
    const place = { base: LAUNCH, offset: launchBytes };
    launchBytes += Math.ceil((split.chunks * bytes) / 16) * 16;
    return place;
  });
  const rowOf = (chunk: number) => scratch.map((place, r) => after(place, chunk * (rowBytes[r] as number)));
  const parts = boxesOf(launch.geometry, split).map(
    (box, i): Chunk => [kernelCall(host, part, [...rowOf(i), ...(elements as Place[]), ...inputs], box)],
  );
  return { phases: [parts, [[kernelCall(host, whole, [...(rows as Place[]), ...inputs, ...scratch])]]], launchBytes };
}

function boxesOf({ extents }: Geometry, { axis, length, chunks }: Split): Box[] {
  return Array.from({ length: chunks }, (_, i) => ({
    from: extents.map((_, a) => (a === axis ? i * length : 0)),
    to: extents.map((e, a) => (a === axis ? Math.min(e, (i + 1) * length) : e)),
  }));
}

function within(geometry: Geometry, { from, to }: Box): Geometry {
  return {
    ...geometry,
    extents: to.map((end, axis) => end - (from[axis] as number)),
    offsets: geometry.offsets.map((o, k) =>
      from.reduce((at, f, axis) => at + f * ((geometry.strides[k] as readonly number[])[axis] as number), o),
    ),
  };
}
