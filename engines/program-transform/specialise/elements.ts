/** Elements of arrays of structures: read as objects that write through to the array, or are refused where they may be out of date. */

import { unpack } from "../ir/extract.ts";
import type { Node } from "../ir/graph.ts";
import { alternatives, type Form, keyOf, leafTypes } from "./form.ts";
import { Forms } from "./forms.ts";
import type { Frame } from "./frame.ts";
import { isContent } from "./join.ts";
import { Choice, type Content, type Handle, type Home, Obj, type Reading, type Value } from "./value.ts";

type ArrayContent = Extract<Content, { kind: "array" }>;

export abstract class Elements extends Forms {
  /** The element at a place, as an object where it is one. */
  protected elementAt(array: Obj, content: ArrayContent, index: Node): Value {
    const node = this.frame.made((b) => b.arrayGet(this.frame.local(content.node), this.frame.local(index)));
    const { of } = content;
    if (of.kind === "leaf" || of.kind === "none") return node;
    const isObject = (of.kind === "record" && of.type?.kind !== "closure") || of.kind === "list" || of.kind === "array";
    if (!isObject) return this.unpacked(of, node);
    const element = this.elementIn(of, node);
    const parts = partsOf(element);
    const first: Reading = { frame: this.frame, parts };
    const readings = new WeakMap([[content as Content, first]]);
    // Within an array that is itself an element, what is at a place is not followed.
    const handle = array.home === undefined ? { form: of, lineage: this.lineageOf(content), first, readings, current: first } : undefined;
    this.settle(element, of, { array, index, element, known: new WeakSet([content]), ...(handle && { handle }) });
    return element;
  }

  private elementIn(of: Form, node: Node): Obj {
    const own = unpack(this.frame.build, node, leafTypes(of).length).map((n) => this.frame.mine(n));
    return this.rebuilt(of, leafTypes(of).length === 0 ? [] : own, false) as Obj;
  }

  // Lineages.

  private readonly lineages = new WeakMap<Content, object>();

  private lineageOf(content: Content): object {
    let lineage = this.lineages.get(content);
    if (lineage === undefined) {
      lineage = {};
      this.lineages.set(content, lineage);
    }
    return lineage;
  }

  /** The places of `to` hold the objects that those of `from` hold. */
  protected inherit(from: Content, to: Content): void {
    this.lineages.set(to, this.lineageOf(from));
  }

  protected isOfOneLineage(a: unknown, b: unknown): boolean {
    if (!isContent(a) || !isContent(b) || a.kind !== "array" || b.kind !== "array") return false;
    return this.lineageOf(a) === this.lineageOf(b);
  }

  protected override joinedContent(value: unknown, sides: readonly unknown[]): void {
    const [x, y = x] = sides;
    if (isContent(value) && value.kind === "array" && this.isOfOneLineage(x, y)) this.inherit(x as Content, value);
  }

  /**
   * Gives an object, and those that it consists of, their place. What has one already is known by two names from now on. What may have
   * several forms cannot be written, so it needs none.
   */
  private settle(value: Value | undefined, form: Form, home: Home): void {
    if (isOneOfObjects(value)) this.copiedFrom(rootOf(home.array));
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
      if (isOneOfObjects(x)) {
        this.freeze(of, x);
        this.copiedFrom(rootOf(array));
      } else if (x instanceof Obj && x.home?.array !== array)
        this.settle(x, of, { array, index: this.number(i), element: x, known: new WeakSet() });
  }

  /** The array whose elements are being put into another order. */
  protected moved: Obj | undefined;

  /** Objects that were put into an array: they are its elements now. */
  protected settled(array: Obj, index: Node, value: Value): void {
    const content = array.content.value;
    if (isOneOfObjects(value)) this.copiedFrom(rootOf(array));
    else if (value instanceof Obj && content.kind === "array")
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

  /** An element of an array as it is now; refused where that is not known. */
  fresh<T extends Value>(v: T): T {
    if (!(v instanceof Obj) || v.home === undefined) return v;
    const { array, known, handle } = v.home;
    this.fresh(array);
    const now = array.content.value;
    const { isWritten } = rootOf(array);
    if (handle === undefined) {
      if (isWritten && !known.has(now)) throw this.outOfDate();
      return v;
    }
    let reading = handle.readings.get(now);
    if (reading === undefined || !this.isWithin(reading.frame)) reading = isWritten ? this.readAgain(v.home, handle, now) : handle.first;
    if (!reading.parts.some(([part]) => part === v)) throw this.outOfDate();
    show(handle, reading);
    return v;
  }

  private isWithin(frame: Frame): boolean {
    for (let f: Frame | undefined = this.frame; f !== undefined; f = f.parent) if (f === frame) return true;
    return false;
  }

  private readAgain({ index, element }: Home, handle: Handle, now: Content): Reading {
    if (now.kind !== "array" || this.lineageOf(now) !== handle.lineage || keyOf(now.of) !== keyOf(handle.form)) throw this.outOfDate();
    const node = this.frame.made((b) => b.arrayGet(this.frame.local(now.node), this.frame.local(index), true));
    const parts: [Obj, Content][] = [];
    /** What a part holds: its own parts are the objects that they were. */
    const paired = (old: Obj, read: Obj): void => {
      const [was, is] = [old.content.value, read.content.value];
      const same = (a: Value | undefined, b: Value): Value => {
        if (!(a instanceof Obj) || !(b instanceof Obj)) return b;
        paired(a, b);
        return a;
      };
      if (is.kind === "record" && was.kind === "record")
        parts.push([old, { kind: "record", fields: new Map([...is.fields].map(([k, x]) => [k, same(was.fields.get(k), x)])) }]);
      else if (is.kind === "list" && was.kind === "list")
        parts.push([old, { kind: "list", items: is.items.map((x, i) => same(was.items[i], x)) }]);
      else parts.push([old, is]);
    };
    paired(element, this.elementIn(handle.form, node));
    const reading: Reading = { frame: this.frame, parts };
    handle.readings.set(now, reading);
    return reading;
  }

  /** Writes an object through to the array that holds it. */
  protected override writeThrough(o: Obj, { array, index, element, known, handle }: Home, content: Content): void {
    const root = rootOf(array);
    const before = array.content.value;
    const isKnown =
      handle === undefined
        ? known.has(before)
        : this.isWithin(handle.current.frame) &&
          (handle.readings.get(before) === handle.current || (!root.isWritten && handle.current === handle.first));
    if (root.isCopied || before.kind !== "array" || !isKnown) throw this.outOfDate();
    this.fresh(array);
    // What it held until now was right for the array until now.
    handle?.readings.set(before, handle.current);
    root.isWritten = true;
    const keepsParts = isOfSameParts(o.content.value, content);
    if (handle === undefined) this.journal.write(o.content, content);
    else o.content.value = content;
    const { array: old, of, node } = this.element(before, element);
    const after = this.frame.made((b) => b.update("arraySet", [old, this.frame.local(index), node]));
    const written: Content = { kind: "array", node: after, of };
    if (keepsParts) this.inherit(before, written);
    this.writeContent(array, written);
    known.add(written);
    // What was put into it is part of it now.
    this.settleParts(element, of, { array, index, element, known, ...(handle && { handle }) });
    if (handle === undefined) return;
    const reading: Reading = { frame: this.frame, parts: partsOf(element) };
    handle.readings.set(written, reading);
    handle.current = reading;
  }
}

/** Lets an element and its parts hold what was read. */
function show(handle: Handle, reading: Reading): void {
  if (handle.current === reading) return;
  for (const [part, content] of reading.parts) part.content.value = content;
  handle.current = reading;
}

/** An object and those that it consists of, with what they hold. */
function partsOf(o: Obj): [Obj, Content][] {
  const c = o.content.value;
  const inner = c.kind === "record" ? [...c.fields.values()] : c.kind === "list" ? c.items : [];
  return [[o, c], ...inner.flatMap((x) => (x instanceof Obj ? partsOf(x) : []))];
}

/** Whether two contents hold the same objects in the same places. */
function isOfSameParts(a: Content, b: Content): boolean {
  const isSame = (x: Value | undefined, y: Value | undefined) => x === y || !(x instanceof Obj || y instanceof Obj);
  if (a.kind === "record" && b.kind === "record")
    return [...new Set([...a.fields.keys(), ...b.fields.keys()])].every((k) => isSame(a.fields.get(k), b.fields.get(k)));
  if (a.kind === "list" && b.kind === "list") return a.items.length === b.items.length && a.items.every((x, i) => isSame(x, b.items[i]));
  return a.kind === "array" && b.kind === "array" && a.of.kind === "leaf" && b.of.kind === "leaf";
}

/** A choice of objects: an array that is given it holds a copy of the one that it is, and both are frozen. */
const isOneOfObjects = (v: Value | undefined): v is Choice => v instanceof Choice && alternatives(v).some((x) => x instanceof Obj);

function rootOf(array: Obj): Obj {
  let root = array;
  while (root.home !== undefined) root = root.home.array;
  return root;
}
