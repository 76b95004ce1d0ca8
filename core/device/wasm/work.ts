/**
 * What a launch consists of on this device: calls of generated functions, in chunks that any thread may take. The numbers of a call
 * are offsets from bases that are known when the launch runs, so a chunk is data that threads can read. Chunks follow from the
 * shapes alone: the same ones run, and give the same bits, with one thread and with many.
 */
import type { Geometry } from "../../kernel/kernel.ts";
import type { Site } from "../../render/wasm-layout.ts";
import type { SharedFunction } from "./modules.ts";

/** A number that a call is given: `offset` from a base. */
export interface Place {
  readonly base: number;
  readonly offset: number;
}

/** Bases: nothing, scratch memory of the thread, scratch memory of the launch; then the launch's outputs, then its inputs. */
export const ZERO = 0;
export const THREAD = 1;
export const LAUNCH = 2;
export const FIRST_OPERAND = 3;

export function plain(value: number): Place {
  return { base: ZERO, offset: value };
}

/** `bytes` further. */
export function after(place: Place, bytes: number): Place {
  return bytes === 0 ? place : { base: place.base, offset: place.offset + bytes };
}

/** The operands of a launch: all its outputs, then all inputs that it names. */
export function operandPlaces(count: number): Place[] {
  return Array.from({ length: count }, (_, i) => ({ base: FIRST_OPERAND + i, offset: 0 }));
}

export interface Call {
  readonly fn: SharedFunction;
  readonly args: readonly Place[];
}

/** Calls that one thread makes one after the other. */
export type Chunk = readonly Call[];

export interface Work {
  /** Chunks of one phase run in any order; a phase begins when the one before is done. */
  readonly phases: readonly (readonly Chunk[])[];
  /** Scratch memory for each thread, and for all together. */
  readonly threadBytes?: number;
  readonly launchBytes?: number;
  /** Where the chunks of the last phase report indices out of range: chunk i in error cell i. */
  readonly checks?: { readonly sites: readonly Site[]; readonly geometry: Geometry };
}

/** Most chunks of a phase that checks indices, and of most others. */
export const MOST_CHUNKS = 64;

const SCRATCH_ALIGNMENT = 64;

/** Items as at most `most` groups of neighbours, about equally long. */
export function grouped<T>(items: readonly T[], most: number): T[][] {
  const size = Math.max(1, Math.ceil(items.length / Math.max(1, most)));
  const groups: T[][] = [];
  for (let from = 0; from < items.length; from += size) groups.push(items.slice(from, from + size));
  return groups;
}

/**
 * Works of which none needs another, as one. Each keeps its own scratch memory of the launch; works of a single chunk share one with
 * their neighbours until it is worth `least`.
 */
export function joinedWork(parts: readonly { readonly work: Work; readonly effort: number }[], least: number): Work {
  const phases: Chunk[][] = [];
  let threadBytes = 0;
  let launchBytes = 0;
  let room = 0;
  for (const { work, effort } of parts) {
    const base = launchBytes;
    const moved = ({ fn, args }: Call): Call => ({ fn, args: args.map((a) => (a.base === LAUNCH ? after(a, base) : a)) });
    const isSmall = work.phases.length === 1 && work.phases[0]?.length === 1;
    for (const [i, chunks] of work.phases.entries()) {
      phases[i] ??= [];
      const into = phases[i] as Chunk[];
      for (const chunk of chunks) {
        const calls = chunk.map(moved);
        if (isSmall && room > 0) into[into.length - 1] = [...(into.at(-1) as Chunk), ...calls];
        else into.push(calls);
      }
    }
    if (isSmall) room = (room > 0 ? room : least) - effort;
    else room = 0;
    threadBytes = Math.max(threadBytes, work.threadBytes ?? 0);
    launchBytes += Math.ceil((work.launchBytes ?? 0) / SCRATCH_ALIGNMENT) * SCRATCH_ALIGNMENT;
  }
  return { phases, threadBytes, launchBytes };
}
