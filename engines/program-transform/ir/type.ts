/**
 * Types of the functional IR. They are interned: equal types are one object. A record is a tuple with labels. A function value is
 * a union with one case per function that it may be, whose fields are what that function captures: so a call of an unknown
 * function is a choice among known graphs, and the adjoint of a closure has a type, that of its captures. Recursive data (lists,
 * trees, residuals of recursive functions) goes through a named type, whose definition is set once.
 */
import { type Aval, showAval } from "../../../core/base/aval.ts";
import { isFloat } from "../../../core/base/dtype.ts";
import { assert } from "../../../core/base/errors.ts";

export type Type =
  | { readonly kind: "num" | "bool" | "str" | "unit"; readonly id: number }
  | { readonly kind: "tensor"; readonly aval: Aval; readonly id: number }
  /** `labels` are the field names of a record. */
  | { readonly kind: "tuple"; readonly items: readonly Type[]; readonly labels: readonly string[] | undefined; readonly id: number }
  | { readonly kind: "array"; readonly of: Type; readonly id: number }
  | { readonly kind: "union"; readonly cases: readonly Type[]; readonly labels: readonly string[]; readonly id: number }
  | { readonly kind: "named"; readonly name: TypeName; readonly id: number };

/** A recursive type. */
export interface TypeName {
  readonly number: number;
  definition: Type | undefined;
}

const interned = new Map<string, Type>();

function intern(key: string, make: (id: number) => Type): Type {
  let t = interned.get(key);
  if (t === undefined) {
    t = make(interned.size);
    interned.set(key, t);
  }
  return t;
}

const basic = (kind: "num" | "bool" | "str" | "unit"): Type => intern(kind, (id) => ({ kind, id }));
export const NUM: Type = basic("num");
export const BOOL: Type = basic("bool");
export const STR: Type = basic("str");
/** `null`, `undefined`, the result of functions that return nothing, and the tangent of what has no derivative. */
export const UNIT: Type = basic("unit");

export function tensorType(aval: Aval): Type {
  return intern(`tensor${aval.id}`, (id) => ({ kind: "tensor", aval, id }));
}

export function tupleType(items: readonly Type[], labels?: readonly string[]): Type {
  const key = `(${items.map((t) => t.id).join(",")})${labels === undefined ? "" : JSON.stringify(labels)}`;
  return intern(key, (id) => ({ kind: "tuple", items, labels, id }));
}

export function arrayType(of: Type): Type {
  return intern(`[${of.id}]`, (id) => ({ kind: "array", of, id }));
}

/** The order of cases is part of the type: a value carries the number of its case. */
export function unionType(cases: readonly Type[], labels: readonly string[]): Type {
  const key = `|${cases.map((t) => t.id).join("|")}${JSON.stringify(labels)}`;
  return intern(key, (id) => ({ kind: "union", cases, labels, id }));
}

let names = 0;

/** A type whose definition is to come. */
export function openName(): TypeName {
  return { number: ++names, definition: undefined };
}

export function namedType(name: TypeName): Type {
  return intern(`#${name.number}`, (id) => ({ kind: "named", name, id }));
}

/** The definition of a named type, any other type itself. */
export function resolveType(t: Type): Exclude<Type, { kind: "named" }> {
  let type = t;
  while (type.kind === "named") {
    assert(type.name.definition, `type #${type.name.number} has no definition yet`);
    type = type.name.definition;
  }
  return type;
}

const tangents = new Map<Type, Type>();

/** The type of tangents and cotangents: numbers and float tensors for themselves, structures field by field, unit for the rest. */
export function tangentType(t: Type): Type {
  const known = tangents.get(t);
  if (known !== undefined) return known;
  if (t.kind === "named") {
    const name = openName();
    const type = namedType(name);
    tangents.set(t, type);
    const definition = tangentType(resolveType(t));
    if (definition !== UNIT) {
      name.definition = definition;
      return type;
    }
    tangents.set(t, UNIT);
    return UNIT;
  }
  const type = structuralTangent(t);
  tangents.set(t, type);
  return type;
}

function structuralTangent(t: Exclude<Type, { kind: "named" }>): Type {
  switch (t.kind) {
    case "num":
      return t;
    case "tensor":
      return isFloat(t.aval.dtype) ? t : UNIT;
    case "bool":
    case "str":
    case "unit":
      return UNIT;
    case "tuple": {
      const items = t.items.map(tangentType);
      return items.every((i) => i === UNIT) ? UNIT : tupleType(items, t.labels);
    }
    case "array": {
      const of = tangentType(t.of);
      return of === UNIT ? UNIT : arrayType(of);
    }
    case "union": {
      const cases = t.cases.map(tangentType);
      return cases.every((c) => c === UNIT) ? UNIT : unionType(cases, t.labels);
    }
    default:
      return t satisfies never;
  }
}

/** `num`, `{x: num, y: f32[3]}`, `[num]`, `nil: unit | cons: #1`. */
export function showType(t: Type): string {
  switch (t.kind) {
    case "num":
    case "bool":
    case "str":
    case "unit":
      return t.kind;
    case "tensor":
      return showAval(t.aval);
    case "tuple":
      return t.labels === undefined
        ? `(${t.items.map(showType).join(", ")})`
        : `{${t.labels.map((label, i) => `${label}: ${showType(t.items[i] as Type)}`).join(", ")}}`;
    case "array":
      return `[${showType(t.of)}]`;
    case "union":
      return t.cases.map((c, i) => `${t.labels[i]}: ${showType(c)}`).join(" | ");
    case "named":
      return `#${t.name.number}`;
    default:
      return t satisfies never;
  }
}
