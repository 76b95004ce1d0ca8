/**
 * Forms of values: what of a value is structure, known when a program is specialised, and what are leaves, nodes of one type each.
 * Values of one form can be carried by a loop, kept in an array, passed to a graph. Two forms have a common one: fields are joined
 * one by one, lists of different lengths become an array, and what has nothing in common becomes a union. A record that comes to
 * hold one like itself, through a union or an array, is a recursive form (a knot): how lists and trees of any depth are found.
 */
import { arrayType, NUM, namedType, type Type, type TypeName, tupleType, UNIT, unionType } from "../ir/type.ts";
import { headOfClosure, numberOf } from "./captures.ts";
import { Choice, type ClassValue, type Closure, Fn, Nothing, Obj, Text, type Value } from "./value.ts";

export type Form =
  /** Nothing is there yet. */
  | { readonly kind: "none" }
  /** A string, a function, nothing, or one object that stays the same. */
  | { readonly kind: "same"; readonly value: Value }
  | { readonly kind: "leaf"; readonly type: Type }
  | RecordForm
  | { readonly kind: "list"; readonly items: readonly Form[] }
  | { readonly kind: "array"; readonly of: Form }
  | UnionForm
  | { readonly kind: "knot"; readonly knot: Knot };

export interface RecordForm {
  readonly kind: "record";
  readonly fields: ReadonlyMap<string, Form>;
  /** The class that it is an instance of; of what a function holds: that function, with other values. */
  readonly type: ClassValue | Closure | undefined;
}

/** Cases in the order of their heads. */
export interface UnionForm {
  readonly kind: "union";
  readonly cases: readonly Form[];
}

/** A record that holds itself; its leaves are one node of a named type. */
export interface Knot {
  readonly head: string;
  readonly name: TypeName;
  body: RecordForm | undefined;
}

export const NONE: Form = { kind: "none" };
export const NUMBER_FORM: Form = { kind: "leaf", type: NUM };

/** What distinguishes the cases of a union. */
export function headOf(form: Form): string {
  switch (form.kind) {
    case "none":
      return "-";
    case "leaf":
      return `n${form.type.id}`;
    case "record":
      return form.type?.kind === "closure" ? headOfClosure(form.type) : recordHead(form.type, [...form.fields.keys()]);
    case "knot":
      return form.knot.head;
    case "list":
    case "array":
      return "[]";
    case "union":
      return "|";
    case "same": {
      const v = form.value;
      if (v instanceof Text) return v.key;
      if (v instanceof Nothing) return v.name;
      if (v instanceof Fn) {
        const { code } = v;
        if (code.kind === "accessor") return `a${[code.get, code.set].map((c) => (c === undefined ? "" : headOfClosure(c)))}`;
        return code.kind === "closure" ? headOfClosure(code) : `f${numberOf(code)}`;
      }
      if (!(v instanceof Obj)) return "?";
      const c = v.content.value;
      return c.kind === "record" ? recordHead(v.type, [...c.fields.keys()]) : "[]";
    }
    default:
      return form satisfies never;
  }
}

function recordHead(type: ClassValue | undefined, names: readonly string[]): string {
  return `{${type === undefined ? "" : `${numberOf(type)}:`}${names.toSorted().join(",")}}`;
}

/** Equal for equal forms. */
export function keyOf(form: Form): string {
  switch (form.kind) {
    case "record":
      return `${headOf(form)}{${[...form.fields].map(([k, f]) => `${k}:${keyOf(f)}`).join(",")}}`;
    case "list":
      return `[${form.items.map(keyOf).join(",")}]`;
    case "array":
      return `a[${keyOf(form.of)}]`;
    case "union":
      return `(${form.cases.map(keyOf).join("|")})`;
    case "knot":
      return form.knot.body === undefined ? "^" : `k${form.knot.name.number}`;
    case "same":
      if (form.value instanceof Obj) return `o${form.value.content.number}`;
      return form.value instanceof Fn && form.value.code.kind === "closure"
        ? `${headOf(form)}=${numberOf(form.value.code.scope)}`
        : headOf(form);
    default:
      return headOf(form);
  }
}

/** The types of the leaves, in order. */
export function leafTypes(form: Form): Type[] {
  switch (form.kind) {
    case "none":
    case "same":
      return [];
    case "leaf":
      return [form.type];
    case "record":
      return [...form.fields.values()].flatMap(leafTypes);
    case "list":
      return form.items.flatMap(leafTypes);
    case "array":
      return [arrayType(packedType(form.of))];
    case "union":
      return [unionTypeOf(form)];
    case "knot":
      return [namedType(form.knot.name)];
    default:
      return form satisfies never;
  }
}

/** The type of the leaves as one value. */
export function packedType(form: Form): Type {
  const types = leafTypes(form);
  if (form.kind === "none") return NUM;
  return types.length === 0 ? UNIT : types.length === 1 ? (types[0] as Type) : tupleType(types);
}

export function unionTypeOf(form: UnionForm): Type {
  return unionType(
    form.cases.map(packedType),
    form.cases.map((c) => (c.kind === "leaf" ? "number" : headOf(c))),
  );
}

/** What a condition, or several, choose of. */
export function alternatives(v: Value): Exclude<Value, Choice>[] {
  return v instanceof Choice ? [...alternatives(v.consequent), ...alternatives(v.otherwise)] : [v];
}

/** What a value of a form is, for messages. */
export function formName(form: Form): string {
  switch (form.kind) {
    case "none":
      return "nothing";
    case "leaf":
      return kindName(form.type);
    case "list":
    case "array":
      return "an array";
    case "union":
      return [...new Set(form.cases.map(formName))].join(" or ");
    case "same": {
      const v = form.value;
      return v instanceof Nothing ? v.name : v instanceof Text ? "a string" : v instanceof Fn ? "a function" : "an object";
    }
    default:
      return "an object";
  }
}

export function kindName(t: Type): string {
  return t.kind === "num" ? "a number" : t.kind === "bool" ? "a truth value" : t.kind === "tensor" ? "a tensor" : `a ${t.kind}`;
}
