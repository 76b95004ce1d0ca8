/**
 * Scalar expressions on vectors of 4 or 2 elements. Four lanes hold f32, i32 and bool (as masks of all ones or zeros). Where a
 * kernel touches f64 there are two lanes: f64 and bool fill the vector, f32 and i32 live in its low half, so kernels of mixed
 * widths need no other path. Functions without a vector form go lane by lane through the scalar code.
 */
import type { DType } from "../base/dtype.ts";
import { assert } from "../base/errors.ts";
import type { BinaryFn, CompareFn, Expr, UnaryFn } from "../kernel/scalar-expr.ts";
import type { FunctionBuilder, Imports, PlainOp } from "./wasm-assembler.ts";
import { VECTOR_MATH } from "./wasm-math.ts";
import { power } from "./wasm-math-calls.ts";
import { boolFunction, emitScalar, SCALAR_TYPE } from "./wasm-scalar.ts";

export type Lanes = 2 | 4;

/** Inside a vector loop: along which axis, how many lanes, how many vectors at once. */
export interface VectorMode {
  readonly axis: number;
  readonly lanes: Lanes;
  readonly copies: number;
  /** The axis along which copies follow one another, where it is another one: a tile, see `wasm-tile.ts`. */
  readonly across?: number;
  readonly varies: (e: Expr) => boolean;
}

type Computed = Exclude<Expr, { kind: "load" | "index" | "reduced" | "const" }>;
type Numeric = Exclude<DType, "bool">;

const SHAPE = { f32: "f32x4", f64: "f64x2", i32: "i32x4" } as const;

/** The low two lanes of a 32-bit mask as a 64-bit mask. */
function widen(f: FunctionBuilder): void {
  f.op("i64x2.extend_low_i32x4_s");
}

/** A 64-bit mask as a 32-bit mask in the low two lanes. */
function narrowMask(f: FunctionBuilder): void {
  const mask = f.local("v128");
  f.tee(mask).get(mask).shuffle32(0, 2, 0, 2);
}

/** Bytes that one vector of `lanes` elements takes in memory. */
export function vectorBytes(dtype: DType, lanes: Lanes): number {
  return lanes * (dtype === "f64" ? 8 : 4);
}

/** Loads from the address on the stack plus `offset`. */
export function loadVector(f: FunctionBuilder, dtype: DType, lanes: Lanes, offset: number): void {
  f.memory(vectorBytes(dtype, lanes) === 16 ? "v128.load" : "v128.load64_zero", offset);
  if (dtype !== "bool") return;
  f.all("i32", 0).op("i32x4.ne");
  if (lanes === 2) widen(f);
}

/** Stores the vector on the stack to the address below it. */
export function storeVector(f: FunctionBuilder, dtype: DType, lanes: Lanes, offset: number): void {
  if (dtype === "bool") {
    if (lanes === 2) narrowMask(f);
    f.all("i32", 1).op("v128.and");
  }
  if (vectorBytes(dtype, lanes) === 16) f.memory("v128.store", offset);
  else f.storeLow64(offset);
}

export function vectorConstant(f: FunctionBuilder, value: number, dtype: DType): void {
  if (dtype === "bool") f.all("i32", value !== 0 ? -1 : 0);
  else f.all(dtype, value);
}

/** Spreads the scalar on the stack over all lanes. */
export function splat(f: FunctionBuilder, dtype: DType): void {
  if (dtype !== "bool") f.op(`${SHAPE[dtype]}.splat`);
  else {
    const x = f.local("i32");
    f.set(x).i32(0).get(x).op("i32.sub", "i32x4.splat");
  }
}

/** Takes a lane of the vector on the stack as a scalar. */
export function extractLane(f: FunctionBuilder, dtype: DType, lanes: Lanes, lane: number): void {
  if (dtype === "bool")
    f.lane("i32x4.extract_lane", lanes === 2 ? 2 * lane : lane)
      .i32(1)
      .op("i32.and");
  else f.lane(`${SHAPE[dtype]}.extract_lane`, lane);
}

/** Leaves the value of `e` on the stack; `push` leaves an argument's vector there, and may be called more than once. */
export function emitVector(f: FunctionBuilder, imports: Imports, lanes: Lanes, e: Computed, push: (arg: Expr) => void): void {
  switch (e.kind) {
    case "unary":
      if (!unary(f, imports, e.fn, e.dtype, () => push(e.x))) laneByLane(f, imports, lanes, e, push);
      return;
    case "binary": {
      const x = () => push(e.x);
      const y = () => push(e.y);
      if (e.fn === "pow" && (e.dtype === "f64") === (lanes === 2)) powers(f, imports, lanes, e, push);
      else if ((e.fn === "shl" || e.fn === "shr") && e.y.kind === "const") {
        // Vector shifts take one count for all lanes.
        x();
        f.i32(e.y.value).op(e.fn === "shl" ? "i32x4.shl" : "i32x4.shr_u");
      } else if (!binary(f, e.fn, e.dtype, x, y)) laneByLane(f, imports, lanes, e, push);
      return;
    }
    case "compare":
      compare(
        f,
        e.fn,
        e.x.dtype,
        lanes,
        () => push(e.x),
        () => push(e.y),
      );
      return;
    case "select":
      push(e.x);
      push(e.y);
      push(e.c);
      if (lanes === 2 && (e.dtype === "f32" || e.dtype === "i32")) narrowMask(f);
      f.op("v128.bitselect");
      return;
    case "cast":
      push(e.x);
      castVector(f, e.x.dtype, e.dtype, lanes);
      return;
    default:
      e satisfies never;
  }
}

function castVector(f: FunctionBuilder, from: DType, to: DType, lanes: Lanes): void {
  if (from === to) return;
  if (from === "bool") {
    if (lanes === 2 && to !== "f64") narrowMask(f);
    f.all(to as Numeric, 1).op("v128.and");
  } else if (to === "bool") {
    f.all(from, 0).op(`${SHAPE[from]}.ne`);
    if (lanes === 2 && from !== "f64") widen(f);
  } else f.op(CAST[`${from}>${to}` as keyof typeof CAST]);
}

const CAST = {
  "f32>f64": "f64x2.promote_low_f32x4",
  "f32>i32": "i32x4.trunc_sat_f32x4_s",
  "f64>f32": "f32x4.demote_f64x2_zero",
  "f64>i32": "i32x4.trunc_sat_f64x2_s_zero",
  "i32>f32": "f32x4.convert_i32x4_s",
  "i32>f64": "f64x2.convert_low_i32x4_s",
} as const satisfies Record<string, PlainOp>;

function compare(f: FunctionBuilder, fn: CompareFn, dtype: DType, lanes: Lanes, x: () => void, y: () => void): void {
  if (dtype === "bool") {
    // x < y is y and not x, and so on; v128.andnot is `first and not second`.
    const swapped = fn === "lt" || fn === "ge";
    (swapped ? y : x)();
    (swapped ? x : y)();
    if (fn === "eq") f.op("v128.xor", "v128.not");
    else if (fn === "ne") f.op("v128.xor");
    else if (fn === "lt" || fn === "gt") f.op("v128.andnot");
    else f.op("v128.andnot", "v128.not");
    return;
  }
  x();
  y();
  const signed = dtype === "i32" && fn !== "eq" && fn !== "ne" ? "_s" : "";
  f.op(`${SHAPE[dtype]}.${fn}${signed}` as PlainOp);
  if (lanes === 2 && dtype !== "f64") widen(f);
}

const NATIVE_UNARY: ReadonlySet<UnaryFn> = new Set(["neg", "abs", "floor", "ceil", "trunc", "sqrt"]);
const IDENTITY_ON_INTEGERS: ReadonlySet<UnaryFn> = new Set(["floor", "ceil", "trunc", "round"]);

/** False where there is no vector form; nothing is emitted then. */
function unary(f: FunctionBuilder, imports: Imports, fn: UnaryFn, dtype: DType, x: () => void): boolean {
  if (fn === "not") {
    assert(dtype === "bool" || dtype === "i32", `not of ${dtype}`);
    x();
    f.op("v128.not");
    return true;
  }
  if (dtype === "bool") {
    assert(fn === "neg" || fn === "abs" || fn === "sign" || IDENTITY_ON_INTEGERS.has(fn), `${fn} of a bool`);
    x();
    return true;
  }
  if (dtype === "i32") {
    if (!IDENTITY_ON_INTEGERS.has(fn) && fn !== "neg" && fn !== "abs") return false;
    x();
    if (fn === "neg" || fn === "abs") f.op(`i32x4.${fn}`);
    return true;
  }
  const shape = SHAPE[dtype];
  const signBit = () => {
    x();
    f.all(dtype, -0).op("v128.and");
  };
  if (NATIVE_UNARY.has(fn)) {
    x();
    f.op(`${shape}.${fn}` as PlainOp);
  } else if (fn === "sign") {
    signBit();
    f.all(dtype, 1).op("v128.or");
    x();
    x();
    f.all(dtype, 0).op(`${shape}.lt`);
    x();
    f.all(dtype, 0).op(`${shape}.gt`, "v128.or", "v128.bitselect");
  } else if (fn === "round") {
    const floor = f.local("v128");
    x();
    f.op(`${shape}.floor`).set(floor);
    x();
    f.get(floor).op(`${shape}.sub`).all(dtype, 0.5).op(`${shape}.ge`).all(dtype, 1).op("v128.and").get(floor).op(`${shape}.add`);
    signBit();
    f.op("v128.or");
  } else {
    const math = VECTOR_MATH[dtype][fn];
    if (math === undefined) return false;
    const argument = f.local("v128");
    x();
    f.set(argument);
    math(f, argument, imports);
  }
  return true;
}

/** False where there is no vector form; nothing is emitted then. */
function binary(f: FunctionBuilder, fn: BinaryFn, dtype: DType, x: () => void, y: () => void): boolean {
  if (dtype === "bool") {
    const logic = boolFunction(fn);
    if (logic === "zero") f.all("i32", 0);
    else {
      x();
      y();
      f.op(`v128.${logic}`);
    }
    return true;
  }
  let op: PlainOp;
  switch (fn) {
    case "add":
    case "sub":
    case "mul":
      op = `${SHAPE[dtype]}.${fn}`;
      break;
    case "div":
      if (dtype === "i32") return false;
      op = `${SHAPE[dtype]}.div`;
      break;
    case "min":
    case "max":
      op = dtype === "i32" ? `i32x4.${fn}_s` : `${SHAPE[dtype]}.${fn}`;
      break;
    case "and":
    case "or":
    case "xor":
      assert(dtype === "i32", `${fn} of floats`);
      op = `v128.${fn}`;
      break;
    default:
      return false;
  }
  x();
  y();
  f.op(op);
  return true;
}

/** Squares, where every lane is one, are products; other powers of f64 go lane by lane. */
function powers(f: FunctionBuilder, imports: Imports, lanes: Lanes, e: Computed & { kind: "binary" }, push: (arg: Expr) => void): void {
  const { dtype } = e;
  if (dtype === "bool" || dtype === "i32") {
    laneByLane(f, imports, lanes, e, push);
    return;
  }
  const result = f.local("v128");
  push(e.y);
  f.all(dtype, 2).op(`${SHAPE[dtype]}.ne`, "v128.any_true");
  f.if(
    () => {
      if (dtype === "f32") {
        const [x, y] = [f.local("v128"), f.local("v128")];
        push(e.x);
        f.set(x);
        push(e.y);
        f.set(y);
        power(f, imports, x, y);
      } else laneByLane(f, imports, lanes, e, push);
      f.set(result);
    },
    () => {
      push(e.x);
      push(e.x);
      f.op(`${SHAPE[dtype]}.mul`).set(result);
    },
  );
  f.get(result);
}

/** Takes the arguments apart, computes each lane with the scalar code and puts the results together. */
function laneByLane(
  f: FunctionBuilder,
  imports: Imports,
  lanes: Lanes,
  e: Computed & { kind: "unary" | "binary" },
  push: (arg: Expr) => void,
): void {
  assert(e.dtype !== "bool", "truth values have vector forms");
  const result = f.local("v128");
  const args = e.kind === "unary" ? [e.x] : [e.x, e.y];
  const locals = args.map((a) => f.local(SCALAR_TYPE[a.dtype]));
  for (let lane = 0; lane < lanes; lane++) {
    for (const [i, arg] of args.entries()) {
      push(arg);
      extractLane(f, arg.dtype, lanes, lane);
      f.set(locals[i] as number);
    }
    f.get(result);
    emitScalar(f, imports, e, (arg) => f.get(locals[args.indexOf(arg)] as number));
    f.lane(`${SHAPE[e.dtype]}.replace_lane`, lane).set(result);
  }
  f.get(result);
}
