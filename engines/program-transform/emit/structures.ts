/**
 * Tangents of structures that compiled programs meet only by their type: zeros, sums, updates in place. The zero of a union, and of
 * recursive data, is null: what is read of it is zero (`nothingOf`), so that a zero for a list costs nothing however long it is.
 */

import type { Value } from "../../../core/tensor/traced.ts";
import { valueOps } from "../../../core/tensor/values.ts";
import { resolveType, type Type, tangentType, UNIT } from "../ir/type.ts";
import { itemAt, Numbers, outOfRange } from "./arrays.ts";

interface Case {
  readonly c: number;
  readonly v: unknown;
}

const lazy = new Map<Type, boolean>();

/** Whether the zero of a type is null: of unions and named types, where no array is in them whose length would have to be known. */
export function isLazy(type: Type): boolean {
  let known = lazy.get(type);
  if (known === undefined) {
    const found = new Set<Type>();
    const work = [type];
    for (let t = work.pop(); t !== undefined; t = work.pop()) {
      if (found.has(t)) continue;
      found.add(t);
      const r = resolveType(t);
      if (r.kind === "tuple") work.push(...r.items);
      if (r.kind === "union") work.push(...r.cases);
    }
    known = (type.kind === "named" || type.kind === "union") && ![...found].some((t) => t.kind === "array");
    lazy.set(type, known);
  }
  return known;
}

/** What is read of a zero that is null. */
export function nothingOf(type: Type): unknown {
  const t = isLazy(type) ? UNIT : resolveType(type);
  if (t.kind === "tuple") return t.items.map(nothingOf);
  return t.kind === "num" || t.kind === "tensor" ? zerosOf(0, t) : null;
}

/** A part of recursive data that waits for its turn: lists may be longer than JavaScript's stack is deep. */
type Part = () => void;

/** Runs what may leave parts for later, and then those. */
function whole<T>(run: (later: Part[]) => T): T {
  const later: Part[] = [];
  const result = run(later);
  for (let part = later.pop(); part !== undefined; part = later.pop()) part();
  return result;
}

/** The zero of the tangent type of `type`, shaped like `x`. */
export function zerosOf(x: unknown, type: Type): unknown {
  return whole((later) => zeros(x, type, later));
}

/** a + b for two tangents of type `type`; arrays of `a` are written in place. */
export function plusOf(a: unknown, b: unknown, type: Type): unknown {
  return whole((later) => plus(a, b, type, later));
}

function zeros(x: unknown, type: Type, later: Part[]): unknown {
  const t = resolveType(type);
  if (isLazy(type) || tangentType(t) === UNIT || x === undefined || x === null) return null;
  switch (t.kind) {
    case "num":
      return 0;
    case "tensor":
      return valueOps.broadcastTo(valueOps.lift(0, t.aval.dtype), t.aval.shape);
    case "tuple": {
      const made = new Array<unknown>(t.items.length);
      for (const [i, item] of t.items.entries()) put(made, i, item, later, () => zeros((x as unknown[])[i], item, later));
      return made;
    }
    case "array": {
      if (x instanceof Numbers) return Numbers.fill(x.length, 0);
      const made = new Array<unknown>((x as unknown[]).length);
      for (const [i, e] of (x as unknown[]).entries()) put(made, i, t.of, later, () => zeros(e, t.of, later));
      return made;
    }
    case "union": {
      const { c, v } = x as Case;
      const made = { c, v: null };
      put(made, "v", t.cases[c] as Type, later, () => zeros(v, t.cases[c] as Type, later));
      return made;
    }
    default:
      return null;
  }
}

function plus(a: unknown, b: unknown, type: Type, later: Part[]): unknown {
  const t = resolveType(type);
  // Of what is unset nothing arrived.
  if (a === null || b === null || a === undefined || b === undefined) return a ?? b ?? null;
  switch (t.kind) {
    case "num":
      return (a as number) + (b as number);
    case "tensor":
      return valueOps.add(a as Value, b as Value);
    case "tuple": {
      const made = new Array<unknown>(t.items.length);
      for (const [i, item] of t.items.entries())
        put(made, i, item, later, () => plus((a as unknown[])[i], (b as unknown[])[i], item, later));
      return made;
    }
    case "array": {
      if (a instanceof Numbers) return a.plus(b as Numbers);
      const [to, from] = [a as unknown[], b as unknown[]];
      for (let i = 0; i < to.length; i++) put(to, i, t.of, later, () => plus(own(to[i]), from[i], t.of, later));
      return to;
    }
    case "union": {
      const [x, y] = [a as Case, b as Case];
      const made = { c: x.c, v: null };
      put(made, "v", t.cases[x.c] as Type, later, () => plus(own(x.v), y.v, t.cases[x.c] as Type, later));
      return made;
    }
    default:
      return null;
  }
}

/** Gives a place what `make` makes: at once, or, of a named type, which may hold more of its kind, later. */
function put<K extends PropertyKey>(into: Record<K, unknown>, key: K, type: Type, later: Part[], make: () => unknown): void {
  if (type.kind !== "named") into[key] = make();
  else
    later.push(() => {
      into[key] = make();
    });
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
