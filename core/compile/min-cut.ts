/**
 * Minimum cuts: the cheapest edges of a network without which nothing flows from its source to its sink, found by Dinic's algorithm
 * (1970): as long as there are paths, flow goes along all shortest ones at once.
 */

/** A network of nodes 0, 1, 2, …. */
export class Network {
  /** Edges 2k and 2k + 1 are each other's reverse. */
  private readonly targets: number[] = [];
  private readonly left: number[] = [];
  private readonly edges: number[][] = [];

  node(): number {
    return this.edges.push([]) - 1;
  }

  /** An edge that costs `capacity` to cut; Infinity for one that may not be cut. */
  edge(from: number, to: number, capacity: number): void {
    this.edges[from]?.push(this.targets.push(to) - 1);
    this.left.push(capacity);
    this.edges[to]?.push(this.targets.push(from) - 1);
    this.left.push(0);
  }

  /**
   * Lets flow as much as can, and tells of each node whether it is on the sink's side of the minimum cut that is nearest to the sink.
   * There must be a cut of finite cost. O(nodes² · edges) at worst; close to linear on networks of a few layers.
   */
  cut(source: number, sink: number): (node: number) => boolean {
    while (this.advance(source, sink)) {}
    // What still has a way to the sink, found from there against the edges.
    const reaches = new Set([sink]);
    const stack = [sink];
    for (let at = stack.pop(); at !== undefined; at = stack.pop())
      for (const e of this.edges[at] as number[]) {
        const from = this.targets[e] as number;
        if ((this.left[e ^ 1] as number) <= 0 || reaches.has(from)) continue;
        reaches.add(from);
        stack.push(from);
      }
    return (node) => reaches.has(node);
  }

  /** Fills all shortest paths; false where there is none. */
  private advance(source: number, sink: number): boolean {
    const { targets, left, edges } = this;
    const level = new Int32Array(edges.length).fill(-1);
    level[source] = 0;
    const queue = [source];
    for (let i = 0; i < queue.length; i++)
      for (const e of edges[queue[i] as number] as number[]) {
        const to = targets[e] as number;
        if ((left[e] as number) <= 0 || level[to] !== -1) continue;
        level[to] = (level[queue[i] as number] as number) + 1;
        queue.push(to);
      }
    if (level[sink] === -1) return false;
    const next = new Int32Array(edges.length);
    /** The edges of the path that is being walked. */
    const path: number[] = [];
    for (let at = source; ; ) {
      if (at === sink) {
        const most = path.reduce((n, e) => Math.min(n, left[e] as number), Number.POSITIVE_INFINITY);
        for (const e of path) {
          left[e] = (left[e] as number) - most;
          left[e ^ 1] = (left[e ^ 1] as number) + most;
        }
        const full = path.findIndex((e) => (left[e] as number) <= 0);
        at = targets[(path[full] as number) ^ 1] as number;
        path.length = full;
        continue;
      }
      const own = edges[at] as number[];
      let e = own[next[at] as number];
      while (e !== undefined && ((left[e] as number) <= 0 || level[targets[e] as number] !== (level[at] as number) + 1)) {
        next[at] = (next[at] as number) + 1;
        e = own[next[at] as number];
      }
      if (e !== undefined) {
        path.push(e);
        at = targets[e] as number;
        continue;
      }
      const back = path.pop();
      if (back === undefined) return true;
      at = targets[back ^ 1] as number;
      next[at] = (next[at] as number) + 1;
    }
  }
}
