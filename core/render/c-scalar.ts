/**
 * Scalar expressions as C: one text per node, over the names of its arguments. Floats compute in their own width with the functions
 * of the runtime's vector-math.h, integers wrap (kernel.h), truth values are i32 that are 0 or 1. The definition that this follows
 * is core/kernel/javascript.ts.
 */
import { type DType, isFloat } from "../base/dtype.ts";
import { assert } from "../base/errors.ts";
import { type BinaryFn, type CompareFn, type Expr, postorder, type UnaryFn } from "../kernel/scalar-expr.ts";

/** The C type of an element. */
export const C_TYPE: Record<DType, string> = { f32: "tg_f32", f64: "tg_f64", i32: "tg_i32", bool: "tg_i32" };

export function constantText(value: number, dtype: DType): string {
  if (dtype === "i32" || dtype === "bool") return value <= -2147483648 ? "INT32_MIN" : `(${Math.trunc(value)})`;
  const [suffix, type] = dtype === "f32" ? ["f", "F32"] : ["", "F64"];
  if (Number.isNaN(value)) return `TG_NAN_${type}`;
  const rounded = dtype === "f32" ? Math.fround(value) : value;
  if (!Number.isFinite(rounded)) return `(${rounded < 0 ? "-" : ""}TG_INF_${type})`;
  const digits = Object.is(rounded, -0) ? "-0" : String(rounded);
  return `(${/[.e]/.test(digits) ? digits : `${digits}.0`}${suffix})`;
}

type Inner = Exclude<Expr, { kind: "load" | "const" | "index" | "reduced" }>;

/** A node over the texts of its arguments, which are names or constants. */
export function nodeText(e: Inner, name: (arg: Expr) => string): string {
  switch (e.kind) {
    case "unary":
      return unaryText(e.fn, name(e.x), e.dtype);
    case "binary":
      return binaryText(e.fn, name(e.x), name(e.y), e.dtype);
    case "compare":
      return `${name(e.x)} ${COMPARE[e.fn]} ${name(e.y)}`;
    case "select":
      return `${name(e.c)} != 0 ? ${name(e.x)} : ${name(e.y)}`;
    case "cast": {
      const { x } = e;
      if (isFloat(e.dtype) && x.dtype === "i32" && holdsWholePart(x)) return `tg_whole_${e.dtype}(${name(x)})`;
      return castText(name(x), x.dtype, e.dtype);
    }
    default:
      return e satisfies never;
  }
}

/** Whether there are whole parts of floats in an expression: what is one of them, however chosen, may come back as a float by trunc. */
const holdsWholePart = (e: Expr): boolean => postorder([e]).some((x) => x.kind === "cast" && x.dtype === "i32" && isFloat(x.x.dtype));

const COMPARE: Record<CompareFn, string> = { lt: "<", le: "<=", gt: ">", ge: ">=", eq: "==", ne: "!=" };

/** A conversion; number to bool is `!= 0`, which a NaN is. */
export function castText(x: string, from: DType, to: DType): string {
  const isInteger = from === "i32" || from === "bool";
  if (to === "bool") return from === "bool" ? x : `${x} != 0`;
  if (to === "i32") return isInteger ? x : `tg_to_i32_${from}(${x})`;
  return from === to ? x : `(${C_TYPE[to]})${x}`;
}

const IDENTITY_ON_INTEGERS: ReadonlySet<UnaryFn> = new Set(["floor", "ceil", "trunc", "round"]);

function unaryText(fn: UnaryFn, x: string, dtype: DType): string {
  if (fn === "not") return dtype === "bool" ? `${x} ^ 1` : `~${x}`;
  if (dtype === "bool") {
    assert(IDENTITY_ON_INTEGERS.has(fn) || fn === "neg" || fn === "abs" || fn === "sign", `${fn} of a bool`);
    return x;
  }
  if (dtype === "i32") {
    if (IDENTITY_ON_INTEGERS.has(fn)) return x;
    if (fn === "neg" || fn === "abs" || fn === "sign") return `tg_${fn}_i32(${x})`;
    return `tg_to_i32_f64(tg_${fn}_f64((double)${x}))`;
  }
  return fn === "neg" ? `-${x}` : `tg_${fn}_${dtype}(${x})`;
}

const OPERATOR: Partial<Record<BinaryFn, string>> = { add: "+", sub: "-", mul: "*", div: "/", and: "&", or: "|", xor: "^" };
const INTEGER_FUNCTIONS: ReadonlySet<BinaryFn> = new Set(["add", "sub", "mul", "div", "rem", "min", "max", "shl", "shr"]);

function binaryText(fn: BinaryFn, x: string, y: string, dtype: DType): string {
  if (dtype === "bool") return boolText(fn, x, y);
  if (dtype === "i32") {
    if (INTEGER_FUNCTIONS.has(fn)) return `tg_${fn}_i32(${x}, ${y})`;
    if (fn === "and" || fn === "or" || fn === "xor") return `${x} ${OPERATOR[fn]} ${y}`;
    return `tg_to_i32_f64(tg_${fn}_f64((double)${x}, (double)${y}))`;
  }
  const operator = OPERATOR[fn];
  return operator ? `${x} ${operator} ${y}` : `tg_${fn}_${dtype}(${x}, ${y})`;
}

/** Arithmetic of truth values: the integer result, compared with zero. */
function boolText(fn: BinaryFn, x: string, y: string): string {
  switch (fn) {
    case "and":
    case "mul":
    case "min":
    case "div":
      return `${x} & ${y}`;
    case "or":
    case "add":
    case "max":
      return `${x} | ${y}`;
    case "xor":
    case "sub":
      return `${x} ^ ${y}`;
    case "rem":
      return "0";
    default:
      return assert(false, `${fn} of bools`) as never;
  }
}
