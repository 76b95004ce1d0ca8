/** Of the page: boxes laid out level by level, from the innermost that is open outwards, and drawn with edges between the innermost visible ones. */
export const ARRANGE = String.raw`
  const data = JSON.parse(document.getElementById("data").textContent);
  const SVG = "http://www.w3.org/2000/svg";
  const $ = (id) => document.getElementById(id);
  const svg = $("graph"), view = $("view"), back = $("back"), lines = $("lines"), front = $("front");
  const pen = document.createElement("canvas").getContext("2d");
  const FONT = "ui-sans-serif, system-ui, sans-serif";
  const wide = (text, font) => { pen.font = font + " " + FONT; return pen.measureText(text).width; };
  const short = (text, n) => (text.length <= n ? text : text.slice(0, n - 1) + "…");
  const el = (name, attributes, parent) => {
    const e = document.createElementNS(SVG, name);
    for (const k in attributes) e.setAttribute(k, attributes[k]);
    if (parent) parent.appendChild(e);
    return e;
  };
  const HEAD = 26, PAD = 14;
  /** Boxes that are open at first show this many, at most. */
  const AT_FIRST = 110;
  const MANY = 20;

  let picture, boxes, roots, open, shown, chosen = -1, scale = 1, tx = 0, ty = 0, mode = "part", worst = 1;

  function start(index, name) {
    picture = data.pictures[index];
    boxes = picture.boxes.map((b, i) => ({ ...b, i, children: [], ins: [], outs: [], x: 0, y: 0, w: 0, h: 0 }));
    roots = [];
    for (const b of boxes) (b.parent < 0 ? roots : boxes[b.parent].children).push(b);
    for (const e of picture.edges) { boxes[e.from].outs.push(e); boxes[e.to].ins.push(e); }
    // Leaves below, shares of time, and whether all is derived, from the innermost out.
    for (const b of boxes) { b.count = b.kind === "group" ? 0 : 1; b.share = b.time ? b.time.share : 0; }
    for (let i = boxes.length - 1; i >= 0; i--) {
      const b = boxes[i], p = boxes[b.parent];
      if (p) { p.count += b.count; p.share += b.share; }
    }
    worst = Math.max(1e-9, ...boxes.map((b) => (b.kind === "group" ? 0 : b.share)));
    open = new Set();
    let visible = roots.length;
    const queue = [...roots];
    for (let b = queue.shift(); b; b = queue.shift()) {
      if (b.kind !== "group" || (visible + b.children.length > AT_FIRST && b.children.length > 3)) continue;
      open.add(b.i);
      visible += b.children.length;
      queue.push(...b.children);
    }
    const same = name === undefined ? undefined : boxes.find((b) => b.name === name);
    chosen = -1;
    $("time-mode").hidden = !picture.measured;
    if (mode === "time" && !picture.measured) setMode("part");
    for (const [k, tab] of [...$("tabs").children].entries()) tab.setAttribute("aria-selected", k === index);
    render();
    if (same) go(same.i); else { fit(); choose(-1); }
    search();
  }

  const groupOpen = (b) => b.kind === "group" && open.has(b.i);
  function visibleOf(i) {
    const path = [];
    for (let b = boxes[i]; b; b = boxes[b.parent]) path.push(b);
    for (let k = path.length - 1; k >= 0; k--) if (!groupOpen(path[k])) return path[k];
    return path[0];
  }

  function measure(b) {
    b.text = short(b.label, 34);
    if (b.kind === "group") {
      b.small = b.count + (b.count === 1 ? " node" : " nodes");
      b.w = Math.max(wide("▸ " + b.text, "600 12px"), wide(b.small, "10px")) + 22;
      b.h = 40;
    } else {
      b.small = short(b.type || b.op, 30);
      b.w = Math.max(54, wide(b.text, "500 12px"), wide(b.small, "10px")) + 18;
      b.h = 36;
    }
  }

  /** Sizes and places of all visible boxes, relative to the boxes around them and then on the sheet. */
  function arrange() {
    shown = [];
    const todo = [...roots];
    for (let b = todo.pop(); b; b = todo.pop()) {
      shown.push(b);
      measure(b);
      if (groupOpen(b)) todo.push(...b.children);
    }
    // Each edge belongs to the level where its ends part.
    const merged = new Map();
    for (const e of picture.edges) {
      const a = visibleOf(e.from), b = visibleOf(e.to);
      if (a === b) continue;
      const key = a.i + " " + b.i + (e.isBack ? "<" : "");
      const m = merged.get(key);
      if (m) { m.all.push(e); m.isControl = m.isControl && e.isControl; continue; }
      const above = new Set();
      for (let p = a; p; p = boxes[p.parent]) above.add(p);
      let top = b;
      while (boxes[top.parent] && !above.has(boxes[top.parent])) top = boxes[top.parent];
      let side = a;
      while (side.parent !== top.parent) side = boxes[side.parent];
      merged.set(key, { a, b, side, top, level: top.parent, all: [e], isControl: e.isControl, isBack: e.isBack, bends: [] });
    }
    const links = [...merged.values()];
    // What very many read, or what reads very many, is drawn faintly until it is chosen.
    const fan = new Map();
    for (const l of links) for (const key of ["from " + l.a.i, "to " + l.b.i]) fan.set(key, (fan.get(key) || 0) + 1);
    for (const l of links) l.isFan = fan.get("from " + l.a.i) > MANY || fan.get("to " + l.b.i) > MANY;
    const levels = new Map();
    for (const l of links) if (!l.isBack) { if (!levels.has(l.level)) levels.set(l.level, []); levels.get(l.level).push(l); }
    const place = (children, id) => {
      const index = new Map(children.map((c, k) => [c, k]));
      const own = levels.get(id) || [];
      const placed = layout({ widths: children.map((c) => c.w), heights: children.map((c) => c.h), edges: own.map((l) => [index.get(l.side), index.get(l.top)]) });
      children.forEach((c, k) => { c.x = placed.x[k]; c.y = placed.y[k]; });
      // Of edges between the same two boxes the first one has the bends.
      const bends = new Map();
      own.forEach((l, k) => { const key = l.side.i + " " + l.top.i; if (!bends.has(key)) bends.set(key, placed.bends[k]); l.bends = bends.get(key); });
      return placed;
    };
    for (let k = shown.length - 1; k >= 0; k--) {
      const b = shown[k];
      if (!groupOpen(b)) continue;
      const placed = place(b.children, b.i);
      const head = wide("▾ " + b.text, "600 12px") + 24;
      b.inset = PAD + Math.max(0, (head - placed.width - 2 * PAD) / 2);
      b.w = Math.max(placed.width + 2 * PAD, head);
      b.h = placed.height + HEAD + 2 * PAD;
    }
    const sheet = place(roots, -1);
    for (const b of shown) {
      const p = boxes[b.parent];
      if (p) { b.x += p.x + p.inset; b.y += p.y + HEAD + PAD; }
    }
    for (const l of links) {
      const p = boxes[l.level];
      const [dx, dy] = p ? [p.x + p.inset, p.y + HEAD + PAD] : [0, 0];
      l.points = l.bends.map(([x, y]) => [x + dx, y + dy]);
    }
    return { links, sheet };
  }

  const midX = (b) => b.x + b.w / 2;
  function pathOf(l) {
    const { a, b } = l;
    if (l.isBack || a.y > b.y + b.h) {
      // Against the order: around the side.
      const x = Math.max(a.x + a.w, b.x + b.w), far = x + 24 + Math.min(60, Math.abs(a.y - b.y) / 6);
      const ya = a.y + a.h / 2, yb = b.y + b.h / 2;
      return "M" + (a.x + a.w) + " " + ya + "C" + far + " " + ya + "," + far + " " + yb + "," + (b.x + b.w) + " " + yb;
    }
    const points = [[midX(a), a.y + a.h]];
    if (l.side !== a) points.push([midX(a), l.side.y + l.side.h]);
    points.push(...l.points);
    if (l.top !== b) points.push([midX(b), l.top.y]);
    points.push([midX(b), b.y]);
    let d = "M" + points[0].join(" ");
    for (let k = 1; k < points.length; k++) {
      const [x0, y0] = points[k - 1], [x1, y1] = points[k], m = (y0 + y1) / 2;
      d += x0 === x1 ? "L" + x1 + " " + y1 : "C" + x0 + " " + m + "," + x1 + " " + m + "," + x1 + " " + y1;
    }
    return d;
  }

  const elements = (type) => {
    const dims = /\[([\d, ]*)\]/.exec(type || "");
    return dims ? dims[1].split(",").reduce((n, d) => n * (d.trim() === "" ? 1 : Number(d)), 1) : 1;
  };

  let links = [];
  function render() {
    const arranged = arrange();
    links = arranged.links;
    for (const layer of [back, lines, front]) layer.textContent = "";
    for (const l of links) {
      const size = Math.max(...l.all.map((e) => elements(e.label)));
      l.path = el("path", { d: pathOf(l), class: "edge" + (l.isControl || l.isBack ? " dotted" : "") + (l.isFan ? " fan" : ""), "stroke-width": (0.9 + Math.log10(1 + size) * 0.32).toFixed(2), "marker-end": "url(#tip)" }, lines);
      const text = [...new Set(l.all.map((e) => e.label).filter(Boolean))].join(", ");
      el("title", {}, l.path).textContent = l.a.label + " → " + l.b.label + (text ? ": " + text : "") + (l.isBack ? " in the next turn" : "");
    }
    for (const b of shown) {
      const isOpen = groupOpen(b);
      b.g = el("g", { class: "box " + b.kind + (isOpen ? " open" : ""), "data-i": b.i, transform: "translate(" + b.x + " " + b.y + ")" }, isOpen ? back : front);
      b.rect = el("rect", { width: b.w, height: b.h, rx: b.kind === "input" ? 18 : b.kind === "result" ? 3 : b.kind === "group" ? 9 : 6 }, b.g);
      if (b.kind === "group" && !isOpen) el("rect", { class: "stack", x: 4, y: b.h, width: b.w - 8, height: 3, rx: 1 }, b.g);
      const title = (b.kind === "group" ? (isOpen ? "▾ " : "▸ ") : "") + b.text;
      const label = el("text", { class: "label", x: isOpen ? 12 : b.w / 2, y: isOpen ? 18 : 16, "text-anchor": isOpen ? "start" : "middle" }, b.g);
      label.textContent = title;
      if (!isOpen) el("text", { class: "small", x: b.w / 2, y: 29, "text-anchor": "middle" }, b.g).textContent = b.small;
      el("title", {}, b.g).textContent = b.name + (b.span ? "\n" + placeOf(b) : "");
    }
    paint();
    mark();
  }
`;
