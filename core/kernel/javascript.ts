/**
 * Scalar expressions as JavaScript functions: arithmetic on plain numbers of user programs, and the interpreter's evaluator.
 * Each operation is done in float64 and rounded to its dtype: for f32 that gives +, -, *, / and sqrt as IEEE 754 has them in f32
 * (53 bits are more than twice 24 and two: Figueroa, "When is double rounding innocuous?", 1995). i32 wraps as in two's complement,
 * division by zero giving 0; bool is 0 or 1. This file is the readable definition of what every function of `scalar-expr.ts` means.
 */
import { assert } from "../base/errors.ts";
import { erf, erfc, lgamma, polygamma } from "../base/special.ts";
import { type BinaryFn, type CompareFn, type Expr, postorder, type UnaryFn } from "./scalar-expr.ts";

/** Float to i32 as in C, but saturating; NaN gives 0. */
export function toI32(x: number): number {
  return x >= 2147483647 ? 2147483647 : x <= -2147483648 ? -2147483648 : x | 0;
}

/** i32 division towards zero, modulo 2^32; 0 where the divisor is 0. */
export function divideI32(x: number, y: number): number {
  return y === 0 ? 0 : (x / y) | 0;
}

/** Remainder with the sign of `x`; 0 where the divisor is 0. */
export function remainderI32(x: number, y: number): number {
  return y === 0 ? 0 : (x % y) | 0;
}

/** The functions that generated code may name beside `Math`. */
const library = { erf, erfc, lgamma, polygamma, toI32, divideI32, remainderI32 };

/** f(operand 0, …, operand arity-1) of an expression whose only leaves are loads and constants. */
export function compileScalar(expr: Expr, arity: number): (...args: number[]) => number {
  const parameters = Array.from({ length: arity }, (_, i) => `x${i}`);
  const body = statements(expr, (leaf) => {
    assert(
      leaf.kind === "load" && leaf.at === undefined && leaf.operand < arity,
      `a scalar function of ${arity} operands has a leaf ${leaf.kind}`,
    );
    return `x${leaf.operand}`;
  });
  return link(parameters, body) as (...args: number[]) => number;
}

/** Reads the element of an operand at the current point; for indirect loads `at` is the index and `atId` the id of its expression. */
export type LoadElement = (operand: number, at?: number, atId?: number) => number;
export type PointFunction = (load: LoadElement, index: readonly number[], reduced: readonly number[]) => number;

/** The value of an expression at one point of a kernel's iteration space. */
export function compilePoint(expr: Expr): PointFunction {
  const body = statements(expr, (leaf, name) => {
    switch (leaf.kind) {
      case "load":
        return leaf.at === undefined ? `load(${leaf.operand})` : `load(${leaf.operand}, ${name(leaf.at)}, ${leaf.at.id})`;
      case "index":
        return `index[${leaf.axis}]`;
      case "reduced":
        return `reduced[${leaf.stage}]`;
      default:
        return leaf satisfies never;
    }
  });
  return link(["load", "index", "reduced"], body) as PointFunction;
}

type Leaf = Extract<Expr, { kind: "load" | "index" | "reduced" }>;

function statements(root: Expr, leaf: (e: Leaf, name: (e: Expr) => string) => string): string {
  const name = (e: Expr) => (e.kind === "const" ? constantText(e.dtype === "f32" ? Math.fround(e.value) : e.value) : `t${e.id}`);
  const lines: string[] = [];
  for (const e of postorder([root])) if (e.kind !== "const") lines.push(`const t${e.id} = ${text(e, name, leaf)};`);
  lines.push(`return ${name(root)};`);
  return lines.join("\n");
}

function link(parameters: readonly string[], body: string): unknown {
  const names = Object.keys(library);
  const make = new Function(...names, `"use strict";\nreturn (${parameters.join(", ")}) => {\n${body}\n};`);
  return make(...Object.values(library));
}

function constantText(value: number): string {
  return Object.is(value, -0) ? "(-0)" : value < 0 ? `(${value})` : String(value);
}

function text(e: Expr, name: (e: Expr) => string, leaf: (e: Leaf, name: (e: Expr) => string) => string): string {
  switch (e.kind) {
    case "load":
    case "index":
    case "reduced":
      return leaf(e, name);
    case "const":
      return name(e);
    case "unary":
      return rounded(e, unaryText(e.fn, name(e.x), e.dtype === "bool", e.dtype === "i32"));
    case "binary":
      return rounded(e, binaryText(e.fn, name(e.x), name(e.y), e.dtype === "bool", e.dtype === "i32"));
    case "compare":
      return `(${name(e.x)} ${COMPARE[e.fn]} ${name(e.y)} ? 1 : 0)`;
    case "select":
      return `(${name(e.c)} ? ${name(e.x)} : ${name(e.y)})`;
    case "cast":
      return castText(name(e.x), e.x.dtype, e.dtype);
    default:
      return e satisfies never;
  }
}

/** Functions whose result is a number of f32 wherever their arguments are. */
const EXACT: ReadonlySet<UnaryFn | BinaryFn> = new Set(["neg", "abs", "sign", "floor", "ceil", "trunc", "round", "rem", "min", "max"]);

function rounded({ fn, dtype }: Extract<Expr, { kind: "unary" | "binary" }>, value: string): string {
  return dtype === "f32" && !EXACT.has(fn) ? `Math.fround(${value})` : value;
}

const COMPARE: Record<CompareFn, string> = { lt: "<", le: "<=", gt: ">", ge: ">=", eq: "===", ne: "!==" };

function castText(x: string, from: Expr["dtype"], to: Expr["dtype"]): string {
  switch (to) {
    case "f64":
      return x;
    case "f32":
      return `Math.fround(${x})`;
    case "i32":
      return from === "bool" ? x : `toI32(${x})`;
    case "bool":
      return `(${x} !== 0 ? 1 : 0)`;
    default:
      return to satisfies never;
  }
}

/** Functions that leave an integer as it is. */
const IDENTITY_ON_INTEGERS: ReadonlySet<UnaryFn> = new Set(["floor", "ceil", "trunc", "round"]);

function unaryText(fn: UnaryFn, x: string, isBool: boolean, isI32: boolean): string {
  if (fn === "not") return isBool ? `(${x} ^ 1)` : `(~${x})`;
  if (isBool) {
    assert(IDENTITY_ON_INTEGERS.has(fn) || fn === "neg" || fn === "abs" || fn === "sign", `${fn} of a bool`);
    return x;
  }
  if (isI32 && IDENTITY_ON_INTEGERS.has(fn)) return x;
  switch (fn) {
    case "neg":
      return isI32 ? `(-${x} | 0)` : `(-${x})`;
    case "abs":
      return isI32 ? `(Math.abs(${x}) | 0)` : `Math.abs(${x})`;
    case "sign":
      return `Math.sign(${x})`;
    case "erf":
    case "erfc":
    case "lgamma":
      return isI32 ? `toI32(${fn}(${x}))` : `${fn}(${x})`;
    default:
      return isI32 ? `toI32(Math.${fn}(${x}))` : `Math.${fn}(${x})`;
  }
}

function binaryText(fn: BinaryFn, x: string, y: string, isBool: boolean, isI32: boolean): string {
  if (isBool) return boolText(fn, x, y);
  switch (fn) {
    case "add":
      return isI32 ? `(${x} + ${y} | 0)` : `(${x} + ${y})`;
    case "sub":
      return isI32 ? `(${x} - ${y} | 0)` : `(${x} - ${y})`;
    case "mul":
      return isI32 ? `Math.imul(${x}, ${y})` : `(${x} * ${y})`;
    case "div":
      return isI32 ? `divideI32(${x}, ${y})` : `(${x} / ${y})`;
    case "rem":
      return isI32 ? `remainderI32(${x}, ${y})` : `(${x} % ${y})`;
    case "min":
    case "max":
      return `Math.${fn}(${x}, ${y})`;
    case "pow":
    case "atan2":
    case "hypot":
      return isI32 ? `toI32(Math.${fn}(${x}, ${y}))` : `Math.${fn}(${x}, ${y})`;
    case "polygamma":
      return isI32 ? `toI32(polygamma(${x}, ${y}))` : `polygamma(${x}, ${y})`;
    case "and":
      return `(${x} & ${y})`;
    case "or":
      return `(${x} | ${y})`;
    case "xor":
      return `(${x} ^ ${y})`;
    case "shl":
      return `(${x} << ${y})`;
    case "shr":
      return `(${x} >>> ${y} | 0)`;
    default:
      return fn satisfies never;
  }
}

/** Arithmetic of truth values: the integer result, compared with zero. */
function boolText(fn: BinaryFn, x: string, y: string): string {
  switch (fn) {
    case "and":
    case "mul":
    case "min":
    case "div":
      return `(${x} & ${y})`;
    case "or":
    case "add":
    case "max":
      return `(${x} | ${y})`;
    case "xor":
    case "sub":
      return `(${x} ^ ${y})`;
    case "rem":
      return "0";
    default:
      assert(false, `${fn} of bools`);
  }
}
