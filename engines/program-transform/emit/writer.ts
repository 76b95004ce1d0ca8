/** Lines of JavaScript, the names in them, and the objects that they refer to as `k[i]`. */
import type { Span } from "../../../core/base/span.ts";
import { type Code, numeral, numeralOf } from "./code.ts";

export class Writer {
  readonly lines: string[] = [];
  /** The place that each line comes from. */
  readonly places: (Span | undefined)[] = [];
  readonly constants: unknown[] = [];
  /** The place in the user's source that lines come from. */
  span: Span | undefined;
  private noted: string | undefined;
  private depth = 0;
  private names = 0;

  /** Begins a function: names count anew. */
  start(): void {
    this.names = 0;
    this.noted = undefined;
  }

  /** Names of the function so far: what a frame of it holds. */
  get size(): number {
    return this.names;
  }

  /** A line; the first of each line of the user's source says which it is. */
  line(text: string): void {
    const place = this.span === undefined ? undefined : `${this.span.line}:${this.span.column}`;
    const note = place === undefined || place === this.noted || /[{}]$/.test(text) ? "" : `  // ${place}`;
    if (note !== "") this.noted = place;
    this.lines.push("  ".repeat(this.depth) + text + note);
    this.places.push(this.span);
  }

  /** Lines inside `open` and `close`. */
  block(open: string, inside: () => void, close = "}"): void {
    this.line(open);
    this.indented(inside);
    this.line(close);
  }

  /** Lines put in before line `at`, as deep as the lines now are. */
  insert(at: number, ...texts: readonly string[]): void {
    this.lines.splice(at, 0, ...texts.map((text) => "  ".repeat(this.depth) + text));
    this.places.splice(at, 0, ...texts.map(() => this.span));
  }

  indented(inside: () => void): void {
    this.depth++;
    inside();
    this.depth--;
  }

  name(kind: "v" | "s" | "t"): string {
    return `${kind}${++this.names}`;
  }

  /** A variable for an expression. */
  declare(expression: string, owned = false): Code {
    const name = this.name("v");
    this.line(`const ${name} = ${expression};`);
    return { text: name, owned };
  }

  /** An expression that may be written several times. */
  named(code: Code): Code {
    if ("fields" in code) return { fields: code.fields.map((f) => this.named(f)) };
    return /^[\w$.[\]-]+$/.test(code.text) ? code : this.declare(code.text, code.owned);
  }

  constant(value: unknown): string {
    if (typeof value === "number") return Object.is(value, -0) ? "-0" : Number.isFinite(value) ? numeral(value) : numeralOf(value);
    if (value === null || typeof value === "boolean") return String(value);
    if (typeof value === "string") return JSON.stringify(value);
    let at = this.constants.indexOf(value);
    if (at < 0) at = this.constants.push(value) - 1;
    return `k[${at}]`;
  }
}
