/** Tangents of structures that compiled programs meet only by their type: zeros, sums, updates in place. */

import type { Value } from "../../../core/tensor/traced.ts";
import { valueOps } from "../../../core/tensor/values.ts";
import { resolveType, type Type, tangentType, UNIT } from "../ir/type.ts";
import { itemAt, Numbers, outOfRange } from "./arrays.ts";

interface Case {
  readonly c: number;
  readonly v: unknown;
}

/** The zero of the tangent type of `type`, shaped like `x`. */
export function zerosOf(x: unknown, type: Type): unknown {
  const t = resolveType(type);
  if (tangentType(t) === UNIT || x === undefined || x === null) return null;
  switch (t.kind) {
    case "num":
      return 0;
    case "tensor":
      return valueOps.broadcastTo(valueOps.lift(0, t.aval.dtype), t.aval.shape);
    case "tuple":
      return t.items.map((item, i) => zerosOf((x as unknown[])[i], item));
    case "array":
      return x instanceof Numbers ? Numbers.fill(x.length, 0) : (x as unknown[]).map((e) => zerosOf(e, t.of));
    case "union": {
      const { c, v } = x as Case;
      return { c, v: zerosOf(v, t.cases[c] as Type) };
    }
    default:
      return null;
  }
}

/** a + b for two tangents of type `type`; arrays of `a` are written in place. */
export function plusOf(a: unknown, b: unknown, type: Type): unknown {
  const t = resolveType(type);
  // Of what is unset nothing arrived.
  if (a === null || b === null || a === undefined || b === undefined) return a ?? b ?? null;
  switch (t.kind) {
    case "num":
    case "tensor":
      return valueOps.add(a as Value, b as Value);
    case "tuple":
      return t.items.map((item, i) => plusOf((a as unknown[])[i], (b as unknown[])[i], item));
    case "array": {
      if (a instanceof Numbers) return a.plus(b as Numbers);
      const [to, from] = [a as unknown[], b as unknown[]];
      for (let i = 0; i < to.length; i++) to[i] = plusOf(own(to[i]), from[i], t.of);
      return to;
    }
    case "union": {
      const [x, y] = [a as Case, b as Case];
      return { c: x.c, v: plusOf(own(x.v), y.v, t.cases[x.c] as Type) };
    }
    default:
      return null;
  }
}

/** What is inside something owned may be held by others. */
function own(x: unknown): unknown {
  if (x instanceof Numbers) return x.copy();
  return Array.isArray(x) ? x.slice() : x;
}

/** The sum of the elements of an array, tangents of type `of`; null, nothing, where there are none. */
export function sumOf(array: readonly unknown[], of: Type): unknown {
  return array.reduce<unknown>((sum, x) => plusOf(own(sum), x, of), null);
}

export function setAt<T>(array: T[], i: number, x: T): T[] {
  itemAt(array, i);
  array[i] = x;
  return array;
}

export function addAt(array: unknown[], i: number, x: unknown, of: Type): unknown[] {
  array[i] = plusOf(own(itemAt(array, i)), x, of);
  return array;
}

export function popFrom<T>(array: T[]): T[] {
  if (array.length === 0) outOfRange(-1, 0);
  array.pop();
  return array;
}
