/** Of the page: moving and zooming, searching, keys and buttons, and the start. */
export const MOVE = String.raw`
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
`;
