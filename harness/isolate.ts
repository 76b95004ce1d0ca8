/**
 * Runs a request in a fresh process and reports how it ended, whatever happens there. The process leads a group of its own:
 * killing the group also ends what it started, and a process that a crashed child left behind cannot hold our pipes open.
 */
import { readFileSync } from "node:fs";
import { execa } from "execa";
import { probe } from "./machine.ts";
import { ANSWER_FD } from "./request.ts";
import type { Outcome } from "./schema.ts";
import type { Watchdog } from "./watchdog.ts";

export interface IsolateOptions {
  /** JavaScript file to run, compiled: a child is plain node. */
  readonly entry: string;
  /** Milliseconds without a line of the answer until the group is killed. */
  readonly timeoutMs: number;
  /** Ends the process early: its group is killed and the call rejects with the signal's reason. */
  readonly signal?: AbortSignal | undefined;
  readonly watchdog?: Watchdog | undefined;
  /** Flags of node beside --expose-gc. */
  readonly nodeFlags?: readonly string[] | undefined;
  /** Called with each line of the answer as it comes. */
  readonly onLine: (line: string) => void;
}

/** How a process ended. `failure` is absent where it exited with code 0. */
export interface Ending {
  readonly failure?: { readonly kind: Outcome["kind"]; readonly what: string };
  /** The end of what it printed on stdout and stderr. */
  readonly printed: string;
}

/** How much of a process's output is kept for the reason of a failure. */
const TAIL_BYTES = 8192;

export async function runIsolated(request: unknown, options: IsolateOptions): Promise<Ending> {
  options.signal?.throwIfAborted();
  const oomBefore = oomKills();
  const child = execa(process.execPath, ["--expose-gc", ...(options.nodeFlags ?? []), options.entry, JSON.stringify(request)], {
    stdio: ["ignore", "pipe", "pipe", "pipe"],
    buffer: false,
    detached: true,
    cleanup: false,
    reject: false,
  });
  const group = child.pid;
  options.watchdog?.watch(group ?? null);
  const kill = (): void => {
    if (group !== undefined) probe(() => process.kill(-group, "SIGKILL"), false);
  };
  let timedOut = false;
  const timer = setTimeout(() => {
    timedOut = true;
    kill();
  }, options.timeoutMs);
  child.once("exit", kill);
  options.signal?.addEventListener("abort", kill, { once: true });
  process.once("exit", kill);
  const printed = new Tail();
  const lines = new Lines((line) => {
    timer.refresh();
    options.onLine(line);
  });
  child.stdout?.on("data", (chunk: Buffer) => printed.add(chunk));
  child.stderr?.on("data", (chunk: Buffer) => printed.add(chunk));
  child.stdio[ANSWER_FD]?.on("data", (chunk: Buffer) => lines.add(chunk));
  try {
    const result = await child;
    options.signal?.throwIfAborted();
    const text = printed.text();
    if (timedOut) return { printed: text, failure: { kind: "timeout", what: `no answer within ${options.timeoutMs / 1000} s` } };
    if (result.exitCode === 0) return { printed: text };
    return { printed: text, failure: classify(text, result, oomKills() > oomBefore) };
  } finally {
    clearTimeout(timer);
    options.signal?.removeEventListener("abort", kill);
    process.removeListener("exit", kill);
    options.watchdog?.watch(null);
  }
}

interface Result {
  readonly signal?: string | undefined;
  readonly exitCode?: number | undefined;
  readonly shortMessage?: string | undefined;
}

const OUT_OF_MEMORY = /heap out of memory|Allocation failed - |Array buffer allocation failed|std::bad_alloc|CUDA_ERROR_OUT_OF_MEMORY/;

function classify(printed: string, result: Result, systemKilled: boolean): NonNullable<Ending["failure"]> {
  if (OUT_OF_MEMORY.test(printed)) return { kind: "out-of-memory", what: "the process ran out of memory" };
  if (result.signal === "SIGKILL" && systemKilled)
    return { kind: "out-of-memory", what: "the system killed the process for want of memory" };
  if (result.signal !== undefined) return { kind: "error", what: `the process was ended by ${result.signal}` };
  if (result.exitCode === undefined)
    return { kind: "error", what: `the process could not be started: ${result.shortMessage ?? "unknown reason"}` };
  return { kind: "error", what: `the process exited with code ${result.exitCode}` };
}

/** Processes that this machine's kernel has killed for want of memory since boot; 0 where it does not say. */
function oomKills(): number {
  return probe(() => Number(/^oom_kill (\d+)$/m.exec(readFileSync("/proc/vmstat", "utf8"))?.[1] ?? 0), 0);
}

/** Splits a stream of bytes into whole lines; a last line without its end is torn and dropped. */
class Lines {
  #pending: Buffer[] = [];
  readonly #onLine: (line: string) => void;

  constructor(onLine: (line: string) => void) {
    this.#onLine = onLine;
  }

  add(chunk: Buffer): void {
    let start = 0;
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      this.#onLine(Buffer.concat([...this.#pending, chunk.subarray(start, end)]).toString("utf8"));
      this.#pending = [];
      start = end + 1;
    }
    if (start < chunk.length) this.#pending.push(chunk.subarray(start));
  }
}

/** The end of a stream, cut at a line where possible. */
class Tail {
  #kept: Buffer = Buffer.alloc(0);
  #cut = false;

  add(chunk: Buffer): void {
    const all = Buffer.concat([this.#kept, chunk]);
    this.#cut ||= all.length > TAIL_BYTES;
    this.#kept = all.subarray(Math.max(0, all.length - TAIL_BYTES));
  }

  text(): string {
    const text = this.#kept.toString("utf8").trim();
    return this.#cut ? `...${text.slice(text.indexOf("\n") + 1)}` : text;
  }
}
