/** The page of pictures: nothing of it is from elsewhere, names stay data, and its script draws, opens, searches and colours. */
import { createHash } from "node:crypto";
import { createContext, runInContext } from "node:vm";
import { expect, test } from "vitest";
import { showPage } from "./page.ts";
import { Drawing, type Picture } from "./picture.ts";

const EVIL = '</script><img src=x onerror="alert(1)">';

function sample(measured = false): Picture {
  const d = new Drawing();
  const x = d.add({ parent: -1, kind: "input", label: "x", op: "parameter", type: "f64[2, 3]" });
  const group = d.group(-1, "layer");
  const time = measured ? { milliseconds: 2, share: 1, launches: 1, sharedBy: 2, bytes: 48, isStored: true } : undefined;
  const inner = Array.from({ length: 200 }, (_, i) =>
    d.add({
      parent: group,
      kind: "node",
      label: `mul_${i}`,
      op: "mul",
      type: "f64[2, 3]",
      name: `layer/mul_${i}`,
      time,
      span: { file: "/a/b.ts", line: i + 1, column: 2 },
    }),
  );
  const r = d.add({ parent: -1, kind: "result", label: EVIL, op: "result" });
  d.edge(x, inner[0] as number, "f64[2, 3]");
  for (let i = 1; i < inner.length; i++) d.edge(inner[i - 1] as number, inner[i] as number, "f64[2, 3]");
  d.edge(inner.at(-1) as number, r, EVIL);
  return d.finish(EVIL, measured ? { device: "wasm", milliseconds: 3 } : undefined);
}

const scriptsOf = (page: string) => [...page.matchAll(/<script(?: type="([^"]*)" id="data")?>([\s\S]*?)<\/script>/g)];

test("asks for nothing from elsewhere, runs its own script alone, and holds names as data", () => {
  const pictures = [sample(), sample(true)];
  const page = showPage(EVIL, pictures);
  expect(page).not.toContain("<img");
  const plain = showPage("t", []);
  expect(plain.replaceAll("http://www.w3.org/2000/svg", "")).not.toMatch(/https?:|src=|href=|@import|url\((?!#)/);
  const [data, script, ...more] = scriptsOf(page);
  expect(more).toEqual([]);
  expect((JSON.parse(data?.[2] as string) as { pictures: Picture[] }).pictures).toEqual(JSON.parse(JSON.stringify(pictures)));
  const hash = createHash("sha256")
    .update(script?.[2] as string)
    .digest("base64");
  expect(page).toContain(`script-src &#39;sha256-${hash}&#39;`);
});

/** As much of a document as the script needs. */
class Element {
  readonly children: Element[] = [];
  readonly attributes = new Map<string, string>();
  readonly style: Record<string, string> = {};
  readonly dataset: Record<string, string> = {};
  readonly listeners = new Map<string, (e: unknown) => void>();
  readonly name: string;
  text = "";
  value = "";
  hidden = false;
  className = "";
  parent: Element | undefined;
  onclick: (() => void) | undefined;
  readonly classList = { toggle: (c: string, on: boolean) => this.attributes.set(`is-${c}`, String(on)) };

  constructor(name: string) {
    this.name = name;
  }
  set textContent(text: string) {
    this.text = text;
    this.children.length = 0;
  }
  get textContent(): string {
    return this.text + this.children.map((c) => c.textContent).join("");
  }
  setAttribute(k: string, v: unknown) {
    this.attributes.set(k, String(v));
    if (k.startsWith("data-")) this.dataset[k.slice(5)] = String(v);
  }
  appendChild(e: Element) {
    this.append(e);
    return e;
  }
  append(...items: (Element | string)[]) {
    for (const item of items) {
      const e = typeof item === "string" ? Object.assign(new Element("#text"), { text: item }) : item;
      if (e.parent !== undefined) e.parent.children.splice(e.parent.children.indexOf(e), 1);
      e.parent = this;
      this.children.push(e);
    }
  }
  addEventListener(kind: string, f: (e: unknown) => void) {
    this.listeners.set(kind, f);
  }
  getBoundingClientRect() {
    return { left: 0, top: 0, width: 1000, height: 700 };
  }
  getContext() {
    return { font: "", measureText: (t: string) => ({ width: 7 * t.length }) };
  }
  closest(what: string): Element | null {
    for (let e: Element | undefined = this; e !== undefined; e = e.parent)
      if (what === "text" ? e.name === "text" : e.dataset.i !== undefined) return e;
    return null;
  }
  querySelector(): Element | null {
    return this.all().find((e) => e.name === "button") ?? null;
  }
  all(): Element[] {
    return this.children.flatMap((c) => [c, ...c.all()]);
  }
}

function opened(page: string) {
  const [data, script] = scriptsOf(page);
  const byId = new Map<string, Element>();
  const modes = ["part", "op", "time"].map((m) => Object.assign(new Element("button"), { dataset: { mode: m } }));
  const root = new Element("html");
  const document = {
    documentElement: root,
    getElementById(id: string) {
      const e = byId.get(id) ?? new Element(id);
      byId.set(id, e);
      return e;
    },
    createElement: (name: string) => new Element(name),
    createElementNS: (_: string, name: string) => new Element(name),
    querySelectorAll: () => modes,
  };
  document.getElementById("data").textContent = data?.[2] as string;
  const listeners = new Map<string, (e: unknown) => void>();
  runInContext(
    script?.[2] as string,
    createContext({ document, addEventListener: (k: string, f: (e: unknown) => void) => listeners.set(k, f) }),
  );
  const get = (id: string) => document.getElementById(id);
  const boxes = () => [...get("back").children, ...get("front").children];
  const click = (e: Element) => {
    get("graph").listeners.get("pointerdown")?.({ clientX: 5, clientY: 5, target: e });
    listeners.get("pointerup")?.({});
  };
  return { get, boxes, click, modes, edges: () => get("lines").children.length };
}

test("draws what is visible, opens a group that is clicked, and shows what a node is", () => {
  const { get, boxes, click, edges } = opened(showPage("t", [sample()]));
  // The group is too full to be open at first: x, layer, the result, and the edges between these.
  expect(boxes()).toHaveLength(3);
  expect(edges()).toBe(2);
  const group = boxes().find((b) => b.textContent.includes("layer")) as Element;
  expect(group.textContent).toContain("200 nodes");
  click(group);
  expect(boxes()).toHaveLength(203);
  expect(edges()).toBe(201);
  get("search").value = "mul b.ts:150";
  get("search").listeners.get("input")?.({});
  const found = get("found")
    .all()
    .filter((e) => e.name === "button");
  expect(found.map((e) => e.textContent)).toEqual(["layer/mul_149"]);
  found[0]?.onclick?.();
  expect(get("details").textContent).toContain("mul_149");
  expect(get("details").textContent).toContain("f64[2, 3]");
  expect(get("details").textContent).toContain("layer/mul_148");
  get("close-all").onclick?.();
  expect(boxes()).toHaveLength(3);
});

test("colours by time where a stage was measured, and says who shares it", () => {
  const { get, boxes, modes } = opened(showPage("t", [sample(), sample(true)]));
  const [before, measured] = get("tabs").children as [Element, Element];
  measured.onclick?.();
  expect(get("time-mode").hidden).toBe(false);
  modes[2]?.onclick?.();
  expect(get("legend").textContent).toContain("3.00 ms in all launches of a run");
  get("open-all").onclick?.();
  const fills = new Set(boxes().map((b) => b.children[0]?.style.fill));
  expect([...fills].some((f) => f?.includes("--hot"))).toBe(true);
  before.onclick?.();
  expect(get("time-mode").hidden).toBe(true);
  expect(get("legend").textContent).toContain("derivative");
});
