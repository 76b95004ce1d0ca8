/**
 * Methods of arrays whose length is not known. Those that are more than one operation of the IR are functions of the library, which
 * is specialised as if the program had declared it; what one of them refuses is said of the place of the call.
 */
import type { Node as Syntax } from "oxc-parser";
import type { Node } from "../ir/graph.ts";
import { arrayType, NUM } from "../ir/type.ts";
import { Classes } from "./classes.ts";
import { NUMBER_FORM } from "./form.ts";
import type { library } from "./library.ts";
import type { ModuleScope } from "./module.ts";
import { type Content, Fn, isNode, Obj, Text, UNDEFINED, type Value } from "./value.ts";

export type Method = (self: Obj, args: readonly Value[], at: Syntax) => Value;

type Name = keyof typeof library;

export abstract class OpenArrays extends Classes {
  /** The module that the library is. */
  library: (() => ModuleScope) | undefined;

  native(name: string, call: (args: readonly Value[], at: Syntax) => Value): Fn {
    return new Fn({ kind: "native", name, call });
  }

  /** What a function of the library gives. */
  override inLibrary(name: Name, args: readonly Value[], at: Syntax): Value {
    const module = this.library?.();
    const fn = module?.scope.find(name)?.value;
    if (module === undefined || fn === undefined) throw new Error(`the library has no ${name}`);
    const before = module.site;
    // A library function that calls another, or a callback that calls the library, keeps the place that the program called from.
    module.site = this.spanOf(at);
    try {
      return this.call(fn, args, undefined, at);
    } finally {
      module.site = before;
    }
  }

  protected override errorOf(message: string): Value {
    const type = this.library?.().scope.find("TypeError")?.value as Value;
    return this.construct(type, [new Text(message)], this.at as Syntax);
  }

  /** Exchanges what an array consists of for that of a new one. */
  private become(self: Obj, made: Value): Obj {
    this.writeContent(self, this.fresh(made as Obj).content.value);
    if ((made as Obj).isCopied) self.isCopied = true;
    return self;
  }

  /** An array of the same elements, of which nobody but this one will know. */
  private moving(self: Obj, name: Name, args: readonly Value[], at: Syntax): Value {
    const before = this.moved;
    this.moved = self;
    try {
      return this.inLibrary(name, [self, ...args], at);
    } finally {
      this.moved = before;
    }
  }

  private lengthOf(self: Obj): Node {
    return this.member(self, new Text("length")) as Node;
  }

  private pushed(self: Obj, x: Value): void {
    const content = this.fresh(self).content.value;
    if (content.kind === "list") this.writeContent(self, { kind: "list", items: [...content.items, x] });
    else if (content.kind === "array") {
      const { array, of, node } = this.element(content, x);
      const index = this.frame.made((b) => b.arrayLength(array));
      const longer: Content = { kind: "array", node: this.frame.made((b) => b.update("arrayPush", [array, node])), of };
      this.inherit(content, longer);
      this.writeContent(self, longer);
      this.settled(self, index, x);
    }
  }

  /** Without its first `count` elements. */
  private shifted(self: Obj, at: Syntax): Value {
    const first = this.member(self, this.number(0));
    this.become(self, this.moving(self, "slice", [this.number(1)], at));
    return first;
  }

  private readonly passed =
    (name: Name): Method =>
    (self, args, at) =>
      this.inLibrary(name, [self, ...args], at);

  protected readonly arrays: Readonly<Record<string, Method>> = {
    push: (self, args, at) => {
      for (const a of args) {
        if (this.spreads.has(a)) this.become(self, this.inLibrary("concat", [self, a], at));
        else this.pushed(self, a);
      }
      return this.lengthOf(self);
    },
    pop: (self) => {
      const last = this.member(self, this.apply("sub", this.lengthOf(self), this.number(1)));
      const { node, of } = this.fresh(self).content.value as Extract<Content, { kind: "array" }>;
      this.writeContent(self, { kind: "array", node: this.frame.made((b) => b.update("arrayPop", [this.frame.local(node)])), of });
      return last;
    },
    shift: (self, _, at) => this.shifted(self, at),
    unshift: (self, args, at) => {
      this.become(self, this.inLibrary("concat", [this.object({ kind: "list", items: args }), self], at));
      return this.lengthOf(self);
    },
    splice: (self, [start, count, ...items], at) => {
      const from = this.inLibrary("placeIn", [start ?? this.number(0), this.lengthOf(self)], at) as Node;
      const rest = this.apply("sub", this.lengthOf(self), from);
      const n =
        count === undefined
          ? rest
          : this.apply("minimum", rest, this.apply("maximum", this.apply("trunc", this.numeric(count)), this.number(0)));
      const removed = this.inLibrary("slice", [self, from, this.apply("add", from, n)], at);
      this.become(self, this.moving(self, "toSpliced", [from, n, this.list(items)], at));
      return removed;
    },
    at: (self, [i]) => {
      const place = this.numeric(i ?? this.number(0));
      const isBack = this.apply("lt", place, this.number(0));
      return this.member(self, this.select(isBack, this.apply("add", place, this.lengthOf(self)), place));
    },
    fill: (self, [v, ...range], at) => {
      if (range.length > 0 || !isNode(v) || v.type !== NUM)
        return this.become(self, this.inLibrary("filled", [self, v ?? UNDEFINED, ...range], at));
      const fill = [this.frame.local(this.lengthOf(self)), this.frame.local(v)];
      const node = this.frame.made((b) => b.structure("arrayFill", fill, arrayOfNumbers, 0));
      this.writeContent(self, { kind: "array", node, of: NUMBER_FORM });
      return self;
    },
    reverse: (self, _, at) => this.become(self, this.moving(self, "toReversed", [], at)),
    sort: (self, [f], at) => this.become(self, this.moving(self, "toSorted", [this.comparison(f, at)], at)),
    toSorted: (self, [f], at) => this.inLibrary("toSorted", [self, this.comparison(f, at)], at),
    concat: (self, args, at) =>
      args.reduce<Value>(
        (all, x) => this.inLibrary("concat", [all, isArray(x) ? x : this.list([x])], at),
        this.inLibrary("slice", [self], at),
      ),
    reduce: (self, [f, ...given], at) => this.folded("fold", self, f as Value, given, this.number(0), at),
    reduceRight: (self, [f, ...given], at) =>
      this.folded("foldRight", self, f as Value, given, this.apply("sub", this.lengthOf(self), this.number(1)), at),
    values: (self) => self,
    flat: (self, [depth], at) => {
      if (depth !== undefined) throw this.refuse("flat is given a depth, and the length of the array is not known", "write flat()", at);
      return this.inLibrary("flat", [self], at);
    },
    ...Object.fromEntries(
      (
        [
          ..."entries every some filter find findIndex findLast findLastIndex flatMap forEach includes indexOf keys lastIndexOf map slice toReversed".split(
            " ",
          ),
        ] as Name[]
      ).map((name) => [name, this.passed(name)]),
    ),
  };

  private folded(name: "fold" | "foldRight", self: Obj, f: Value, given: readonly Value[], first: Node, at: Syntax): Value {
    const [initial = this.member(self, first)] = given;
    return this.inLibrary(name, [self, f, initial, this.number(given.length > 0 ? 0 : 1)], at);
  }

  protected comparison(f: Value | undefined, at: Syntax): Value {
    if (f === undefined) throw this.refuse("sort without a comparison orders numbers as text", "write sort((a, b) => a - b)", at);
    return f;
  }

  /** An array of what lists and other arrays hold, in order. */
  protected override joinedArrays(parts: readonly Obj[]): Value {
    return parts.reduce<Value>((all, part) => this.inLibrary("concat", [all, part], this.at as Syntax), this.list([]));
  }
}

export const arrayOfNumbers = arrayType(NUM);

export const isArray = (v: Value): v is Obj => v instanceof Obj && v.content.value.kind !== "record";
