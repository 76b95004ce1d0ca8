/** Reading and writing what values consist of: fields, elements, lists of them. */
import type { Node as Syntax } from "oxc-parser";
import type { Node } from "../ir/graph.ts";
import { type Completion, NEXT } from "./completion.ts";
import { alternatives, keyOf } from "./form.ts";
import { isSeveral, Operators } from "./operators.ts";
import { constantOf } from "./specialiser.ts";
import { type Accessor, Fn, isNode, Nothing, Obj, Text, UNDEFINED, type Value, Variant } from "./value.ts";

export abstract class Structure extends Operators {
  /** A method of an array, a string or an instance. */
  abstract method(of: Value, name: string): Value | undefined;

  member(of: Value, key: Value): Value {
    if (isSeveral(of))
      return this.each(of, (o) => {
        if (!(o instanceof Nothing)) return this.member(o, key);
        throw this.thrownHere(`${key instanceof Text ? key.text : "an element"} of ${o.name} is read`);
      });
    if (isSeveral(key)) return this.each(key, (k) => this.member(of, k));
    const name = key instanceof Text ? key.text : undefined;
    if (of instanceof Nothing) throw this.mistake(`${name ?? "an element"} of ${of.name} is read`, "test it first, or read it with ?.");
    if (of instanceof Obj) {
      const content = this.fresh(of).content.value;
      if (content.kind === "record") {
        const k = name ?? this.textOf(key);
        const own = content.fields.get(k);
        return own === undefined ? this.inherited(of, k) : this.read(own, of);
      }
      if (name === "length")
        return content.kind === "list"
          ? this.number(content.items.length)
          : this.frame.made((b) => b.arrayLength(this.frame.local(content.node)));
      if (name !== undefined && !/^\d+$/.test(name)) return this.inherited(of, name);
      const index = isNode(key) ? this.numeric(key) : this.number(Number(name));
      const at = constantOf(index);
      if (content.kind === "list" && typeof at === "number") return content.items[at] ?? UNDEFINED;
      const array = this.asArray(content);
      if (array === undefined) return this.pickItem(of, index);
      return this.elementAt(of, content.kind === "array" ? content : { kind: "array", ...array }, index);
    }
    if (of instanceof Text) {
      if (name === "length") return this.number(of.text.length);
      const at = isNode(key) ? constantOf(key) : Number(name);
      if (typeof at === "number" && Number.isInteger(at)) return at < of.text.length ? new Text(of.text[at] as string) : UNDEFINED;
      return this.inherited(of, name as string);
    }
    if (of instanceof Fn && name !== undefined) return this.inherited(of, name);
    if (isNode(of) && of.type.kind === "tensor") {
      if (name === "shape") return this.list(of.type.aval.shape.map((d) => this.number(d)));
      if (name === "dtype") return new Text(of.type.aval.dtype);
      if (name === "size") return this.number(of.type.aval.size);
    }
    if (isNode(of) && name !== undefined) return this.inherited(of, name);
    throw this.refuse("this member cannot be read", "read a field of a record, or an element of an array");
  }

  /** A method, or nothing; refused where JavaScript has a member of that name that this engine does not read. */
  private inherited(of: Value, name: string): Value {
    const method = this.method(of, name);
    if (method !== undefined) return method;
    if (!isNode(of) || !(of.type.kind === "tensor")) {
      if (name in prototypeOf(of) || (of instanceof Fn && name === "prototype"))
        throw this.refuse(
          `${name} of ${of instanceof Fn ? "a function" : "a value"} is not read by this engine`,
          "use a field of your own",
        );
    }
    return UNDEFINED;
  }

  /** What a field of an object gives, of which `v` is kept there. */
  private read(v: Value, of: Obj): Value {
    if (!alternatives(v).some(isAccessor)) return v;
    return this.each(v, (x) => {
      if (!isAccessor(x)) return x;
      return x.code.get === undefined ? UNDEFINED : this.call(new Fn(x.code.get), [], of, x.code.get.syntax);
    });
  }

  /** Gives a field that calls a function its value. */
  private writeField(v: Value, of: Obj, name: string, value: Value): void {
    this.each(v, (x) => {
      if (!isAccessor(x)) throw this.refuse("whether a field calls a function depends on a condition", "write in each branch");
      if (x.code.set === undefined)
        throw this.mistake(`${name} has a getter and no setter, and is written`, "write what its getter reads, or give it a setter");
      this.call(new Fn(x.code.set), [value], of, x.code.set.syntax);
      return UNDEFINED;
    });
  }

  /** An element of a list of structures, at a place that is not known: a chain of choices. */
  protected pickItem(of: Obj, index: Node): Value {
    const content = this.fresh(of).content.value;
    if (content.kind !== "list" || content.items.length === 0)
      throw this.mistake("an element of an empty array is read", "compare with .length before reading");
    const pick = (i: number): Value =>
      i === content.items.length
        ? UNDEFINED
        : this.choose(
            this.apply("eq", index, this.number(i)),
            () => content.items[i] as Value,
            () => pick(i + 1),
          );
    return pick(0);
  }

  setMember(of: Value, key: Value, value: Value): void {
    if (isSeveral(of)) {
      // Each of them is written where it is the one.
      this.each(of, (o) => {
        if (o instanceof Nothing) throw this.thrownHere(`a member of ${o.name} is written`);
        this.setMember(o, key, value);
        return UNDEFINED;
      });
      return;
    }
    if (isSeveral(key)) {
      this.each(key, (k) => {
        this.setMember(of, k, value);
        return UNDEFINED;
      });
      return;
    }
    if (!(of instanceof Obj))
      throw this.refuse("which object is written depends on a condition", "write in each branch, or to a copy: { ...o } or [...a]");
    const content = this.fresh(of).content.value;
    if (content.kind === "record") {
      const name = this.textOf(key);
      const own = content.fields.get(name);
      if (own !== undefined && alternatives(own).some(isAccessor)) this.writeField(own, of, name, value);
      else this.writeContent(of, { kind: "record", fields: new Map(content.fields).set(name, value) });
      return;
    }
    if (!isNode(key)) throw this.refuse("this member of an array cannot be written", "write an element; shorten it with pop or slice");
    const at = constantOf(key);
    if (content.kind === "list" && typeof at === "number") {
      if (!(Number.isInteger(at) && at >= 0 && at <= content.items.length))
        throw this.refuse(`element ${at} of an array of ${content.items.length} is written`, "fill the array before: new Array(n).fill(0)");
      const items = [...content.items];
      items[at] = value;
      this.writeContent(of, { kind: "list", items });
      return;
    }
    const array = this.asArray(content);
    if (content.kind === "list" && (array === undefined || !isNode(value) || keyOf(array.of) !== `n${value.type.id}`)) {
      this.setItem(of, content.items, key, value);
      return;
    }
    const { array: old, of: form, node: element } = this.element({ kind: "array", ...(array as NonNullable<typeof array>) }, value);
    const node = this.frame.made((b) => b.update("arraySet", [old, this.frame.local(key), element]));
    this.writeContent(of, { kind: "array", node, of: form });
    this.settled(of, key, value);
  }

  /** An element of a list of structures is written, at a place that is not known: one list for each place. */
  private setItem(of: Obj, items: readonly Value[], index: Node, value: Value): void {
    const from = (i: number): Completion => {
      if (i === items.length) throw this.thrownHere("an element outside of an array is written");
      return this.fork(
        this.apply("eq", index, this.number(i)),
        () => {
          this.writeContent(of, { kind: "list", items: items.with(i, value) });
          return NEXT;
        },
        () => from(i + 1),
      );
    };
    this.past(from(0));
  }

  /** A value as one; where it is nothing, the program ends. */
  protected something(given: Value): Value {
    if (given instanceof Nothing || !alternatives(given).some(mayBeNothing)) return this.single(given);
    return this.single(
      this.each(given, (v) => {
        if (v instanceof Nothing) throw this.thrownHere(`${v.name} is iterated`);
        return v;
      }),
    );
  }

  /** The elements of a list whose length is known. */
  itemsOf(given: Value): readonly Value[] {
    const v = this.something(given);
    if (v instanceof Obj) {
      const c = this.fresh(v).content.value;
      if (c.kind === "list") return c.items;
      if (c.kind === "array") {
        const length = constantOf(this.frame.made((b) => b.arrayLength(this.frame.local(c.node))));
        if (typeof length === "number") return Array.from({ length }, (_, i) => this.member(v, this.number(i)));
        throw this.refuse("an array whose length is not known is spread", "use a loop over it");
      }
    }
    if (v instanceof Text) return [...v.text].map((t) => new Text(t));
    throw this.mistake("what is spread is not an array", "spread an array, or a list of values");
  }

  /** What the fields of an object give when they are read, but for some. */
  fieldsOf(given: Value, without?: ReadonlySet<string>): ReadonlyMap<string, Value> {
    const v = this.single(given);
    const names = this.fieldNames(v).filter((name) => !without?.has(name));
    return new Map(names.map((name) => [name, this.member(v, new Text(name))]));
  }

  /** The names of an object's fields, in order. */
  fieldNames(given: Value): readonly string[] {
    const v = this.single(given);
    if (v instanceof Nothing) return [];
    const content = v instanceof Obj ? this.fresh(v).content.value : undefined;
    if (content?.kind === "record") return [...content.fields.keys()].filter((name) => !name.startsWith("#"));
    if (content?.kind === "list") return content.items.map((_, i) => String(i));
    throw this.refuse("the fields of this value are not known", "name the fields that are read");
  }

  /** An array of which it is not known how many elements it has. */
  isOpen(v: Value): boolean {
    const content = v instanceof Obj ? this.fresh(v).content.value : undefined;
    if (content?.kind !== "array") return false;
    const { node } = content;
    return constantOf(this.frame.made((b) => b.arrayLength(this.frame.local(node)))) === undefined;
  }

  /** Arrays that are spread over arguments, and whose length is not known: they stand for their elements. */
  readonly spreads = new WeakSet<Value & object>();

  /** One array of the elements of several. */
  protected abstract joinedArrays(parts: readonly Obj[]): Value;

  /** An array of values, of which some are spread. */
  protected gathered(values: readonly Value[]): Value {
    if (!values.some((v) => this.spreads.has(v))) return this.list(values);
    const parts: Obj[] = [];
    let items: Value[] = [];
    for (const v of values) {
      if (!this.spreads.has(v)) items.push(v);
      else {
        parts.push(this.list(items), v as Obj);
        items = [];
      }
    }
    return this.joinedArrays([...parts, this.list(items)]);
  }

  /** What a pattern's rest takes of an array: what is left from place `from`. */
  protected rest(given: Value, from: number): Value {
    const v = this.single(given);
    if (!this.isOpen(v)) return this.list(this.itemsOf(v).slice(from));
    return this.call(this.member(v, new Text("slice")), [this.number(from)], v, this.at as Syntax);
  }

  abstract call(fn: Value, args: readonly Value[], self: Value | undefined, at: Syntax): Value;

  protected refuseSpread(args: readonly Value[]): void {
    if (args.some((a) => this.spreads.has(a)))
      throw this.refuse("an array whose length is not known is spread over parameters", "pass the array, or declare a rest parameter");
  }

  /** What a spread value stands for: its elements, or, where it is not known how many, a mark for all of them. */
  protected spread(given: Value): readonly Value[] {
    const v = this.single(given);
    if (!this.isOpen(v)) return this.itemsOf(v);
    // What it is now: it may be written before the others are evaluated.
    const copy = this.object(this.fresh(v as Obj).content.value);
    this.spreads.add(copy);
    return [copy];
  }

  unlessNothing(v: Value, f: (v: Value) => Value): Value {
    if (isSeveral(v)) return this.each(v, (x) => this.unlessNothing(x, f));
    return v instanceof Nothing ? UNDEFINED : f(v);
  }
}

const mayBeNothing = (v: Value): boolean =>
  v instanceof Nothing || (v instanceof Variant && v.form.cases.some((c) => c.kind === "same" && c.value instanceof Nothing));

const isAccessor = (v: Value): v is Fn & { readonly code: Accessor } => v instanceof Fn && v.code.kind === "accessor";

/** What a value has its members of in JavaScript. */
function prototypeOf(v: Value): object {
  if (v instanceof Text) return String.prototype;
  if (v instanceof Fn) return Function.prototype;
  if (isNode(v)) return v.type.kind === "bool" ? Boolean.prototype : Number.prototype;
  return v instanceof Obj && v.content.value.kind !== "record" ? Array.prototype : Object.prototype;
}
