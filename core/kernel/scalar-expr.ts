/**
 * Scalar expressions: what a kernel computes for one element. Pure data, hash-consed (equal expressions are one object, so a
 * printer that visits each object once emits each subexpression once). No device, no text: `core/render` prints them and the
 * interpreter evaluates them. Depth is the depth of a primitive's formula, never of a user's program.
 */
import type { DType } from "../base/dtype.ts";

export type UnaryFn =
  | "neg"
  | "abs"
  | "sign"
  | "floor"
  | "ceil"
  | "trunc"
  | "round"
  | "sqrt"
  | "exp"
  | "expm1"
  | "log"
  | "log1p"
  | "log2"
  | "log10"
  | "cbrt"
  | "sin"
  | "cos"
  | "tan"
  | "asin"
  | "acos"
  | "atan"
  | "sinh"
  | "cosh"
  | "tanh"
  | "asinh"
  | "acosh"
  | "atanh"
  | "erf"
  | "erfc"
  | "lgamma"
  | "not";
/**
 * `min`/`max` return NaN when an operand is NaN; `rem` is JavaScript's `%`; `polygamma(n, x)` takes its order first. `shl` and
 * `shr` (logical: zeros come in from above) are for i32 only; of the count y its low five bits count.
 */
export type BinaryFn =
  | "add"
  | "sub"
  | "mul"
  | "div"
  | "rem"
  | "min"
  | "max"
  | "pow"
  | "atan2"
  | "hypot"
  | "polygamma"
  | "and"
  | "or"
  | "xor"
  | "shl"
  | "shr";
/** Comparisons of two numbers of one dtype; the result is a bool. Any comparison with NaN but `ne` is false. */
export type CompareFn = "lt" | "le" | "gt" | "ge" | "eq" | "ne";

export type Expr =
  /** The element of operand `operand` at the current point; `at` is an i32 index along the operand's indirect axis. */
  | { readonly kind: "load"; readonly operand: number; readonly dtype: DType; readonly at?: Expr; readonly id: number }
  | { readonly kind: "const"; readonly value: number; readonly dtype: DType; readonly id: number }
  /** The current i32 coordinate along iteration axis `axis`. */
  | { readonly kind: "index"; readonly axis: number; readonly dtype: "i32"; readonly id: number }
  /** The result of the kernel's reduction number `stage`. */
  | { readonly kind: "reduced"; readonly stage: number; readonly dtype: DType; readonly id: number }
  | { readonly kind: "unary"; readonly fn: UnaryFn; readonly x: Expr; readonly dtype: DType; readonly id: number }
  | { readonly kind: "binary"; readonly fn: BinaryFn; readonly x: Expr; readonly y: Expr; readonly dtype: DType; readonly id: number }
  | { readonly kind: "compare"; readonly fn: CompareFn; readonly x: Expr; readonly y: Expr; readonly dtype: "bool"; readonly id: number }
  /** `c ? x : y`; the unselected side never contributes, not even a NaN. */
  | { readonly kind: "select"; readonly c: Expr; readonly x: Expr; readonly y: Expr; readonly dtype: DType; readonly id: number }
  /** Conversion as in C: float to i32 truncates (saturating, NaN to 0), number to bool is `!= 0`. */
  | { readonly kind: "cast"; readonly x: Expr; readonly dtype: DType; readonly id: number };

type WithoutId<T> = T extends { readonly id: number } ? Omit<T, "id"> : never;

const consed = new Map<string, Expr>();

function cons(key: string, node: WithoutId<Expr>): Expr {
  let e = consed.get(key);
  if (e === undefined) {
    e = Object.freeze({ ...node, id: consed.size }) as Expr;
    consed.set(key, e);
  }
  return e;
}

export function load(operand: number, dtype: DType, at?: Expr): Expr {
  return cons(
    `l${operand}:${dtype}:${at?.id ?? ""}`,
    at === undefined ? { kind: "load", operand, dtype } : { kind: "load", operand, dtype, at },
  );
}
export function constant(value: number, dtype: DType): Expr {
  return cons(`c${Object.is(value, -0) ? "-0" : value}:${dtype}`, { kind: "const", value, dtype });
}
export function index(axis: number): Expr {
  return cons(`i${axis}`, { kind: "index", axis, dtype: "i32" });
}
export function reduced(stage: number, dtype: DType): Expr {
  return cons(`r${stage}:${dtype}`, { kind: "reduced", stage, dtype });
}
export function unary(fn: UnaryFn, x: Expr): Expr {
  return cons(`u${fn}(${x.id})`, { kind: "unary", fn, x, dtype: x.dtype });
}
export function binary(fn: BinaryFn, x: Expr, y: Expr): Expr {
  return cons(`b${fn}(${x.id},${y.id})`, { kind: "binary", fn, x, y, dtype: y.dtype });
}
export function compare(fn: CompareFn, x: Expr, y: Expr): Expr {
  return cons(`q${fn}(${x.id},${y.id})`, { kind: "compare", fn, x, y, dtype: "bool" });
}
export function select(c: Expr, x: Expr, y: Expr): Expr {
  return cons(`s(${c.id},${x.id},${y.id})`, { kind: "select", c, x, y, dtype: x.dtype });
}
export function cast(x: Expr, dtype: DType): Expr {
  return x.dtype === dtype ? x : cons(`t${dtype}(${x.id})`, { kind: "cast", x, dtype });
}

/** The expressions below `root` in an order in which arguments come first, each once. No recursion. */
export function postorder(roots: readonly Expr[]): Expr[] {
  const out: Expr[] = [];
  const seen = new Set<Expr>();
  const stack: (Expr | { done: Expr })[] = [...roots].reverse();
  while (stack.length > 0) {
    const top = stack.pop() as Expr | { done: Expr };
    if ("done" in top) {
      out.push(top.done);
      continue;
    }
    if (seen.has(top)) continue;
    seen.add(top);
    stack.push({ done: top });
    for (const arg of operandsOf(top).reverse()) stack.push(arg);
  }
  return out;
}

/** The direct arguments of an expression. */
export function operandsOf(e: Expr): Expr[] {
  switch (e.kind) {
    case "load":
      return e.at === undefined ? [] : [e.at];
    case "const":
    case "index":
    case "reduced":
      return [];
    case "unary":
    case "cast":
      return [e.x];
    case "binary":
    case "compare":
      return [e.x, e.y];
    case "select":
      return [e.c, e.x, e.y];
    default:
      return e satisfies never;
  }
}
