import { describe, expect, test } from "vitest";
import { Numbers } from "../emit/arrays.ts";
import { load } from "../emit/run.ts";
import { Builder, closeGraph, makeGraph, openGraph } from "../ir/build.ts";
import type { Graph, Node } from "../ir/graph.ts";
import { arrayType, NUM } from "../ir/type.ts";
import { derivative, gradient, valueAndGradient } from "./gradient.ts";

type F = (...xs: unknown[]) => number;
const run = (g: Graph) => load(g).run as F;

/** f, f', f'', … by the transformation. */
function orders(f: Graph, order: number): F[] {
  const all = [f];
  for (let i = 0; i < order; i++) all.push(gradient(all[i] as Graph, 0));
  return all.map(run);
}

/** Central difference of order 8. */
function slope(f: (x: number) => number, x: number): number {
  const h = 0.004;
  const w = [4 / 5, -1 / 5, 4 / 105, -1 / 280];
  return w.reduce((s, c, i) => s + (c * (f(x + (i + 1) * h) - f(x - (i + 1) * h))) / h, 0);
}

const one = (body: (b: Builder, x: Node) => Node, name = "f") => makeGraph(name, [NUM], (b, [x]) => body(b, x as Node));

const cube = one((b, x) => b.ops.pow(x, 3));
const branch = one((b, x) => {
  const then = one((c, y) => c.ops.sin(c.ops.mul(y, y)));
  const other = one((c, y) => c.ops.exp(c.ops.mul(y, 0.3)));
  return b.if(b.ops.gt(x, 0.5), then, other, [x]);
});
/** x ↦ x after n turns of x ← x + 0.1 sin(x) + 0.01 i. */
const orbit = one((b, x) => {
  const test = makeGraph("test", [NUM, NUM], (c, [i]) => c.ops.lt(i as Node, 5));
  const body = makeGraph("body", [NUM, NUM], (c, [i, y]) =>
    c.tuple([c.ops.add(i as Node, 1), c.ops.add(c.ops.add(y as Node, c.ops.mul(c.ops.sin(y as Node), 0.1)), c.ops.mul(i as Node, 0.01))]),
  );
  return b.get(b.loop(test, body, [b.constant(0), x], []), 1);
});
/** A loop with an invariant, an if inside, and an inner loop. */
const nested = one((b, x) => {
  const test = makeGraph("test", [NUM, NUM, NUM], (c, [i]) => c.ops.lt(i as Node, 4));
  const innerTest = makeGraph("innerTest", [NUM, NUM, NUM, NUM], (c, [j, , , i]) => c.ops.lt(j as Node, i as Node));
  const innerBody = makeGraph("inner", [NUM, NUM, NUM, NUM], (c, [j, z, k]) =>
    c.tuple([c.ops.add(j as Node, 1), c.ops.mul(z as Node, c.ops.cos(c.ops.mul(k as Node, 0.3)))]),
  );
  const body = makeGraph("body", [NUM, NUM, NUM], (c, [i, y, k]) => {
    const then = makeGraph("then", [NUM, NUM], (d, [z, w]) => d.ops.mul(z as Node, w as Node));
    const other = makeGraph("other", [NUM, NUM], (d, [z, w]) => d.ops.add(d.ops.tanh(z as Node), d.ops.square(w as Node)));
    const z = c.if(c.ops.gt(y as Node, 1), then, other, [y as Node, k as Node]);
    const end = c.loop(innerTest, innerBody, [c.constant(0), z], [k as Node, i as Node]);
    return c.tuple([c.ops.add(i as Node, 1), c.get(end, 1)]);
  });
  return b.get(b.loop(test, body, [b.constant(0), x], [x]), 1);
});
/** power(x, n) = n = 0 ? 1 : sin(x) power(x, n - 1), by recursion. */
const power = openGraph("power", [NUM, NUM], NUM);
{
  const b = new Builder();
  const [x, n] = power.params as [Node, Node];
  const base = makeGraph("base", [NUM, NUM], (c) => c.constant(1));
  const step = makeGraph("step", [NUM, NUM], (c, [y, m]) =>
    c.ops.mul(c.ops.sin(y as Node), c.invoke(power, [y as Node, c.ops.sub(m as Node, 1)])),
  );
  closeGraph(power, b.if(b.ops.eq(n, 0), base, step, [x, n]));
}
const recursion = one((b, x) => b.invoke(power, [x, b.constant(3)]));
/** Writes to and reads from an array in a loop. */
const arrays = one((b, x) => {
  const A = arrayType(NUM);
  const filled = b.structure("arrayFill", [b.constant(6), x], A, 0);
  const test = makeGraph("test", [NUM, A, NUM], (c, [i]) => c.ops.lt(i as Node, 5));
  const body = makeGraph("body", [NUM, A, NUM], (c, [i, a, k]) => {
    const here = c.arrayGet(a as Node, i as Node);
    const next = c.ops.mul(c.ops.sin(here), c.ops.add(c.arrayGet(a as Node, c.ops.add(i as Node, 1)), k as Node));
    const set = c.update("arraySet", [a as Node, c.ops.add(i as Node, 1), next]);
    return c.tuple([c.ops.add(i as Node, 1), set]);
  });
  const end = b.loop(test, body, [b.constant(0), filled], [x]);
  const pushed = b.update("arrayPush", [b.get(end, 1), b.ops.exp(x)]);
  return b.ops.add(b.structure("arraySum", [pushed], NUM, 0), b.arrayGet(pushed, b.constant(5)));
});

describe("reverse mode", () => {
  test.each([
    ["a power", cube],
    ["an if", branch],
    ["a loop", orbit],

    ["nested control flow", nested],
    ["recursion", recursion],
    ["arrays", arrays],
  ])("%s: orders 1 to 4 agree with differences of the order before", (_, f) => {
    const all = orders(f, 4);
    for (const x of [0.2, 0.45, 0.9, 1.3]) {
      for (let n = 1; n <= 4; n++) {
        const before = all[n - 1] as F;
        const want = slope(before, x);
        const got = (all[n] as F)(x);
        expect(Math.abs(got - want)).toBeLessThan(1e-7 * Math.max(1, Math.abs(want), Math.abs(before(x))));
      }
    }
  });

  test.each([
    ["a power", cube],
    ["an if", branch],
    ["a loop", orbit],
    ["nested control flow", nested],
    ["recursion", recursion],
    ["arrays", arrays],
  ])("%s: every mixture of forward and reverse mode gives the same derivatives", (_, f) => {
    const steps = [gradient, derivative];
    const third = [0, 1, 2, 3, 4, 5, 6, 7].map((mix) => {
      const g = [0, 1, 2].reduce((h, bit) => (steps[(mix >> bit) & 1] as typeof gradient)(h, 0), f);
      return run(g);
    });
    for (const x of [0.2, 0.45, 0.9, 1.3]) {
      const [want, ...others] = third.map((h) => h(x)) as [number, ...number[]];
      for (const got of others) expect(Math.abs(got - want)).toBeLessThan(1e-10 * Math.max(1, Math.abs(want)));
    }
  });

  test("reads of an array add into one adjoint", () => {
    const A = arrayType(NUM);
    const f = makeGraph("dot", [A, A], (b, [x, w]) => {
      const test = makeGraph("test", [NUM, NUM, A, A], (c, [i, , a]) => c.ops.lt(i as Node, c.arrayLength(a as Node)));
      const body = makeGraph("body", [NUM, NUM, A, A], (c, [i, s, a, v]) =>
        c.tuple([
          c.ops.add(i as Node, 1),
          c.ops.add(s as Node, c.ops.mul(c.arrayGet(a as Node, i as Node), c.arrayGet(v as Node, i as Node))),
        ]),
      );
      return b.get(b.loop(test, body, [b.constant(0), b.constant(0)], [x as Node, w as Node]), 1);
    });
    const g = load(valueAndGradient(f, [true, false])).run;
    const n = 1000;
    const [x, w] = [
      Numbers.fill(n, 2),
      new Numbers(
        Float64Array.from({ length: n }, (_, i) => i),
        n,
      ),
    ];
    const [value, dx] = g(x, w) as [number, Numbers];
    expect(value).toBe(n * (n - 1));
    expect([...dx.data.slice(0, n)]).toEqual([...w.data]);
    expect(x.data.every((e) => e === 2)).toBe(true);
  });
});
