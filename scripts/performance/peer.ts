/**
 * Sides that run in a child process: one request a line of JSON on its input, one answer a line on its output. Several sides may
 * share a child, which knows them by their names and holds a workload for each.
 */
import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createInterface, type Interface } from "node:readline";
import { BenchError } from "../../core/base/errors.ts";
import { NotHere, type Side } from "./side.ts";
import type { Workload } from "./workloads.ts";

interface Answer {
  /** The request failed: why. */
  readonly error?: string;
  /** The child does not have this workload: why. */
  readonly absent?: string;
  readonly outputs?: number[][];
  readonly nanoseconds?: number;
  /** Names and versions of what it is made of. */
  readonly about?: Record<string, string>;
}

/** Threads of a child may spin after a call, those of OpenBLAS for a tenth of a second; others are not to be clocked meanwhile. */
const SETTLE_MS = 150;

export class PeerProcess {
  readonly about: Record<string, string>;
  private readonly child: ChildProcessWithoutNullStreams;
  private readonly lines: AsyncIterator<string>;

  private constructor(child: ChildProcessWithoutNullStreams, reader: Interface, about: Record<string, string>) {
    this.child = child;
    this.lines = reader[Symbol.asyncIterator]();
    this.about = about;
  }

  /** Starts a child and waits for its first line, which says what it is. Throws `NotHere` with its words where it does not start. */
  static async start(program: string, args: readonly string[], environment: NodeJS.ProcessEnv): Promise<PeerProcess> {
    const child = spawn(program, [...args], { env: { ...process.env, ...environment } });
    let complaints = "";
    child.stderr.on("data", (chunk: Buffer) => {
      complaints = (complaints + chunk.toString()).slice(-2000);
    });
    // Writing to a child that has ended: the missing answer says so.
    child.stdin.on("error", () => {});
    const failed = new Promise<string>((resolve) => {
      child.on("error", (error) => resolve(error.message));
      child.on("close", () => resolve(reasonIn(complaints)));
    });
    const reader = createInterface({ input: child.stdout });
    const first = await Promise.race([new Promise<string>((resolve) => reader.once("line", resolve)), failed.then((why) => ({ why }))]);
    if (typeof first !== "string") throw new NotHere(first.why);
    const { about, absent } = JSON.parse(first) as Answer;
    if (about === undefined) throw new NotHere(absent ?? "it did not say what it is");
    return new PeerProcess(child, reader, about);
  }

  async ask(request: object): Promise<Answer> {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const line = await this.lines.next();
    if (line.done)
      throw new BenchError("runtime", `${this.child.spawnfile} ended in the middle of ${JSON.stringify(request).slice(0, 200)}`);
    const answer = JSON.parse(line.value) as Answer;
    if (answer.absent !== undefined) throw new NotHere(answer.absent);
    if (answer.error !== undefined) throw new BenchError("runtime", answer.error);
    return answer;
  }

  close(): void {
    this.child.stdin.end();
  }
}

/** Of what a child complained of: the last line that names an error. */
function reasonIn(complaints: string): string {
  const lines = complaints.trim().split("\n");
  return lines.findLast((line) => /error/i.test(line)) || lines.at(-1) || "it ended at once";
}

export class Peer implements Side {
  readonly name: string;
  private readonly process: PeerProcess;

  constructor(process: PeerProcess, name: string) {
    this.process = process;
    this.name = name;
  }

  async prepare({ key, inputs }: Workload): Promise<number[][]> {
    return (await this.process.ask({ do: "prepare", side: this.name, workload: key, inputs })).outputs as number[][];
  }

  async time(calls: number): Promise<number> {
    const { nanoseconds } = await this.process.ask({ do: "time", side: this.name, calls });
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return nanoseconds as number;
  }

  async finish(): Promise<void> {
    await this.process.ask({ do: "finish", side: this.name });
  }
}
