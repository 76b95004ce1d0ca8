/**
 * Pictures as one page that opens from disk, offline: groups open and close, boxes are searched by name, operation and line, a click
 * shows shapes, place and neighbours, colours say what is a derivative, what an operation is of, or where the time goes; the stages
 * of a program stand beside each other. Names of a program are data in the page, never markup.
 */
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { ARRANGE } from "./client/arrange.ts";
import { CHOOSE } from "./client/choose.ts";
import { MOVE } from "./client/move.ts";
import { layout } from "./layout.ts";
import type { Picture } from "./picture.ts";
import { STYLE } from "./style.ts";

const escaped = (text: string) =>
  text.replaceAll(/[&<>"']/g, (c) => `&${{ "&": "amp", "<": "lt", ">": "gt", '"': "quot", "'": "#39" }[c]};`);

/** JSON that ends no script. */
const scriptJson = (value: unknown) => JSON.stringify(value).replaceAll("<", "\\u003c").replaceAll("\u2028", "\\u2028");

/** The page of these pictures. Open at first is one that shows a derivative. */
export function showPage(title: string, pictures: readonly Picture[]): string {
  const script = `(() => {\n"use strict";\n${layout.toString()}\n${ARRANGE}${CHOOSE}${MOVE}})();`;
  const hash = createHash("sha256").update(script).digest("base64");
  const policy = `default-src 'none'; script-src 'sha256-${hash}'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'`;
  const data = {
    pictures,
    lines: linesOf(pictures),
    first: Math.max(
      0,
      pictures.findIndex((p) => p.boxes.some((b) => b.about !== undefined)),
    ),
  };
  const tip = (id: string) =>
    `<marker id="${id}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="6" markerHeight="6" markerUnits="userSpaceOnUse" orient="auto"><path d="M0 0L8 4L0 8z"/></marker>`;
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta http-equiv="Content-Security-Policy" content="${escaped(policy)}"><meta name="viewport" content="width=device-width, initial-scale=1"><title>${escaped(title)}</title><style>${STYLE}</style></head>
<body><header><h1>${escaped(title)}</h1><div id="tabs" role="tablist" aria-label="Stages"></div><span class="space"></span>
<div id="modes" role="group" aria-label="Colours"><button data-mode="part">Part</button><button data-mode="op">Operation</button><button data-mode="time" id="time-mode">Time</button></div>
<button id="open-all">Open all</button><button id="close-all">Close all</button><button id="fit">Fit</button></header>
<main><svg id="graph" role="img" aria-label="The graph"><defs>${tip("tip")}${tip("tip-lit")}</defs><g id="view"><g id="back"></g><g id="lines"></g><g id="front"></g></g></svg></main>
<aside><input id="search" type="search" placeholder="Search names, operations, lines  ( / )" aria-label="Search"><ul id="found"></ul><section id="details" aria-live="polite"></section></aside>
<footer><div id="legend"></div></footer>
<script type="application/json" id="data">${scriptJson(data)}</script><script>${script}</script></body></html>
`;
}

/** The lines of the program that boxes are from, by place. */
function linesOf(pictures: readonly Picture[]): Record<string, string> {
  const lines: Record<string, string> = {};
  const texts = new Map<string, readonly string[]>();
  for (const { boxes } of pictures) {
    for (const { span } of boxes) {
      if (span === undefined) continue;
      if (!texts.has(span.file)) texts.set(span.file, existsSync(span.file) ? readFileSync(span.file, "utf8").split("\n") : []);
      const text = texts.get(span.file)?.[span.line - 1];
      if (text !== undefined) lines[`${span.file}:${span.line}`] = text;
    }
  }
  return lines;
}
