/** How numbers are written in the report: three significant digits, the unit that keeps them short, the same everywhere. */

/** 3 significant digits, no exponent in the usual range, thousands separated: 0.0123, 1.23, 12.3, 1,230. */
export function number(x: number): string {
  if (!Number.isFinite(x)) return String(x);
  if (x === 0) return "0";
  const size = Math.abs(x);
  if (size < 1e-4 || size >= 1e9) return x.toExponential(1);
  if (size >= 100) return Math.round(x).toLocaleString("en-US");
  return x.toPrecision(3);
}

/** A duration given in nanoseconds. */
export function duration(ns: number): string {
  const size = Math.abs(ns);
  if (size < 1e3) return `${number(ns)} ns`;
  if (size < 1e6) return `${number(ns / 1e3)} µs`;
  if (size < 1e9) return `${number(ns / 1e6)} ms`;
  return `${number(ns / 1e9)} s`;
}

/** A ratio: 1.23×. */
export function times(x: number): string {
  return `${number(x)}×`;
}

/** Bytes in binary units. */
export function bytes(n: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = n;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit++;
  }
  return `${number(value)} ${units[unit]}`;
}

/** `1 cell`, `3 cells`. */
export function plural(n: number, one: string, many = `${one}s`): string {
  return `${n.toLocaleString("en-US")} ${n === 1 ? one : many}`;
}

/** `a`, `a and b`, `a, b and c`. */
export function list(words: readonly string[]): string {
  return words.length < 2 ? words.join("") : `${words.slice(0, -1).join(", ")} and ${words.at(-1)}`;
}

/** The text, cut at a word to at most `limit` characters with an ellipsis. Line breaks become spaces. */
export function shorten(text: string, limit: number): string {
  const line = text.replace(/\s+/gu, " ").trim();
  if (line.length <= limit) return line;
  const cut = line.slice(0, limit - 1);
  const word = cut.lastIndexOf(" ");
  return `${(word > limit / 2 ? cut.slice(0, word) : cut).trimEnd()}…`;
}

/** A name for files and anchors: lower-case letters, digits and single hyphens. */
export function slug(text: string): string {
  return text
    .toLowerCase()
    .replace(/[^a-z0-9]+/gu, "-")
    .replace(/^-|-$/gu, "");
}
