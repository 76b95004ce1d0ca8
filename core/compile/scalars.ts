/** Primitives on numbers as JavaScript expressions; what is not here is called. */
import type { AnyPrimitive } from "../primitive.ts";

type Form = (args: readonly string[]) => string;

const infix =
  (op: string): Form =>
  ([a, b]) =>
    `(${a} ${op} ${b})`;
const math =
  (name: string): Form =>
  (args) =>
    `Math.${name}(${args.join(", ")})`;

const forms: Readonly<Record<string, Form>> = {
  add: infix("+"),
  sub: infix("-"),
  mul: infix("*"),
  div: infix("/"),
  neg: ([a]) => `(-${a})`,
  lt: infix("<"),
  le: infix("<="),
  gt: infix(">"),
  ge: infix(">="),
  eq: infix("==="),
  ne: infix("!=="),
  reciprocal: ([a]) => `(1 / ${a})`,
  rsqrt: ([a]) => `(1 / Math.sqrt(${a}))`,
  square: ([a]) => `(${a} * ${a})`,
  stopGradient: ([a]) => a as string,
  logicalAnd: infix("&&"),
  logicalOr: infix("||"),
  logicalNot: ([a]) => `(!${a})`,
  where: ([c, x, y]) => `(${c} ? ${x} : ${y})`,
  ...Object.fromEntries(
    "abs sign floor ceil trunc sqrt exp expm1 log log1p log2 log10 cbrt sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh pow atan2"
      .split(" ")
      .map((name) => [name, math(name)]),
  ),
};

/** The expression, or undefined where the primitive has to be called by its scalar function. */
export function scalarExpression(primitive: AnyPrimitive, args: readonly string[]): string | undefined {
  return forms[primitive.name]?.(args);
}
