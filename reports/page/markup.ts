/** HTML from strings, safely: what is interpolated is escaped unless it is markup made here. */

/** Markup that needs no escaping. */
export class Markup {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

type Piece = string | number | Markup | readonly Markup[] | null | undefined | false;

/** Template tag: strings and numbers are escaped, markup is inserted, nothing is inserted for null, undefined and false. */
export function html(parts: TemplateStringsArray, ...pieces: readonly Piece[]): Markup {
  let text = parts[0] ?? "";
  pieces.forEach((piece, i) => {
    text += write(piece) + (parts[i + 1] ?? "");
  });
  return new Markup(text);
}

/** Text that is markup already, such as an SVG drawn here. */
export function raw(text: string): Markup {
  return new Markup(text);
}

function write(piece: Piece): string {
  if (piece === null || piece === undefined || piece === false) return "";
  if (piece instanceof Markup) return piece.text;
  if (typeof piece === "object") return piece.map((m) => m.text).join("");
  return escapeHtml(String(piece));
}

export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/gu, (c) => `&#${c.charCodeAt(0)};`);
}

/** JSON for a script element: nothing in it can end the element. */
export function scriptJson(value: unknown): string {
  return JSON.stringify(value)
    .replace(/</gu, "\\u003c")
    .replace(/\u2028/gu, "\\u2028")
    .replace(/\u2029/gu, "\\u2029");
}

/** Source text for a script element. */
export function scriptSource(text: string): string {
  return text.replace(/<\/(script)/giu, "<\\/$1").replace(/<!--/gu, "<\\!--");
}
