/**
 * Wrong derivative rules, of the kinds that people write: a lost sign, a lost term, a transposed operand, a swapped side, an index
 * off by one. Each replaces one entry of the rule table; all keep dtypes and shapes, so that nothing but the numbers is wrong.
 */

import type { ParamsOf } from "../../core/primitive.ts";
import { type PrimitiveName, type Primitives, primitiveNames } from "../../core/primitives/table.ts";
import { factor, type InputRule, inputs, linear, minus, per, plus, type Rule } from "../../rules/rule.ts";
import { ruleOf, rules } from "../../rules/table.ts";

export interface Mutant {
  readonly primitive: PrimitiveName;
  /** What is wrong with the rule. */
  readonly mistake: string;
  readonly rule: Rule;
}

type RuleFor<K extends PrimitiveName> = Rule<ParamsOf<Primitives[K]>>;

function mutant<K extends PrimitiveName>(primitive: K, mistake: string, rule: RuleFor<K>): Mutant {
  return { primitive, mistake, rule: rule as unknown as Rule };
}

/** The rule in force for input `i` of a primitive, to be kept beside a wrong one. */
function right<K extends PrimitiveName>(primitive: K, i: number): InputRule<ParamsOf<Primitives[K]>> {
  const rule = rules[primitive] as unknown as Rule;
  if (rule.kind !== "inputs" || !rule.inputs[i]) throw new Error(`the rule of ${primitive} has no entry for input ${i}`);
  return rule.inputs[i] as unknown as InputRule<ParamsOf<Primitives[K]>>;
}

const nothing: InputRule<undefined> = { vjp: (op, ct) => op.mul(ct, 0), jvp: (op, t) => op.mul(t, 0) };
const twice = <P>(rule: InputRule<P>): InputRule<P> => ({
  vjp: (op, ct, s) => op.mul(rule.vjp(op, ct, s), 2),
  jvp: (op, t, s) => op.mul(rule.jvp(op, t, s), 2),
});

const negated = <P>(rule: InputRule<P>): InputRule<P> => ({
  vjp: (op, ct, s) => op.neg(rule.vjp(op, ct, s)),
  jvp: (op, t, s) => op.neg(rule.jvp(op, t, s)),
});

const elementwise: readonly Mutant[] = [
  mutant("sin", "the sign is flipped", inputs(factor<undefined>((op, s) => op.neg(op.cos(s.in(0)))))),
  mutant("cos", "the minus is missing", inputs(factor<undefined>((op, s) => op.sin(s.in(0))))),
  mutant("exp", "the factor is the input", inputs(factor<undefined>((_op, s) => s.in(0)))),
  mutant("log", "the factor is the input, not its reciprocal", inputs(factor<undefined>((_op, s) => s.in(0)))),
  mutant("sqrt", "the 2 is missing", inputs(per<undefined>((_op, s) => s.out))),
  mutant("square", "the 2 is missing", inputs(factor<undefined>((_op, s) => s.in(0)))),
  mutant("tanh", "the square is missing", inputs(factor<undefined>((op, s) => op.sub(1, s.out)))),
  mutant("tanh", "only forward mode is wrong", inputs<undefined>({ vjp: right("tanh", 0).vjp, jvp: plus.jvp })),
  mutant("sigmoid", "the factor 1 - y is missing", inputs(factor<undefined>((_op, s) => s.out))),
  mutant("relu", "negative inputs are let through", inputs(plus)),
  mutant("erf", "the factor 2/sqrt(pi) is missing", inputs(factor<undefined>((op, s) => op.exp(op.neg(op.square(s.in(0))))))),
  mutant("sub", "the second input has the sign of the first", inputs(plus, plus)),
  mutant("add", "the second input has a minus", inputs(plus, minus)),
  mutant("mul", "the second input gets nothing", inputs(right("mul", 0), nothing)),
  mutant("mul", "the second input gets the cotangent alone", inputs(right("mul", 0), plus)),
  mutant(
    "div",
    "the second input has no minus",
    inputs<undefined>(
      right("div", 0),
      factor<undefined>((op, s) => op.div(s.out, s.in(1))),
    ),
  ),
  mutant(
    "pow",
    "the exponent is not lowered",
    inputs<undefined>(
      factor<undefined>((op, s) => op.mul(s.in(1), s.out)),
      right("pow", 1),
    ),
  ),
  mutant(
    "pow",
    "the logarithm is missing",
    inputs<undefined>(
      right("pow", 0),
      factor<undefined>((_op, s) => s.out),
    ),
  ),
  mutant("maximum", "both operands get the cotangent", inputs(plus, plus)),
  mutant("logaddexp", "the weights are swapped", inputs(right("logaddexp", 1), right("logaddexp", 0))),
  mutant(
    "xlogy",
    "the second input gets the first, undivided",
    inputs<undefined>(
      right("xlogy", 0),
      factor<undefined>((_op, s) => s.in(0)),
    ),
  ),
  mutant("where", "the sides are swapped", inputs<undefined>(null, right("where", 2), right("where", 1))),
];

const folds: readonly Mutant[] = [
  mutant("sum", "every element gets twice its share", inputs(twice(right("sum", 0)))),
  mutant("reduceMax", "all elements get the cotangent, not the largest", inputs({ vjp: right("sum", 0).vjp, jvp: right("sum", 0).jvp })),
  mutant("logsumexp", "the softmax factor is missing", inputs({ vjp: right("sum", 0).vjp, jvp: right("sum", 0).jvp })),
  mutant("softmax", "the sum term is missing", inputs(factor<{ readonly axis: number }>((_op, s) => s.out))),
  mutant("logSoftmax", "the sum term is missing", inputs<{ readonly axis: number }>({ vjp: (_op, ct) => ct, jvp: (_op, t) => t })),
  mutant(
    "crossEntropyRows",
    "the target is not subtracted",
    inputs<undefined>(
      {
        vjp: (op, ct, s) => op.mul(op.reshape(ct, [...s.outAval.shape, 1]), op.softmax(s.in(0), s.inAval(0).shape.length - 1)),
        jvp: (op, t, s) => op.sum(op.mul(t, op.softmax(s.in(0), s.inAval(0).shape.length - 1)), [s.inAval(0).shape.length - 1], false),
      },
      null,
    ),
  ),
];

const isSquare = (shape: readonly number[]) => shape.length >= 2 && shape.at(-1) === shape.at(-2);
const unflagged = { transposeA: false, transposeB: false };

const products: readonly Mutant[] = [
  mutant(
    "matmul",
    "the first input's product lacks the transpose of B, where shapes allow it",
    inputs(
      {
        ...right("matmul", 0),
        vjp: (op, ct, s) =>
          isSquare(s.inAval(1).shape) && !s.params.transposeA && !s.params.transposeB
            ? op.matmul(ct, s.in(1), unflagged)
            : right("matmul", 0).vjp(op, ct, s),
      },
      right("matmul", 1),
    ),
  ),
  mutant(
    "matmul",
    "the second input's product lacks the transpose of A, where shapes allow it",
    inputs(right("matmul", 0), {
      ...right("matmul", 1),
      vjp: (op, ct, s) =>
        isSquare(s.inAval(0).shape) && !s.params.transposeA && !s.params.transposeB
          ? op.matmul(s.in(0), ct, unflagged)
          : right("matmul", 1).vjp(op, ct, s),
    }),
  ),
  mutant("matmul", "the second input is doubled", inputs(right("matmul", 0), twice(right("matmul", 1)))),
];

const decompositions: readonly Mutant[] = [
  mutant("cholesky", "both modes are doubled", inputs(twice(right("cholesky", 0)))),
  mutant(
    "cholesky",
    "the cotangent is not multiplied by the factor",
    inputs(linear(right("cholesky", 0).jvp, (op, ct, s) => right("cholesky", 0).vjp(op, op.mul(ct, s.out), s))),
  ),
  mutant(
    "triangularSolve",
    "the matrix gets the sign of the right-hand side",
    inputs(negated(right("triangularSolve", 0)), right("triangularSolve", 1)),
  ),
  mutant(
    "triangularSolve",
    "the system of the cotangent is not turned",
    inputs(
      right("triangularSolve", 0),
      linear(right("triangularSolve", 1).jvp, (op, ct, s) => op.triangularSolve(s.in(0), ct, s.params)),
    ),
  ),
  mutant("solve", "the matrix gets the sign of the right-hand side", inputs(negated(right("solve", 0)), right("solve", 1))),
  mutant("det", "the determinant is missing from the gradient", inputs(linear(right("logabsdet", 0).jvp, right("logabsdet", 0).vjp))),
];

const movement: readonly Mutant[] = [
  mutant("broadcastTo", "the cotangent is doubled", inputs(twice(right("broadcastTo", 0)))),
  mutant(
    "transpose",
    "the permutation is not inverted, where shapes allow it",
    inputs(
      linear(right("transpose", 0).jvp, (op, ct, s) => {
        const { shape } = s.outAval;
        const fits = s.params.perm.every((p, i) => shape[p] === s.inAval(0).shape[i]);
        return op.reshape(fits ? op.transpose(ct, s.params.perm) : ct, s.inAval(0).shape);
      }),
    ),
  ),
  mutant(
    "slice",
    "the cotangent goes back to the first place",
    inputs(
      linear(right("slice", 0).jvp, (op, ct, s) => {
        const length = s.inAval(0).shape;
        const { step } = s.params;
        const reach = s.outAval.shape.map((n, i) => (n === 0 ? 0 : (n - 1) * (step[i] as number) + 1));
        const none = length.map(() => 0);
        return op.pad(
          ct,
          none,
          length.map((d, i) => d - (reach[i] as number)),
          step.map((by) => by - 1),
          0,
        );
      }),
    ),
  ),
  mutant(
    "pad",
    "the cotangent is read from the first place",
    inputs(
      linear(right("pad", 0).jvp, (op, ct, s) => {
        const { interior } = s.params;
        const from = s.params.low.map((n) => Math.min(0, n));
        const reach = s.inAval(0).shape.map((n, i) => (n === 0 ? 0 : (n - 1) * ((interior[i] as number) + 1) + 1));
        return op.slice(
          ct,
          from,
          from.map((lo, i) => lo + (reach[i] as number)),
          interior.map((n) => n + 1),
        );
      }),
    ),
  ),
  mutant("concat", "every part is doubled", {
    kind: "variadic",
    input: (i) => {
      const rule = rules.concat;
      if (rule.kind !== "variadic") throw new Error("the rule of concat is variadic");
      return twice(rule.input(i));
    },
  }),
  mutant("stopGradient", "the derivative is let through", inputs(plus)),
];

const indexed: readonly Mutant[] = [
  mutant(
    "gather",
    "forward mode is right, the cotangent is lost",
    inputs({ jvp: right("gather", 0).jvp, vjp: (op, ct, s) => op.mul(right("gather", 0).vjp(op, ct, s), 0) }, null),
  ),
  mutant(
    "scatterAdd",
    "the array that is added to gets twice its share",
    inputs(twice(right("scatterAdd", 0)), null, right("scatterAdd", 2)),
  ),
  mutant("indexSelect", "repeated rows are counted twice", inputs(twice(right("indexSelect", 0)), null)),
];

export const mutants: readonly Mutant[] = [...elementwise, ...folds, ...products, ...decompositions, ...movement, ...indexed];

/** Runs `f` while the mutant stands in the table, and puts the right rule back whatever happens. */
export async function withMutant<T>({ primitive, rule }: Mutant, f: () => Promise<T>): Promise<T> {
  const table = ruleOf as Rule[];
  const opcode = primitiveNames.indexOf(primitive);
  const before = table[opcode] as Rule;
  table[opcode] = rule;
  try {
    return await f();
  } finally {
    table[opcode] = before;
  }
}
