/** Methods of lists whose length is known: one element after the other, so that each keeps its own form. */
import type { Node as Syntax } from "oxc-parser";
import type { Node } from "../ir/graph.ts";
import { NUM } from "../ir/type.ts";
import { isArray, type Method, OpenArrays } from "./open-arrays.ts";
import { constantOf } from "./specialiser.ts";
import { type Content, isNode, type Obj, Text, UNDEFINED, type Value } from "./value.ts";

/** Longer lists of numbers are sorted as arrays whose length is not known are: n log n comparisons instead of n². */
const SORTED_BY_EXCHANGE = 8;

export abstract class Lists extends OpenArrays {
  /**
   * Whether a method of a list has to be that of an array whose length is not known: its arguments say where to cut, and are not
   * known, or are such arrays themselves.
   */
  protected isOpenCall(self: Obj, name: string, args: readonly Value[]): boolean {
    const isUnknown = (v: Value) => isNode(v) && constantOf(v) === undefined;
    switch (name) {
      case "slice":
      case "at":
        return args.some(isUnknown);
      case "splice":
        return args.slice(0, 2).some(isUnknown);
      case "fill":
      case "includes":
      case "indexOf":
        return args.slice(1).some(isUnknown);
      case "concat":
        return args.some((a) => this.isOpen(a));
      case "push":
        return args.some((a) => this.spreads.has(a));
      case "sort":
      case "toSorted": {
        const items = this.itemsOf(self);
        return items.length > SORTED_BY_EXCHANGE && items.every((x) => isNode(x) && x.type === NUM);
      }
      default:
        return false;
    }
  }

  protected write(o: Obj, items: readonly Value[]): void {
    this.writeContent(o, { kind: "list", items });
  }

  /** Calls a function with an element, as it is when its turn comes: an earlier call may have written it. */
  private visited(self: Obj, f: Value, i: number, at: Syntax): Value {
    const place = this.number(i);
    return this.call(f, [this.member(self, place), place, self], undefined, at);
  }

  /** Methods of lists whose length is known. */
  protected readonly lists: Readonly<Record<string, Method>> = {
    push: (self, args) => {
      const items = [...this.itemsOf(self), ...args];
      this.write(self, items);
      return this.number(items.length);
    },
    pop: (self) => {
      const items = this.itemsOf(self);
      this.write(self, items.slice(0, -1));
      return items.at(-1) ?? UNDEFINED;
    },
    shift: (self) => {
      const items = this.itemsOf(self);
      this.write(self, items.slice(1));
      return items[0] ?? UNDEFINED;
    },
    unshift: (self, args) => {
      const items = [...args, ...this.itemsOf(self)];
      this.write(self, items);
      return this.number(items.length);
    },
    map: (self, [f], at) => this.list(this.itemsOf(self).map((_, i) => this.visited(self, f as Value, i, at))),
    flatMap: (self, [f], at) =>
      this.list(
        this.itemsOf(self).flatMap((_, i) => {
          const y = this.visited(self, f as Value, i, at);
          return isArray(y) ? this.itemsOf(y) : [y];
        }),
      ),
    forEach: (self, [f], at) => {
      for (const i of this.itemsOf(self).keys()) this.visited(self, f as Value, i, at);
      return UNDEFINED;
    },
    reduce: (self, args, at) => this.reduced(this.itemsOf(self), args, at, self, false),
    reduceRight: (self, args, at) => this.reduced([...this.itemsOf(self)].reverse(), args, at, self, true),
    filter: (self, [f], at) => this.filtered(self, f as Value, at),
    slice: (self, args) => this.list(this.itemsOf(self).slice(...this.integers(args))),
    splice: (self, args) => {
      const items = [...this.itemsOf(self)];
      const [start, count] = this.integers(args.slice(0, 2));
      const removed = items.splice(start ?? 0, count ?? items.length, ...args.slice(2));
      this.write(self, items);
      return this.list(removed);
    },
    concat: (self, args) => this.list([...this.itemsOf(self), ...args.flatMap((a) => (isArray(a) ? this.itemsOf(a) : [a]))]),
    reverse: (self) => {
      this.write(self, [...this.itemsOf(self)].reverse());
      return self;
    },
    toReversed: (self) => this.list([...this.itemsOf(self)].reverse()),
    fill: (self, [v, ...range]) => {
      const items: Value[] = [...this.itemsOf(self)];
      this.write(self, items.fill(v as Value, ...this.integers(range)));
      return self;
    },
    at: (self, args) => this.itemsOf(self).at(this.integers(args)[0] ?? 0) ?? UNDEFINED,
    join: (self, [by]) =>
      new Text(
        this.itemsOf(self)
          .map((x) => this.textOf(x))
          .join(by instanceof Text ? by.text : ","),
      ),
    some: (self, [f], at) => this.tested(this.itemsOf(self), f as Value, at, true, self),
    every: (self, [f], at) => this.tested(this.itemsOf(self), f as Value, at, false, self),
    find: (self, [f], at) => this.found(this.itemsOf(self), f as Value, at, (x) => x, UNDEFINED, self),
    findIndex: (self, [f], at) => this.found(this.itemsOf(self), f as Value, at, (_, i) => this.number(i), this.number(-1), self),
    includes: (self, [v, ...from]) =>
      this.tested(
        this.itemsOf(self).slice(...this.integers(from)),
        this.native("same", ([x]) => this.sameZero(x as Value, v as Value)),
        this.at as Syntax,
        true,
      ),
    indexOf: (self, [v, start]) => {
      const items = this.itemsOf(self);
      const [given = 0] = start === undefined ? [] : this.integers([start]);
      const from = given < 0 ? Math.max(0, items.length + given) : given;
      return this.found(
        items.slice(from),
        this.native("same", ([x]) => this.binary("===", x as Value, v as Value)),
        this.at as Syntax,
        (_, i) => this.number(from + i),
        this.number(-1),
      );
    },
    lastIndexOf: (self, [v, ...more]) => {
      if (more.length > 0) throw this.refuse("lastIndexOf is read with one argument", "search in a slice");
      const items = this.itemsOf(self);
      return this.found(
        [...items].reverse(),
        this.native("same", ([x]) => this.binary("===", x as Value, v as Value)),
        this.at as Syntax,
        (_, i) => this.number(items.length - 1 - i),
        this.number(-1),
      );
    },
    findLast: (self, [f], at) => this.foundLast(self, f as Value, at, (x) => x, UNDEFINED),
    findLastIndex: (self, [f], at) => this.foundLast(self, f as Value, at, (_, i) => this.number(i), this.number(-1)),
    sort: (self, [f], at) => {
      this.write(self, this.sorted(this.itemsOf(self), f, at));
      return self;
    },
    toSorted: (self, [f], at) => this.list(this.sorted(this.itemsOf(self), f, at)),
    entries: (self) => this.list(this.itemsOf(self).map((x, i) => this.list([this.number(i), x]))),
    keys: (self) => this.list(this.itemsOf(self).map((_, i) => this.number(i))),
    values: (self) => this.list(this.itemsOf(self)),
    flat: (self, depth) => {
      const [levels = 1] = this.integers(depth);
      let items = this.itemsOf(self);
      for (let level = 0; level < levels && items.some(isArray); level++)
        items = items.flatMap((x) => (isArray(x) ? this.itemsOf(x) : [x]));
      return this.list(items);
    },
  };

  /** Equality by which NaN is itself. */
  private sameZero(a: Value, b: Value): Value {
    const isNumber = isNode(a) && isNode(b) && a.type === NUM && b.type === NUM;
    if (!isNumber) return this.binary("===", a, b);
    return this.choose(
      this.apply("eq", a, b),
      () => this.truth(true),
      () =>
        this.choose(
          this.apply("eq", a, a),
          () => this.truth(false),
          () => this.apply("ne", b, b),
        ),
    );
  }

  private foundLast(self: Obj, f: Value, at: Syntax, give: (x: Value, i: number) => Value, none: Value): Value {
    const items = this.itemsOf(self);
    const last = items.length - 1;
    const test = this.native("test", ([x, i]) =>
      this.call(f, [x as Value, this.apply("sub", this.number(last), i as Node), self], undefined, at),
    );
    return this.found([...items].reverse(), test, at, (x, i) => give(x, last - i), none);
  }

  protected integers(args: readonly Value[]): number[] {
    return args.map((a) => {
      const n = constantOf(this.numeric(a));
      if (typeof n !== "number")
        throw this.refuse("where an array is cut depends on a number that is not known", "write it as a loop over the elements");
      return n;
    });
  }

  protected reduced(items: readonly Value[], args: readonly Value[], at: Syntax, self: Obj, isRight: boolean): Value {
    const [f, initial] = args;
    if (initial === undefined && items.length === 0)
      throw this.mistake("reduce of an empty array with no initial value", "give it one: reduce(f, 0)", at);
    const n = items.length;
    const before = this.fresh(self).content.value;
    const start = args.length > 1 ? 0 : 1;
    let state = args.length > 1 ? (initial as Value) : (items[0] as Value);
    for (let i = start; i < n; i++)
      state = this.call(f as Value, [state, items[i] as Value, this.number(isRight ? n - 1 - i : i), self], undefined, at);
    this.refuseWritten(self, before);
    return state;
  }

  /** What a method gives is made of the elements that there were when it was called. */
  refuseWritten(self: Obj, before: Content): void {
    if (this.fresh(self).content.value !== before)
      throw this.refuse("an array is written by a function that goes over it", "write a copy: [...a]");
  }

  protected filtered(self: Obj, f: Value, at: Syntax): Value {
    const items = this.itemsOf(self);
    const kept = items.map((_, i) => this.truthOf(this.visited(self, f, i, at)));
    if (kept.every((k) => k.op === "const")) return this.list(items.filter((_, i) => constantOf(kept[i] as Node) === true));
    const out = this.list([]);
    items.forEach((x, i) => {
      this.fork(
        kept[i] as Node,
        () => {
          const c = out.content.value;
          if (c.kind === "list") (this.lists.push as Method)(out, [x], at);
          else (this.arrays.push as Method)(out, [x], at);
          return { kind: "next" };
        },
        () => ({ kind: "next" }),
      );
    });
    return out;
  }

  protected tested(items: readonly Value[], f: Value, at: Syntax, wanted: boolean, self?: Obj): Value {
    const from = (i: number): Value => {
      if (i === items.length) return this.truth(!wanted);
      const c = this.truthOf(this.call(f, [items[i] as Value, this.number(i), self ?? UNDEFINED], undefined, at));
      return wanted
        ? this.choose(
            c,
            () => this.truth(true),
            () => from(i + 1),
          )
        : this.choose(
            c,
            () => from(i + 1),
            () => this.truth(false),
          );
    };
    return from(0);
  }

  protected found(items: readonly Value[], f: Value, at: Syntax, give: (x: Value, i: number) => Value, none: Value, self?: Obj): Value {
    const from = (i: number): Value => {
      if (i === items.length) return none;
      const c = this.truthOf(this.call(f, [items[i] as Value, this.number(i), self ?? UNDEFINED], undefined, at));
      return this.choose(
        c,
        () => give(items[i] as Value, i),
        () => from(i + 1),
      );
    };
    return from(0);
  }

  /** Insertion by exchanges of neighbours: the order of a stable sort. */
  protected sorted(given: readonly Value[], f: Value | undefined, at: Syntax): Value[] {
    const compare = this.comparison(f, at);
    const items = [...given];
    for (let i = 1; i < items.length; i++) {
      for (let j = i; j > 0; j--) {
        const [a, b] = [items[j - 1] as Value, items[j] as Value];
        const swap = this.apply("gt", this.numeric(this.call(compare, [a, b], undefined, at)), this.number(0));
        items[j - 1] = this.choose(
          swap,
          () => b,
          () => a,
        );
        items[j] = this.choose(
          swap,
          () => a,
          () => b,
        );
      }
    }
    return items;
  }
}
