/**
 * `apply`: what every operation of a program ends in. Traced operands interpret it (the one of the highest level first); plain
 * numbers are computed in JavaScript; tensors go to the device at once, numbers beside them taking their dtype.
 */
import type { DType } from "../base/dtype.ts";
import { mismatch } from "../base/errors.ts";
import { broadcastShapes, sameShape } from "../base/shape.ts";
import type { AnyPrimitive } from "../primitive.ts";
import { primitives } from "../primitives/table.ts";
import { constantTensor, eager1, eager2, eagerN, liftNumber, weakDType } from "./eager.ts";
import { Tensor } from "./tensor.ts";
import { isNumber, Traced, type Value } from "./traced.ts";

/** Applies a primitive without parameters to one value. */
export function apply1(primitive: AnyPrimitive, x: Value): Value {
  if (x instanceof Tensor) return eager1(primitive, x);
  if (typeof x === "number" && primitive.scalar !== undefined) return primitive.scalar(x);
  if (x instanceof Traced) return x.interpret(primitive, [x], undefined);
  return apply(primitive, [x], undefined);
}

/** Applies a primitive without parameters to two values. */
export function apply2(primitive: AnyPrimitive, x: Value, y: Value): Value {
  if (x instanceof Tensor) {
    if (y instanceof Tensor) return eager2(primitive, x, y);
    if (typeof y === "number") return eager2(primitive, x, constantTensor(y, weakDType(y, [x])));
  } else if (typeof x === "number") {
    if (typeof y === "number" && primitive.scalar !== undefined) return primitive.scalar(x, y);
    if (y instanceof Tensor) return eager2(primitive, constantTensor(x, weakDType(x, [y])), y);
    if (y instanceof Traced) return y.interpret(primitive, [x, y], undefined);
  } else if (x instanceof Traced && typeof y === "number") return x.interpret(primitive, [x, y], undefined);
  return apply(primitive, [x, y], undefined);
}

/** Applies any primitive to any values. */
export function apply(primitive: AnyPrimitive, inputs: readonly Value[], params: unknown): Value {
  let top: Traced | undefined;
  let tensors = 0;
  for (const x of inputs) {
    if (x instanceof Traced) {
      if (top === undefined || x.level > top.level) top = x;
    } else if (x instanceof Tensor) tensors++;
    else if (typeof x !== "number") throw mismatch(`${primitive.name} was given ${describe(x)} where a number or a tensor belongs`);
  }
  // What is a tensor needs no lifting, whoever traces it.
  if (primitive === primitives.lift && !isNumber(inputs[0] as Value)) return inputs[0] as Value;
  if (top !== undefined) return top.interpret(primitive, inputs, params);
  return compute(primitive, inputs, params, tensors);
}

function compute(primitive: AnyPrimitive, inputs: readonly Value[], params: unknown, tensors: number): Value {
  if (primitive === primitives.item) return itemOf(inputs[0] as Value);
  if (primitive === primitives.lift) return liftNumber(inputs[0] as number, (params as { dtype: DType }).dtype);
  if (primitive === primitives.where && typeof inputs[0] === "number") return chosen(inputs as readonly [number, Value, Value]);
  if (tensors === 0) {
    if (primitive === primitives.cast) return castNumber(inputs[0] as number, (params as { dtype: DType }).dtype);
    if (primitive.scalar !== undefined) return primitive.scalar(...(inputs as number[]));
    throw mismatch(
      `${primitive.name} works on tensors, and was given ${inputs.length === 1 ? "a number" : "numbers"}`,
      "make a tensor with createTensor(values, shape, dtype)",
    );
  }
  if (tensors === inputs.length) return eagerN(primitive, inputs as readonly Tensor[], params);
  // The condition of `where` says nothing about the dtype of a number beside it.
  const typing = (primitive === primitives.where ? inputs.slice(1) : inputs).filter((x) => x instanceof Tensor);
  if (typing.length === 0)
    throw mismatch("where(mask, number, number) leaves the dtype open", "write cast(mask, dtype), or make one side a tensor");
  const lifted = inputs.map((x) => (typeof x === "number" ? constantTensor(x, weakDType(x, typing)) : (x as Tensor)));
  return eagerN(primitive, lifted, params);
}

function itemOf(x: Value): number {
  if (typeof x === "number") return x;
  primitives.item.inferAval([(x as Tensor).aval], undefined);
  return (x as Tensor).item();
}

/** `where` on a condition that is a JavaScript truth value: one side, spread to the shape of both. */
function chosen([c, x, y]: readonly [number, Value, Value]): Value {
  const side = c ? x : y;
  if (!(x instanceof Tensor) && !(y instanceof Tensor)) return side;
  const shape = broadcastShapes(x instanceof Tensor ? x.shape : [], y instanceof Tensor ? y.shape : []);
  if (side instanceof Tensor) return sameShape(side.shape, shape) ? side : eagerN(primitives.broadcastTo, [side], { shape });
  const other = (c ? y : x) as Tensor;
  return eagerN(primitives.broadcastTo, [constantTensor(side as number, weakDType(side as number, [other]))], { shape });
}

/** As on tensors: i32 truncates, bool is `!= 0`. A number stays a float64, so f32 rounds. */
function castNumber(x: number, dtype: DType): number {
  switch (dtype) {
    case "f64":
      return x;
    case "f32":
      return Math.fround(x);
    case "i32":
      return Math.trunc(x);
    case "bool":
      return x !== 0 ? 1 : 0;
    default:
      return dtype satisfies never;
  }
}

function describe(x: unknown): string {
  if (x === null) return "null";
  if (Array.isArray(x)) return "an array";
  return typeof x === "object" ? "an object" : typeof x === "undefined" ? "undefined" : `a ${typeof x}`;
}
