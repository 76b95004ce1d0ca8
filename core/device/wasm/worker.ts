/**
 * What a worker thread does. The functions here are started from their own text, because a thread can be given a file only where
 * there is one that Node runs, and the project also runs from TypeScript sources: so they use nothing but their arguments and what
 * the language has. The thread that owns the device runs chunks by {@link takeChunks} too.
 *
 * The protocol is that of the native pool (native/runtime/pool.c): a job is open while the generation is even; a worker counts
 * itself active, looks whether the job is still open, and takes chunks until they are given out. The owner closes the job and waits
 * for active workers only.
 */
import type { MessagePort, receiveMessageOnPort } from "node:worker_threads";

/** Words of the shared control block. Those that threads write at once are on cache lines of their own. */
export const CONTROL = {
  /** Even while a job is open. */
  generation: 0,
  /** Workers within a job. */
  active: 16,
  /** The next chunk to be taken. */
  next: 32,
  /** Workers that wait for a job, and whether the owner waits for workers. */
  sleepers: 48,
  waiting: 49,
  /** The job: its chunks, where (in words) its table and its bases are, how many functions and pages of memory it needs. */
  chunks: 64,
  table: 65,
  bases: 66,
  functions: 67,
  pages: 68,
  /** Scratch memory of thread 0, bytes from one thread's to the next one's, and how many threads have some. */
  scratch: 69,
  scratchBytes: 70,
  threads: 71,
  /** Set where a chunk failed. */
  failed: 72,
  /** Chunks that workers have run. */
  helped: 80,
  words: 96,
} as const;

/**
 * How long a thread looks before it sleeps, how long one round of looks may take if it was on its core (an interrupt takes some tens of
 * microseconds), and for how long after that it does not look; ms.
 */
export const PATIENCE = { looks: 32, most: 0.2, takenOff: 0.1, coolDown: 2 } as const;

export interface WorkerData {
  readonly memory: WebAssembly.Memory;
  readonly control: Int32Array;
  readonly port: MessagePort;
  readonly thread: number;
  readonly CONTROL: typeof CONTROL;
  readonly PATIENCE: typeof PATIENCE;
}

/** A module that workers are told of, in the order of its functions' numbers; undefined where they cannot run it. */
export interface ModuleMessage {
  readonly module: WebAssembly.Module | undefined;
  readonly names: readonly string[];
}

type Run = (...args: number[]) => void;

/**
 * Runs chunks of the open job until all are given out; returns how many. The table is the place of each chunk's calls, then the calls:
 * function, number of arguments, and a base and an offset for each (see work.ts).
 */
export function takeChunks(
  at: typeof CONTROL,
  control: Int32Array,
  words: Int32Array,
  functions: readonly (Run | undefined)[],
  thread: number,
): number {
  const chunks = control[at.chunks] as number;
  const table = control[at.table] as number;
  const bases = control[at.bases] as number;
  const scratch = (control[at.scratch] as number) + thread * (control[at.scratchBytes] as number);
  let taken = 0;
  for (let chunk = Atomics.add(control, at.next, 1); chunk < chunks; chunk = Atomics.add(control, at.next, 1)) {
    taken++;
    const end = words[table + chunk + 1] as number;
    for (let call = words[table + chunk] as number; call < end; ) {
      const args: number[] = [];
      const count = words[call + 1] as number;
      for (let k = 0; k < count; k++) {
        const base = words[call + 2 + 2 * k] as number;
        args.push((base === 1 ? scratch : (words[bases + base] as number)) + (words[call + 3 + 2 * k] as number));
      }
      (functions[words[call] as number] as Run)(...args);
      call += 2 + 2 * count;
    }
  }
  return taken;
}

/** Looks until `ready`, for as long as that is cheaper than sleeping; see pool.c. Returns a function that says whether it became ready. */
export function watcher(patience: typeof PATIENCE): (ready: () => boolean) => boolean {
  let crowdedUntil = 0;
  return (ready) => {
    const start = performance.now();
    if (start < crowdedUntil) return ready();
    for (let before = start; ; ) {
      for (let i = 0; i < patience.looks; i++) if (ready()) return true;
      const now = performance.now();
      if (now - before > patience.takenOff) {
        crowdedUntil = now + patience.coolDown;
        return ready();
      }
      if (now - start > patience.most) return ready();
      before = now;
    }
  };
}

function work(data: WorkerData, receive: typeof receiveMessageOnPort, take: typeof takeChunks, watch: typeof watcher): void {
  const { memory, control, port, thread, CONTROL: at, PATIENCE: patience } = data;
  const functions: (Run | undefined)[] = [];
  const env: Record<string, unknown> = { memory, rem: (x: number, y: number) => x % y };
  for (const name of Object.getOwnPropertyNames(Math)) env[name] = Math[name as keyof Math];
  let words = new Int32Array(memory.buffer);
  const lookFor = watch(patience);
  let seen = 0;
  let open = 0;
  const isOpen = () => {
    open = Atomics.load(control, at.generation);
    return open !== seen && open % 2 === 0;
  };
  const lacks = () => functions.length < (control[at.functions] as number) || words.byteLength < (control[at.pages] as number) * 65536;
  /** Gets what the open job needs, before this thread counts as active, so that nobody waits for it. */
  const equip = () => {
    while (functions.length < (control[at.functions] as number)) {
      const received = receive(port) as { message: ModuleMessage } | undefined;
      if (received === undefined) return;
      const { module, names } = received.message;
      const instance = module && new WebAssembly.Instance(module, { env: env as Record<string, WebAssembly.Memory> });
      for (const name of names) functions.push(instance?.exports[name]);
    }
    if (!lacks()) return;
    // Another thread let the memory grow: growing by nothing is how this one learns of it.
    memory.grow(0);
    words = new Int32Array(memory.buffer);
  };
  for (;;) {
    while (!lookFor(isOpen)) {
      Atomics.add(control, at.sleepers, 1);
      const generation = Atomics.load(control, at.generation);
      if (generation === seen || generation % 2 !== 0) Atomics.wait(control, at.generation, generation);
      Atomics.sub(control, at.sleepers, 1);
    }
    const generation = open;
    if (lacks()) equip();
    // Either this sees the job closed, or its owner sees that this thread is active.
    Atomics.add(control, at.active, 1);
    try {
      if (Atomics.load(control, at.generation) === generation && !lacks() && thread < (control[at.threads] as number)) {
        const taken = take(at, control, words, functions, thread);
        Atomics.add(control, at.helped, taken);
      }
    } catch {
      Atomics.store(control, at.failed, 1);
    }
    if (Atomics.sub(control, at.active, 1) === 1 && Atomics.load(control, at.waiting) === 1) Atomics.notify(control, at.active);
    seen = generation;
  }
}

/** The program of a worker whose `workerData` is a {@link WorkerData}. */
export function workerSource(): string {
  return [
    `const { receiveMessageOnPort, workerData } = require("node:worker_threads");`,
    `(${work})(workerData, receiveMessageOnPort, ${takeChunks}, ${watcher});`,
  ].join("\n");
}
