/** Values as leaves of a form, and back: what loops carry, arrays hold and graphs are called with. */
import { makeGraph } from "../ir/build.ts";
import { makeIf, pack, unpack } from "../ir/extract.ts";
import type { Node } from "../ir/graph.ts";
import { arrayType, NUM, namedType } from "../ir/type.ts";
import { Captures, valuesOf } from "./captures.ts";
import { Exceptions } from "./exceptions.ts";
import { alternatives, type Form, headOf, keyOf, leafTypes, NUMBER_FORM, packedType, type UnionForm, unionTypeOf } from "./form.ts";
import { FormAlgebra } from "./form-algebra.ts";
import type { Frame } from "./frame.ts";
import { isContent, joinedFn, madeIn, oneOfMany, type Side } from "./join.ts";
import { Choice, type Content, Fn, isNode, Obj, type Value, Variant } from "./value.ts";

export abstract class Forms extends Exceptions {
  protected readonly captures = new Captures();
  protected readonly algebra = new FormAlgebra((message, advice) => this.refuse(message, advice));

  /** Both sides of a choice, or all cases of a variant, apart. */
  abstract each(v: Value, f: (v: Exclude<Value, Choice | Variant>) => Value): Value;

  /** Refuses an element of an array that may be out of date. */
  abstract fresh<T extends Value>(v: T): T;

  // From values to leaves.

  /** The leaves of a value (of a content, of nothing yet), as nodes of a frame. */
  leaves(frame: Frame, form: Form, value: Value | Content | undefined, out: Node[]): void {
    switch (form.kind) {
      case "none":
      case "same":
        return;
      case "union":
        out.push(
          value === undefined
            ? frame.made((b) => b.unset(unionTypeOf(form)))
            : this.inFrame(frame, () => this.asCase(frame, form, value as Value)),
        );
        return;
    }
    if (value instanceof Choice) {
      this.chosenLeaves(frame, form, value, out);
      return;
    }
    if (form.kind === "leaf") {
      if (value !== undefined && !(isNode(value) && value.type === form.type)) throw this.otherForm();
      out.push(value === undefined ? frame.made((b) => b.unset(form.type)) : frame.local(value as Node));
      return;
    }
    const content =
      value instanceof Obj ? this.fresh(value).content.value : value instanceof Fn ? heldBy(value) : (value as Content | undefined);
    if (content !== undefined && !isContent(content)) throw this.otherForm();
    if (form.kind === "array") {
      out.push(content === undefined ? frame.made((b) => b.unset(leafTypes(form)[0] as never)) : this.arrayIn(frame, form.of, content));
    } else if (form.kind === "list") {
      if (content !== undefined && content.kind !== "list") throw this.otherForm();
      for (const [i, f] of form.items.entries()) this.leaves(frame, f, content?.items[i], out);
    } else {
      const body = form.kind === "knot" ? form.knot.body : form;
      if (body === undefined) throw new Error("a form is used before it is found");
      if (content !== undefined && content.kind !== "record") throw this.otherForm();
      const own: Node[] = [];
      if (content === undefined && form.kind === "knot") own.push(frame.made((b) => b.unset(namedType(form.knot.name))));
      else for (const [k, f] of body.fields) this.leaves(frame, f, content?.fields.get(k), own);
      if (form.kind === "knot" && content !== undefined) out.push(frame.made((b) => b.tuple(own, undefined, namedType(form.knot.name))));
      else out.push(...own);
    }
  }

  /** A value as its form and its leaves. */
  takenApart(value: Value): { readonly form: Form; readonly leaves: Node[] } {
    const form = this.algebra.whole(this.algebra.of(value, -1));
    const leaves: Node[] = [];
    this.leaves(this.frame, form, value, leaves);
    return { form, leaves };
  }

  private otherForm() {
    return this.refuse(
      "a value of another form is put where one form is kept",
      "keep one kind of value in an array, or in a variable of a loop",
    );
  }

  /** Leaf by leaf that of the value which the condition chooses. */
  private chosenLeaves(frame: Frame, form: Form, { condition, consequent, otherwise }: Choice, out: Node[]): void {
    const sides: [Node[], Node[]] = [[], []];
    this.leaves(frame, form, consequent, sides[0]);
    this.leaves(frame, form, otherwise, sides[1]);
    const types = sides[0].map((n) => n.type);
    if (types.length === 0) return;
    const side = (k: number) =>
      makeGraph("side", [...types, ...types], (b, params) => pack(b, params.slice(k * types.length, (k + 1) * types.length)));
    const chosen = frame.made((b) => makeIf(b, frame.local(condition), side(0), side(1), sides.flat()));
    out.push(...unpack(frame.build, chosen, types.length).map((n) => frame.mine(n)));
  }

  /** A value as a case of a union. */
  private asCase(frame: Frame, form: UnionForm, value: Value): Node {
    if (value instanceof Variant && keyOf(value.form) === keyOf(form)) return frame.local(value.node);
    const type = unionTypeOf(form);
    const node = this.each(value, (v) => {
      const head = headOf(this.algebra.of(v, -1));
      const index = form.cases.findIndex((c) => headOf(c) === head);
      if (index < 0) throw this.otherForm();
      const given = this.packed(this.frame, form.cases[index] as Form, v);
      return this.frame.made((b) => b.inject(given, type, index));
    });
    return frame.local(node as Node);
  }

  /** A value as one node. */
  packed(frame: Frame, form: Form, value: Value): Node {
    const own: Node[] = [];
    this.leaves(frame, form, value, own);
    return frame.made((b) => (own.length === 0 ? b.constant(null) : pack(b, own)));
  }

  /** A content as one node of array type, with elements of a form. */
  arrayIn(frame: Frame, of: Form, content: Content): Node {
    if (content.kind === "array") {
      if (keyOf(content.of) !== keyOf(of)) throw this.otherForm();
      return frame.local(content.node);
    }
    if (content.kind !== "list") throw this.otherForm();
    const items = content.items.map((x) => this.packed(frame, of, x));
    return frame.made((b) => b.arrayOf(items, packedType(of)));
  }

  /** An array, or a list of nodes of one type as one; undefined where it is a list of other things. */
  asArray(content: Content): { readonly node: Node; readonly of: Form } | undefined {
    if (content.kind === "array") return { node: this.frame.local(content.node), of: content.of };
    if (content.kind !== "list") return undefined;
    const types = new Set(content.items.map((x) => (isNode(x) ? x.type : undefined)));
    const [type = NUM] = types;
    if (types.size > 1 || types.has(undefined)) return undefined;
    const of: Form = { kind: "leaf", type };
    return { node: this.arrayIn(this.frame, of, content), of };
  }

  override arraysIn(sides: readonly [Side, Side], contents: readonly [Content, Content]) {
    const each = <T>(run: (c: Content, frame: Frame) => T) =>
      contents.map((c, k) => this.asLeftBy(sides[k] as Side, () => run(c, (sides[k] as Side).frame))) as [T, T];
    const form = this.algebra.join(...each((c, frame) => this.algebra.outside(this.algebra.ofContent(c, -1), (v) => isInside(v, frame))));
    if (form.kind !== "array") throw this.otherForm();
    each((c) => this.freeze(form, c));
    const nodes = each((c, frame) => {
      if (c.kind !== "array" || keyOf(c.of) === keyOf(form.of) || this.passes === 0) return this.arrayIn(frame, form.of, c);
      this.unsettled++;
      return frame.made((b) => b.unset(arrayType(packedType(form.of))));
    });
    return { nodes, of: form.of };
  }

  /** How many arrays wait for the next pass over their loop, which will know that their elements have a wider form. */
  protected unsettled = 0;
  /** How many loops and recursive functions are being found out about. */
  protected passes = 0;

  /** An array that is to hold a value, and the value as an element of it. */
  protected element(content: Extract<Content, { kind: "array" }>, value: Value): { array: Node; of: Form; node: Node } {
    const form = this.algebra.whole(this.algebra.of(value, -1));
    const of = content.of.kind === "none" ? NUMBER_FORM : content.of;
    const wide = this.algebra.join(of, form);
    this.freezeCases(wide, value);
    const node = this.packed(this.frame, wide, value);
    if (keyOf(wide) === keyOf(of)) return { array: this.frame.local(content.node), of, node };
    if (this.passes === 0) throw this.refuse("an element of another kind is put into an array", "keep one kind of value in it");
    this.unsettled++;
    return { array: this.frame.made((b) => b.unset(arrayType(packedType(wide)))), of: wide, node };
  }

  /** Runs something at the end of an arm: what it wrote, objects within its arrays too, is there once more. */
  private asLeftBy<T>({ frame, writes }: Side, run: () => T): T {
    const before = [...writes.keys()].map((cell) => [cell, cell.value] as const);
    for (const [cell, value] of writes) cell.value = value;
    try {
      return this.inFrame(frame, run);
    } finally {
      for (const [cell, value] of before) cell.value = value;
    }
  }

  private inFrame<T>(frame: Frame, run: () => T): T {
    const before = this.frame;
    this.frame = frame;
    try {
      return run();
    } finally {
      this.frame = before;
    }
  }

  // From leaves to values.

  /** The value of a form with other leaves. Where it is one of many (an element, a case) its objects cannot be written. */
  rebuilt(form: Form, queue: Node[], isFrozen: boolean): Value | undefined {
    switch (form.kind) {
      case "none":
        return undefined;
      case "same":
        return form.value instanceof Fn ? oneOfMany(form.value) : form.value;
      case "leaf":
        return queue.shift();
      case "union":
        return this.variant(queue.shift() as Node, form);
      default: {
        const type = form.kind === "record" ? form.type : typeOf(form);
        const content = this.rebuiltContent(form, queue, isFrozen || type?.kind === "closure");
        if (type?.kind === "closure") {
          return joinedFn({ ...type, scope: this.captures.exchanged(type, (content as Extract<Content, { kind: "record" }>).fields) });
        }
        const made = this.object(content, type);
        made.isJoined = isFrozen;
        return made;
      }
    }
  }

  rebuiltContent(form: Form, queue: Node[], isFrozen: boolean): Content {
    const value = (f: Form) => this.rebuilt(f, queue, isFrozen) as Value;
    switch (form.kind) {
      case "record":
        return { kind: "record", fields: new Map([...form.fields].map(([k, f]) => [k, value(f)])) };
      case "list":
        return { kind: "list", items: form.items.map(value) };
      case "array":
        return { kind: "array", node: queue.shift() as Node, of: form.of };
      case "knot": {
        const whole = queue.shift() as Node;
        const body = form.knot.body as NonNullable<typeof form.knot.body>;
        const fields = leafTypes(body).map((_, i) => this.frame.made((b) => b.get(this.frame.local(whole), i)));
        return this.rebuiltContent(body, fields, true);
      }
      default:
        throw new Error(`what an object holds has the form ${form.kind}`);
    }
  }

  variant(node: Node, form: UnionForm): Variant {
    const tests = form.cases.slice(0, -1).map((_, i) => this.frame.made((b) => b.isCase(this.frame.local(node), i)));
    return new Variant(node, form, tests);
  }

  /** An element, or a case, that was packed. */
  unpacked(form: Form, node: Node): Value {
    const count = leafTypes(form).length;
    const own = count === 0 ? [] : unpack(this.frame.build, this.frame.local(node), count).map((n) => this.frame.mine(n));
    return this.rebuilt(form, own, true) as Value;
  }

  /** Runs `f` on the case that a variant is. */
  protected eachCase(v: Variant, f: (v: Value) => Value): Value {
    const from = (i: number): Value => {
      const open = () => {
        const form = v.form.cases[i] as Form;
        return f(
          this.unpacked(
            form,
            this.frame.made((b) => b.project(this.frame.local(v.node), i)),
          ),
        );
      };
      return i === v.tests.length ? open() : this.choose(v.tests[i] as Node, open, () => from(i + 1));
    };
    return from(0);
  }

  // Objects that are known by what they hold.

  /** Those that may have several forms: as cases of a union they cannot be written. */
  private freezeCases(form: Form, value: Value | undefined): void {
    const c = value instanceof Obj ? value.content.value : undefined;
    if (form.kind === "record" && c?.kind === "record") for (const [k, f] of form.fields) this.freezeCases(f, c.fields.get(k));
    else if (form.kind === "list" && c?.kind === "list") for (const [i, f] of form.items.entries()) this.freezeCases(f, c.items[i]);
    else if (form.kind === "array" && c?.kind === "list") for (const x of c.items) this.freezeCases(form.of, x);
    else if (value instanceof Fn || value instanceof Choice || (form.kind !== "record" && form.kind !== "list" && form.kind !== "array"))
      this.freeze(form, value);
  }

  /** Those that a graph is given within unions and arrays, where it may hand them on. */
  protected freezeShared(form: Form, value: Value): void {
    if (value instanceof Obj && (form.kind === "record" || form.kind === "list")) {
      const c = value.content.value;
      if (form.kind === "record" && c.kind === "record") for (const [k, f] of form.fields) this.freezeShared(f, c.fields.get(k) as Value);
      if (form.kind === "list" && c.kind === "list") for (const [i, f] of form.items.entries()) this.freezeShared(f, c.items[i] as Value);
    } else this.freeze(form, value);
  }

  /** The numbers of the cells of objects that became so, in order. */
  protected readonly frozen: number[] = [];

  /** Objects that are exchanged or kept by what they hold: no name of them may be written any more. */
  protected freeze(form: Form, value: Value | Content | undefined): void {
    if (value === undefined || form.kind === "none" || form.kind === "same" || form.kind === "leaf") return;
    if (value instanceof Choice) {
      for (const v of alternatives(value)) this.freeze(form, v);
      return;
    }
    if (form.kind === "union") {
      if (!(value instanceof Obj || value instanceof Fn)) return;
      const head = headOf({ kind: "same", value });
      this.freeze(form.cases.find((c) => headOf(c) === head) ?? { kind: "none" }, value);
      return;
    }
    if (value instanceof Obj) {
      if (!value.isJoined) this.frozen.push(value.content.number);
      this.copied(value);
    }
    const content = value instanceof Obj ? value.content.value : value instanceof Fn ? heldBy(value) : value;
    if (!isContent(content)) return;
    const body = form.kind === "knot" ? form.knot.body : form;
    if (content.kind === "record" && body?.kind === "record") for (const [k, f] of body.fields) this.freeze(f, content.fields.get(k));
    else if (content.kind === "list")
      for (const [i, x] of content.items.entries())
        this.freeze(form.kind === "list" ? (form.items[i] as Form) : (form as { of: Form }).of, x);
  }
}

/** Whether a value belongs to an arm. */
function isInside(v: Value, frame: Frame): boolean {
  if (isNode(v)) return frame.owns(v) && v.op !== "const";
  return v instanceof Variant ? frame.owns(v.node) : v instanceof Obj && madeIn.get(v) === frame;
}

/** What a function holds, as the content of a record. */
function heldBy({ code }: Fn): Content {
  return { kind: "record", fields: (code.kind === "closure" ? valuesOf(code) : undefined) ?? new Map() };
}

const typeOf = (form: Form) => (form.kind === "knot" ? form.knot.body?.type : undefined);
