/** Random programs of branches and loops over numbers, written with the control flow that graphs are built from. */
import fc from "fast-check";
import * as ops from "../../core/ops.ts";

const { add, mul, sin, tanh, lt, gt, cond, whileLoop } = ops;

/** Expressions over the argument, the state of the loop around, and what that loop does not change. */
export type Expression =
  | { readonly op: "x" | "first" | "second" | "fixed" }
  | { readonly op: "number"; readonly value: number }
  | { readonly op: "add" | "mul" | "sin" | "tanh"; readonly a: Expression; readonly b: Expression }
  | { readonly op: "cond"; readonly c: Expression; readonly a: Expression; readonly b: Expression }
  | { readonly op: "loop"; readonly turns: number; readonly a: Expression; readonly b: Expression };

export const { expression } = fc.letrec<{ expression: Expression }>((tie) => ({
  expression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ op: fc.constantFrom("x", "first", "second", "fixed") }),
    fc.record({ op: fc.constant("number"), value: fc.integer({ min: -6, max: 6 }).map((n) => n / 4) }),
    fc.record({ op: fc.constantFrom("add", "mul", "sin", "tanh"), a: tie("expression"), b: tie("expression") }),
    fc.record({ op: fc.constant("cond"), c: tie("expression"), a: tie("expression"), b: tie("expression") }),
    fc.record({ op: fc.constant("loop"), turns: fc.nat(3), a: tie("expression"), b: tie("expression") }),
  ) as fc.Arbitrary<Expression>,
}));

interface Names {
  readonly x: number;
  readonly first: number;
  readonly second: number;
  readonly fixed: number;
}

export function evaluate(e: Expression, names: Names): number {
  const of = (inner: Expression) => evaluate(inner, names);
  switch (e.op) {
    case "number":
      return e.value;
    case "add":
    case "mul":
      return (e.op === "add" ? add : mul)(of(e.a), of(e.b));
    case "sin":
    case "tanh":
      return (e.op === "sin" ? sin : tanh)(add(of(e.a), of(e.b)));
    case "cond":
      return cond(
        gt(of(e.c), 0.123),
        () => of(e.a),
        () => of(e.b),
      );
    case "loop": {
      const { first, second, fixed } = whileLoop(
        ({ i }) => lt(i, e.turns),
        (s) => {
          const inner = { ...names, first: s.first, second: s.second, fixed: s.fixed };
          return { i: add(s.i, 1), first: sin(evaluate(e.a, inner)), second: add(s.first, sin(evaluate(e.b, inner))), fixed: s.fixed };
        },
        { i: 0, first: names.x, second: names.first, fixed: sin(names.second) },
      );
      return add(add(first, second), fixed);
    }
    default:
      return names[e.op];
  }
}

/** The program of one argument that computes an expression inside a loop. */
export const programOf =
  (e: Expression) =>
  (x: number): number =>
    evaluate({ op: "loop", turns: 2, a: e, b: e }, { x, first: x, second: mul(x, 0.5), fixed: 1 });
