/** Each pass alone, on graphs made for it: what it changes, what it must leave, and that results stay. */
import { describe, expect, test } from "vitest";
import { emitJavaScript } from "../emit/javascript.ts";
import { load } from "../emit/run.ts";
import { type Builder, makeGraph } from "../ir/build.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { arrayType, BOOL, NUM, type Type } from "../ir/type.ts";
import { countNodes, optimise, type PassName, passNames } from "./optimise.ts";

const one = (body: (b: Builder, x: Node) => Node) => makeGraph("f", [NUM], (b, [x]) => body(b, x as Node));
const graph = (params: readonly Type[], body: (b: Builder, ...params: Node[]) => Node) => makeGraph("g", params, (b, p) => body(b, ...p));

/** The graph by one pass. */
function only(name: PassName, f: Graph): Graph {
  return optimise(
    f,
    passNames.filter((n) => n !== name),
  ).graph;
}

function same(f: Graph, g: Graph): void {
  for (const x of [-2, -0.3, 0, 0.4, 1, 2.5, 7]) expect(load(g).run(x)).toEqual(load(f).run(x));
}

describe("known arguments", () => {
  test("the condition of an if is known in its arms, and so are constants and equal arguments", () => {
    const f = one((b, x) => {
      const c = b.ops.gt(x, 1);
      const arm = () =>
        graph([BOOL, NUM, NUM, NUM], (a, given, y, z, k) => {
          const inner = a.if(
            given,
            graph([NUM], (d, v) => d.ops.mul(v, 2)),
            graph([NUM], (d, v) => d.ops.sub(v, 3)),
            [y],
          );
          return a.ops.add(inner, a.ops.mul(z, k));
        });
      return b.if(c, arm(), arm(), [c, x, x, b.constant(5)]);
    });
    const g = only("known arguments", f);
    same(f, g);
    // The two ifs inside are decided.
    expect([countNodes(f), countNodes(g)]).toEqual([12, 8]);
  });

  test("carried values that begin and move alike are one, others are not", () => {
    const A = arrayType(NUM);
    const make = (second: number) =>
      one((b, x) => {
        const test = graph([NUM, A, A, NUM], (t, i) => t.ops.lt(i, 3));
        const body = graph([NUM, A, A, NUM], (t, i, p, q, y) => {
          const pushed = t.ops.mul(y, i);
          return t.tuple([t.ops.add(i, 1), t.update("arrayPush", [p, pushed]), t.update("arrayPush", [q, t.ops.mul(pushed, second)]), y]);
        });
        const end = b.loop(test, body, [b.constant(0), b.arrayOf([], NUM), b.arrayOf([], NUM), x], []);
        const sum = (k: number) => b.structure("arraySum", [b.get(end, k)], NUM, 0);
        return b.ops.add(b.ops.mul(sum(1), 10), sum(2));
      });
    for (const second of [1, 2]) same(make(second), only("known arguments", make(second)));
    const sums = (f: Graph) => (emitJavaScript(f).text.match(/\.sum\(\)/g) ?? []).length;
    expect([1, 2].map((second) => sums(only("known arguments", make(second))))).toEqual([1, 2]);
  });
});

describe("merged ifs", () => {
  test("one if where nothing stands between two, two where something does", () => {
    const make = (between: boolean) =>
      one((b, x) => {
        const c = b.ops.gt(x, 1);
        const first = b.if(
          c,
          graph([NUM], (a, y) => a.ops.mul(y, 2)),
          graph([NUM], (a, y) => a.ops.add(y, 1)),
          [x],
        );
        const given = between ? b.ops.exp(first) : first;
        return b.if(
          c,
          graph([NUM], (a, y) => a.ops.sin(y)),
          graph([NUM], (a, y) => a.ops.cos(y)),
          [given],
        );
      });
    const ifs = (f: Graph) => (emitJavaScript(f).text.match(/if \(/g) ?? []).length;
    for (const [between, count] of [
      [false, 1],
      [true, 2],
    ] as const) {
      const g = only("merged ifs", make(between));
      same(make(between), g);
      expect(ifs(g)).toBe(count);
    }
  });

  test("groups that would wait for each other stay apart", () => {
    const f = one((b, x) => {
      const [c, d] = [b.ops.gt(x, 1), b.ops.lt(x, 2)];
      const pick = (k: number) => [graph([NUM], (a, y) => a.ops.mul(y, k)), graph([NUM], (a, y) => a.ops.add(y, k))] as const;
      const c1 = b.if(c, ...pick(2), [x]);
      const d1 = b.if(d, ...pick(3), [x]);
      const c2 = b.if(c, ...pick(5), [d1]);
      const d2 = b.if(d, ...pick(7), [c1]);
      return b.ops.add(c2, d2);
    });
    same(f, only("merged ifs", f));
  });
});

describe("dead results and invariants", () => {
  const loop = one((b, x) => {
    const test = graph([NUM, NUM, NUM, NUM, NUM], (t, i) => t.ops.lt(i, 4));
    const body = graph([NUM, NUM, NUM, NUM, NUM], (t, i, y, unread, still, k) =>
      t.tuple([t.ops.add(i, 1), t.ops.add(y, t.ops.mul(t.ops.exp(k), still)), t.ops.sin(unread), still]),
    );
    return b.get(b.loop(test, body, [b.constant(0), x, x, x], [x]), 1);
  });

  test("what nobody reads is not carried, what never changes is an invariant", () => {
    const g = only("dead results", loop);
    same(loop, g);
    expect(countNodes(g)).toBe(countNodes(loop) - 1);
    const node = (g.result as Node).args[0];
    expect(node?.op === "loop" && node.carried).toBe(2);
  });

  test("what depends on invariants alone moves out, also of a loop that never turns, but not what may fail", () => {
    const g = only("invariants", loop);
    same(loop, g);
    expect(emitJavaScript(g).text).toMatch(/Math\.exp[\s\S]*while/);
    const A = arrayType(NUM);
    const reading = one((b, x) => {
      const none = b.arrayOf([], NUM);
      const test = graph([NUM, NUM, A, NUM], (t, i, _y, _a, n) => t.ops.lt(i, n));
      const body = graph([NUM, NUM, A, NUM], (t, i, y, a) => t.tuple([t.ops.add(i, 1), t.ops.add(y, t.arrayGet(a, t.constant(3)))]));
      return b.get(b.loop(test, body, [b.constant(0), x], [none, b.constant(0)]), 1);
    });
    same(reading, only("invariants", reading));
  });
});

test("optimising twice is optimising once", () => {
  const f = one((b, x) => {
    const c = b.ops.gt(x, 0);
    return b.if(
      c,
      graph([NUM], (a, y) => a.ops.mul(y, a.ops.exp(y))),
      graph([NUM], (a, y) => a.ops.neg(y)),
      [x],
    );
  });
  const once = optimise(f).graph;
  expect(optimise(once).graph).toBe(once);
});
