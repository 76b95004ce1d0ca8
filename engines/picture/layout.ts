/**
 * Layered drawing of one level of a graph, after Sugiyama, Tagawa and Toda (1981): boxes in layers by their longest way from a source,
 * crossings taken out by sweeps of barycentres, positions in a layer as near to the neighbours as their order and widths allow, which
 * is an isotonic regression (pool adjacent violators). O((boxes + edges) · sweeps), for levels of thousands of boxes: the page lays out
 * what is opened while its reader waits. The function is put into that page as it stands, so it uses nothing around it.
 */

export interface Level {
  readonly widths: readonly number[];
  readonly heights: readonly number[];
  /** Pairs of boxes. */
  readonly edges: readonly (readonly [from: number, to: number])[];
}

export interface Placed {
  /** Left upper corners. */
  readonly x: number[];
  readonly y: number[];
  readonly width: number;
  readonly height: number;
  /** For each edge the points between its boxes, in its direction. */
  readonly bends: [x: number, y: number][][];
}

export function layout({ widths, heights, edges }: Level): Placed {
  const [GAP_X, GAP_Y, SWEEPS, LONGEST, WIDEST] = [18, 38, 8, 24, 1800];
  const n = widths.length;
  const x = new Array<number>(n).fill(0);
  const y = new Array<number>(n).fill(0);
  const bends: [number, number][][] = edges.map(() => []);
  const at = <T>(list: readonly T[], i: number) => list[i] as T;

  // Edges that close a cycle go against the layers.
  const out = widths.map((): number[] => []);
  for (const [e, [from, to]] of edges.entries()) if (from !== to) at(out, from).push(e);
  const isBack = new Array<boolean>(edges.length).fill(false);
  const state = new Array<number>(n).fill(0);
  const order: number[] = [];
  for (let root = 0; root < n; root++) {
    if (at(state, root) !== 0) continue;
    const stack = [{ v: root, next: 0 }];
    state[root] = 1;
    for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
      const e = at(out, top.v)[top.next++];
      if (e === undefined) {
        state[top.v] = 2;
        order.push(top.v);
        stack.pop();
        continue;
      }
      const to = at(edges, e)[1];
      if (at(state, to) === 1) isBack[e] = true;
      else if (at(state, to) === 0) {
        state[to] = 1;
        stack.push({ v: to, next: 0 });
      }
    }
  }
  order.reverse();
  const forward = edges.map(([from, to], e): [number, number] => (isBack[e] ? [to, from] : [from, to]));

  // Layers. What nothing leads to stands right above its first reader; what has no edges at all stands below.
  const layer = new Array<number>(n).fill(0);
  const position = new Array<number>(n).fill(0);
  for (const [i, v] of order.entries()) position[v] = i;
  const byStart = edges.map((_, e) => e).sort((a, b) => at(position, at(forward, a)[0]) - at(position, at(forward, b)[0]));
  const degree = new Array<number>(n).fill(0);
  const entered = new Array<boolean>(n).fill(false);
  for (const e of byStart) {
    const [from, to] = at(forward, e);
    if (from === to) continue;
    layer[to] = Math.max(at(layer, to), at(layer, from) + 1);
    entered[to] = true;
    degree[from] = at(degree, from) + 1;
    degree[to] = at(degree, to) + 1;
  }
  const first = new Array<number>(n).fill(Number.POSITIVE_INFINITY);
  for (const [from, to] of forward) if (from !== to) first[from] = Math.min(at(first, from), at(layer, to));
  for (let v = 0; v < n; v++) if (!at(entered, v) && at(first, v) < Number.POSITIVE_INFINITY) layer[v] = at(first, v) - 1;

  // A layer that is too wide to be looked at becomes several, one below the other.
  const byLayer = new Map<number, number[]>();
  for (let v = 0; v < n; v++) {
    if (at(degree, v) === 0) continue;
    const row = byLayer.get(at(layer, v));
    if (row === undefined) byLayer.set(at(layer, v), [v]);
    else row.push(v);
  }
  let below = 0;
  for (const l of [...byLayer.keys()].sort((a, b) => a - b)) {
    let filled = 0;
    for (const v of byLayer.get(l) as number[]) {
      if (filled > 0 && filled + at(widths, v) > WIDEST) {
        below++;
        filled = 0;
      }
      layer[v] = below;
      filled += at(widths, v) + GAP_X;
    }
    below++;
  }

  // A chain of points for edges over several layers, one for all edges of a box; very long ones go straight.
  interface Item {
    readonly box: number;
    readonly width: number;
    place: number;
    x: number;
    readonly up: Item[];
    readonly down: Item[];
  }
  const layers: Item[][] = [];
  const put = (l: number, box: number, width: number): Item => {
    while (layers.length <= l) layers.push([]);
    const row = at(layers, l);
    const item: Item = { box, width, place: row.length, x: 0, up: [], down: [] };
    row.push(item);
    return item;
  };
  const items = new Array<Item | undefined>(n);
  for (let v = 0; v < n; v++) if (at(degree, v) > 0) items[v] = put(at(layer, v), v, at(widths, v));
  const chains = edges.map((): Item[] => []);
  const joined = new Set<string>();
  const shared = new Map<string, Item>();
  for (const [e, [from, to]] of forward.entries()) {
    const [a, b] = [items[from], items[to]];
    if (a === undefined || b === undefined || from === to) continue;
    const span = at(layer, to) - at(layer, from);
    const key = `${from} ${to}`;
    if (span > LONGEST || joined.has(key)) continue;
    joined.add(key);
    let before = a;
    for (let l = at(layer, from) + 1; l < at(layer, to); l++) {
      let point = shared.get(`${from} ${l}`);
      if (point === undefined) {
        point = put(l, -1, 8);
        shared.set(`${from} ${l}`, point);
        before.down.push(point);
        point.up.push(before);
      }
      at(chains, e).push(point);
      before = point;
    }
    before.down.push(b);
    b.up.push(before);
  }

  // Order within layers.
  const mean = (list: readonly Item[], of: (i: Item) => number, otherwise: number) =>
    list.length === 0 ? otherwise : list.reduce((s, i) => s + of(i), 0) / list.length;
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isDown = sweep % 2 === 0;
    const rows = isDown ? layers : [...layers].reverse();
    for (const row of rows) {
      const wanted = new Map(row.map((i) => [i, mean(isDown ? i.up : i.down, (j) => j.place, i.place)]));
      row.sort((a, b) => (wanted.get(a) as number) - (wanted.get(b) as number));
      for (const [i, item] of row.entries()) item.place = i;
    }
  }

  // Positions: the least squares of the distances to what is wanted, in order and without overlap.
  const place = (row: readonly Item[], wanted: readonly number[]) => {
    const offsets: number[] = [];
    let offset = 0;
    for (const [i, item] of row.entries()) {
      const left = row[i - 1];
      if (left !== undefined) offset += (left.width + item.width) / 2 + GAP_X;
      offsets.push(offset);
    }
    const blocks: { sum: number; weight: number; count: number }[] = [];
    for (const [i, item] of row.entries()) {
      const weight = item.box < 0 ? 3 : 1;
      blocks.push({ sum: (at(wanted, i) - at(offsets, i)) * weight, weight, count: 1 });
      for (;;) {
        const [a, b] = [blocks.at(-2), blocks.at(-1)];
        if (a === undefined || b === undefined || a.sum / a.weight <= b.sum / b.weight) break;
        blocks.splice(-2, 2, { sum: a.sum + b.sum, weight: a.weight + b.weight, count: a.count + b.count });
      }
    }
    let i = 0;
    for (const { sum, weight, count } of blocks) for (let k = 0; k < count; k++, i++) at(row, i).x = sum / weight + at(offsets, i);
  };
  for (const row of layers)
    place(
      row,
      row.map(() => 0),
    );
  for (let sweep = 0; sweep < SWEEPS; sweep++) {
    const isDown = sweep % 2 === 0;
    for (const row of isDown ? layers : [...layers].reverse()) {
      const isLast = sweep >= SWEEPS - 2;
      const near = (i: Item) => (isLast ? [...i.up, ...i.down] : isDown ? i.up : i.down);
      place(
        row,
        row.map((i) => mean(near(i), (j) => j.x, i.x)),
      );
    }
  }

  // Coordinates.
  let left = Number.POSITIVE_INFINITY;
  let right = Number.NEGATIVE_INFINITY;
  let top = 0;
  for (const row of layers) {
    const height = Math.max(0, ...row.map((i) => (i.box < 0 ? 0 : at(heights, i.box))));
    for (const item of row) {
      left = Math.min(left, item.x - item.width / 2);
      right = Math.max(right, item.x + item.width / 2);
      if (item.box < 0) continue;
      x[item.box] = item.x - item.width / 2;
      // A row with an open group is as tall as that; what stands beside it is read from the top.
      y[item.box] = height > 120 ? top : top + (height - at(heights, item.box)) / 2;
    }
    for (const item of row) if (item.box < 0) item.place = top + height / 2;
    top += height + GAP_Y;
  }
  if (layers.length === 0) [left, right] = [0, 0];
  for (let v = 0; v < n; v++) if (items[v] !== undefined) x[v] = at(x, v) - left;
  for (const [e, chain] of chains.entries()) {
    const points = chain.map((i): [number, number] => [i.x - left, i.place]);
    bends[e] = isBack[e] ? points.reverse() : points;
  }
  let width = right - left;
  let height = Math.max(0, top - GAP_Y);

  // What stands alone, in rows.
  const alone = order.filter((v) => items[v] === undefined);
  if (alone.length > 0) {
    const area = alone.reduce((s, v) => s + (at(widths, v) + GAP_X) * (at(heights, v) + GAP_X), 0);
    const widest = Math.max(width, Math.sqrt(area) * 1.4, ...alone.map((v) => at(widths, v)));
    let [px, py, tallest] = [0, height === 0 ? 0 : height + GAP_Y, 0];
    for (const v of alone.sort((a, b) => a - b)) {
      if (px > 0 && px + at(widths, v) > widest) {
        px = 0;
        py += tallest + GAP_X;
        tallest = 0;
      }
      x[v] = px;
      y[v] = py;
      px += at(widths, v) + GAP_X;
      width = Math.max(width, px - GAP_X);
      tallest = Math.max(tallest, at(heights, v));
    }
    height = py + tallest;
  }
  return { x, y, width, height, bends };
}
