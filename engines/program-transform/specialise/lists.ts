/** Methods of arrays: on lists whose length is known one element after the other, on other arrays as loops. */
import type { Node as Syntax } from "oxc-parser";
import type { Node } from "../ir/graph.ts";
import { arrayType, NUM } from "../ir/type.ts";
import { Classes } from "./classes.ts";
import { constantOf } from "./specialiser.ts";
import { Cell, type Content, Fn, isNode, Obj, Text, UNDEFINED, type Value } from "./value.ts";

export type Method = (self: Obj, args: readonly Value[], at: Syntax) => Value;

export abstract class Lists extends Classes {
  native(name: string, call: (args: readonly Value[], at: Syntax) => Value): Fn {
    return new Fn({ kind: "native", name, call });
  }

  protected write(o: Obj, items: readonly Value[]): void {
    this.writeContent(o, { kind: "list", items });
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
    map: (self, [f], at) => this.list(this.itemsOf(self).map((x, i) => this.call(f as Value, [x, this.number(i), self], undefined, at))),
    flatMap: (self, [f], at) =>
      this.list(
        this.itemsOf(self).flatMap((x, i) => {
          const y = this.call(f as Value, [x, this.number(i), self], undefined, at);
          return y instanceof Obj && y.content.value.kind !== "record" ? this.itemsOf(y) : [y];
        }),
      ),
    forEach: (self, [f], at) => {
      this.itemsOf(self).forEach((x, i) => {
        this.call(f as Value, [x, this.number(i), self], undefined, at);
      });
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
    concat: (self, args) =>
      this.list([
        ...this.itemsOf(self),
        ...args.flatMap((a) => (a instanceof Obj && a.content.value.kind !== "record" ? this.itemsOf(a) : [a])),
      ]),
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
    some: (self, [f], at) => this.tested(this.itemsOf(self), f as Value, at, true),
    every: (self, [f], at) => this.tested(this.itemsOf(self), f as Value, at, false),
    find: (self, [f], at) => this.found(this.itemsOf(self), f as Value, at, (x) => x, UNDEFINED),
    findIndex: (self, [f], at) => this.found(this.itemsOf(self), f as Value, at, (_, i) => this.number(i), this.number(-1)),
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
      const isList = (x: Value) => x instanceof Obj && x.content.value.kind !== "record";
      for (let level = 0; level < levels && items.some(isList); level++) items = items.flatMap((x) => (isList(x) ? this.itemsOf(x) : [x]));
      return this.list(items);
    },
  };

  /** Methods of arrays whose length is not known: loops. */
  protected readonly arrays: Readonly<Record<string, Method>> = {
    push: (self, args) => {
      for (const a of args) {
        const { node } = self.content.value as Extract<Content, { kind: "array" }>;
        const next = this.frame.made((b) => b.update("arrayPush", [this.frame.local(node), this.frame.local(this.numeric(a))]));
        this.writeContent(self, { kind: "array", node: next });
      }
      return this.member(self, new Text("length"));
    },
    pop: (self) => {
      const last = this.member(self, this.apply("sub", this.member(self, new Text("length")) as Node, this.number(1)));
      const { node } = self.content.value as Extract<Content, { kind: "array" }>;
      this.writeContent(self, { kind: "array", node: this.frame.made((b) => b.update("arrayPop", [this.frame.local(node)])) });
      return last;
    },
    forEach: (self, [f], at) => {
      this.each2(self, (x, i) => void this.call(f as Value, [x, i, self], undefined, at));
      return UNDEFINED;
    },
    map: (self, [f], at) => {
      const out = this.object({ kind: "array", node: this.frame.made((b) => b.arrayOf([], NUM)) });
      this.each2(self, (x, i) => {
        (this.arrays.push as Method)(out, [this.call(f as Value, [x, i, self], undefined, at)], at);
      });
      return out;
    },
    filter: (self, [f], at) => {
      const out = this.object({ kind: "array", node: this.frame.made((b) => b.arrayOf([], NUM)) });
      this.each2(self, (x, i) => {
        const keep = this.truthOf(this.call(f as Value, [x, i, self], undefined, at));
        this.fork(
          keep,
          () => {
            (this.arrays.push as Method)(out, [x], at);
            return { kind: "next" };
          },
          () => ({ kind: "next" }),
        );
      });
      return out;
    },
    reduce: (self, [f, initial], at) => {
      const state = new Cell<Value>(initial ?? this.member(self, this.number(0)));
      this.each2(
        self,
        (x, i) => {
          this.journal.write(state, this.call(f as Value, [state.value, x, i, self], undefined, at));
        },
        initial === undefined ? 1 : 0,
      );
      return state.value;
    },
    slice: (self, args) => {
      const length = this.member(self, new Text("length")) as Node;
      const from = args[0] === undefined ? this.number(0) : this.placeIn(this.numeric(args[0]), length);
      const to = args[1] === undefined ? length : this.placeIn(this.numeric(args[1]), length);
      const out = this.object({ kind: "array", node: this.frame.made((b) => b.arrayOf([], NUM)) });
      const at = new Cell<Value>(from);
      this.loop(
        () => this.apply("lt", at.value as Node, to),
        () => {
          (this.arrays.push as Method)(out, [this.member(self, at.value)], this.at as Syntax);
          this.journal.write(at, this.apply("add", at.value as Node, this.number(1)));
          return { kind: "next" };
        },
        () => false,
      );
      return out;
    },
    fill: (self, [v, ...range]) => {
      if (range.length > 0) throw this.refuse("a part of an array whose length is not known is filled", "write its elements in a loop");
      const length = this.member(self, new Text("length")) as Node;
      this.writeContent(self, {
        kind: "array",
        node: this.frame.made((b) =>
          b.structure("arrayFill", [this.frame.local(length), this.frame.local(this.numeric(v as Value))], arrayOfNumbers, 0),
        ),
      });
      return self;
    },
  };

  /** Runs `f` for each element of an array whose length is not known. */
  protected each2(self: Obj, f: (x: Value, i: Node) => void, from = 0): void {
    const at = new Cell<Value>(this.number(from));
    this.loop(
      () => this.apply("lt", at.value as Node, this.member(self, new Text("length")) as Node),
      () => {
        f(this.member(self, at.value), at.value as Node);
        this.journal.write(at, this.apply("add", at.value as Node, this.number(1)));
        return { kind: "next" };
      },
      () => false,
    );
  }

  /** A place as `slice` counts it: from the end where it is negative, within the array. */
  private placeIn(given: Node, length: Node): Node {
    const at = this.apply("trunc", given);
    const counted = this.select(this.apply("lt", at, this.number(0)), this.apply("add", at, length), at);
    return this.apply("maximum", this.number(0), this.apply("minimum", counted, length));
  }

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
      if (typeof n !== "number") throw this.refuse("where an array is cut depends on a number that is not known");
      return n;
    });
  }

  protected reduced(items: readonly Value[], args: readonly Value[], at: Syntax, self: Obj, isRight: boolean): Value {
    const [f, initial] = args;
    if (initial === undefined && items.length === 0) throw this.mistake("reduce of an empty array with no initial value", undefined, at);
    const n = items.length;
    const start = args.length > 1 ? 0 : 1;
    let state = args.length > 1 ? (initial as Value) : (items[0] as Value);
    for (let i = start; i < n; i++)
      state = this.call(f as Value, [state, items[i] as Value, this.number(isRight ? n - 1 - i : i), self], undefined, at);
    return state;
  }

  protected filtered(self: Obj, f: Value, at: Syntax): Value {
    const items = this.itemsOf(self);
    const kept = items.map((x, i) => this.truthOf(this.call(f, [x, this.number(i), self], undefined, at)));
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

  protected tested(items: readonly Value[], f: Value, at: Syntax, wanted: boolean): Value {
    const from = (i: number): Value => {
      if (i === items.length) return this.truth(!wanted);
      const c = this.truthOf(this.call(f, [items[i] as Value, this.number(i)], undefined, at));
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

  protected found(items: readonly Value[], f: Value, at: Syntax, give: (x: Value, i: number) => Value, none: Value): Value {
    const from = (i: number): Value => {
      if (i === items.length) return none;
      const c = this.truthOf(this.call(f, [items[i] as Value, this.number(i)], undefined, at));
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
    if (f === undefined) throw this.refuse("sort without a comparison orders numbers as text", "write sort((a, b) => a - b)", at);
    const items = [...given];
    for (let i = 1; i < items.length; i++) {
      for (let j = i; j > 0; j--) {
        const [a, b] = [items[j - 1] as Value, items[j] as Value];
        const swap = this.apply("gt", this.numeric(this.call(f, [a, b], undefined, at)), this.number(0));
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

export const arrayOfNumbers = arrayType(NUM);
