/**
 * The operators of rewritten programs. Each is small enough to be inlined, tries plain numbers first, and sends the rest to a
 * slow path that computes with `core/ops.ts` where a traced number or a tensor takes part and as JavaScript does elsewhere.
 */
import * as ops from "../core/ops.ts";
import type { Value } from "../core/tensor/traced.ts";
import { indexRefused, isCarried, operand, plain, show } from "./coerce.ts";

type Operation = (a: Value, b: Value) => Value;

/** Arithmetic with at least one operand that is not a number. */
function slow(operation: Operation, native: (a: never, b: never) => unknown, a: unknown, b: unknown): unknown {
  if (isCarried(a) || isCarried(b)) return operation(operand(a), operand(b));
  if (typeof a === "bigint" && typeof b === "bigint") return native(a as never, b as never);
  const x = operand(a);
  const y = operand(b);
  return isCarried(x) || isCarried(y) ? operation(x, y) : native(x as never, y as never);
}

export function add(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a + b : slowAdd(a, b);
}
/** `+` joins text as soon as one operand is text; arrays and records become text, as in JavaScript. */
function slowAdd(a: unknown, b: unknown): unknown {
  const x = primitive(a);
  const y = primitive(b);
  return typeof x === "string" || typeof y === "string" ? `${text(x)}${text(y)}` : slow(ops.add, (p: number, q: number) => p + q, x, y);
}
function primitive(x: unknown): unknown {
  if (typeof x === "function") return String(x);
  if (typeof x !== "object" || x === null || isCarried(x)) return x;
  const value = x.valueOf() as unknown;
  return value === x ? String(x) : value;
}
function text(x: unknown): string {
  if (typeof x === "symbol") throw new TypeError("Cannot convert a Symbol value to a string");
  return String(x);
}

export function sub(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a - b : slow(ops.sub, (x: number, y: number) => x - y, a, b);
}
export function mul(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a * b : slow(ops.mul, (x: number, y: number) => x * y, a, b);
}
export function div(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a / b : slow(ops.div, (x: number, y: number) => x / y, a, b);
}
export function rem(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a % b : slow(ops.rem, (x: number, y: number) => x % y, a, b);
}
export function pow(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a ** b : slow(ops.pow, (x: number, y: number) => x ** y, a, b);
}

export function neg(a: unknown): unknown {
  return typeof a === "number" ? -a : slowNeg(a);
}
function slowNeg(a: unknown): unknown {
  if (typeof a === "bigint") return -a;
  const x = operand(a);
  return typeof x === "number" ? -x : ops.neg(x);
}
/** Unary `+`: a traced number stays what it is. */
export function pos(a: unknown): unknown {
  return typeof a === "number" ? a : operand(a);
}
/** What `x++` reads: x as a number (bigints stay). */
export function numeric(a: unknown): unknown {
  return typeof a === "number" || typeof a === "bigint" ? a : operand(a);
}
export function inc(a: unknown): unknown {
  return typeof a === "number" ? a + 1 : typeof a === "bigint" ? a + 1n : add(operand(a), 1);
}
export function dec(a: unknown): unknown {
  return typeof a === "number" ? a - 1 : typeof a === "bigint" ? a - 1n : sub(operand(a), 1);
}

// Bitwise operators: integers out, so piecewise constant; the derivative is zero and the result a plain number.

function integer(native: (a: never, b: never) => unknown, a: unknown, b: unknown): unknown {
  if (typeof a === "bigint" && typeof b === "bigint") return native(a as never, b as never);
  return native(plain(operand(a), "an integer") as never, plain(operand(b), "an integer") as never);
}
export function and(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a & b : integer((x: number, y: number) => x & y, a, b);
}
export function or(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a | b : integer((x: number, y: number) => x | y, a, b);
}
export function xor(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a ^ b : integer((x: number, y: number) => x ^ y, a, b);
}
export function shl(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a << b : integer((x: number, y: number) => x << y, a, b);
}
export function shr(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a >> b : integer((x: number, y: number) => x >> y, a, b);
}
export function ushr(a: unknown, b: unknown): unknown {
  return typeof a === "number" && typeof b === "number" ? a >>> b : integer((x: number, y: number) => x >>> y, a, b);
}
export function not(a: unknown): unknown {
  return typeof a === "bigint" ? ~a : ~(plain(operand(a), "an integer") as number);
}

// Comparisons: of the numbers, ignoring derivatives.

const COMPARED = "an operand of a comparison";

function compare(native: (a: never, b: never) => boolean, a: unknown, b: unknown): boolean {
  return native(ordered(a) as never, ordered(b) as never);
}
function ordered(x: unknown): unknown {
  const value = plain(x, COMPARED);
  return typeof value === "object" && value !== null ? plain(value.valueOf(), COMPARED) : value;
}
export function lt(a: unknown, b: unknown): boolean {
  return typeof a === "number" && typeof b === "number" ? a < b : compare((x: number, y: number) => x < y, a, b);
}
export function le(a: unknown, b: unknown): boolean {
  return typeof a === "number" && typeof b === "number" ? a <= b : compare((x: number, y: number) => x <= y, a, b);
}
export function gt(a: unknown, b: unknown): boolean {
  return typeof a === "number" && typeof b === "number" ? a > b : compare((x: number, y: number) => x > y, a, b);
}
export function ge(a: unknown, b: unknown): boolean {
  return typeof a === "number" && typeof b === "number" ? a >= b : compare((x: number, y: number) => x >= y, a, b);
}

/** `===` */
export function same(a: unknown, b: unknown): boolean {
  return typeof a === "number" && typeof b === "number" ? a === b : slowSame(a, b);
}
/** `!==` */
export function differ(a: unknown, b: unknown): boolean {
  return typeof a === "number" && typeof b === "number" ? a !== b : !slowSame(a, b);
}
/** A carried value is no string, boolean, null or undefined; that is told without looking inside. */
function slowSame(a: unknown, b: unknown): boolean {
  if (!isCarried(a) && !isCarried(b)) return a === b;
  if (!isNumberLike(a) || !isNumberLike(b)) return false;
  return plain(a, COMPARED) === plain(b, COMPARED);
}
function isNumberLike(x: unknown): boolean {
  return typeof x === "number" || isCarried(x);
}
/** `==` */
export function equal(a: unknown, b: unknown): boolean {
  return typeof a === "number" && typeof b === "number" ? a === b : slowEqual(a, b);
}
/** `!=` */
export function unequal(a: unknown, b: unknown): boolean {
  return typeof a === "number" && typeof b === "number" ? a !== b : !slowEqual(a, b);
}
function slowEqual(a: unknown, b: unknown): boolean {
  if ((!isCarried(a) && !isCarried(b)) || a === null || b === null || a === undefined || b === undefined) {
    // biome-ignore lint/suspicious/noDoubleEquals: this is the program's own ==
    return a == b;
  }
  // biome-ignore lint/suspicious/noDoubleEquals: this is the program's own ==
  return ordered(a) == ordered(b);
}

/** The truth of a condition: a traced number's is its number's. */
export function truth(a: unknown): boolean {
  return typeof a === "boolean" ? a : Boolean(plain(a, "a condition"));
}
/** What a `switch` compares. */
export function key(a: unknown): unknown {
  return typeof a === "object" ? plain(a, "the value of a switch") : a;
}
/** `typeof` */
export function type(a: unknown): string {
  if (typeof a !== "object" || !isCarried(a)) return typeof a;
  return typeof show(a);
}
/** A computed property name: strings, symbols and plain numbers. */
export function index(a: unknown): unknown {
  if (typeof a === "object" && isCarried(a)) throw indexRefused(a);
  return a;
}
