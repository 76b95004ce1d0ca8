/**
 * The algebra of forms: the form of a value, and the common form of two. What joins more and more from turn to turn is refused, and a
 * record that comes to hold its like becomes a knot.
 */
import type { BenchError } from "../../../core/base/errors.ts";
import { openName, type Type, tupleType } from "../ir/type.ts";
import { valuesOf } from "./captures.ts";
import { alternatives, type Form, headOf, type Knot, keyOf, kindName, leafTypes, NONE, type RecordForm } from "./form.ts";
import { Choice, type ClassValue, type Content, Fn, isNode, Obj, type Value, Variant } from "./value.ts";

/** Unions of more cases are refused: something grows from turn to turn. */
const MOST_CASES = 12;

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
        return form.type?.kind === "closure" ? form : withParts(form, (f) => this.whole(f));
      default:
        return withParts(form, (f) => this.whole(f));
    }
  }

  /** A form in which functions that hold something inside of an arm are taken apart: out of it they are known by what they hold. */
  outside(form: Form, isInside: (v: Value) => boolean): Form {
    if (form.kind !== "same") return withParts(form, (f) => this.outside(f, isInside));
    const code = form.value instanceof Fn ? form.value.code : undefined;
    return code?.kind === "closure" && [...(valuesOf(code)?.values() ?? [])].some(isInside) ? this.opened(form) : form;
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
  if (form.kind === "knot") {
    if (form.knot.head !== head || form.knot === by) return form;
    // Its body names it: those are the new knot too.
    if (form.knot.body !== undefined) found.push(withParts(form.knot.body, (x) => renamed(x, form.knot, by)));
    return { kind: "knot", knot: by };
  }
  const own = withParts(form, (f) => replaced(f, head, by, found));
  if (own.kind !== "record" || headOf(form) !== head) return own;
  found.push(own);
  return { kind: "knot", knot: by };
}

function renamed(form: Form, from: Knot, by: Knot): Form {
  if (form.kind === "knot" && form.knot === from) return { kind: "knot", knot: by };
  return withParts(form, (x) => renamed(x, from, by));
}

/** The form with other forms of what it consists of. */
function withParts<F extends Form>(form: F, part: (f: Form) => Form): F {
  switch (form.kind) {
    case "record":
      return { ...form, fields: new Map([...form.fields].map(([k, f]) => [k, part(f)])) };
    case "list":
      return { ...form, items: form.items.map(part) };
    case "array":
      return { ...form, of: part(form.of) };
    case "union":
      return { ...form, cases: form.cases.map(part) };
    default:
      return form;
  }
}
