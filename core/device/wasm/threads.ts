/**
 * The threads of a device: the one that owns it and workers that share its memory. Launches are forked and joined without messages
 * (the protocol is in worker.ts). The owner takes chunks like everybody and waits only for workers that hold one, so a busy machine
 * costs the help, never a wait. A worker is started when launches that could have used it have taken as long as starting it does, so
 * a process that computes little starts none; where none can be started there is one thread.
 */
import { MessageChannel, type MessagePort, Worker } from "node:worker_threads";
import { assert } from "../../base/errors.ts";
import type { Address } from "../device.ts";
import type { SharedFunction } from "./modules.ts";
import { CONTROL, type ModuleMessage, PATIENCE, takeChunks, type WorkerData, watcher, workerSource } from "./worker.ts";

/** What starting a worker costs the owner, about, in milliseconds. */
const START_MS = 4;

/**
 * Where a worker holds a chunk for longer than so many times what one takes here, and longer than this in milliseconds, it was taken
 * off its core: others need it, and for so many milliseconds jobs are not shared.
 */
const LATE = 2;
const LATE_MS = 0.1;
const ALONE_MS = 20;

/** Workers are told of so many modules; jobs that need later ones run on the owner. */
const MOST_MODULES = 4096;

/** A phase of a launch, its table and bases being in memory (places in words). */
export interface Job {
  readonly table: number;
  readonly bases: number;
  readonly chunks: number;
  /** Functions that must be known: their numbers are below this. */
  readonly functions: number;
  readonly scratch: Address;
  readonly scratchBytes: number;
  /** How many threads have scratch memory. */
  readonly threads: number;
}

export class Threads {
  /** Most threads that may work, the owner included. */
  readonly limit: number;
  private readonly memory: WebAssembly.Memory;
  private readonly control: Int32Array;
  private readonly functions: SharedFunction["run"][] = [];
  private readonly modules: ModuleMessage[] = [];
  private readonly ports: MessagePort[] = [];
  private readonly lookFor = watcher(PATIENCE);
  private readonly isIdle = () => Atomics.load(this.control, CONTROL.active) === 0;
  /** Milliseconds of jobs since the last worker was started. */
  private worked = 0;
  private mayStart: boolean;
  /** Until then nobody is asked for help. */
  private aloneUntil = 0;

  /** `limit` counts only where the memory is shared. */
  constructor(memory: WebAssembly.Memory, isShared: boolean, limit: number) {
    this.memory = memory;
    this.limit = isShared ? limit : 1;
    this.mayStart = this.limit > 1;
    const bytes = CONTROL.words * Int32Array.BYTES_PER_ELEMENT;
    this.control = new Int32Array(isShared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes));
    this.control[CONTROL.generation] = 1;
  }

  /** Threads that have been started, the owner included. */
  get started(): number {
    return this.ports.length + 1;
  }

  /** Chunks that workers, not the owner, have run. */
  get helped(): number {
    return Atomics.load(this.control, CONTROL.helped);
  }

  /** The number by which all threads know a function. */
  number({ owner, index }: SharedFunction): number {
    if (owner.first === undefined) {
      owner.first = this.functions.length;
      this.functions.push(...owner.exports);
      if (this.modules.length < MOST_MODULES) {
        const message = { module: owner.isPortable ? owner.module : undefined, names: owner.names };
        this.modules.push(message);
        for (const port of this.ports) port.postMessage(message);
      }
    }
    return owner.first + index;
  }

  /** Runs all chunks of a job; `words` is the whole memory. */
  run(job: Job, words: Int32Array): void {
    const { control } = this;
    const start = performance.now();
    control[CONTROL.chunks] = job.chunks;
    control[CONTROL.table] = job.table;
    control[CONTROL.bases] = job.bases;
    control[CONTROL.functions] = job.functions;
    control[CONTROL.pages] = words.byteLength / 65536;
    control[CONTROL.scratch] = job.scratch;
    control[CONTROL.scratchBytes] = job.scratchBytes;
    control[CONTROL.threads] = job.threads;
    Atomics.store(control, CONTROL.next, 0);
    const helpers = start < this.aloneUntil ? 0 : Math.min(job.chunks, job.threads, this.started) - 1;
    if (helpers > 0) {
      Atomics.add(control, CONTROL.generation, 1);
      if (Atomics.load(control, CONTROL.sleepers) > 0) Atomics.notify(control, CONTROL.generation, helpers);
    }
    let taken = 0;
    try {
      taken = takeChunks(CONTROL, control, words, this.functions, 0);
    } finally {
      if (helpers > 0) this.join((performance.now() - start) / Math.max(1, taken));
    }
    if (control[CONTROL.failed] !== 0) {
      control[CONTROL.failed] = 0;
      assert(false, "a thread of the wasm device failed");
    }
    if (this.mayStart && job.chunks > this.started) {
      this.worked += performance.now() - start;
      if (this.worked > START_MS) this.start();
    }
  }

  /** Closes the job and waits for those who still hold a chunk, which take `usual` milliseconds each. */
  private join(usual: number): void {
    const { control } = this;
    Atomics.add(control, CONTROL.generation, 1);
    if (this.lookFor(this.isIdle)) return;
    const start = performance.now();
    Atomics.store(control, CONTROL.waiting, 1);
    for (let active = Atomics.load(control, CONTROL.active); active !== 0; active = Atomics.load(control, CONTROL.active)) {
      Atomics.wait(control, CONTROL.active, active);
    }
    Atomics.store(control, CONTROL.waiting, 0);
    const now = performance.now();
    if (now - start > Math.max(LATE_MS, LATE * usual)) this.aloneUntil = now + ALONE_MS;
  }

  /** Starts one more worker. It begins by itself, whatever the owner does meanwhile, and does not keep the process alive. */
  private start(): void {
    this.worked = 0;
    const { port1, port2 } = new MessageChannel();
    port1.unref();
    const { memory, control } = this;
    const workerData: WorkerData = { memory, control, port: port2, thread: this.started, CONTROL, PATIENCE };
    try {
      const worker = new Worker(workerSource(), { eval: true, workerData, transferList: [port2], execArgv: [], env: {} });
      worker.unref();
      // A worker that could not begin helps nobody, and nobody waits for it.
      worker.on("error", () => {});
    } catch {
      this.mayStart = false;
      return;
    }
    for (const message of this.modules) port1.postMessage(message);
    this.ports.push(port1);
    this.mayStart = this.started < this.limit;
  }
}
