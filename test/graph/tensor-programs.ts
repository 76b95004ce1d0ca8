/**
 * Random programs over matrices, with loops of known and unknown length, scans over the rows of a tensor, branches, and products with
 * weights that no turn changes: what is moved out of loops and kept for their way back.
 */
import fc from "fast-check";
import type { Tensor } from "../../core/ops.ts";
import * as ops from "../../core/ops.ts";

const { add, mul, sin, tanh, lt, gt, cond, whileLoop, scan, matmul, mean, sum, transpose } = ops;

/** Expressions whose values are matrices of 2 by 3. */
export type TensorExpression =
  | { readonly op: "x" | "first" | "second" | "fixed" | "row" }
  | { readonly op: "add" | "mul" | "wave" | "scale"; readonly a: TensorExpression; readonly b: TensorExpression }
  | { readonly op: "product"; readonly weight: "w" | "transposed" | "steep"; readonly a: TensorExpression }
  /** A product with a weight that an expression gives. */
  | { readonly op: "mix"; readonly a: TensorExpression; readonly b: TensorExpression }
  | { readonly op: "cond"; readonly c: TensorExpression; readonly a: TensorExpression; readonly b: TensorExpression }
  | { readonly op: "loop"; readonly turns: number | "n"; readonly a: TensorExpression; readonly b: TensorExpression }
  | { readonly op: "scan"; readonly a: TensorExpression; readonly b: TensorExpression };

export const { tensorExpression } = fc.letrec<{ tensorExpression: TensorExpression }>((tie) => ({
  tensorExpression: fc.oneof(
    { depthSize: "small", withCrossShrink: true },
    fc.record({ op: fc.constantFrom("x", "first", "second", "fixed", "row") }),
    fc.record({ op: fc.constantFrom("add", "mul", "wave", "scale"), a: tie("tensorExpression"), b: tie("tensorExpression") }),
    fc.record({ op: fc.constant("product"), weight: fc.constantFrom("w", "transposed", "steep"), a: tie("tensorExpression") }),
    fc.record({ op: fc.constant("mix"), a: tie("tensorExpression"), b: tie("tensorExpression") }),
    fc.record({
      op: fc.constant("cond"),
      c: tie("tensorExpression"),
      a: tie("tensorExpression"),
      b: tie("tensorExpression"),
    }),
    fc.record({
      op: fc.constant("loop"),
      turns: fc.constantFrom(0, 1, 3, "n", "n"),
      a: tie("tensorExpression"),
      b: tie("tensorExpression"),
    }),
    fc.record({ op: fc.constant("scan"), a: tie("tensorExpression"), b: tie("tensorExpression") }),
  ) as fc.Arbitrary<TensorExpression>,
}));

interface Names {
  readonly x: Tensor;
  readonly first: Tensor;
  readonly second: Tensor;
  readonly fixed: Tensor;
  readonly row: Tensor;
  readonly w: Tensor;
  /** Rows of a scan: matrices of 2 by 3. */
  readonly rows: Tensor;
  /** How often some loops turn: no constant of the graph. */
  readonly n: number;
}

const asNumber = (x: Tensor): number => ops.item(mean(x));

function evaluate(e: TensorExpression, names: Names): Tensor {
  const of = (inner: TensorExpression) => evaluate(inner, names);
  switch (e.op) {
    case "add":
      return add(of(e.a), of(e.b)) as Tensor;
    case "mul":
      return mul(of(e.a), of(e.b)) as Tensor;
    case "wave":
      return sin(add(of(e.a), of(e.b)) as Tensor) as Tensor;
    case "scale":
      return mul(of(e.a), sin(asNumber(of(e.b)))) as Tensor;
    case "product": {
      const { w } = names;
      const weight = e.weight === "w" ? w : e.weight === "transposed" ? transpose(w) : (tanh(mul(w, 2)) as Tensor);
      return matmul(of(e.a), weight);
    }
    case "mix":
      return tanh(matmul(of(e.a), matmul(transpose(of(e.b)), names.fixed))) as Tensor;
    case "cond":
      return cond(
        gt(sin(asNumber(of(e.c))), 0.0123),
        () => of(e.a),
        () => of(e.b),
      );
    case "loop": {
      const { first, second, fixed } = whileLoop(
        ({ i }) => lt(i, e.turns === "n" ? names.n : e.turns),
        (s) => {
          const inner = { ...names, first: s.first, second: s.second, fixed: s.fixed };
          return {
            i: add(s.i, 1),
            first: sin(evaluate(e.a, inner)) as Tensor,
            second: add(mul(s.first, 0.5), sin(evaluate(e.b, inner))) as Tensor,
            fixed: s.fixed,
          };
        },
        { i: 0, first: names.x, second: names.first, fixed: sin(names.second) as Tensor },
      );
      return add(add(first, second), fixed) as Tensor;
    }
    case "scan": {
      const [carry, ys] = scan(
        (c: Tensor, row: Tensor) => {
          const inner = { ...names, first: c, row };
          return [sin(add(c, evaluate(e.a, inner)) as Tensor) as Tensor, evaluate(e.b, inner)] as const;
        },
        names.first,
        names.rows,
      );
      return add(carry, sum(sin(ys) as Tensor, [0])) as Tensor;
    }
    default:
      return names[e.op];
  }
}

/** The program that computes an expression inside a loop of unknown length: a number of a matrix, a weight, rows and a count. */
export const tensorProgramOf =
  (e: TensorExpression) =>
  (x: Tensor, w: Tensor, rows: Tensor, n: number): number => {
    const row = tanh(x) as Tensor;
    return asNumber(
      evaluate({ op: "loop", turns: "n", a: e, b: e }, { x, first: x, second: mul(x, 0.5) as Tensor, fixed: row, row, w, rows, n }),
    );
  };
