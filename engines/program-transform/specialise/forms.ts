/** Forms of what a loop carries: what of it is structure, the same in every turn, and what are leaves, each of one type. */
import { makeGraph } from "../ir/build.ts";
import { makeIf, pack, unpack } from "../ir/extract.ts";
import type { Node } from "../ir/graph.ts";
import { arrayType, BOOL, NUM, resolveType, type Type } from "../ir/type.ts";
import type { Frame } from "./frame.ts";
import { asArray, isContent } from "./join.ts";
import { Specialiser } from "./specialiser.ts";
import { Choice, type ClassValue, type Content, isNode, Nothing, Obj, Text, type Value } from "./value.ts";

export class Forms extends Specialiser {
  protected formOf(entry: unknown, next: unknown): unknown {
    if (next === undefined) return entry === undefined ? undefined : this.formOf(entry, entry);
    if (entry === undefined) return this.formOfNew(next);
    if (isTypeForm(entry)) return this.formOf(next, next);
    if (entry instanceof Choice || next instanceof Choice) return this.formOfAll([...alternatives(entry), ...alternatives(next)]);
    if (isTypeForm(next)) return isNode(entry) && entry.type === next.leaf ? next : this.formOf(entry, entry);
    if (isNode(entry) && isNode(next)) {
      if (entry.type === next.type) return { leaf: entry.type };
      throw this.refuse(
        `a variable of this loop is ${kindName(entry.type)} before it and ${kindName(next.type)} after a turn`,
        "give it one kind of value",
      );
    }
    if (isContent(entry) && isContent(next)) return this.contentForm(entry, next);
    if (entry instanceof Obj && next instanceof Obj) {
      if (entry === next) return { same: entry };
      return { object: this.formOf(entry.content.value, next.content.value), type: entry.type };
    }
    if (typeof entry !== typeof next || (entry as object).constructor !== (next as object).constructor)
      throw this.refuse(
        "a variable of this loop holds values of different form before it and after a turn",
        "give it one form, for instance a record with all fields",
      );
    const isSame =
      entry === next ||
      (entry instanceof Text && next instanceof Text && entry.text === next.text) ||
      (entry instanceof Nothing && next instanceof Nothing && entry.name === next.name);
    if (!isSame) throw this.refuse("a string or a function of this loop is another one after a turn", "choose by a number inside the loop");
    return { same: entry };
  }

  /** The form of what there is nothing before: an object that a turn makes is another one in the next. */
  private formOfNew(v: unknown): unknown {
    if (v instanceof Choice) {
      const [form, ...others] = alternatives(v).map((a) => this.formOfNew(a));
      if (others.every((f) => sameForm(f, form))) return form;
      throw this.differentForms();
    }
    if (v instanceof Obj) return { object: this.formOfNew(v.content.value), type: v.type };
    if (!isContent(v)) return this.formOf(v, v);
    if (v.kind === "record") return { fields: [...v.fields].map(([k, f]) => [k, this.formOfNew(f)]) };
    return v.kind === "list" ? { items: v.items.map((item) => this.formOfNew(item)) } : { array: v.node.type };
  }

  private differentForms() {
    return this.refuse(
      "a variable of this loop holds values of different form from turn to turn",
      "give it one form, for instance a record with all fields",
    );
  }

  /** The one form of several values of which a condition chooses. */
  private formOfAll([first, ...rest]: readonly unknown[]): unknown {
    const forms = rest.filter((v) => v !== first).map((v) => this.formOf(first, v));
    const [form] = forms;
    if (form === undefined) return { same: first };
    if (forms.every((f) => sameForm(f, form))) return form;
    throw this.differentForms();
  }

  protected contentForm(entry: Content, next: Content): unknown {
    if (entry.kind === "record" && next.kind === "record") {
      if (entry.fields.size !== next.fields.size || ![...entry.fields.keys()].every((k) => next.fields.has(k)))
        throw this.refuse("an object of this loop gets fields that it does not have before it", "give it all its fields before the loop");
      return { fields: [...entry.fields].map(([k, v]) => [k, this.formOf(v, next.fields.get(k))]) };
    }
    if (entry.kind === "list" && next.kind === "list" && entry.items.length === next.items.length)
      return { items: entry.items.map((v, i) => this.formOf(v, next.items[i])) };
    const of = [entry, next].map((c) => {
      if (c.kind === "array") return (resolveType(c.node.type) as { of: Type }).of;
      const [first] = c.kind === "list" ? c.items : [];
      return isNode(first) ? first.type : undefined;
    });
    const element = of[0] ?? of[1];
    if (element === undefined || (of[0] !== undefined && of[1] !== undefined && of[0] !== of[1]))
      throw this.refuse("an array of this loop changes its length, and its elements are not numbers", "keep numbers in it");
    return { array: arrayType(element) };
  }

  /**
   * Objects that a loop exchanges are known in it, and after it, by what they hold: no name of them may be written any more. Whether
   * one of those made up to `since` became so now.
   */
  protected freeze(form: unknown, value: unknown, since: number): boolean {
    const f = form as Form;
    if (f === undefined || "same" in f || "leaf" in f || "array" in f) return false;
    if ("fields" in f) return f.fields.reduce((found, [k, form2]) => this.freeze(form2, fieldOf(value, k), since) || found, false);
    if ("items" in f) return f.items.reduce<boolean>((found, form2, i) => this.freeze(form2, itemOf(value, i), since) || found, false);
    if (!(value instanceof Obj)) return false;
    const isNew = !value.isJoined && value.content.number <= since;
    value.isJoined = true;
    return this.freeze(f.object, value.content.value, since) || isNew;
  }

  protected parametrised(form: unknown, value: unknown, params: Node[]): unknown {
    const f = form as Form;
    if (f === undefined || "same" in f) return value;
    if ("leaf" in f || "array" in f) {
      const param = this.frame.param("leaf" in f ? f.leaf : f.array);
      params.push(param);
      return "leaf" in f ? param : ({ kind: "array", node: param } satisfies Content);
    }
    if ("fields" in f)
      return { kind: "record", fields: new Map(f.fields.map(([k, form2]) => [k, this.parametrised(form2, fieldOf(value, k), params)])) };
    if ("items" in f) return { kind: "list", items: f.items.map((form2, i) => this.parametrised(form2, itemOf(value, i), params)) };
    const made = this.object(this.parametrised(f.object, contentOf(value), params) as Content, f.type);
    made.isJoined = true;
    return made;
  }

  protected leaves(frame: Frame, form: unknown, value: unknown, out: Node[]): void {
    const f = form as Form;
    if (f === undefined || "same" in f) return;
    if (value instanceof Choice) this.chosenLeaves(frame, form, value, out);
    else if ("leaf" in f) out.push(value === undefined ? frame.made((b) => b.unset(f.leaf)) : frame.local(value as Node));
    else if ("array" in f) {
      const content = value as Content;
      const node =
        content.kind === "list" && content.items.length === 0
          ? frame.made((b) => b.arrayOf([], (f.array as { of: Type }).of))
          : asArray(frame, content);
      if (node === undefined || node.type !== f.array)
        throw this.refuse("an array of this loop holds different kinds of elements", "keep one kind in it");
      out.push(node);
    } else if ("fields" in f) for (const [k, form2] of f.fields) this.leaves(frame, form2, fieldOf(value, k), out);
    else if ("items" in f)
      f.items.forEach((form2, i) => {
        this.leaves(frame, form2, itemOf(value, i), out);
      });
    else this.leaves(frame, f.object, contentOf(value), out);
  }

  /** Leaf by leaf that of the value which the condition chooses. */
  private chosenLeaves(frame: Frame, form: unknown, { condition, consequent, otherwise }: Choice, out: Node[]): void {
    const sides: [Node[], Node[]] = [[], []];
    this.leaves(frame, form, consequent, sides[0]);
    this.leaves(frame, form, otherwise, sides[1]);
    const types = sides[0].map((n) => n.type);
    const side = (k: number) =>
      makeGraph("side", [...types, ...types], (b, params) => pack(b, params.slice(k * types.length, (k + 1) * types.length)));
    const chosen = frame.made((b) => makeIf(b, frame.local(condition), side(0), side(1), sides.flat()));
    out.push(...unpack(frame.build, chosen, types.length).map((n) => frame.mine(n)));
  }

  protected rebuilt(form: unknown, value: unknown, queue: Node[]): unknown {
    const f = form as Form;
    if (f === undefined || "same" in f) return value;
    if ("leaf" in f) return queue.shift();
    if ("array" in f) return { kind: "array", node: queue.shift() as Node };
    if ("fields" in f)
      return { kind: "record", fields: new Map(f.fields.map(([k, form2]) => [k, this.rebuilt(form2, fieldOf(value, k), queue)])) };
    if ("items" in f) return { kind: "list", items: f.items.map((form2, i) => this.rebuilt(form2, itemOf(value, i), queue)) };
    const made = this.object(this.rebuilt(f.object, contentOf(value), queue) as Content, f.type);
    made.isJoined = true;
    return made;
  }
}

export type Form =
  | undefined
  | { readonly same: unknown }
  | { readonly leaf: Type }
  | { readonly array: Type }
  | { readonly fields: readonly (readonly [string, unknown])[] }
  | { readonly items: readonly unknown[] }
  | { readonly object: unknown; readonly type: ClassValue | undefined };

/** What a condition, or several, choose of. */
function alternatives(v: unknown): unknown[] {
  return v instanceof Choice ? [...alternatives(v.consequent), ...alternatives(v.otherwise)] : [v];
}

/** The content of an object, of the first where it is not known which. */
const contentOf = (v: unknown): Content | undefined => (alternatives(v)[0] as Obj | undefined)?.content.value;

const isTypeForm = (x: unknown): x is { readonly leaf: Type } => typeof x === "object" && x !== null && "leaf" in x;

function fieldOf(value: unknown, key: string): unknown {
  return (value as { fields?: ReadonlyMap<string, Value> } | undefined)?.fields?.get(key);
}
function itemOf(value: unknown, i: number): unknown {
  return (value as { items?: readonly Value[] } | undefined)?.items?.[i];
}

export function sameForm(a: unknown, b: unknown): boolean {
  if (a === b) return true;
  if (typeof a !== "object" || typeof b !== "object" || a === null || b === null) return false;
  const [f, g] = [a as NonNullable<Form>, b as NonNullable<Form>];
  if ("same" in f) return "same" in g && f.same === g.same;
  if ("leaf" in f) return "leaf" in g && f.leaf === g.leaf;
  if ("array" in f) return "array" in g && f.array === g.array;
  if ("fields" in f)
    return (
      "fields" in g &&
      f.fields.length === g.fields.length &&
      f.fields.every(([k, v], i) => g.fields[i]?.[0] === k && sameForm(v, g.fields[i]?.[1]))
    );
  if ("items" in f) return "items" in g && f.items.length === g.items.length && f.items.every((v, i) => sameForm(v, g.items[i]));
  return "object" in g && f.type === g.type && sameForm(f.object, g.object);
}

function kindName(t: Type): string {
  return t === NUM ? "a number" : t === BOOL ? "a truth value" : t.kind === "tensor" ? "a tensor" : `a ${t.kind}`;
}
