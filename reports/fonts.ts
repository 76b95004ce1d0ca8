/**
 * The fonts that the report ships, and text widths measured with them. Without a canvas Vega guesses widths, which cuts labels and
 * leaves wide margins; with the advance widths of the very fonts that draw the picture, the layout is exact and the same everywhere.
 */
import { readFileSync } from "node:fs";
import { join } from "node:path";
import opentype, { type Font } from "opentype.js";
import { packageRoot } from "./package-root.ts";

const folder = join(packageRoot, "reports", "fonts");

/** Inter draws what it has glyphs for, DejaVu Sans the rest. */
export const fontFiles = {
  regular: join(folder, "Inter-Regular.ttf"),
  semiBold: join(folder, "Inter-SemiBold.ttf"),
  fallback: join(folder, "DejaVuSans.ttf"),
};

/** The font list of charts and page. */
export const FONT_FAMILY = "Inter, 'DejaVu Sans', system-ui, sans-serif";

const faces = new Map<string, Font>();

function face(file: string): Font {
  const known = faces.get(file);
  if (known) return known;
  const data = readFileSync(file);
  const font = opentype.parse(data.buffer.slice(data.byteOffset, data.byteOffset + data.byteLength));
  faces.set(file, font);
  return font;
}

/** Width in pixels of one line of text. Kerning is left out: it shortens a line by less than a pixel. */
export function textWidth(text: string, size: number, weight: "regular" | "semiBold" = "regular"): number {
  const first = face(fontFiles[weight]);
  let width = 0;
  for (const character of text) {
    let font = first;
    let glyph = first.charToGlyph(character);
    if (glyph.index === 0) {
      font = face(fontFiles.fallback);
      glyph = font.charToGlyph(character);
    }
    width += ((glyph.advanceWidth ?? 0) / font.unitsPerEm) * size;
  }
  return width;
}

/** Breaks text at spaces into lines no wider than `width` pixels; what does not fit into `lines` lines ends in an ellipsis. */
export function wrapText(text: string, size: number, width: number, lines: number): string[] {
  const out: string[] = [];
  let line = "";
  for (const word of text.split(/\s+/u)) {
    const longer = line === "" ? word : `${line} ${word}`;
    if (line === "" || textWidth(longer, size) <= width) {
      line = longer;
    } else {
      out.push(line);
      line = word;
    }
  }
  out.push(line);
  const kept = out.slice(0, lines);
  const last = kept.length - 1;
  if (out.length > lines) kept[last] = `${kept[last]} …`;
  return kept.map((l) => fitText(l, size, width));
}

/** The text cut to `width` pixels, with an ellipsis where something was cut. */
export function fitText(text: string, size: number, width: number): string {
  const line = text.replace(/\s+/gu, " ").trim();
  if (textWidth(line, size) <= width) return line;
  const characters = [...line];
  let low = 0;
  let high = characters.length;
  while (low < high) {
    const middle = (low + high + 1) >> 1;
    if (textWidth(`${characters.slice(0, middle).join("")}…`, size) <= width) low = middle;
    else high = middle - 1;
  }
  return `${characters.slice(0, low).join("").trimEnd()}…`;
}
