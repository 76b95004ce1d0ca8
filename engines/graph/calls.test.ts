/** Functions that call themselves: values, and derivatives to second order in all mixtures of modes, against central differences. */
import { describe, expect, test } from "vitest";
import { createWasm } from "../../core/device/wasm/device.ts";
import * as ops from "../../core/ops.ts";
import { withControlFlow } from "../../core/tensor/control.ts";
import { useDevice } from "../../core/tensor/tensor.ts";
import type { Value } from "../../core/tensor/traced.ts";
import { valueOps } from "../../core/tensor/values.ts";
import { oneLike } from "../trees.ts";
import { control, graphFunction } from "./control.ts";
import { Dataflow } from "./dataflow.ts";
import { forward } from "./differentiate/forward.ts";
import { backward, itself } from "./differentiate/reverse.ts";
import { load } from "./execute/load.ts";
import { Graph, inside, type Output } from "./graph.ts";
import { optimise } from "./optimise/optimise.ts";
import { rebuild } from "./optimise/rebuild.ts";
import { save } from "./saved.ts";
import { Session } from "./session.ts";
import { NUMBER_TYPE } from "./type.ts";

useDevice(createWasm());

const { add, mul, sub, sin, lt, cond, whileLoop, tanh, matmul, sum } = ops;
type Tensor = ops.Tensor;

type F = (x: number, n: number) => number;

/** Values by name, of a graph in which each is computed from the ones before, as it is built and after all passes. */
function derivativesOf(build: F, x: number, n: number): Record<string, number>[] {
  const graph = new Graph("f");
  const [px, pn] = [graph.parameter(NUMBER_TYPE), graph.parameter(NUMBER_TYPE)];
  const found: Record<string, Output> = {};
  withControlFlow(control, () =>
    inside(graph, () => {
      const y = graph.bring(build(px as never, pn as never) as never);
      const back = (v: Output) => graph.bring(backward([v], [oneLike(v)], [px], itself)[0] ?? 0);
      const along = (v: Output) => graph.bring(forward([v], new Map<Output, Value>([[px, 1]]))[0] ?? 0);
      found.value = y;
      found.reverse = back(y);
      found.forward = along(y);
      found["reverse over reverse"] = back(found.reverse);
      found["forward over reverse"] = along(found.reverse);
      found["reverse over forward"] = back(found.forward);
      found["forward over forward"] = along(found.forward);
      found["reverse over reverse over reverse"] = back(found["reverse over reverse"]);
    }),
  );
  graph.results.push(...Object.values(found));
  return [rebuild(graph), optimise(graph).graph].map((g) => {
    const values = load(g).run([x, n]);
    return Object.fromEntries(Object.keys(found).map((name, i) => [name, values[i] as number]));
  });
}

const one = (name: string, f: (self: (...args: Value[]) => Value, ...args: Value[]) => Value, arity: number) => {
  const like = Array.from({ length: arity }, () => 0);
  const made = graphFunction(name, like, [0], (self, ...args) => [f((...a) => self(...a)[0] as Value, ...args)]);
  return (...args: Value[]) => made(...args)[0] as number;
};
const o = valueOps;

/** Each as a function of the graph, and as JavaScript. */
const cases: readonly (readonly [name: string, build: F, plain: F])[] = [
  [
    "power",
    (x, n) =>
      one(
        "power",
        (self, a, k) =>
          cond(
            lt(k as number, 1),
            () => 1 as Value,
            () => o.mul(a, self(a, o.sub(k, 1))),
          ),
        2,
      )(x, n),
    (x, n) => x ** n,
  ],
  [
    "factorial of sines",
    (x, n) =>
      one(
        "factorial",
        (self, k, a) =>
          cond(
            lt(k as number, 1),
            () => 1 as Value,
            () => o.mul(o.sin(o.add(k, a)), self(o.sub(k, 1), a)),
          ),
        2,
      )(n, x),
    function fact(x: number, n: number): number {
      return n < 1 ? 1 : Math.sin(n + x) * fact(x, n - 1);
    },
  ],
  [
    "fibonacci, which calls itself twice",
    (x, n) =>
      one(
        "fib",
        (self, k, a) =>
          cond(
            lt(k as number, 2),
            () => o.mul(a, o.add(k, 1)),
            () => o.add(o.sin(self(o.sub(k, 1), a)), o.mul(self(o.sub(k, 2), a), a)),
          ),
        2,
      )(n, x),
    function fib(x: number, n: number): number {
      return n < 2 ? x * (n + 1) : Math.sin(fib(x, n - 1)) + fib(x, n - 2) * x;
    },
  ],
  [
    "a function in a loop, of its own result",
    (x, n) => {
      const f = one(
        "halves",
        (self, a, k) =>
          cond(
            lt(k as number, 1),
            () => o.sin(a),
            () => o.sin(o.mul(self(o.mul(a, 1.1), o.sub(k, 1)), a)),
          ),
        2,
      );
      return whileLoop(
        ({ i }) => lt(i, 3),
        ({ i, y }) => ({ i: add(i, 1), y: f(y, n) }),
        { i: 0, y: x },
      ).y;
    },
    (x, n) => {
      const f = (a: number, k: number): number => (k < 1 ? Math.sin(a) : Math.sin(f(a * 1.1, k - 1) * a));
      return f(f(f(x, n), n), n);
    },
  ],
  [
    "a loop in a function",
    (x, n) =>
      one(
        "sums",
        (self, a, k) =>
          cond(
            lt(k as number, 1),
            () => a,
            () =>
              whileLoop(
                ({ i }) => lt(i, k as number),
                ({ i, y }) => ({ i: add(i, 1), y: add(sin(mul(y, i)), self(o.mul(a, 0.5), o.sub(k, 1)) as number) }),
                { i: 0, y: a as number },
              ).y as Value,
          ),
        2,
      )(x, n),
    function sums(x: number, n: number): number {
      if (n < 1) return x;
      let y = x;
      for (let i = 0; i < n; i++) y = Math.sin(y * i) + sums(x * 0.5, n - 1);
      return y;
    },
  ],
];

describe("functions that call themselves", () => {
  test.each(cases)("%s", (_, build, plain) => {
    const near = (a: number | undefined, b: number, tolerance: number, what: string) =>
      expect(Math.abs((a as number) - b), `${what}: ${a} is not ${b}`).toBeLessThan(tolerance * (1 + Math.abs(b)));
    for (const [x, n] of [
      [0.7, 0],
      [1.2, 3],
    ] as const) {
      const h = 1e-4;
      const at = (d: number) => plain(x + d * h, n);
      const first = (8 * (at(1) - at(-1)) - (at(2) - at(-2))) / (12 * h);
      const second = (16 * (at(1) + at(-1)) - (at(2) + at(-2)) - 30 * at(0)) / (12 * h * h);
      const third = (at(2) - 2 * at(1) + 2 * at(-1) - at(-2)) / (2 * h ** 3);
      for (const found of derivativesOf(build, x, n)) {
        near(found.value, at(0), 1e-12, "value");
        near(found.reverse, first, 1e-9, "reverse");
        near(found.forward, first, 1e-9, "forward");
        for (const mode of ["reverse over reverse", "forward over reverse", "reverse over forward", "forward over forward"])
          near(found[mode], second, 1e-6, mode);
        near(found["reverse over reverse over reverse"], third, 1e-2, "third");
      }
    }
  });

  test("a network over a tree, whose form is data, has the gradients of differences", () => {
    const w = ops.createTensor([0.3, -0.2, 0.5, 0.1], [2, 2], "f64");
    const leaf = ops.createTensor([0.4, -0.7], [1, 2], "f64");
    // The children of node i are i - 1 and i - 2; those below 3 are leaves.
    const tree = new Dataflow("tree", (g) => {
      const weight = g.placeholder("w", "f64", [2, 2]);
      const x = g.placeholder("x", "f64", [1, 2]);
      const root = g.placeholder("root", "f64", []);
      const node = g.function("node", [0, weight, x], [x], (self, i, wt, v) => [
        cond(
          lt(i, 3),
          () => mul(v, add(i, 1)) as Tensor,
          () => tanh(matmul(add(self(sub(i, 1) as number, wt, v)[0], self(sub(i, 2) as number, wt, v)[0]) as Tensor, wt)) as Tensor,
        ),
      ]);
      const [h] = node(ops.item(root), weight, x);
      const loss = sum(h);
      return { loss, gradients: g.gradients([loss], [weight, x]) };
    });
    const session = new Session(tree);
    const run = (t: Tensor, depth: number) => session.run(tree.ends, { w: t, x: leaf, root: ops.createTensor([depth], [], "f64") });
    for (const depth of [0, 3, 5, 7]) {
      const { loss, gradients } = run(w, depth);
      const [slope] = gradients as unknown as [Tensor];
      const plain = (t: readonly number[]) => {
        const at = (i: number): number[] => {
          const v = [0.4, -0.7];
          if (i < 3) return v.map((e) => e * (i + 1));
          const [a, b] = [at(i - 1), at(i - 2)];
          const s = v.map((_, k) => (a[k] as number) + (b[k] as number)) as [number, number];
          return [
            Math.tanh(s[0] * (t[0] as number) + s[1] * (t[2] as number)),
            Math.tanh(s[0] * (t[1] as number) + s[1] * (t[3] as number)),
          ];
        };
        return at(depth).reduce((p, q) => p + q);
      };
      const values = [...w.toArray()];
      expect(loss.item()).toBeCloseTo(plain(values), 12);
      for (const [k, g] of [...slope.toArray()].entries()) {
        const moved = (d: number) => plain(values.map((v, j) => (j === k ? v + d : v)));
        expect((moved(1e-6) - moved(-1e-6)) / 2e-6).toBeCloseTo(g, 8);
      }
    }
    expect(() => save(session)).toThrow("a graph that calls the function node is to be saved");
    session.dispose();
  });

  test("what cannot be is refused with the way out", () => {
    const build = (f: (g: never) => unknown) => () => new Dataflow("f", f as never);
    expect(
      build((g: never) => {
        const { function: define, placeholder } = g as { function: (...a: unknown[]) => unknown; placeholder: (...a: unknown[]) => Tensor };
        const x = placeholder.call(g, "x", "f64", [2]);
        return define.call(g, "f", [0], [x], (_: unknown, k: number) => [mul(x, k)]);
      }),
    ).toThrow("the function f uses a value of the graph around it (f64[2])");
    expect(
      build((g: never) => {
        const { function: define } = g as { function: (...a: unknown[]) => unknown };
        return define.call(g, "f", [0, 0], [0], (self: (...a: unknown[]) => unknown[], k: number) => [self(k)[0]]);
      }),
    ).toThrow("the function f takes number, number, and here it is number");
    const [, power] = cases[0] as (typeof cases)[number];
    expect(() => derivativesOf(power, 1, 1e6)).toThrow("calls itself more often than the stack of JavaScript holds");
  });
});
