/** Elements of arrays of structures: read as objects that write through to the array, or are refused where they may be out of date. */

import { unpack } from "../ir/extract.ts";
import type { Node } from "../ir/graph.ts";
import { type Form, leafTypes } from "./form.ts";
import { Forms } from "./forms.ts";
import { type Content, type Home, Obj, type Value } from "./value.ts";

type ArrayContent = Extract<Content, { kind: "array" }>;

export abstract class Elements extends Forms {
  /** The element at a place, as an object where it is one. */
  protected elementAt(array: Obj, content: ArrayContent, index: Node): Value {
    const node = this.frame.made((b) => b.arrayGet(this.frame.local(content.node), this.frame.local(index)));
    const { of } = content;
    if (of.kind === "leaf" || of.kind === "none") return node;
    if (of.kind !== "record" && of.kind !== "list" && of.kind !== "array") return this.unpacked(of, node);
    const own = unpack(this.frame.build, node, leafTypes(of).length).map((n) => this.frame.mine(n));
    const element = this.rebuilt(of, leafTypes(of).length === 0 ? [] : own, false) as Obj;
    this.settle(element, of, { array, index, element, known: new WeakSet([content]) });
    return element;
  }

  /**
   * Gives an object, and those that it consists of, their place. What has one already is known by two names from now on. What may have
   * several forms cannot be written, so it needs none.
   */
  private settle(value: Value | undefined, form: Form, home: Home): void {
    if (!(value instanceof Obj) || (form.kind !== "record" && form.kind !== "list" && form.kind !== "array")) return;
    const root = rootOf(home.array);
    if (value.home !== undefined || value.isJoined) {
      if (value.home !== undefined && value.home.array === this.moved) return;
      this.copied(value);
      this.copiedFrom(root);
      return;
    }
    if (value.isCopied) this.copiedFrom(root);
    if (value.isWritten) root.isWritten = true;
    value.home = home;
    const c = value.content.value;
    if (c.kind === "record" && form.kind === "record") for (const [k, f] of form.fields) this.settle(c.fields.get(k), f, home);
    else if (c.kind === "list")
      for (const [i, x] of c.items.entries())
        this.settle(x, form.kind === "list" ? (form.items[i] as Form) : (form as { of: Form }).of, home);
  }

  /** The parts of an element that are new in it. */
  private settleParts(value: Value | undefined, form: Form, home: Home): void {
    if (!(value instanceof Obj)) return;
    if (value.home?.element !== home.element) {
      this.settle(value, form, home);
      return;
    }
    const c = value.content.value;
    if (c.kind === "record" && form.kind === "record") for (const [k, f] of form.fields) this.settleParts(c.fields.get(k), f, home);
    else if (c.kind === "list" && form.kind === "list")
      for (const [i, x] of c.items.entries()) this.settleParts(x, form.items[i] as Form, home);
  }

  private copiedFrom(root: Obj): void {
    if (root.isWritten) throw this.outOfDate();
    root.isCopied = true;
  }

  /** The elements of a list that becomes an array go on as names that are right while no element is written. */
  protected override packedAway(array: Obj, of: Form, items: readonly Value[]): void {
    for (const [i, x] of items.entries())
      if (x instanceof Obj && x.home?.array !== array)
        this.settle(x, of, { array, index: this.number(i), element: x, known: new WeakSet() });
  }

  /** The array whose elements are being put into another order. */
  protected moved: Obj | undefined;

  /** Objects that were put into an array: they are its elements now. */
  protected settled(array: Obj, index: Node, value: Value): void {
    const content = array.content.value;
    if (value instanceof Obj && content.kind === "array")
      this.settle(value, content.of, { array, index, element: value, known: new WeakSet([content]) });
  }

  /** An object that is known by what it holds from now on, apart from the array that holds it too. */
  override copied(o: Obj): void {
    const { home } = o;
    o.isJoined = true;
    if (home === undefined) return;
    this.copiedFrom(rootOf(home.array));
    o.home = undefined;
  }

  private outOfDate() {
    return this.refuse(
      "an element of an array is kept, and elements of that array are written",
      "read it from the array where it is used, or make a copy: { ...a[i] }",
    );
  }

  /** Refuses an element that may have been written by another name since it was read. */
  fresh<T extends Value>(v: T): T {
    if (!(v instanceof Obj) || v.home === undefined) return v;
    const { array, known } = v.home;
    this.fresh(array);
    if (rootOf(array).isWritten && !known.has(array.content.value)) throw this.outOfDate();
    return v;
  }

  /** Writes an object through to the array that holds it. */
  protected override writeThrough(o: Obj, { array, index, element, known }: Home, content: Content): void {
    const root = rootOf(array);
    const before = array.content.value;
    if (root.isCopied || before.kind !== "array" || !known.has(before)) throw this.outOfDate();
    this.fresh(array);
    root.isWritten = true;
    this.journal.write(o.content, content);
    const { array: old, of, node } = this.element(before, element);
    const after = this.frame.made((b) => b.update("arraySet", [old, this.frame.local(index), node]));
    const written: Content = { kind: "array", node: after, of };
    this.writeContent(array, written);
    known.add(written);
    // What was put into it is part of it now.
    this.settleParts(element, of, { array, index, element, known });
  }
}

function rootOf(array: Obj): Obj {
  let root = array;
  while (root.home !== undefined) root = root.home.array;
  return root;
}
