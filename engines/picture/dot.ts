/** Pictures in the language of Graphviz: groups are clusters, edges say what goes along, what decides is dotted. */
import { showSpan } from "../../core/base/span.ts";
import type { Box, Picture } from "./picture.ts";

/** A string of the language: a backslash begins an escape there, `\n` breaks the line. */
function quoted(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll(/\r?\n/g, "\\n")}"`;
}

const SHAPES: Readonly<Record<Box["kind"], string>> = {
  group: "box",
  node: "box",
  input: "ellipse",
  result: "doubleoctagon",
  constant: "note",
};

/** One graph of the language. Its place in the program is a node's tooltip, which formats for looking at show. */
export function showDot({ title, boxes, edges }: Picture): string {
  const children = boxes.map((): number[] => []);
  const outermost: number[] = [];
  for (const [i, b] of boxes.entries()) (children[b.parent] ?? outermost).push(i);
  const lines = [
    `digraph ${quoted(title)} {`,
    `  label=${quoted(title)}; labelloc=t; fontname="Helvetica"; rankdir=TB;`,
    '  node [fontname="Helvetica", fontsize=10, shape=box, style="rounded,filled", fillcolor=white];',
    '  edge [fontname="Helvetica", fontsize=8, color="#666666"];',
  ];
  // A work list in place of recursion: clusters are as deep as scopes.
  const todo: (number | string)[] = [...outermost].reverse();
  let depth = 1;
  for (let at = todo.pop(); at !== undefined; at = todo.pop()) {
    if (typeof at === "string") {
      depth--;
      lines.push(`${"  ".repeat(depth)}${at}`);
      continue;
    }
    const indent = "  ".repeat(depth);
    const box = boxes[at] as Box;
    if (box.kind !== "group") {
      lines.push(`${indent}n${at} [${attributes(box)}];`);
      continue;
    }
    lines.push(`${indent}subgraph cluster_${at} {`);
    lines.push(`${indent}  label=${quoted(box.label)}; style="rounded,filled"; color="#999999"; fillcolor="#0000000a";`);
    depth++;
    todo.push("}", ...[...(children[at] as number[])].reverse());
  }
  for (const { from, to, label, isControl, isBack } of edges) {
    const style = [`label=${quoted(label)}`, ...(isControl || isBack ? ["style=dotted"] : []), ...(isBack ? ["constraint=false"] : [])];
    lines.push(`  n${from} -> n${to} [${style.join(", ")}];`);
  }
  return [...lines, "}"].join("\n");
}

function attributes({ kind, label, detail, type, name, span, about }: Box): string {
  const text = [label, detail, type].filter((t) => t !== undefined && t !== "").join("\n");
  const tip = [name, span === undefined ? "" : showSpan(span), about === undefined ? "" : `derivative of ${about}`];
  const colour = about === undefined ? [] : ['fillcolor="#eef3ff"'];
  return [`label=${quoted(text)}`, `shape=${SHAPES[kind]}`, `tooltip=${quoted(tip.filter((t) => t !== "").join("\n"))}`, ...colour].join(
    ", ",
  );
}
