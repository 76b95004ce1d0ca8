/**
 * What runs in the page of a picture: plain JavaScript, put there as it stands after `layout`. Boxes are laid out level by level, from the
 * innermost that is open outwards, whenever one is opened or closed; edges lead to the innermost visible boxes.
 */
export const CLIENT = String.raw`
(() => {
  "use strict";
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

  // Colours.
  const FAMILIES = [
    ["products", /^(matmul|conv|unfold|cholesky|solve|triangular|inverse|det|logabsdet)/],
    ["reductions", /^(sum|mean|max|min|prod|arg|all|any|cum|softmax|logSoftmax|logsumexp|crossEntropy|layerNorm|norm|variance|sort|topk)/],
    ["movement", /^(reshape|transpose|broadcastTo|slice|concat|pad|flip|lift|cast|identity|indexSelect|gather|scatter|oneHot|stack|unstack|push|pop|emptyList|addLists|item)/],
    ["control", /^(if|while|check|condition|state|next|test|call)/],
  ];
  const familyOf = (b) => { const k = FAMILIES.findIndex(([, e]) => e.test(b.op)); return k < 0 ? 4 : k; };
  const isDerived = (b) => { for (let p = b; p; p = boxes[p.parent]) if (p.about || p.label === "gradient") return true; return false; };
  const heat = (share) => Math.sqrt(Math.min(1, share / worst));
  function paint() {
    for (const b of shown) {
      let fill = "";
      if (groupOpen(b)) fill = isDerived(b) && mode === "part" ? "var(--derived-back)" : "";
      else if (mode === "time") fill = b.share > 0 ? "color-mix(in oklab, var(--hot) " + Math.round(8 + 92 * heat(b.kind === "group" ? b.share / 1 : b.share)) + "%, var(--box))" : "var(--box)";
      else if (mode === "part") fill = b.kind === "constant" ? "var(--constant)" : isDerived(b) ? "var(--derived)" : b.kind === "group" ? "var(--group)" : "var(--box)";
      else fill = b.kind === "group" ? "var(--group)" : b.kind === "node" ? "var(--family" + familyOf(b) + ")" : "var(--box)";
      b.rect.style.fill = fill;
      b.g.classList.toggle("hot", mode === "time" && !groupOpen(b) && heat(b.share) > 0.55);
    }
    const legend = $("legend");
    legend.textContent = "";
    const item = (colour, text) => {
      const s = document.createElement("span"), i = document.createElement("i");
      i.style.background = colour;
      s.append(i, text);
      legend.append(s);
    };
    if (mode === "part") { item("var(--box)", "value"); item("var(--derived)", "derivative"); item("var(--group)", "group"); }
    else if (mode === "op") [...FAMILIES.map(([n]) => n), "elementwise"].forEach((n, k) => item("var(--family" + k + ")", n));
    else {
      item("linear-gradient(90deg, var(--box), var(--hot))", "0 to " + ms(worst) + " a node, its even share of the launches it is in");
      const s = document.createElement("span");
      s.textContent = picture.measured.device + ", " + ms(picture.measured.milliseconds) + " in all launches of a run";
      legend.append(s);
    }
  }
  function setMode(m) {
    mode = m;
    for (const b of document.querySelectorAll("#modes button")) b.setAttribute("aria-pressed", b.dataset.mode === m);
    if (shown) paint();
  }
  const ms = (t) => (t >= 1 ? t.toPrecision(3) + " ms" : (t * 1000).toPrecision(3) + " µs");
  const bytes = (n) => (n >= 2 ** 20 ? (n / 2 ** 20).toFixed(1) + " MiB" : n >= 2 ** 10 ? (n / 2 ** 10).toFixed(1) + " KiB" : n + " B");

  // What is chosen.
  function mark() {
    const near = new Set();
    const b = boxes[chosen];
    const seen = b && visibleOf(chosen);
    // An open group is its boxes, which have edges of their own.
    const own = seen && groupOpen(seen) ? undefined : seen;
    for (const l of links) {
      const into = own && l.b === own, from = own && l.a === own, is = into || from;
      l.path.classList.toggle("into", Boolean(into));
      l.path.classList.toggle("from", Boolean(from));
      l.path.setAttribute("marker-end", is ? "url(#tip-lit)" : "url(#tip)");
      if (is) { near.add(l.a); near.add(l.b); lines.appendChild(l.path); }
    }
    svg.classList.toggle("choosing", Boolean(own));
    for (const s of shown) {
      s.g.classList.toggle("chosen", s === seen);
      s.g.classList.toggle("near", near.has(s));
    }
  }
  const within = (b, group) => { for (let p = boxes[b.parent]; p; p = boxes[p.parent]) if (p === group) return true; return false; };

  function choose(i) {
    chosen = i;
    mark();
    const panel = $("details");
    panel.textContent = "";
    const b = boxes[i];
    const add = (tag, text, parent, cls) => { const e = document.createElement(tag); if (text !== undefined) e.textContent = text; if (cls) e.className = cls; (parent || panel).append(e); return e; };
    if (!b) {
      add("p", picture.boxes.filter((x) => x.kind === "node").length + " nodes. Click one for what it does and where it is from; click a group to open it. / searches, f fits, drag and wheel move.", panel, "hint");
      return;
    }
    add("h2", b.label);
    if (b.name !== b.label) add("p", b.name, panel, "name");
    const table = add("dl");
    const row = (k, v) => { add("dt", k, table); const d = add("dd", undefined, table); if (typeof v === "string") d.textContent = v; else d.append(...[v].flat()); };
    const jump = (k, text) => { const a = document.createElement("button"); a.className = "link"; a.textContent = text; a.onclick = () => go(k); return a; };
    if (b.kind === "group") row("holds", b.count + " nodes");
    row("does", b.detail ? b.op + " " + b.detail : b.op);
    if (b.type) row("gives", b.type);
    if (b.span) {
      const place = document.createElement("span");
      place.textContent = placeOf(b).split("/").slice(-2).join("/");
      place.title = placeOf(b);
      row("line", place);
      const text = data.lines[b.span.file + ":" + b.span.line];
      if (text !== undefined) { add("dt", "", table); add("code", text.trim(), add("dd", undefined, table)); }
    }
    if (b.about) { const k = boxes.findIndex((x) => x.name === b.about); row("derivative of", k < 0 ? b.about : jump(k, b.about)); }
    if (b.time) {
      row("time", ms(b.time.milliseconds) + " in " + b.time.launches + (b.time.launches === 1 ? " launch" : " launches") + (b.time.sharedBy > 1 ? ", shared by " + b.time.sharedBy + " nodes" : ", its alone"));
      if (b.time.sharedBy > 1) row("even share", ms(b.time.share));
      row("memory", bytes(b.time.bytes) + (b.time.isStored ? ", stored" : ", not stored: it stays in registers"));
    } else if (b.kind === "group" && b.share > 0) row("time", ms(b.share) + ", even shares of its nodes");
    const ends = (title, edges, other) => {
      if (edges.length === 0) return;
      add("h3", title);
      const list = add("ul");
      for (const e of edges.slice(0, 200)) {
        const li = add("li", undefined, list);
        li.append(jump(other(e), boxes[other(e)].name), " ");
        add("span", e.label + (e.isBack ? " of the turn before" : e.isControl ? " decides" : ""), li, "type");
      }
    };
    const inside = (k) => b.kind === "group" && (k === i || within(boxes[k], b));
    const ins = b.kind === "group" ? picture.edges.filter((e) => inside(e.to) && !inside(e.from)) : b.ins;
    const outs = b.kind === "group" ? picture.edges.filter((e) => inside(e.from) && !inside(e.to)) : b.outs;
    ends("from", ins, (e) => e.from);
    ends("to", outs, (e) => e.to);
  }
  const placeOf = (b) => b.span.file + ":" + b.span.line + ":" + b.span.column;

  function toggle(i) {
    const b = boxes[i];
    const [px, py] = [b.x * scale + tx, b.y * scale + ty];
    if (open.has(i)) open.delete(i); else open.add(i);
    render();
    // What was clicked stays under the pointer.
    tx = px - b.x * scale;
    ty = py - b.y * scale;
    move();
  }
  /** Opens what is around a box, chooses it and brings it to the middle. */
  function go(i) {
    let changed = false;
    for (let p = boxes[boxes[i].parent]; p; p = boxes[p.parent]) if (!open.has(p.i)) { open.add(p.i); changed = true; }
    if (changed) render();
    choose(i);
    const b = boxes[i], r = svg.getBoundingClientRect();
    scale = Math.max(scale, 0.8);
    tx = r.width / 2 - (b.x + b.w / 2) * scale;
    ty = Math.min(r.height / 2 - (b.y + b.h / 2) * scale, b.h * scale > r.height ? 40 - b.y * scale : Infinity);
    move();
  }

  // Moving.
  function move() {
    view.setAttribute("transform", "translate(" + tx + " " + ty + ") scale(" + scale + ")");
    svg.classList.toggle("far", scale < 0.42);
    svg.classList.toggle("farther", scale < 0.16);
  }
  function fit() {
    const r = svg.getBoundingClientRect();
    let [x1, y1] = [1, 1];
    for (const b of roots) { x1 = Math.max(x1, b.x + b.w); y1 = Math.max(y1, b.y + b.h); }
    scale = Math.min(1.15, (r.width - 48) / x1, (r.height - 48) / y1);
    // A tall graph begins at its top, as wide as it can be read.
    if (scale < 0.35 && y1 > x1) scale = Math.min(0.8, Math.max(scale, Math.min(0.8, (r.width - 48) / x1)));
    tx = (r.width - x1 * scale) / 2;
    ty = Math.max(24, (r.height - y1 * scale) / 2);
    move();
  }
  svg.addEventListener("wheel", (e) => {
    e.preventDefault();
    const r = svg.getBoundingClientRect();
    if (!e.ctrlKey && !e.metaKey && (e.shiftKey || Math.abs(e.deltaX) > Math.abs(e.deltaY))) { tx -= e.deltaX || e.deltaY; return move(); }
    const k = Math.exp(-e.deltaY * (e.deltaMode === 1 ? 0.05 : 0.0016)), s = Math.min(4, Math.max(0.02, scale * k));
    const [x, y] = [e.clientX - r.left, e.clientY - r.top];
    tx = x - (x - tx) * (s / scale);
    ty = y - (y - ty) * (s / scale);
    scale = s;
    move();
  }, { passive: false });
  let drag = null;
  svg.addEventListener("pointerdown", (e) => { drag = { x: e.clientX, y: e.clientY, tx, ty, moved: false, target: e.target }; });
  addEventListener("pointermove", (e) => {
    if (!drag) return;
    const [dx, dy] = [e.clientX - drag.x, e.clientY - drag.y];
    if (Math.hypot(dx, dy) > 4) drag.moved = true;
    if (drag.moved) { tx = drag.tx + dx; ty = drag.ty + dy; move(); }
  });
  addEventListener("pointerup", () => {
    const d = drag;
    drag = null;
    if (!d || d.moved) return;
    const g = d.target.closest("g.box");
    if (!g) return choose(-1);
    const i = Number(g.dataset.i), b = boxes[i];
    if (b.kind === "group" && (!open.has(i) || d.target.closest("text"))) toggle(i);
    choose(i);
  });

  // Searching by name, operation, type and line.
  function search() {
    const words = $("search").value.trim().toLowerCase();
    const list = $("found");
    list.textContent = "";
    if (words === "") return;
    const textOf = (b) => (b.name + " " + b.op + " " + (b.type || "") + " " + (b.span ? b.span.file.split("/").pop() + ":" + b.span.line : "")).toLowerCase();
    const found = boxes.filter((b) => words.split(/\s+/).every((w) => textOf(b).includes(w)));
    const head = document.createElement("li");
    head.className = "hint";
    head.textContent = found.length === 0 ? "nothing of that name" : found.length + " found" + (found.length > 60 ? ", the first 60" : "");
    list.append(head);
    for (const b of found.slice(0, 60)) {
      const li = document.createElement("li"), a = document.createElement("button");
      a.className = "link";
      a.textContent = b.name;
      a.onclick = () => go(b.i);
      li.append(a);
      list.append(li);
    }
  }
  $("search").addEventListener("input", search);
  $("search").addEventListener("keydown", (e) => {
    if (e.key === "Enter") { const a = $("found").querySelector("button"); if (a) a.click(); }
    if (e.key === "Escape") { $("search").value = ""; search(); $("search").blur(); }
  });
  addEventListener("keydown", (e) => {
    if (e.target.tagName === "INPUT" || e.ctrlKey || e.metaKey || e.altKey) return;
    if (e.key === "/") { e.preventDefault(); $("search").focus(); }
    if (e.key === "f") fit();
    if (e.key === "Escape") choose(-1);
  });
  $("fit").onclick = fit;
  $("open-all").onclick = () => { for (const b of boxes) if (b.kind === "group") open.add(b.i); render(); fit(); };
  $("close-all").onclick = () => { open.clear(); render(); fit(); };
  for (const b of document.querySelectorAll("#modes button")) b.onclick = () => setMode(b.dataset.mode);
  for (const [k, p] of data.pictures.entries()) {
    const tab = document.createElement("button");
    tab.setAttribute("role", "tab");
    tab.textContent = p.title;
    tab.onclick = () => start(k, boxes[chosen] && boxes[chosen].name);
    $("tabs").append(tab);
  }
  setMode("part");
  start(data.first);
  document.documentElement.dataset.drawn = String(shown.length);
})();
`;
