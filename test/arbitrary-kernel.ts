/**
 * Random legal kernels with their geometry and data, for property tests of devices: every access pattern, dtype, reduction, row
 * program, indirect load and store, and extents of zero and one. Values are small integers and the functions are those that are
 * exact on them, so that every device must give the same numbers in every dtype, whatever its order of summation.
 */
import fc from "fast-check";
import { type DType, hostArray, type TypedArray } from "../core/base/dtype.ts";
import type { Address, Device } from "../core/device/device.ts";
import {
  type Access,
  type Geometry,
  type Kernel,
  kernel,
  type Operand,
  type Output,
  type ReduceOp,
  type Reduction,
} from "../core/kernel/kernel.ts";
import {
  type BinaryFn,
  binary,
  type CompareFn,
  cast,
  compare,
  constant,
  type Expr,
  index,
  load,
  postorder,
  reduced,
  select,
  type UnaryFn,
  unary,
} from "../core/kernel/scalar-expr.ts";

/** A launch with its data: `inputs[k]` belongs to operand k, `outputs[o]` is what output o holds before the launch. */
export interface KernelCase {
  readonly kernel: Kernel;
  readonly geometry: Geometry;
  readonly inputs: readonly TypedArray[];
  readonly outputs: readonly TypedArray[];
}

const DTYPES: readonly DType[] = ["f32", "f64", "i32", "bool"];
const UNARY: readonly UnaryFn[] = ["neg", "abs", "sign", "floor", "ceil", "trunc", "round"];
const BINARY: readonly BinaryFn[] = ["add", "sub", "mul", "min", "max"];
const LOGIC: readonly BinaryFn[] = ["and", "or", "xor"];
const COMPARE: readonly CompareFn[] = ["lt", "le", "gt", "ge", "eq", "ne"];

/** Runs a case on a device; what its outputs hold afterwards. Everything allocated is freed. */
export function runKernelCase(device: Device, { kernel, geometry, inputs, outputs }: KernelCase): TypedArray[] {
  const put = (data: TypedArray) => {
    const address = device.alloc(data.byteLength);
    device.upload(address, data);
    return address;
  };
  const given = inputs.map(put);
  const written = outputs.map(put);
  device.prepare({ kind: "kernel", kernel, geometry, inputs: inputs.map((_, k) => k) })(...(written as [Address]), ...given);
  const results = written.map((address, o) =>
    device.download(address, (kernel.outputs[o] as Output).dtype, (outputs[o] as TypedArray).length),
  );
  for (const [k, address] of given.entries()) device.free(address, (inputs[k] as TypedArray).byteLength);
  for (const [o, address] of written.entries()) device.free(address, (outputs[o] as TypedArray).byteLength);
  return results;
}

/**
 * One random case; call it inside a property of `fc.gen()`. `maxExtent` bounds the axes, those of high ranks being shorter. Without
 * `float64` no number of that dtype is stored or computed.
 */
export function drawKernelCase(gen: fc.GeneratorValue, maxExtent = 70, float64 = true): KernelCase {
  const integer = (min: number, max: number) => gen(fc.integer, { min, max });
  const pick = <T>(items: readonly T[]): T => items[integer(0, items.length - 1)] as T;
  const chance = (percent: number) => integer(1, 100) <= percent;

  const rank = pick([0, 1, 1, 2, 2, 2, 3, 3, 4]);
  const limit = [1, maxExtent, Math.min(maxExtent, 40), 9, 5][rank] as number;
  const extents = Array.from({ length: rank }, () => (chance(4) ? 0 : chance(10) ? 1 : integer(1, limit)));
  const reducedAxes = rank === 0 || chance(40) ? 0 : integer(1, rank);
  const outer = rank - reducedAxes;

  const shuffled = (items: readonly number[]) => {
    const rest = [...items];
    return items.map(() => rest.splice(integer(0, rest.length - 1), 1)[0] as number);
  };

  // Operands: a dense tensor over some axes in some order, or strided with gaps.
  const operands: Operand[] = [];
  const strides: number[][] = [];
  const offsets: number[] = [];
  const indirect: ({ stride: number; extent: number } | undefined)[] = [];
  const inputs: TypedArray[] = [];
  const tame = float64 ? pick<"narrow" | "wide" | "mixed">(["narrow", "wide", "mixed"]) : "narrow";
  const dtypes =
    tame === "narrow" ? (["f32", "i32", "bool", "f32"] as const) : tame === "wide" ? (["f64", "i32", "bool", "f64"] as const) : DTYPES;

  /** Walks the axes that `moves` names; the innermost in `order` is dense. Returns the number of elements spanned. */
  const place = (
    moves: readonly boolean[],
    indexed: boolean,
    gaps: boolean,
  ): { strides: number[]; span: number; offset: number; indirect: { stride: number; extent: number } | undefined } => {
    const axes = extents.map((_, a) => a).filter((a) => moves[a]);
    const order = chance(70) ? axes : shuffled(axes);
    const s = extents.map(() => 0);
    let step = gaps && chance(20) ? 2 : 1;
    for (const a of [...order].reverse()) {
      s[a] = step;
      step *= Math.max(1, extents[a] as number) + (gaps && chance(15) ? 1 : 0);
    }
    const extent = indexed ? integer(1, 5) : 1;
    const reach = step * extent;
    const offset = chance(25) ? integer(1, 5) : 0;
    return { strides: s, span: offset + reach, offset, indirect: indexed ? { stride: step, extent } : undefined };
  };

  /** Walks the first axes by steps that may meet. */
  const crowd = (axes: number): ReturnType<typeof place> => {
    const s = extents.map((_, a) => (a < axes ? integer(1, 4) : 0));
    return {
      strides: s,
      span: 1 + s.reduce((n, step, a) => n + step * Math.max(0, (extents[a] as number) - 1), 0),
      offset: 0,
      indirect: undefined,
    };
  };

  const accessOf = (s: readonly number[]): Access[] => s.map((x) => (x === 0 ? "fixed" : x === 1 ? "unit" : "strided"));
  const addOperand = (dtype: DType, moves: readonly boolean[], indexed: boolean, values: (i: number) => number): number => {
    const p = place(moves, indexed, true);
    const data = hostArray(dtype, p.span);
    for (let i = 0; i < data.length; i++) data[i] = values(i);
    operands.push({ dtype, access: accessOf(p.strides), indirect: indexed });
    strides.push(p.strides);
    offsets.push(p.offset);
    indirect.push(p.indirect);
    inputs.push(data);
    return operands.length - 1;
  };
  /** What is folded is costly and the same along a row, and is stored for elements and for rows. */
  const shares = reducedAxes > 0 && chance(6);
  const movement = () => extents.map((_, a) => !(shares && a >= outer) && !chance(25));
  const seed = integer(1, 1e6);
  const small = (k: number, dtype: DType) => (i: number) => {
    const h = Math.imul(seed + i * 7919 + k * 104729, 2654435761) >>> 16;
    return dtype === "bool" ? h & 1 : (h % 9) - 4;
  };

  const leaves: Expr[] = [];
  for (let k = integer(0, 3); k >= 0; k--) {
    const dtype = pick(dtypes);
    leaves.push(load(addOperand(dtype, movement(), false, small(k, dtype)), dtype));
  }
  if (chance(20)) {
    const dtype = pick(dtypes);
    const table = addOperand(dtype, movement(), true, small(9, dtype));
    const extent = (indirect[table] as { extent: number }).extent;
    const at = addOperand("i32", movement(), false, (i) => (i * 5 + seed) % extent);
    leaves.push(load(table, dtype, load(at, "i32")));
  }
  for (let a = 0; a < (shares ? outer : rank); a++) if (chance(35)) leaves.push(index(a));
  leaves.push(constant(integer(-3, 3), pick(dtypes.filter((d) => d !== "bool"))));

  /** A random expression of dtype `wanted`; few multiplications, so that magnitudes stay exact in f32. */
  const grow = (from: readonly Expr[], wanted: DType, size: number): Expr => {
    const pool = [...from];
    let products = 1;
    for (let i = 0; i < size; i++) {
      const x = pick(pool);
      const likes = pool.filter((e) => e.dtype === x.dtype);
      const y = pick(likes);
      const kind = integer(0, 9);
      if (kind <= 4) {
        const fn = x.dtype === "bool" ? pick(LOGIC) : pick(BINARY);
        if (fn === "mul" && products-- <= 0) continue;
        pool.push(binary(fn, x, y));
      } else if (kind === 5) {
        pool.push(x.dtype === "bool" ? unary("not", x) : chance(20) ? costly(x) : unary(pick(UNARY), x));
      } else if (kind === 6) pool.push(compare(pick(COMPARE), x, y));
      else if (kind === 7) {
        const masks = pool.filter((e) => e.dtype === "bool");
        if (masks.length > 0) pool.push(select(pick(masks), x, y));
      } else pool.push(cast(x, pick(dtypes)));
    }
    return cast(pool.at(-1) as Expr, wanted);
  };

  /** A function of many instructions that is exact on integers: tanh, rounded, is the sign. */
  function costly(x: Expr): Expr {
    return x.dtype === "f32" || x.dtype === "f64" ? unary("round", unary("tanh", x)) : x;
  }

  const reductions: Reduction[] = [];
  const known = [...leaves];
  if (reducedAxes > 0) {
    for (let n = integer(1, 2); n > 0; n--) {
      const op = pick<ReduceOp>(["sum", "sum", "max", "min", "argmax", "argmin"]);
      const wanted = pick(dtypes.filter((d) => d !== "bool" || op !== "sum"));
      const plain = grow(known, wanted, integer(1, 5));
      const of = shares || chance(20) ? costly(plain) : plain;
      const dtype = op.startsWith("arg") ? "i32" : wanted;
      // Later folds read this one only through its sign, which keeps magnitudes small and an empty extreme finite.
      known.push(unary("sign", reduced(reductions.length, dtype)));
      if (dtype === "bool") known.pop();
      reductions.push({ op, of, dtype });
    }
  }
  const last = reductions.at(-1);
  /** The same along the reduced axes, so that a row's result may read it. */
  const isOfRow = (root: Expr) =>
    postorder([root]).every(
      (e) =>
        !(e.kind === "index" && e.axis >= outer) &&
        !(e.kind === "load" && (e.at !== undefined || operands[e.operand]?.access.slice(outer).some((a) => a !== "fixed"))),
    );
  // What is folded may be a result too.
  if (last !== undefined) known.push(last.of);
  const knownOfRow = known.filter(isOfRow);
  /** A row's result may not read what moves along the reduced axes. */
  function resultOf(each: Output["each"], dtype: DType): Expr {
    if (last === undefined) return grow(known, dtype, integer(2, 8));
    const folded = reduced(reductions.length - 1, last.dtype);
    if (each === "prefix") return chance(60) ? cast(reduced(0, last.dtype), dtype) : grow(known, dtype, integer(2, 8));
    if (shares && chance(60)) return cast(last.of, dtype);
    if (each === "element") return chance(20) ? cast(last.of, dtype) : grow(known, dtype, integer(2, 8));
    if (chance(50)) return cast(folded, dtype);
    if (chance(50) && knownOfRow.length > 0) return cast(grow(knownOfRow, last.dtype, integer(0, 2)), dtype);
    return cast(grow([folded, constant(last.dtype === "bool" ? 1 : 2, last.dtype)], last.dtype, 2), dtype);
  }
  const scans = last !== undefined && reductions.length === 1 && !last.op.startsWith("arg") && chance(25);
  const outputs: Output[] = [];
  const outputData: TypedArray[] = [];
  const outputViews: { strides: number[]; offset: number; indirect: { stride: number; extent: number } | undefined }[] = [];
  for (let n = shares || chance(30) ? integer(2, 3) : 1; n > 0; n--) {
    const each = scans && chance(70) ? "prefix" : reducedAxes > 0 && chance(60) ? "row" : "element";
    const stored = each === "row" ? outer : rank;
    const dtype = shares && last ? last.dtype : pick(dtypes);
    const result = resultOf(each, dtype);

    const scatters = stored > 0 && each !== "prefix" && chance(15);
    const storedMoves = extents.map((_, a) => a < stored);
    const accumulate = chance(scatters ? 60 : 15);
    let storeAt: Expr | undefined;
    const overlaps = accumulate && !scatters && chance(40);
    const out = overlaps ? crowd(stored) : place(scatters ? storedMoves.map((m) => m && chance(60)) : storedMoves, scatters, true);
    if (scatters) {
      const extent = (out.indirect as { extent: number }).extent;
      const at = addOperand(
        "i32",
        storedMoves.map((m) => m && chance(70)),
        false,
        (i) => (i * 3 + seed) % extent,
      );
      storeAt = load(at, "i32");
    }
    const data = hostArray(dtype, out.span);
    for (let i = 0; i < data.length; i++) data[i] = small(77 + n, dtype)(i);
    outputData.push(data);
    outputViews.push(out);
    outputs.push({ dtype, access: accessOf(out.strides), indirect: scatters, result, each, storeAt, accumulate });
  }

  return {
    kernel: kernel({ rank, reduced: reducedAxes, operands, reductions, outputs }),
    geometry: {
      extents,
      strides: [...strides, ...outputViews.map((v) => v.strides)],
      offsets: [...offsets, ...outputViews.map((v) => v.offset)],
      indirect: [...indirect, ...outputViews.map((v) => v.indirect)],
    },
    inputs,
    outputs: outputData,
  };
}
