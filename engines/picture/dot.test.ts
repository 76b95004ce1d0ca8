/** Pictures in Graphviz's language: by a reader of the grammar that is used, and by Graphviz itself where it is found. */
import { spawnSync } from "node:child_process";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { showDot } from "./dot.ts";
import { Drawing, type Picture } from "./picture.ts";

type Token = { readonly kind: "word" | "mark"; readonly text: string };

/** The words of a text in the language; throws what is none. */
function tokensOf(text: string): Token[] {
  const tokens: Token[] = [];
  const token = /\s+|"((?:[^"\\]|\\[\s\S])*)"|->|[{}[\];=,]|[A-Za-z_]\w*|-?\d+(?:\.\d+)?/y;
  for (let at = 0; at < text.length; ) {
    token.lastIndex = at;
    const found = token.exec(text);
    if (found === null) throw new Error(`no word of the language at ${text.slice(at, at + 20)}`);
    at = token.lastIndex;
    if (found[1] !== undefined) tokens.push({ kind: "word", text: found[1] });
    else if (found[0].trim() !== "")
      tokens.push({ kind: /^[\w.-]+$/.test(found[0]) && found[0] !== "->" ? "word" : "mark", text: found[0] });
  }
  return tokens;
}

interface Read {
  readonly clusters: { label: string; depth: number }[];
  readonly nodes: Map<string, Record<string, string>>;
  readonly edges: { from: string; to: string; attributes: Record<string, string> }[];
}

/** Reads a graph: statements are attributes, subgraphs, nodes and edges. */
function readDot(text: string): Read {
  const tokens = tokensOf(text);
  const found: Read = { clusters: [], nodes: new Map(), edges: [] };
  let at = 0;
  const next = (wanted?: string): string => {
    const t = tokens[at++];
    if (t === undefined || (wanted !== undefined && t.text !== wanted)) throw new Error(`expected ${wanted ?? "more"}, found ${t?.text}`);
    return t.text;
  };
  const list = (): Record<string, string> => {
    const attributes: Record<string, string> = {};
    next("[");
    while (tokens[at]?.text !== "]") {
      const key = next();
      next("=");
      attributes[key] = next();
      if (tokens[at]?.text === ",") next();
    }
    next("]");
    return attributes;
  };
  next("digraph");
  next();
  next("{");
  let depth = 1;
  while (depth > 0) {
    const word = next();
    if (word === "}") depth--;
    else if (word === ";") continue;
    else if (word === "subgraph") {
      next();
      next("{");
      depth++;
      found.clusters.push({ label: "", depth });
    } else if (tokens[at]?.text === "=") {
      next("=");
      const value = next();
      const cluster = found.clusters.at(-1);
      if (word === "label" && cluster !== undefined) cluster.label = value;
    } else if (tokens[at]?.text === "->") {
      next("->");
      found.edges.push({ from: word, to: next(), attributes: list() });
    } else {
      const attributes = list();
      if (word !== "node" && word !== "edge") found.nodes.set(word, attributes);
    }
  }
  if (at !== tokens.length) throw new Error("text goes on behind the graph");
  return found;
}

/** What the language makes of an escaped string. */
const meant = (text: string | undefined) => text?.replaceAll(/\\(.)/g, (_, c: string) => (c === "n" ? "\n" : c));

function sample(): Picture {
  const d = new Drawing();
  const x = d.add({ parent: -1, kind: "input", label: "x", op: "parameter", type: "f64[2, 3]" });
  const layer = d.group(-1, "layer");
  const loop = d.group(layer, "while_1");
  const y = d.add({
    parent: loop,
    kind: "node",
    label: "mul_2",
    op: "mul",
    type: "f64[2, 3]",
    about: "x",
    span: { file: "/a/b.ts", line: 3, column: 7 },
  });
  const r = d.add({ parent: -1, kind: "result", label: "result 0", op: "result" });
  d.edge(x, y, "f64[2, 3]");
  d.edge(y, r, "f64[2, 3]", { isControl: true });
  d.edge(y, x, "", { isBack: true });
  return d.finish("sample");
}

test("groups are nested clusters, edges carry types, control is dotted, and turns do not pull", () => {
  const read = readDot(showDot(sample()));
  expect(read.clusters).toEqual([
    { label: "layer", depth: 2 },
    { label: "while_1", depth: 3 },
  ]);
  expect([...read.nodes.keys()]).toHaveLength(3);
  expect(meant(read.nodes.get("n3")?.label)).toBe("mul_2\nf64[2, 3]");
  expect(meant(read.nodes.get("n3")?.tooltip)).toBe("layer/while_1/mul_2\n/a/b.ts:3:7\nderivative of x".replace("layer/while_1/", ""));
  expect(read.edges.map((e) => [e.attributes.label, e.attributes.style, e.attributes.constraint])).toEqual([
    ["f64[2, 3]", undefined, undefined],
    ["f64[2, 3]", "dotted", undefined],
    ["", "dotted", "false"],
  ]);
});

const hasGraphviz = spawnSync("dot", ["-V"]).status === 0;

describe("any text in names", () => {
  const strange = fc.oneof(fc.string(), fc.constantFrom('"', "\\", '\\"', "\n", "}", "]; n0 -> n1", "<b>", "\\N", "a\\", "->", "é∂"));
  const named = (name: string, type: string): Picture => {
    const d = new Drawing();
    const group = d.group(-1, name);
    const a = d.add({ parent: group, kind: "node", label: name, op: "add", type, detail: name });
    const b = d.add({ parent: -1, kind: "result", label: type, op: "result" });
    d.edge(a, b, type);
    return d.finish(name);
  };

  test("is read as that text", () => {
    fc.assert(
      fc.property(strange, strange, (name, type) => {
        const read = readDot(showDot(named(name, type)));
        const flat = (s: string) => s.replaceAll("\r\n", "\n");
        expect(read.nodes.size).toBe(2);
        expect(read.edges).toHaveLength(1);
        expect(meant(read.edges[0]?.attributes.label)).toBe(flat(type));
        expect(meant(read.clusters[0]?.label)).toBe(flat(name));
      }),
      { numRuns: 300 },
    );
  });

  test.skipIf(!hasGraphviz)("is drawn by Graphviz (skipped where there is no dot)", () => {
    const texts = ['"', "\\", '\\"', "a\nb", "}", "]; n0 -> n1", "<b>&amp;", "\\N", "a\\", "->", "é∂"];
    for (const text of [showDot(sample()), ...texts.map((t) => showDot(named(t, t)))]) {
      const ran = spawnSync("dot", ["-Tplain"], { input: text, encoding: "utf8" });
      expect(ran.stderr).toBe("");
      expect(ran.status).toBe(0);
      expect(ran.stdout.split("\n").filter((l) => l.startsWith("edge"))).toHaveLength(text.includes("sample") ? 3 : 1);
    }
  });
});
