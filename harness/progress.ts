/**
 * What a person sees while cells run. On a terminal one line is redrawn, at most four times a second and only by the parent, so
 * that no timer wakes in a process that is being measured; elsewhere, and with --no-progress, every finished cell is one line.
 */
import { type Cell, type CellKey, cellId } from "./schema.ts";

export interface Progress {
  /** A cell begins: the i-th (from 0) of n that are left to do. */
  start(cell: CellKey, i: number, n: number): void;
  end(cell: Cell): void;
  /** A line of text that stays. */
  note(line: string): void;
  close(): void;
}

export interface ProgressOptions {
  readonly stream: { write(text: string): unknown; readonly isTTY?: boolean; readonly columns?: number };
  /** False: plain lines also on a terminal. */
  readonly redraw: boolean;
  readonly colour: boolean;
}

const REDRAW_MS = 250;

/** Colour is for terminals whose owner did not set NO_COLOR (https://no-color.org: any value but the empty one). */
export function wantsColour(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv = process.env): boolean {
  return stream.isTTY === true && !environment.NO_COLOR && environment.TERM !== "dumb";
}

export function createProgress(options: ProgressOptions): Progress {
  return options.redraw && options.stream.isTTY === true ? new Line(options) : new Lines(options);
}

class Lines implements Progress {
  readonly #options: ProgressOptions;
  #done = 0;
  #total = 0;

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  start(_cell: CellKey, i: number, n: number): void {
    this.#done = i;
    this.#total = n;
  }

  end(cell: Cell): void {
    this.#options.stream.write(`[${this.#done + 1}/${this.#total}] ${describeCell(cell, this.#options.colour)}\n`);
  }

  note(line: string): void {
    this.#options.stream.write(`${line}\n`);
  }

  close(): void {}
}

class Line implements Progress {
  readonly #options: ProgressOptions;
  readonly #started = performance.now();
  #timer: NodeJS.Timeout | undefined;
  #first = 0;
  #at = 0;
  #total = 0;
  #current = "";

  constructor(options: ProgressOptions) {
    this.#options = options;
  }

  start(cell: CellKey, i: number, n: number): void {
    if (this.#timer === undefined) {
      this.#first = i;
      this.#timer = setInterval(() => this.#draw(), REDRAW_MS);
      this.#timer.unref();
    }
    this.#at = i;
    this.#total = n;
    this.#current = cellId(cell);
  }

  end(cell: Cell): void {
    if (cell.outcome.kind !== "ok") this.note(describeCell(cell, this.#options.colour));
  }

  note(line: string): void {
    this.#options.stream.write(`\r\u001b[K${line}\n`);
  }

  close(): void {
    clearInterval(this.#timer);
    this.#options.stream.write("\r\u001b[K");
  }

  #draw(): void {
    const elapsed = (performance.now() - this.#started) / 1000;
    const finished = this.#at - this.#first;
    const left = finished > 0 ? `, about ${showSeconds((elapsed / finished) * (this.#total - this.#at))} left` : "";
    const text = `[${this.#at + 1}/${this.#total}] ${showSeconds(elapsed)}${left}  ${this.#current}`;
    this.#options.stream.write(`\r\u001b[K${text.slice(0, (this.#options.stream.columns ?? 80) - 1)}`);
  }
}

/** `dense/mlp/small/tape/wasm/f32  ok  value 12.1 us  gradient 40.2 us (3.3 x)`. */
export function describeCell(cell: Cell, colour: boolean): string {
  const paint = (code: number, text: string): string => (colour ? `\u001b[${code}m${text}\u001b[39m` : text);
  const id = cellId(cell.cell);
  if (cell.outcome.kind !== "ok") {
    const reason = cell.outcome.reason ? `  ${cell.outcome.reason.split("\n", 1)[0]}` : "";
    return `${id}  ${paint(cell.outcome.kind === "unsupported" ? 33 : 31, cell.outcome.kind)}${reason}`;
  }
  const times =
    cell.value && cell.gradient
      ? `  value ${showNanoseconds(cell.value.median)}  gradient ${showNanoseconds(cell.gradient.median)} (${(cell.gradient.median / cell.value.median).toFixed(1)} x)`
      : "";
  return `${id}  ${paint(32, "ok")}${times}`;
}

/** Three significant digits with the unit that fits. */
export function showNanoseconds(ns: number): string {
  for (const [unit, size] of [
    ["s", 1e9],
    ["ms", 1e6],
    ["us", 1e3],
  ] as const)
    if (ns >= size) return `${(ns / size).toPrecision(3)} ${unit}`;
  return `${ns.toPrecision(3)} ns`;
}

function showSeconds(seconds: number): string {
  const s = Math.round(seconds);
  return s < 60 ? `${s} s` : `${Math.floor(s / 60)} min ${s % 60} s`;
}
