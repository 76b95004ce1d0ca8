/** Of the page: colours with their legend, and what is said of a box that is chosen. */
export const CHOOSE = `
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
`;
