/**
 * Forms of values: what of a value is structure, known when a program is specialised, and what are leaves, nodes of one type each.
 * Values of one form can be carried by a loop, kept in an array, passed to a graph. Two forms have a common one: fields are joined
 * one by one, lists of different lengths become an array, and what has nothing in common becomes a union. A record that comes to
 * hold one like itself, through a union or an array, is a recursive form (a knot): how lists and trees of any depth are found.
 */
import type { BenchError } from "../../../core/base/errors.ts";
import { arrayType, NUM, namedType, openName, type Type, type TypeName, tupleType, UNIT, unionType } from "../ir/type.ts";
import { headOfClosure, numberOf, valuesOf } from "./captures.ts";
import { Choice, type ClassValue, type Closure, type Content, Fn, isNode, Nothing, Obj, Text, type Value, Variant } from "./value.ts";

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

/** Unions of more cases are refused: something grows from turn to turn. */
const MOST_CASES = 12;

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

/** Finds and joins forms. */
export class FormAlgebra {
  private readonly refuse: (message: string, advice: string) => BenchError;
  private readonly knots = new Map<string, Knot>();

  constructor(refuse: (message: string, advice: string) => BenchError) {
    this.refuse = refuse;
  }

  /** The form of a value. Objects made after cell `since` are taken apart: the next turn makes others. */
  of(v: Value, since: number): Form {
    return this.tied(this.raw(v, since, []));
  }

  ofContent(c: Content, since: number): Form {
    return this.tied(this.rawContent(c, since, [], undefined));
  }

  join(a: Form, b: Form): Form {
    return this.tied(this.joined(a, b));
  }

  /** A form without objects that stay the same: what arrays hold. */
  whole(form: Form): Form {
    switch (form.kind) {
      case "same":
        return form.value instanceof Obj && !form.value.isOfModule ? this.of(form.value, -1) : form;
      case "record":
        // An object that a function shares with others stays that object.
        if (form.type?.kind === "closure") return form;
        return { ...form, fields: new Map([...form.fields].map(([k, f]) => [k, this.whole(f)])) };
      case "list":
        return { ...form, items: form.items.map((f) => this.whole(f)) };
      case "array":
        return { ...form, of: this.whole(form.of) };
      case "union":
        return { ...form, cases: form.cases.map((f) => this.whole(f)) };
      default:
        return form;
    }
  }

  private raw(v: Value, since: number, path: readonly Obj[]): Form {
    if (isNode(v)) return { kind: "leaf", type: v.type };
    if (v instanceof Variant) return v.form;
    if (v instanceof Choice)
      return alternatives(v)
        .map((x) => this.raw(x, since, path))
        .reduce((a, b) => this.joined(a, b));
    if (!(v instanceof Obj) || v.content.number <= since || (v.isOfModule && since < 0)) return { kind: "same", value: v };
    if (path.includes(v)) throw this.refuse("an object that holds itself is kept from turn to turn", "hold a number that says which it is");
    return this.rawContent(v.content.value, since, [...path, v], v.type);
  }

  private rawContent(c: Content, since: number, path: readonly Obj[], type: ClassValue | undefined): Form {
    if (c.kind === "record") return { kind: "record", fields: new Map([...c.fields].map(([k, f]) => [k, this.raw(f, since, path)])), type };
    return c.kind === "list" ? { kind: "list", items: c.items.map((x) => this.raw(x, since, path)) } : { kind: "array", of: c.of };
  }

  /** One level of an object that was to stay the same, or of a knot. */
  private opened(form: Form): Form {
    if (form.kind === "knot" && form.knot.body !== undefined) return form.knot.body;
    if (form.kind === "same" && form.value instanceof Fn && form.value.code.kind === "closure") {
      const { code } = form.value;
      const values = [...(valuesOf(code) ?? [])].map(([k, v]) => [k, this.raw(v, Number.POSITIVE_INFINITY, [])] as const);
      return { kind: "record", fields: new Map(values), type: code };
    }
    if (form.kind !== "same" || !(form.value instanceof Obj)) return form;
    return this.rawContent(form.value.content.value, Number.POSITIVE_INFINITY, [], form.value.type);
  }

  private joined(a: Form, b: Form): Form {
    if (b.kind === "none" || a === b) return a;
    if (a.kind === "none") return b;
    if (keyOf(a) === keyOf(b)) return a;
    if (a.kind === "union" || b.kind === "union") return this.union([...casesOf(a), ...casesOf(b)]);
    if (headOf(a) === headOf(b)) return this.alike(this.opened(a), this.opened(b));
    const types = [a, b].flatMap((f) => (f.kind === "leaf" ? [f.type] : []));
    if (types.length === 2 && types.some((t) => t.kind === "tensor"))
      throw this.refuse(
        `one variable, or one element, is ${kindName(types[0] as Type)} and then ${kindName(types[1] as Type)}`,
        "give it one kind of value",
      );
    return this.union([a, b]);
  }

  /** The common form of two of one head, one level of which is known. */
  private alike(a: Form, b: Form): Form {
    if (a.kind === "record" && b.kind === "record")
      return { ...a, fields: new Map([...a.fields].map(([k, f]) => [k, this.joined(f, b.fields.get(k) as Form)])) };
    if (a.kind === "list" && b.kind === "list" && a.items.length === b.items.length)
      return { kind: "list", items: a.items.map((f, i) => this.joined(f, b.items[i] as Form)) };
    const elements = [a, b].flatMap((f) => (f.kind === "list" ? f.items : f.kind === "array" ? [f.of] : []));
    return { kind: "array", of: elements.reduce((x, y) => this.joined(this.whole(x), this.whole(y)), NONE) };
  }

  private union(all: readonly Form[]): Form {
    const cases = new Map<string, Form>();
    for (const f of all) {
      const head = headOf(f);
      const known = cases.get(head);
      cases.set(head, known === undefined ? f : this.joined(known, f));
    }
    if (cases.size > MOST_CASES) {
      if ([...cases.keys()].some((head) => /^[af]/.test(head))) throw this.manyFunctions();
      throw this.refuse("one value takes more and more forms from turn to turn", "give it one form, for instance a record with all fields");
    }
    const sorted = [...cases].toSorted(([x], [y]) => (x < y ? -1 : 1)).map(([, f]) => f);
    return sorted.length === 1 ? (sorted[0] as Form) : { kind: "union", cases: sorted };
  }

  /** Records that hold their like become knots. */
  private tied(form: Form): Form {
    let f = form;
    for (let round = 0; round < 4; round++) {
      const head = recursiveHead(f, new Map(), 0);
      if (head === undefined) return f;
      f = this.tiedAt(f, head);
    }
    throw this.refuse("one value takes more and more forms from turn to turn", "give it one form, for instance a record with all fields");
  }

  private manyFunctions(): BenchError {
    return this.refuse("which function this is depends on how often a loop turns or a function calls itself", "choose by a number");
  }

  private tiedAt(form: Form, head: string): Form {
    // A function that holds one like itself: how deep is not known.
    if (head.startsWith("f")) throw this.manyFunctions();
    const fresh: Knot = { head, name: openName(), body: undefined };
    const found: RecordForm[] = [];
    const changed = replaced(form, head, fresh, found);
    const body = found.reduce((a, b) => this.alike(a, b) as RecordForm);
    const key = `${head}${keyOf(body)}`;
    const known = this.knots.get(key);
    if (known !== undefined) return replaced(form, head, known, []);
    fresh.name.definition = tupleType(leafTypes(body));
    fresh.body = body;
    this.knots.set(key, fresh);
    return changed;
  }
}

const casesOf = (f: Form): readonly Form[] => (f.kind === "union" ? f.cases : [f]);

/** The head of a record that is found within a record of the same head, with a union or an array between them. */
function recursiveHead(form: Form, path: ReadonlyMap<string, readonly [Knot | undefined, number]>, crossed: number): string | undefined {
  const first = (forms: readonly Form[], p: typeof path, c: number) => {
    for (const f of forms) {
      const found = recursiveHead(f, p, c);
      if (found !== undefined) return found;
    }
    return undefined;
  };
  switch (form.kind) {
    case "record":
    case "knot": {
      const head = headOf(form);
      const knot = form.kind === "knot" ? form.knot : undefined;
      const above = path.get(head);
      if (above !== undefined && above[1] < crossed) return knot !== undefined && above[0] === knot ? undefined : head;
      const body = form.kind === "knot" ? form.knot.body : form;
      if (body === undefined) return undefined;
      return first([...body.fields.values()], new Map([...path, [head, [knot, crossed]]]), crossed);
    }
    case "list":
      return first(form.items, path, crossed);
    case "array":
      return first([form.of], path, crossed + 1);
    case "union":
      return first(form.cases, path, crossed + 1);
    default:
      return undefined;
  }
}

/** The form with every record of a head exchanged for a knot; what was there is added to `found`. */
function replaced(form: Form, head: string, by: Knot, found: RecordForm[]): Form {
  const inner = (f: Form) => replaced(f, head, by, found);
  const fields = (f: RecordForm): RecordForm => ({ ...f, fields: new Map([...f.fields].map(([k, x]) => [k, inner(x)])) });
  switch (form.kind) {
    case "record": {
      const own = fields(form);
      if (headOf(form) !== head) return own;
      found.push(own);
      return { kind: "knot", knot: by };
    }
    case "knot":
      if (form.knot.head !== head || form.knot === by) return form;
      if (form.knot.body !== undefined) {
        // Its body names it: those are the new knot too.
        const { body } = form.knot;
        found.push({ ...body, fields: new Map([...body.fields].map(([k, x]) => [k, renamed(x, form.knot, by, found)])) });
      }
      return { kind: "knot", knot: by };
    case "list":
      return { ...form, items: form.items.map(inner) };
    case "array":
      return { ...form, of: inner(form.of) };
    case "union":
      return { ...form, cases: form.cases.map(inner) };
    default:
      return form;
  }
}

function renamed(form: Form, from: Knot, by: Knot, found: RecordForm[]): Form {
  if (form.kind === "knot" && form.knot === from) return { kind: "knot", knot: by };
  switch (form.kind) {
    case "record":
      return { ...form, fields: new Map([...form.fields].map(([k, x]) => [k, renamed(x, from, by, found)])) };
    case "list":
      return { ...form, items: form.items.map((x) => renamed(x, from, by, found)) };
    case "array":
      return { ...form, of: renamed(form.of, from, by, found) };
    case "union":
      return { ...form, cases: form.cases.map((x) => renamed(x, from, by, found)) };
    default:
      return form;
  }
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

function kindName(t: Type): string {
  return t.kind === "num" ? "a number" : t.kind === "bool" ? "a truth value" : t.kind === "tensor" ? "a tensor" : `a ${t.kind}`;
}
