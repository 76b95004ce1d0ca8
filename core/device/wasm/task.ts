/**
 * A prepared launch that threads may share: its work as tables in memory (see worker.ts), so that running it is writing the
 * addresses of its operands and a fork and join for each phase.
 */
import { BenchError } from "../../base/errors.ts";
import type { Address } from "../device.ts";
import type { Scratch } from "./scratch.ts";
import type { Job, Threads } from "./threads.ts";
import { type Chunk, FIRST_OPERAND, LAUNCH, type Work } from "./work.ts";

/** What a task needs of its device. */
export interface TaskHost {
  readonly threads: Threads;
  /** The whole memory; another view after it grew. */
  readonly words: Int32Array;
  readonly threadScratch: Scratch;
  readonly launchScratch: Scratch;
  /** Memory that lives as long as what is being prepared. */
  table(bytes: number): Address;
}

/** The function that runs `work` on the addresses of its operands. Throws where scratch memory for a single thread does not fit. */
export function prepareTask(
  host: TaskHost,
  { phases, threadBytes = 0, launchBytes = 0 }: Work,
  operands: number,
): (addresses: readonly Address[]) => void {
  const { threads, threadScratch, launchScratch } = host;
  const calls = phases.flat(2);
  const withScratch = calls.every((c) => c.fn.owner.isPortable) ? scratchFor(threadScratch, threadBytes, threads.limit) : 1;
  if (withScratch === 1) threadScratch.atLeast(threadBytes);
  launchScratch.atLeast(launchBytes);
  const functions = 1 + calls.reduce((most, c) => Math.max(most, threads.number(c.fn)), 0);
  const bases = host.table((FIRST_OPERAND + operands) * 4) / 4;
  const tables = phases.map((chunks) => ({ chunks: chunks.length, table: writeTable(host, chunks) }));
  host.words.fill(0, bases, bases + FIRST_OPERAND);
  return (addresses) => {
    const scratch = threadScratch.atLeast(threadBytes * withScratch);
    const { words } = host;
    words[bases + LAUNCH] = launchScratch.atLeast(launchBytes);
    for (let i = 0; i < operands; i++) words[bases + FIRST_OPERAND + i] = addresses[i] as Address;
    for (const { chunks, table } of tables) {
      const job: Job = { table, bases, chunks, functions, scratch, scratchBytes: threadBytes, threads: withScratch };
      threads.run(job, words);
    }
  };
}

/** For how many threads there is scratch memory: all, or as many as fit. */
function scratchFor(scratch: Scratch, bytes: number, threads: number): number {
  for (let count = threads; count > 1; count = Math.ceil(count / 2)) {
    try {
      scratch.atLeast(bytes * count);
      return count;
    } catch (error) {
      if (!(error instanceof BenchError) || error.kind !== "out-of-memory") throw error;
    }
  }
  return 1;
}

/** Writes the table of a phase; returns its place in words. */
function writeTable(host: TaskHost, chunks: readonly Chunk[]): number {
  const calls = chunks.flat();
  const size = chunks.length + 1 + calls.reduce((n, c) => n + 2 + 2 * c.args.length, 0);
  const table = host.table(size * 4) / 4;
  const values: number[] = [];
  let at = table + chunks.length + 1;
  for (const chunk of chunks) {
    values.push(at);
    for (const { args } of chunk) at += 2 + 2 * args.length;
  }
  values.push(at);
  for (const { fn, args } of calls) {
    values.push(host.threads.number(fn), args.length);
    for (const { base, offset } of args) values.push(base, offset);
  }
  host.words.set(values, table);
  return table;
}
