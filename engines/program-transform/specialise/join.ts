/**
 * Joining the two arms of an unknown condition. Equal things stay; numbers and tensors of one type become results of an `if`;
 * objects of one form that the arms made are joined field by field; anything else becomes a choice, which whoever uses it takes
 * apart under the same condition.
 */

import type { AnyPrimitive } from "../../../core/primitive.ts";
import { primitives } from "../../../core/primitives/table.ts";
import { extract, makeIf, pack, unpack } from "../ir/extract.ts";
import type { Node } from "../ir/graph.ts";
import type { Type } from "../ir/type.ts";
import { NUM } from "../ir/type.ts";
import { isOfMany } from "./captures.ts";
import { type Completion, isSameEnd, type Unreachable } from "./completion.ts";
import { type Form, keyOf, type UnionForm } from "./form.ts";
import { type Frame, noteMeaning } from "./frame.ts";
import { Cell, Choice, type Closure, type Content, Fn, isNode, Nothing, Obj, type Scope, Text, type Value, Variant } from "./value.ts";

type Later<T> = () => T;
const mapLater =
  <T, U>(later: Later<T>, f: (value: T) => U): Later<U> =>
  () =>
    f(later());

/** An arm that was run, and what it wrote, which has been taken back. */
export interface Side {
  readonly frame: Frame;
  readonly writes: ReadonlyMap<Cell<unknown>, unknown>;
}

/** Who makes one value of several. */
export interface Packer {
  /** Two arrays, each as its arm left it, as nodes of one type, and the form of their elements. */
  arraysIn(
    sides: readonly [Side, Side],
    contents: readonly [Content, Content],
  ): { readonly nodes: readonly [Node, Node]; readonly of: Form };
  variant(node: Node, form: UnionForm): Variant;
  /** An object is known by what it holds from now on. */
  copied(o: Obj): void;
}

export class Joiner {
  private readonly packer: Packer;
  private readonly condition: Node;
  private readonly frame: Frame;
  private readonly sides: readonly [Side, Side];
  private readonly arms: readonly [Frame, Frame];
  private readonly outs: { readonly sides: readonly [Node | undefined, Node | undefined]; readonly type: Type }[] = [];
  private results: readonly Node[] = [];
  private readonly pairs = new Map<Obj, Map<Obj, Obj>>();
  private readonly exported = new Map<unknown, unknown>();
  private readonly fixes: (() => void)[] = [];

  /** What each object that an arm made is joined with; null where it stands for itself. */
  private readonly partners = new Map<Obj, Set<Obj | null>>();
  private readonly joins: { readonly a: Obj; readonly b: Obj; readonly joined: Obj }[] = [];
  /** The other arm throws: what this one gives depends on that. */
  private readonly isThrowing: boolean;

  constructor(packer: Packer, condition: Node, frame: Frame, sides: readonly [Side, Side], isThrowing: boolean) {
    this.packer = packer;
    this.isThrowing = isThrowing;
    this.condition = condition;
    this.frame = frame;
    this.sides = sides;
    this.arms = [sides[0].frame, sides[1].frame];
  }

  value(a: Value, b: Value): Later<Value> {
    if (isNode(a) && isNode(b)) {
      if (a === b) return () => a;
      if (a.op === "const" && b.op === "const") {
        if (Object.is(a.value, b.value)) return () => a;
        // The condition itself, or its contrary.
        if (typeof a.value === "boolean" && typeof b.value === "boolean") {
          return () => {
            const condition = this.frame.local(this.condition);
            return a.value === true ? condition : this.frame.apply(primitives.logicalNot as AnyPrimitive, [condition], undefined);
          };
        }
      }
      if (a.type === b.type) return this.out(a, b, a.type);
    } else if (a === b) return () => a;
    else if (a instanceof Text && b instanceof Text && a.key === b.key) return () => a;
    else if (a instanceof Fn && b instanceof Fn && sameCode(a, b)) return () => oneOfMany(a);
    else if (a instanceof Variant && b instanceof Variant && keyOf(a.form) === keyOf(b.form))
      return this.variant(this.out(a.node, b.node, a.node.type), a.form);
    else if (a instanceof Obj && b instanceof Obj && a.type === b.type && isMade(a, this.arms[0]) && isMade(b, this.arms[1])) {
      const joined = this.object(a, b);
      if (joined !== undefined) return () => joined;
    }
    const [x, y] = [this.side(0, a), this.side(1, b)];
    return () => new Choice(this.condition, x(), y());
  }

  /** No result of the `if` is needed. */
  get isEmpty(): boolean {
    return this.outs.length === 0;
  }

  /** A value where only one arm is left. */
  only(side: 0 | 1, v: Value): Later<Value> {
    if (this.isThrowing && isNode(v)) return this.oneSided(side, v);
    if (this.isThrowing && v instanceof Variant) return this.variant(this.oneSided(side, v.node), v.form);
    return this.side(side, v);
  }

  private oneSided(side: 0 | 1, v: Node): Later<Node> {
    return side === 0 ? this.out(v, undefined, v.type) : this.out(undefined, v, v.type);
  }

  private variant(node: Later<Node>, form: UnionForm): Later<Value> {
    let made: Variant | undefined;
    return () => {
      made ??= this.packer.variant(node(), form);
      return made;
    };
  }

  content(a: Content, b: Content): Later<Content> {
    if (a === b) return () => a;
    if (a.kind === "record" && b.kind === "record") {
      const names = new Set([...a.fields.keys(), ...b.fields.keys()]);
      const missing = new Nothing("undefined");
      const fields = [...names].map((n) => [n, this.value(a.fields.get(n) ?? missing, b.fields.get(n) ?? missing)] as const);
      return () => ({ kind: "record", fields: new Map(fields.map(([n, v]) => [n, v()])) });
    }
    if (a.kind === "list" && b.kind === "list" && a.items.length === b.items.length) {
      const items = a.items.map((x, i) => this.value(x, b.items[i] as Value));
      return () => ({ kind: "list", items: items.map((x) => x()) });
    }
    const { nodes, of } = this.packer.arraysIn(this.sides, [a, b]);
    const node = this.out(...nodes, nodes[0].type);
    return () => ({ kind: "array", node: node(), of });
  }

  contentOnly(side: 0 | 1, c: Content): Later<Content> {
    if (c.kind === "record") {
      const fields = [...c.fields].map(([n, v]) => [n, this.side(side, v)] as const);
      return () => ({ kind: "record", fields: new Map(fields.map(([n, v]) => [n, v()])) });
    }
    if (c.kind === "list") {
      const items = c.items.map((v) => this.side(side, v));
      return () => ({ kind: "list", items: items.map((v) => v()) });
    }
    const node = this.side(side, c.node);
    return () => ({ kind: "array", node: node() as Node, of: c.of });
  }

  completion(a: Completion, b: Completion): Later<Completion> {
    if (a.kind === b.kind && "value" in a && "value" in b) {
      const value = this.value(a.value, b.value);
      return () => ({ ...a, value: value() });
    }
    if (isSameEnd(a, b)) return () => a;
    const [x, y] = [this.completionOnly(0, a), this.completionOnly(1, b)];
    return () => ({ kind: "mixed", condition: this.condition, consequent: x(), otherwise: y() });
  }

  completionOnly(side: 0 | 1, c: Completion): Later<Completion> {
    if (c.kind === "throw") return mapLater(this.side(side, c.value), (value) => ({ ...c, value }));
    if (c.kind === "return") {
      const value = this.only(side, c.value);
      return () => ({ kind: "return", value: value() });
    }
    if (c.kind === "mixed") {
      const condition = this.side(side, c.condition);
      const [x, y] = [this.completionOnly(side, c.consequent), this.completionOnly(side, c.otherwise)];
      return () => ({ kind: "mixed", condition: condition() as Node, consequent: x(), otherwise: y() });
    }
    return () => c;
  }

  /** Makes the `if`; the promises of this joiner can be kept afterwards. `failing`: what an arm throws. */
  finish(failing: readonly [Unreachable | undefined, Unreachable | undefined]): void {
    if (this.outs.length > 0) {
      const outs = this.outs.map((o) => o.sides.map((n, k) => (n === undefined ? undefined : (this.arms[k] as Frame).local(n))));
      const outer = [...new Set(this.arms.flatMap((f) => [...f.imports.keys()]))];
      const graphs = this.arms.map((f, k) => {
        const params = outer.map((o) => f.imports.get(o) ?? o.type);
        const failure = failing[k];
        if (failure !== undefined)
          return extract("arm", params, [], (b) => {
            b.span = failure.span;
            const type = this.outs.length === 1 ? (this.outs[0] as { type: Type }).type : NUM;
            return b.structure("fail", [b.constant(failure.reason)], type, 0, failure.reason);
          });
        const own = outs.flatMap((o) => (o[k] ? [o[k] as Node] : []));
        return extract("arm", params, own, (b, results) => {
          let at = 0;
          return pack(
            b,
            outs.map((o, i) => (o[k] ? (results[at++] as Node) : b.unset((this.outs[i] as { type: Type }).type))),
          );
        });
      });
      const args = outer.map((o) => this.frame.local(o));
      const condition = this.frame.local(this.condition);
      const node = this.frame.made((b) => makeIf(b, condition, graphs[0] as never, graphs[1] as never, args));
      this.results = unpack(this.frame.build, node, this.outs.length).map((n) => this.frame.mine(n));
      for (const [i, { sides }] of this.outs.entries()) noteMeaning(this.results[i] as Node, this.condition, sides);
    }
    for (const fix of this.fixes) fix();
    // One object in an arm that is several in the other: a write through one name would have to be seen through another.
    for (const { a, b, joined } of this.joins)
      for (const o of [a, b]) if ((this.partners.get(o)?.size ?? 0) > 1 || o.isJoined) joined.isJoined = o.isJoined = true;
  }

  private meet(o: Obj, partner: Obj | null): void {
    const known = this.partners.get(o);
    if (known) known.add(partner);
    else this.partners.set(o, new Set([partner]));
  }

  private out(a: Node | undefined, b: Node | undefined, type: Type): Later<Node> {
    const known = this.outs.findIndex((o) => o.sides[0] === a && o.sides[1] === b);
    const at = known >= 0 ? known : this.outs.push({ sides: [a, b], type }) - 1;
    return () => this.results[at] as Node;
  }

  /** A value of one arm as it is known outside. */
  private side(k: 0 | 1, v: Value): Later<Value> {
    if (isNode(v)) {
      if (v.op === "const" || !isOwn(this.arms[k], v)) return () => v;
      return this.oneSided(k, v);
    }
    if (v instanceof Variant) return isOwn(this.arms[k], v.node) ? this.variant(this.oneSided(k, v.node), v.form) : () => v;
    if (v instanceof Choice) {
      const [c, x, y] = [this.side(k, v.condition), this.side(k, v.consequent), this.side(k, v.otherwise)];
      return () => new Choice(c() as Node, x(), y());
    }
    if (v instanceof Obj) {
      if (isMade(v, this.arms[k])) {
        this.meet(v, null);
        if (v.home !== undefined) this.packer.copied(v);
      }
      this.export(k, v.content);
    }
    if (v instanceof Fn) for (const { scope } of closuresOf(v)) this.scope(k, scope);
    return () => v;
  }

  private scope(k: 0 | 1, scope: Scope): void {
    for (let s: Scope | undefined = scope; s !== undefined; s = s.outer) {
      if (this.exported.has(s)) return;
      this.exported.set(s, true);
      for (const cell of s.cells.values()) if (cell instanceof Cell) this.export(k, cell);
    }
  }

  /** What a cell that an arm made holds, as it is known outside. */
  private export(k: 0 | 1, cell: Cell<Value | undefined> | Cell<Content>): void {
    if (this.exported.has(cell)) return;
    this.exported.set(cell, true);
    const v = cell.value;
    if (v === undefined) return;
    const later = isContent(v) ? this.contentOnly(k, v) : this.side(k, v);
    this.fixes.push(() => {
      (cell as Cell<unknown>).value = later();
    });
  }

  private object(a: Obj, b: Obj): Obj | undefined {
    const before = this.pairs.get(a)?.get(b);
    if (before !== undefined) return before;
    const [x, y] = [a.content.value, b.content.value];
    if (x.kind !== y.kind) return undefined;
    if (
      x.kind === "record" &&
      y.kind === "record" &&
      (x.fields.size !== y.fields.size || ![...x.fields.keys()].every((n) => y.fields.has(n)))
    )
      return undefined;
    if (x.kind === "list" && y.kind === "list" && x.items.length !== y.items.length) return undefined;
    for (const o of [a, b]) if (o.home !== undefined) this.packer.copied(o);
    const joined = new Obj(x, a.type);
    this.joins.push({ a, b, joined });
    this.meet(a, b);
    this.meet(b, a);
    madeIn.set(joined, this.frame);
    const of = this.pairs.get(a) ?? new Map<Obj, Obj>();
    this.pairs.set(a, of.set(b, joined));
    const content = this.content(x, y);
    this.fixes.push(() => {
      joined.content.value = content();
    });
    return joined;
  }
}

/** The frames that objects were made in. */
export const madeIn = new WeakMap<Obj, Frame>();
const isMade = (o: Obj, frame: Frame) => madeIn.get(o) === frame;

function isOwn(frame: Frame, n: Node): boolean {
  return frame.owns(n);
}

export function isContent(v: unknown): v is Content {
  return (
    typeof v === "object" &&
    v !== null &&
    "kind" in v &&
    !("op" in v) &&
    ((v as Content).kind === "record" || (v as Content).kind === "list" || (v as Content).kind === "array")
  );
}

/** The closures that a function is, or that the field calls that it stands for. */
function closuresOf({ code }: Fn): readonly Closure[] {
  if (code.kind === "closure") return [code];
  return code.kind === "accessor" ? [code.get, code.set].filter((c) => c !== undefined) : [];
}

/** A function that stands for several, which === would tell apart. */
export function joinedFn(code: Fn["code"]): Fn {
  const fn = new Fn(code);
  fn.isJoined = true;
  return fn;
}

/** The function, where it is the only one that was made so. */
export function oneOfMany(fn: Fn): Fn {
  return !fn.isJoined && fn.code.kind === "closure" && isOfMany(fn.code) ? joinedFn(fn.code) : fn;
}

function sameCode(a: Fn, b: Fn): boolean {
  if (a.code === b.code) return true;
  const [x, y] = [closuresOf(a), closuresOf(b)];
  return (
    a.code.kind === b.code.kind &&
    x.length > 0 &&
    x.length === y.length &&
    x.every(({ syntax, scope, self }, i) => syntax === y[i]?.syntax && scope === y[i].scope && self === y[i].self)
  );
}
