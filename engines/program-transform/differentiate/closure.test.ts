/**
 * Differentiation is closed: whatever J and forward mode build, they differentiate. One function of a number for each operation of the
 * IR (the table must name them all), differentiated four times in every mixture of the two modes, against differences; and for each
 * primitive of the core that works on numbers, the rules of its rules.
 */
import { describe, expect, test } from "vitest";
import { primitives } from "../../../core/primitives/table.ts";
import { ruleOf } from "../../../rules/table.ts";
import { load } from "../emit/run.ts";
import { type Builder, makeGraph } from "../ir/build.ts";
import { type Graph, type Node, type StructureOp, structureOps } from "../ir/graph.ts";
import { arrayType, NUM, type Type, tupleType, UNIT, unionType } from "../ir/type.ts";
import { optimise } from "../optimise/optimise.ts";
import { derivative, gradient } from "./gradient.ts";

const A = arrayType(NUM);
const PAIRS = arrayType(tupleType([NUM, NUM]));
const EITHER = unionType([NUM, tupleType([NUM, NUM])], ["one", "two"]);

const graph = (params: readonly Type[], body: (b: Builder, params: readonly Node[]) => Node) => makeGraph("g", params, body);
/** Keeps what follows from being folded away: the value comes out of a loop of one turn. */
const opaque = (b: Builder, x: Node): Node => {
  const once = graph([NUM, x.type], (c, [i]) => c.ops.lt(i as Node, 1));
  const body = graph([NUM, x.type], (c, [i, y]) => c.tuple([c.ops.add(i as Node, 1), y as Node]));
  return b.get(b.loop(once, body, [b.constant(0), x], []), 1);
};
const sine = (b: Builder, x: Node): Node => b.ops.sin(b.ops.mul(x, x));

/** For each operation, a smooth function of a number that goes through it. */
const through: Readonly<Record<StructureOp, (b: Builder, x: Node) => Node>> = {
  tuple: (b, x) => b.get(opaque(b, b.tuple([x, sine(b, x)])), 1),
  get: (b, x) => {
    const t = opaque(b, b.tuple([sine(b, x), b.ops.exp(x)]));
    return b.ops.mul(b.get(t, 0), b.get(t, 1));
  },
  inject: (b, x) => b.ops.mul(b.project(opaque(b, b.inject(sine(b, x), EITHER, 0)), 0), x),
  isCase: (b, x) => {
    const u = opaque(b, b.inject(b.tuple([x, sine(b, x)]), EITHER, 1));
    const one = graph([EITHER], (c, [v]) => c.project(v as Node, 0));
    const two = graph([EITHER], (c, [v]) => c.ops.mul(c.get(c.project(v as Node, 1), 0), c.get(c.project(v as Node, 1), 1)));
    return b.if(b.isCase(u, 0), one, two, [u]);
  },
  project: (b, x) => b.get(b.project(opaque(b, b.inject(b.tuple([x, sine(b, x)]), EITHER, 1)), 1), 1),
  arrayOf: (b, x) => b.arrayGet(opaque(b, b.arrayOf([x, sine(b, x)], NUM)), b.constant(1)),
  arrayGet: (b, x) => {
    const a = opaque(b, b.arrayOf([x, sine(b, x)], NUM));
    return b.ops.mul(b.arrayGet(a, b.constant(0)), b.arrayGet(a, b.constant(1)));
  },
  arraySet: (b, x) => {
    const a = b.update("arraySet", [opaque(b, b.arrayOf([x, b.ops.exp(x)], NUM)), b.constant(0), sine(b, x)]);
    return b.ops.mul(b.arrayGet(a, b.constant(0)), b.arrayGet(a, b.constant(1)));
  },
  arrayPush: (b, x) => {
    const a = b.update("arrayPush", [opaque(b, b.arrayOf([b.ops.exp(x)], NUM)), sine(b, x)]);
    return b.ops.mul(b.arrayGet(a, b.constant(0)), b.arrayGet(opaque(b, a), b.constant(1)));
  },
  arrayPop: (b, x) => {
    const a = b.update("arrayPop", [opaque(b, b.arrayOf([sine(b, x), x], NUM))]);
    return b.ops.mul(b.arrayGet(opaque(b, a), b.constant(0)), x);
  },
  arrayLength: (b, x) => b.ops.mul(b.arrayLength(opaque(b, b.arrayOf([x, x, x], NUM))), sine(b, x)),
  arrayFill: (b, x) => b.arrayGet(opaque(b, b.structure("arrayFill", [b.constant(3), sine(b, x)], A, 0)), b.constant(1)),
  arraySum: (b, x) => b.ops.exp(b.structure("arraySum", [opaque(b, b.arrayOf([x, sine(b, x)], NUM))], NUM, 0)),
  arrayAdd: (b, x) => {
    const a = b.update("arrayAdd", [opaque(b, b.arrayOf([x, b.ops.exp(x)], NUM)), b.constant(0), sine(b, x)]);
    return b.ops.mul(b.arrayGet(opaque(b, a), b.constant(0)), b.arrayGet(a, b.constant(1)));
  },
  zeros: (b, x) => {
    const z = b.structure("zeros", [opaque(b, b.arrayOf([x, x], NUM))], A, 0);
    return b.arrayGet(b.update("arraySet", [z, b.constant(1), sine(b, x)]), b.constant(1));
  },
  plus: (b, x) => {
    const pair = (y: Node) => opaque(b, b.arrayOf([b.tuple([y, x])], tupleType([NUM, NUM])));
    const sum = b.structure("plus", [pair(sine(b, x)), pair(b.ops.exp(x))], PAIRS, 0);
    return b.get(b.arrayGet(opaque(b, sum), b.constant(0)), 0);
  },
  unset: (b, x) => {
    const some = graph([NUM], (c, [y]) => c.tuple([sine(c, y as Node), y as Node]));
    const none = graph([NUM], (c, [y]) => c.tuple([c.ops.exp(y as Node), c.unset(NUM)]));
    return b.get(b.if(b.ops.gt(x, 9), some, none, [x]), 0);
  },
  fail: (b, x) => {
    const fine = graph([NUM], sineOf);
    const wrong = graph([NUM], (c) => c.structure("fail", [c.constant("never")], NUM, 0));
    return b.if(b.ops.lt(x, 9), fine, wrong, [x]);
  },
};
const sineOf = (b: Builder, [x]: readonly Node[]): Node => sine(b, x as Node);

type F = (x: number) => number;
const slope = (f: F, x: number): number => {
  const h = 0.004;
  return [4 / 5, -1 / 5, 4 / 105, -1 / 280].reduce((s, c, i) => s + (c * (f(x + (i + 1) * h) - f(x - (i + 1) * h))) / h, 0);
};

describe("every operation of the IR", () => {
  test.each(structureOps)("%s is differentiated to the fourth order in every mixture of modes", (op) => {
    const f = makeGraph(op, [NUM], (b, [x]) => through[op](b, x as Node));
    const step = (g: Graph, forward: boolean) => optimise((forward ? derivative : gradient)(g, 0)).graph;
    for (let mix = 0; mix < 16; mix++) {
      let g = f;
      for (let order = 1; order <= 4; order++) {
        const before = load(g).run as F;
        g = step(g, ((mix >> (order - 1)) & 1) === 1);
        const got = (load(g).run as F)(0.6);
        const want = slope(before, 0.6);
        expect(Math.abs(got - want), `order ${order}, mixture ${mix}`).toBeLessThan(1e-6 * Math.max(1, Math.abs(want)));
      }
    }
  });
});

/** Arguments inside the domain of a primitive and clear of its kinks. */
const points: Readonly<Record<string, readonly number[]>> = { acosh: [1.7], log: [1.3], erfinv: [0.3] };

describe("every primitive on numbers", () => {
  const all = Object.entries(primitives).filter(([name, p]) => {
    const rule = ruleOf[Object.keys(primitives).indexOf(name)];
    return p.scalar !== undefined && rule?.kind !== "zero" && !["item", "cast", "where", "polygamma"].includes(name);
  });

  test.each(all.map(([name]) => name))("%s has rules whose rules exist, to the third order", (name) => {
    const primitive = primitives[name as keyof typeof primitives] as { scalar: (...xs: number[]) => number };
    const arity = Math.max(1, primitive.scalar.length);
    const point = points[name] ?? [0.4, 0.7, 0.3];
    const f = makeGraph(name, [NUM], (b, [x]) =>
      b.apply(
        primitive as never,
        Array.from({ length: arity }, (_, i) => (i === 0 ? (x as Node) : b.ops.add(b.ops.mul(x as Node, 0.3), point[i] ?? 0.5))),
        undefined,
      ),
    );
    expect(f.resultType).not.toBe(UNIT);
    let g = f;
    for (let order = 1; order <= 3; order++) {
      const before = load(g).run as F;
      g = gradient(g, 0);
      const at = point[0] as number;
      const want = slope(before, at);
      expect(Math.abs((load(g).run as F)(at) - want), `order ${order}`).toBeLessThan(1e-4 * Math.max(1, Math.abs(want)));
    }
  });
});
