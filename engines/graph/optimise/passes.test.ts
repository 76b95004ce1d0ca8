/** Each pass alone: what it makes of small graphs, and that it changes no number of random ones. */
import fc from "fast-check";
import { describe, expect, test, vi } from "vitest";
import { createWasm } from "../../../core/device/wasm/device.ts";
import * as ops from "../../../core/ops.ts";
import { primitives } from "../../../core/primitives/table.ts";
import { useDevice } from "../../../core/tensor/tensor.ts";
import { numberPrograms, orderPrograms, tensorPrograms, traced } from "../../../test/graph/passes-agree.ts";
import { load } from "../execute/load.ts";
import type { Graph, Output } from "../graph.ts";
import { printGraph } from "../print.ts";
import { optimise, type PassName, passes } from "./optimise.ts";
import { rebuild } from "./rebuild.ts";

useDevice(createWasm());

const { add, mul, sub, div, sin, cos, exp, neg, lt, cond, whileLoop, scan, createTensor } = ops;

const graphOf = (f: (x: number) => number): Graph => traced(f, [0.5]).value();
/** The graph by these passes, one after the other, as text without its head. */
const by = (graph: Graph, ...names: readonly PassName[]) => names.reduce((g, n) => passes[n](g), graph);
const text = (graph: Graph) =>
  printGraph(graph)
    .split("\n")
    .slice(1)
    .map((l) => l.trim());

describe("what a pass makes of a graph", () => {
  test("prune: states that reach no result, results that nobody reads, states that no turn changes", () => {
    const f = (x: number) => {
      const { y } = whileLoop(
        ({ i }) => lt(i, x),
        ({ i, y, unread, still }) => ({ i: add(i, 1), y: mul(y, still), unread: sin(unread), still }),
        { i: 0, y: 1, unread: x, still: exp(x) },
      );
      return y;
    };
    expect(text(by(graphOf(f), "prune"))).toEqual([
      "%1: number = exp(%0)",
      "%2: number, %3: number = while(0, 1; %0, %1)",
      "test(%4: number, %5: number, %6: number, %7: number)",
      "%8: number = lt(%4, %6)",
      "give %8",
      "body(%9: number, %10: number, %11: number, %12: number)",
      "%13: number = add(%9, 1)",
      "%14: number = mul(%10, %12)",
      "give %13, %14",
      "give %3",
    ]);
  });

  test("fold: known numbers, known conditions, loops that do not turn", () => {
    const f = (x: number) => {
      const chosen = cond(
        lt(mul(x, 0), 1),
        () => x,
        () => 0,
      );
      return add(chosen, mul(3, 4));
    };
    expect(text(by(graphOf(f), "fold")).some((l) => l.includes("if("))).toBe(true);
    const g = (x: number) => {
      return whileLoop(
        () => lt(1, 0),
        (y) => mul(y, y),
        x,
      );
    };
    expect(text(by(graphOf(g), "fold"))).toEqual(["give %0"]);
  });

  test("simplify: operations that change nothing", () => {
    expect(
      text(
        by(
          graphOf((x) => div(mul(sub(neg(neg(x)), 0), 1), 1)),
          "simplify",
        ),
      ),
    ).toEqual(["give %0"]);
    // These change the sign of a zero.
    expect(
      text(
        by(
          graphOf((x) => add(x, 0)),
          "simplify",
        ),
      ),
    ).toEqual(["%1: number = add(%0, 0)", "give %1"]);
  });

  test("common subexpressions: one of each", () => {
    expect(
      text(
        by(
          graphOf((x) => add(sin(x), mul(sin(x), sin(x)))),
          "common subexpressions",
        ),
      ),
    ).toEqual(["%1: number = sin(%0)", "%2: number = mul(%1, %1)", "%3: number = add(%1, %2)", "give %3"]);
  });

  describe("layout", () => {
    const tensor = (...shape: number[]) => createTensor(new Float32Array(shape.reduce((n, d) => n * d, 1)).fill(0.5), shape);
    const written = (f: (...args: never[]) => unknown, ...args: ops.Tensor[]) => text(by(traced(f, args, []).value(), "layout"));
    const [toImages, toRows] = [[0, 3, 1, 2] as const, [0, 2, 3, 1] as const];

    test("what lies between convolutions is kept as they want it, with a bias along another axis", () => {
      const f = (x: ops.Tensor, w: ops.Tensor, b: ops.Tensor) => {
        const once = (t: ops.Tensor) => add(ops.transpose(ops.conv2d(ops.transpose(t, toImages), w), toRows), b) as ops.Tensor;
        return ops.sum(ops.sin(once(ops.tanh(once(x)) as ops.Tensor)), [0, 1, 2]);
      };
      const convolution = '{"stride":[1,1],"padding":[0,0],"dilation":[1,1],"groups":1,"input":[5,4],"kernel":[1,1],"output":[5,4]}';
      expect(written(f, tensor(2, 5, 4, 3), tensor(3, 3, 1, 1), tensor(3))).toEqual([
        '%3: f32[2, 3, 5, 4] = transpose(%0) {"perm":[0,3,1,2]}',
        `%4: f32[2, 3, 5, 4] = convolution(%3, %1) ${convolution}`,
        '%5: f32[1, 3, 1, 1] = reshape(%2) {"shape":[1,3,1,1]}',
        "%6: f32[2, 3, 5, 4] = add(%4, %5)",
        "%7: f32[2, 3, 5, 4] = tanh(%6)",
        `%8: f32[2, 3, 5, 4] = convolution(%7, %1) ${convolution}`,
        '%9: f32[1, 3, 1, 1] = reshape(%2) {"shape":[1,3,1,1]}',
        "%10: f32[2, 3, 5, 4] = add(%8, %9)",
        "%11: f32[2, 3, 5, 4] = sin(%10)",
        '%12: f32[3] = sum(%11) {"axes":[0,2,3],"keepdims":false}',
        "give %12",
      ]);
    });

    test("a product that is transposed is the other product", () => {
      const f = (x: ops.Tensor, y: ops.Tensor) => ops.transpose(ops.tanh(ops.matmul(x, y)) as ops.Tensor);
      expect(written(f, tensor(2, 3), tensor(3, 4))).toEqual([
        '%2: f32[4, 2] = matmul(%1, %0) {"transposeA":true,"transposeB":true}',
        "%3: f32[4, 2] = tanh(%2)",
        "give %3",
      ]);
    });

    test("movements move along the same axes, and axes of one element are moved for nothing", () => {
      const f = (x: ops.Tensor) => {
        const y = ops.pad(ops.transpose(x, [2, 0, 1]), [
          [1, 0],
          [0, 0],
          [0, 2],
        ]);
        return ops.transpose(ops.concat([ops.flip(y, [0]), y], 1), [1, 2, 0]);
      };
      expect(written(f, tensor(2, 3, 4))).toEqual([
        '%1: f32[2, 5, 5] = pad(%0) {"low":[0,0,1],"high":[0,2,0],"interior":[0,0,0],"value":0}',
        '%2: f32[2, 5, 5] = flip(%1) {"axes":[2]}',
        '%3: f32[4, 5, 5] = concat(%2, %1) {"axis":0}',
        "give %3",
      ]);
      expect(written((x: ops.Tensor) => ops.transpose(x, [1, 2, 0]), tensor(1, 3, 4))).toEqual([
        '%1: f32[3, 4, 1] = reshape(%0) {"shape":[3,4,1]}',
        "give %1",
      ]);
    });

    test("what is needed in both orders is transposed once, and a graph without anything to gain stays itself", () => {
      const f = (x: ops.Tensor, y: ops.Tensor) => {
        const t = ops.transpose(x);
        return [add(ops.softmax(x, 1), ops.softmax(y, 1)), ops.softmax(ops.sin(t) as ops.Tensor, 1)];
      };
      const graph = traced(f, [tensor(3, 4), tensor(3, 4)], []).value();
      expect(passes.layout(graph)).toBe(graph);
    });
  });

  test("invariants: what a loop computes anew each turn moves before it, but not what may fail", () => {
    const f = (x: number) =>
      whileLoop(
        (y) => lt(y, 9),
        (y) => add(y, mul(exp(x), 2)),
        x,
      );
    const lines = text(by(graphOf(f), "invariants", "invariants"));
    expect(lines.slice(0, 2)).toEqual(["%1: number = exp(%0)", "%2: number = mul(%1, 2)"]);
    const rows = createTensor([1, 2, 3], [3, 1], "f64");
    const g = traced(
      (at: ops.Tensor) =>
        whileLoop(
          ({ i }) => lt(i, 0),
          ({ i, y }) => ({ i: add(i, 1), y: add(y, ops.indexSelect(rows, at, 0)) as ops.Tensor }),
          { i: 0, y: createTensor([0], [1, 1], "f64") },
        ).y,
      [createTensor([7], [1], "i32")],
      [],
    ).value();
    // The loop does not turn, so row 7 of three is never asked for.
    expect(load(by(g, "invariants")).run([createTensor([7], [1], "i32")])).toHaveLength(1);
  });

  test("unroll: a scan of a few rows is straight-line work, forward and back, with no list left", () => {
    const xs = createTensor([1, 2, 3, 4, 5, 6], [3, 2], "f64");
    const f = (w: ops.Tensor) => {
      const [last, ys] = scan(
        (c: ops.Tensor, x: ops.Tensor) => {
          const next = ops.tanh(add(mul(c, w), x)) as ops.Tensor;
          return [next, mul(next, next) as ops.Tensor] as const;
        },
        createTensor([0, 0], [2], "f64"),
        xs,
      );
      return add(ops.sum(last), ops.sum(ys));
    };
    const w = createTensor([0.3, -0.2], [2], "f64");
    const graph = traced(f, [w]).gradient();
    const { graph: after } = optimise(graph);
    expect(printGraph(graph)).toMatch(/while/);
    expect(printGraph(after)).not.toMatch(/while|push|pop|stack|emptyList/);
    const [a, b] = [graph, after].map((g) =>
      load(g)
        .run([w])
        .map((r) => [...(r as ops.Tensor).toArray()]),
    ) as [number[][], number[][]];
    for (const [i, row] of a.entries()) for (const [k, x] of row.entries()) expect(b[i]?.[k]).toBeCloseTo(x, 13);
  });

  test("merge branches: one of each condition, also where the second reads what the first gives", () => {
    const f = (x: number) => {
      const c = lt(x, 1);
      const a = cond(
        c,
        () => sin(x),
        () => exp(x),
      );
      const b = cond(
        c,
        () => mul(a, 2),
        () => neg(a),
      );
      // This one needs the second by way of a product.
      const d = cond(
        c,
        () => mul(b, b),
        () => mul(mul(a, b), 3),
      );
      return add(
        mul(a, d),
        cond(
          c,
          () => mul(d, x),
          () => d,
        ),
      );
    };
    const graph = graphOf(f);
    const [before, after] = [graph, by(graph, "common subexpressions", "merge branches", "common subexpressions")].map(
      (g) => text(g).filter((l) => l.includes("if(")).length,
    );
    expect([before, after]).toEqual([4, 1]);
    const apart = graphOf((x) => {
      const c = lt(x, 1);
      const a = cond(
        c,
        () => sin(x),
        () => exp(x),
      );
      return cond(
        c,
        () => add(mul(a, a), 1),
        () => x,
      );
    });
    expect(text(by(apart, "common subexpressions", "merge branches")).filter((l) => l.includes("if("))).toHaveLength(1);
    const between = graphOf((x) => {
      const c = lt(x, 1);
      const a = cond(
        c,
        () => sin(x),
        () => exp(x),
      );
      const y = mul(a, a);
      return cond(
        c,
        () => y,
        () => x,
      );
    });
    expect(text(by(between, "common subexpressions", "merge branches")).filter((l) => l.includes("if("))).toHaveLength(2);
    for (const x of [0.3, 1.7]) expect(load(by(graph, "common subexpressions", "merge branches")).run([x])).toEqual(load(graph).run([x]));
  });

  test("fuse loops: those whose counters begin and go on alike, if neither needs the other", () => {
    const loop = (n: number, step: (y: number, i: number) => number, y: number, by = 1) =>
      whileLoop(
        (s) => lt(s.i, n),
        (s) => ({ i: add(s.i, by), y: step(s.y, s.i) }),
        { i: 0, y },
      ).y;
    const whiles = (f: (x: number) => number) => {
      const graph = by(graphOf(f), "common subexpressions");
      const fused = passes["fuse loops"](graph);
      expect(load(fused).run([9.5])).toEqual(load(graph).run([9.5]));
      return text(fused).filter((l) => l.includes("while(")).length;
    };
    expect(
      whiles((x) =>
        add(
          loop(x, sin, 1),
          loop(x, (y, i) => mul(y, cos(i)), 2),
        ),
      ),
    ).toBe(1);
    expect(whiles((x) => loop(x, sin, loop(x, cos, 2)))).toBe(2);
    expect(whiles((x) => add(loop(x, sin, 1), loop(x, cos, 2, 2)))).toBe(2);
    expect(whiles((x) => add(loop(x, sin, 1), loop(mul(x, 2), cos, 2)))).toBe(2);
    expect(
      whiles((x) =>
        add(
          loop(x, (y, i) => loop(x, add, mul(y, i)), 1),
          loop(x, (y) => add(y, x), 2),
        ),
      ),
    ).toBe(2);
  });

  test("a loop of many turns, or of turns that are not known, stays", () => {
    const loop = (n: number) => (x: number) =>
      whileLoop(
        ({ i }) => lt(i, n),
        ({ i, y }) => ({ i: add(i, 1), y: sin(y) }),
        { i: 0, y: x },
      ).y;
    expect(printGraph(optimise(graphOf(loop(1000))).graph)).toMatch(/while/);
    expect(printGraph(optimise(graphOf((x) => loop(x)(x))).graph)).toMatch(/while/);
    expect(printGraph(optimise(graphOf(loop(4))).graph)).not.toMatch(/while/);
  });
});

/** `npm run fuzz:graphs` draws more of these. */
test("no pass changes what a program over numbers computes, and all passes twice are all passes once", () => {
  fc.assert(numberPrograms, { numRuns: 12 });
});

test("no pass changes what a program over tensors computes, and all passes twice are all passes once", () => {
  fc.assert(tensorPrograms, { numRuns: 5 });
});

test("no pass changes what a program computes whose axes change places, and all passes twice are all passes once", () => {
  fc.assert(orderPrograms, { numRuns: 25 });
});

test("a pass that takes sums for products is found", () => {
  const wrong = vi.spyOn(passes, "simplify").mockImplementation((graph) =>
    rebuild(graph, ({ operation, outputs }, inputs, { to }) => {
      if (operation.op !== "apply" || operation.primitive !== primitives.mul) return undefined;
      return to.add({ ...operation, primitive: primitives.add }, inputs, [(outputs[0] as Output).type]).outputs;
    }),
  );
  try {
    for (const property of [numberPrograms, tensorPrograms])
      expect(fc.check(property as fc.IProperty<unknown>, { numRuns: 5, endOnFailure: true }).errorInstance).toMatchObject({
        message: /(simplify|all passes) on value/,
      });
  } finally {
    wrong.mockRestore();
  }
});
