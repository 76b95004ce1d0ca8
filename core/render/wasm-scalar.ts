/**
 * Scalar expressions, one element at a time, as WebAssembly. f32 is computed in f32 and i32 in i32; functions without an
 * instruction of their own run on vector lanes (see `wasm-math.ts`) or as imported float64 functions.
 */
import type { DType } from "../base/dtype.ts";
import { assert } from "../base/errors.ts";
import type { BinaryFn, CompareFn, Expr, UnaryFn } from "../kernel/scalar-expr.ts";
import type { FunctionBuilder, Imports, PlainOp, ValueType } from "./wasm-assembler.ts";
import { VECTOR_MATH } from "./wasm-math.ts";
import { power } from "./wasm-math-calls.ts";

/** The WebAssembly type of one element. */
export const SCALAR_TYPE: Record<DType, ValueType> = { f32: "f32", f64: "f64", i32: "i32", bool: "i32" };

type Computed = Exclude<Expr, { kind: "load" | "index" | "reduced" | "const" }>;

export function scalarConstant(f: FunctionBuilder, value: number, dtype: DType): void {
  if (dtype === "f32") f.f32(value);
  else if (dtype === "f64") f.f64(value);
  else f.i32(dtype === "bool" ? Number(value !== 0) : value);
}

/** Leaves the value of `e` on the stack; `push` leaves the value of an argument there, and may be called more than once. */
export function emitScalar(f: FunctionBuilder, imports: Imports, e: Computed, push: (arg: Expr) => void): void {
  switch (e.kind) {
    case "unary":
      unary(f, imports, e.fn, e.dtype, () => push(e.x));
      return;
    case "binary":
      binary(
        f,
        imports,
        e.fn,
        e.dtype,
        () => push(e.x),
        () => push(e.y),
      );
      return;
    case "compare":
      push(e.x);
      push(e.y);
      f.op(compareOp(e.fn, SCALAR_TYPE[e.x.dtype] as "f32" | "f64" | "i32"));
      return;
    case "select":
      push(e.x);
      push(e.y);
      push(e.c);
      f.op("select");
      return;
    case "cast":
      push(e.x);
      castScalar(f, e.x.dtype, e.dtype);
      return;
    default:
      e satisfies never;
  }
}

function compareOp(fn: CompareFn, type: "f32" | "f64" | "i32"): PlainOp {
  return type === "i32" && fn !== "eq" && fn !== "ne" ? `i32.${fn}_s` : (`${type}.${fn}` as PlainOp);
}

/** Converts the value on the stack. */
export function castScalar(f: FunctionBuilder, from: DType, to: DType): void {
  if (from === to) return;
  if (to === "bool") {
    if (from === "f32") f.f32(0).op("f32.ne");
    else if (from === "f64") f.f64(0).op("f64.ne");
    else f.i32(0).op("i32.ne");
  } else if (to === "i32") {
    if (from === "f32") f.op("i32.trunc_sat_f32_s");
    else if (from === "f64") f.op("i32.trunc_sat_f64_s");
  } else if (to === "f32") f.op(from === "f64" ? "f32.demote_f64" : "f32.convert_i32_s");
  else f.op(from === "f32" ? "f64.promote_f32" : "f64.convert_i32_s");
}

const NATIVE_UNARY: ReadonlySet<UnaryFn> = new Set(["neg", "abs", "floor", "ceil", "trunc", "sqrt"]);
const IDENTITY_ON_INTEGERS: ReadonlySet<UnaryFn> = new Set(["floor", "ceil", "trunc", "round"]);

function unary(f: FunctionBuilder, imports: Imports, fn: UnaryFn, dtype: DType, x: () => void): void {
  if (dtype === "bool") {
    assert(fn === "not" || fn === "neg" || fn === "abs" || fn === "sign" || IDENTITY_ON_INTEGERS.has(fn), `${fn} of a bool`);
    x();
    if (fn === "not") f.i32(1).op("i32.xor");
  } else if (dtype === "i32") unaryI32(f, imports, fn, x);
  else unaryFloat(f, imports, fn, dtype, x);
}

function unaryI32(f: FunctionBuilder, imports: Imports, fn: UnaryFn, x: () => void): void {
  if (IDENTITY_ON_INTEGERS.has(fn)) x();
  else if (fn === "not") {
    x();
    f.i32(-1).op("i32.xor");
  } else if (fn === "neg") {
    f.i32(0);
    x();
    f.op("i32.sub");
  } else if (fn === "abs") {
    const sign = f.local("i32");
    x();
    f.i32(31).op("i32.shr_s").set(sign);
    x();
    f.get(sign).op("i32.xor").get(sign).op("i32.sub");
  } else if (fn === "sign") {
    x();
    f.i32(0).op("i32.gt_s");
    x();
    f.i32(0).op("i32.lt_s", "i32.sub");
  } else {
    unaryFloat(f, imports, fn, "f64", () => {
      x();
      f.op("f64.convert_i32_s");
    });
    f.op("i32.trunc_sat_f64_s");
  }
}

function unaryFloat(f: FunctionBuilder, imports: Imports, fn: UnaryFn, t: "f32" | "f64", x: () => void): void {
  assert(fn !== "not", "not of a float");
  if (NATIVE_UNARY.has(fn)) {
    x();
    f.op(`${t}.${fn}` as PlainOp);
  } else if (fn === "sign") {
    // ±1, but zeros and NaN as they are.
    f[t](1);
    x();
    f.op(`${t}.copysign`);
    x();
    x();
    f[t](0).op(`${t}.lt`);
    x();
    f[t](0).op(`${t}.gt`, "i32.or", "select");
  } else if (fn === "round") {
    // Math.round: floor, one more where the fraction is at least a half, and the sign of x kept on zeros.
    const floor = f.local(t);
    x();
    f.op(`${t}.floor`).tee(floor)[t](1).op(`${t}.add`).get(floor);
    x();
    f.get(floor).op(`${t}.sub`)[t](0.5).op(`${t}.ge`, "select");
    x();
    f.op(`${t}.copysign`);
  } else {
    const vector = VECTOR_MATH[t][fn];
    const shape = t === "f32" ? "f32x4" : "f64x2";
    x();
    if (vector) {
      const lanes = f.local("v128");
      f.op(`${shape}.splat`).set(lanes);
      vector(f, lanes, imports);
      f.lane(`${shape}.extract_lane`, 0);
    } else {
      if (t === "f32") f.op("f64.promote_f32");
      f.call(imports.number(fn, 1));
      if (t === "f32") f.op("f32.demote_f64");
    }
  }
}

const NATIVE_BINARY: ReadonlySet<BinaryFn> = new Set(["add", "sub", "mul", "div", "min", "max"]);
const INTEGERS_ONLY: ReadonlySet<BinaryFn> = new Set(["and", "or", "xor", "shl", "shr"]);

function binary(f: FunctionBuilder, imports: Imports, fn: BinaryFn, dtype: DType, x: () => void, y: () => void): void {
  if (dtype === "bool") {
    const logic = boolFunction(fn);
    if (logic === "zero") f.i32(0);
    else {
      x();
      y();
      f.op(`i32.${logic}`);
    }
  } else if (dtype === "i32") binaryI32(f, imports, fn, x, y);
  else if (NATIVE_BINARY.has(fn)) {
    x();
    y();
    f.op(`${dtype}.${fn}` as PlainOp);
  } else {
    assert(!INTEGERS_ONLY.has(fn), `${fn} of floats`);
    if (fn === "pow" && dtype === "f32") {
      powerF32(f, imports, x, y);
      return;
    }
    x();
    if (dtype === "f32") f.op("f64.promote_f32");
    y();
    if (dtype === "f32") f.op("f64.promote_f32");
    f.call(imports.number(fn, 2));
    if (dtype === "f32") f.op("f32.demote_f64");
  }
}

/** By vectors of four equal lanes. */
function powerF32(f: FunctionBuilder, imports: Imports, x: () => void, y: () => void): void {
  const [base, exponent] = [f.local("v128"), f.local("v128")];
  x();
  f.op("f32x4.splat").set(base);
  y();
  f.op("f32x4.splat").set(exponent);
  power(f, imports, base, exponent);
  f.lane("f32x4.extract_lane", 0);
}

/** Arithmetic of truth values is logic: the integer result, compared with zero. */
export function boolFunction(fn: BinaryFn): "and" | "or" | "xor" | "zero" {
  switch (fn) {
    case "and":
    case "mul":
    case "min":
    case "div":
      return "and";
    case "or":
    case "add":
    case "max":
      return "or";
    case "xor":
    case "sub":
      return "xor";
    case "rem":
      return "zero";
    default:
      assert(false, `${fn} of bools`);
  }
}

function binaryI32(f: FunctionBuilder, imports: Imports, fn: BinaryFn, x: () => void, y: () => void): void {
  switch (fn) {
    case "add":
    case "sub":
    case "mul":
    case "and":
    case "or":
    case "xor":
      x();
      y();
      f.op(`i32.${fn}`);
      return;
    case "shl":
    case "shr":
      x();
      y();
      f.op(fn === "shl" ? "i32.shl" : "i32.shr_u");
      return;
    case "min":
    case "max":
      x();
      y();
      x();
      y();
      f.op(fn === "min" ? "i32.lt_s" : "i32.gt_s", "select");
      return;
    case "div":
    case "rem": {
      // Division by 0 and of -2^31 by -1 trap, so the divisors 0 and -1 are replaced by 1 and their results chosen.
      const isRegular = f.local("i32");
      y();
      f.i32(1).op("i32.add").i32(1).op("i32.gt_u").set(isRegular);
      x();
      y();
      f.i32(1).get(isRegular).op("select", `i32.${fn}_s`);
      // x / -1 = -x = x·y and x / 0 = 0 = x·y; both remainders are 0.
      if (fn === "div") {
        x();
        y();
        f.op("i32.mul");
      } else f.i32(0);
      f.get(isRegular).op("select");
      return;
    }
    default:
      x();
      f.op("f64.convert_i32_s");
      y();
      f.op("f64.convert_i32_s").call(imports.number(fn, 2)).op("i32.trunc_sat_f64_s");
  }
}
