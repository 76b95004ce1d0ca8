/** Operators and conversions, on what is known and what is not. */
import type { Node as Syntax } from "oxc-parser";
import type { primitives } from "../../../core/primitives/table.ts";
import type { Node } from "../ir/graph.ts";
import { BOOL, NUM } from "../ir/type.ts";
import type { library } from "./library.ts";
import { Loops } from "./loops.ts";
import { constantOf } from "./specialiser.ts";
import { Choice, Fn, isNode, Nothing, Obj, Text, UNDEFINED, type Value, Variant, Wording } from "./value.ts";

const BINARY: Readonly<Record<string, keyof typeof primitives>> = {
  "+": "add",
  "-": "sub",
  "*": "mul",
  "/": "div",
  "%": "rem",
  "**": "pow",
  "<": "lt",
  "<=": "le",
  ">": "gt",
  ">=": "ge",
};

const BITS: Readonly<Record<string, (a: number, b: number) => number>> = {
  "&": (a, b) => a & b,
  "|": (a, b) => a | b,
  "^": (a, b) => a ^ b,
  "<<": (a, b) => a << b,
  ">>": (a, b) => a >> b,
  ">>>": (a, b) => a >>> b,
};

export abstract class Operators extends Loops {
  abstract inLibrary(name: keyof typeof library, args: readonly Value[], at: Syntax): Value;

  unary(operator: string, x: Value): Value {
    switch (operator) {
      case "-":
        return this.apply("neg", this.numeric(x));
      case "+":
        return this.numeric(x);
      case "!":
        return this.not(this.truthOf(x));
      case "void":
        return UNDEFINED;
      case "typeof":
        return this.each(x, (v) => new Text(typeName(v)));
      case "~": {
        const whole = this.inLibrary("int32", [this.numeric(x)], this.at as Syntax) as Node;
        return this.apply("sub", this.apply("neg", whole), this.number(1));
      }
      case "delete":
        throw this.refuse("delete changes which fields an object has", "make a new object without the field: const { a, ...rest } = o");
      default:
        throw this.refuse(`the operator ${operator} is not differentiated`, "write it with arithmetic and conditions");
    }
  }

  binary(operator: string, a: Value, b: Value): Value {
    if (isSeveral(a)) return this.each(a, (x) => this.binary(operator, x, b));
    if (isSeveral(b)) return this.each(b, (y) => this.binary(operator, a, y));
    switch (operator) {
      case "===":
      case "==":
        return this.equal(a, b, operator === "==");
      case "!==":
      case "!=":
        return this.not(this.equal(a, b, operator === "!="));
      case "in":
        if (a instanceof Text && b instanceof Obj && b.content.value.kind === "record")
          return this.truth(b.content.value.fields.has(a.text) || a.text in Object.prototype || isOfClass(b, a.text));
        throw this.refuse("in is read for known fields of objects only", "compare the field with undefined");
      case "instanceof":
        if (b instanceof Fn && b.code.kind === "class") {
          for (let c = a instanceof Obj ? a.type : undefined; c !== undefined; c = c.base) if (c === b.code) return this.truth(true);
          return this.truth(false);
        }
        throw this.refuse("instanceof is read for classes of the program only", "give the object a field that says what it is");
      case "+":
        if (a instanceof Text || b instanceof Text) return this.worded([a, b]);
    }
    const bits = BITS[operator];
    if (bits) {
      const [p, q] = [this.numeric(a), this.numeric(b)];
      const [x, y] = [constantOf(p), constantOf(q)];
      if (typeof x === "number" && typeof y === "number") return this.number(bits(x, y));
      const result =
        typeof y === "number"
          ? this.bitsBy(operator, p, y)
          : typeof x === "number" && /[&|^]/.test(operator)
            ? this.bitsBy(operator, q, x)
            : undefined;
      if (result !== undefined) return result;
      throw this.refuse(
        `the bits of a number that is not known cannot be combined so (${operator})`,
        "shift by a constant, take the lowest bits by & 1, & 3, & 7, ..., or use arithmetic",
      );
    }
    const primitive = BINARY[operator];
    if (primitive === undefined)
      throw this.refuse(`the operator ${operator} is not differentiated`, "write it with arithmetic and conditions");
    return this.apply(primitive, this.operand(a), this.operand(b));
  }

  /** A number, of what may be one of several values: where it is nothing, the program ends. */
  private operand(v: Value): Node {
    if (v instanceof Nothing && this.alternatives > 0) throw this.thrownHere(`${v.name} is used where a number belongs`);
    return this.numeric(v);
  }

  /** How many values that may be several are being taken apart. */
  private alternatives = 0;

  /** The bits of a number that is not known, combined with a known one, where that is arithmetic. */
  private bitsBy(operator: string, x: Node, by: number): Node | undefined {
    const whole = (name: "int32" | "lowBits", of: Node, ...size: number[]) =>
      this.inLibrary(name, [of, ...size.map((n) => this.number(n))], this.at as Syntax) as Node;
    const times = 2 ** (by & 31);
    switch (operator) {
      case ">>":
        return this.apply("floor", this.apply("div", whole("int32", x), this.number(times)));
      case ">>>":
        return this.apply("floor", this.apply("div", whole("lowBits", x, 2 ** 32), this.number(times)));
      case "<<":
        return whole("int32", this.apply("mul", whole("int32", x), this.number(times)));
      case "&": {
        const size = (by | 0) + 1;
        return size >= 1 && Number.isInteger(Math.log2(size)) ? whole("lowBits", x, size) : undefined;
      }
      default:
        return (by | 0) === 0 ? whole("int32", x) : undefined;
    }
  }

  protected equal(a: Value, b: Value, isLoose: boolean): Node {
    if (isNode(a) && isNode(b)) {
      if (!isScalar(a) || !isScalar(b)) throw this.refuse("whether two tensors are one object is not known", "compare what they hold");
      if (a.type === b.type) return a === b && a.type !== NUM ? this.truth(true) : this.apply("eq", a, b);
    }
    if (isLoose && !(a instanceof Nothing) && !(b instanceof Nothing) && kindOf(a as Single) !== kindOf(b as Single))
      throw this.refuse("values of different kinds are compared with ==, which converts them", "compare with ===");
    if (a instanceof Text && b instanceof Text) return this.truth(a.text === b.text);
    if (a instanceof Nothing && b instanceof Nothing) return this.truth(isLoose || a.name === b.name);
    if (a instanceof Obj && b instanceof Obj) {
      if (a !== b && (a.isJoined || b.isJoined || a.home || b.home))
        throw this.refuse("whether these are one object depends on a condition", "compare what they hold");
      return this.truth(a === b);
    }
    if (a instanceof Fn && b instanceof Fn && a !== b && (a.isJoined || b.isJoined))
      throw this.refuse("whether these are one function depends on a condition", "compare a number that says which it is");
    return this.truth(a === b);
  }

  logical(operator: string, a: Value, b: () => Value): Value {
    if (operator === "??") return this.each(a, (x) => (x instanceof Nothing ? b() : x));
    const c = this.truthOf(a);
    if (isNode(a) && a.type === BOOL && c === a) {
      // Truth values combine without a branch where the right side is a truth value without effects; the branch does so too.
      return operator === "&&" ? this.choose(c, b, () => this.truth(false)) : this.choose(c, () => this.truth(true), b);
    }
    return operator === "&&" ? this.choose(c, b, () => a) : this.choose(c, () => a, b);
  }

  /** A value that may be several as the one that it is known to be here, or as one of their common form; itself where there is none. */
  protected single(v: Value): Value {
    if (v instanceof Choice) {
      const truth = this.frame.truthOf(v.condition);
      if (truth !== undefined) return this.single(truth ? v.consequent : v.otherwise);
    } else if (v instanceof Variant) {
      const truths = v.tests.map((t) => this.frame.truthOf(t));
      const at = truths.every((t) => t === false) ? truths.length : truths.indexOf(true);
      if (at >= 0) return this.eachCase(v, (x) => x);
    } else return v;
    const form = this.algebra.whole(this.algebra.of(v, -1));
    if (form.kind === "union") return v;
    this.freeze(form, v);
    const own: Node[] = [];
    this.leaves(this.frame, form, v, own);
    return this.rebuilt(form, own, true) as Value;
  }

  truthOf(v: Value): Node {
    if (isNode(v)) {
      if (v.type === BOOL) return v;
      if (v.type === NUM) return v.op === "const" ? this.truth(Boolean(v.value)) : this.apply("gt", this.apply("abs", v), this.number(0));
      if (v.type.kind === "tensor") throw this.mistake("a tensor has no truth value", "compare a number: x.item() > 0");
      return this.truth(true);
    }
    if (v instanceof Text) return this.truth(v.text !== "");
    if (v instanceof Nothing) return this.truth(false);
    if (isSeveral(v)) return this.each(v, (x) => this.truthOf(x)) as Node;
    return this.truth(true);
  }

  isNothing(v: Value): Node {
    if (isSeveral(v)) return this.each(v, (x) => this.isNothing(x)) as Node;
    return this.truth(v instanceof Nothing);
  }

  override each(v: Value, f: (v: Single) => Value): Value {
    if (!isSeveral(v)) return f(v);
    this.alternatives++;
    try {
      if (v instanceof Variant) return this.eachCase(v, (x) => this.each(x, f));
      return this.choose(
        v.condition,
        () => this.each(v.consequent, f),
        () => this.each(v.otherwise, f),
      );
    } finally {
      this.alternatives--;
    }
  }

  /** A number or a tensor. */
  numeric(v: Value): Node {
    if (isNode(v)) {
      if (v.type === BOOL)
        return v.op === "const" ? this.number(Number(v.value)) : this.frame.made((b) => b.ops.cast(this.frame.local(v), "f64"));
      if (v.type === NUM || v.type.kind === "tensor") return v;
    }
    if (isSeveral(v)) return this.each(v, (x) => this.operand(x)) as Node;
    const what =
      v instanceof Text
        ? `the string ${JSON.stringify(v.text)}`
        : v instanceof Nothing
          ? v.name
          : v instanceof Fn
            ? "a function"
            : "an object";
    throw this.mistake(`${what} is used where a number belongs`, "convert it, or use the number that it holds");
  }

  textOf(v: Value): string {
    if (v instanceof Text) return v.text;
    if (v instanceof Nothing) return v.name;
    if (isNode(v) && v.op === "const" && (typeof v.value === "number" || typeof v.value === "boolean")) return String(v.value);
    if (isNode(v)) throw this.unreadable();
    throw this.refuse("which text this is depends on a condition, or it is that of an object", "write it in each branch");
  }

  private unreadable() {
    return this.refuse("text is made of a number that is not known, and is read", "use strings as constants");
  }

  /** The text of several values, one after the other. */
  worded(parts: readonly Value[]): Value {
    const several = parts.findIndex(isSeveral);
    if (several >= 0) return this.each(parts[several] as Value, (v) => this.worded(parts.with(several, v)));
    const isUnknown = (v: Value) => v instanceof Wording || (isNode(v) && v.op !== "const" && v.type.kind !== "tensor");
    const shown = (v: Value) => (v instanceof Wording ? v.shown : isUnknown(v) ? "…" : this.textOf(v));
    const text = parts.map(shown).join("");
    return parts.some(isUnknown) ? new Wording(text, () => this.unreadable()) : new Text(text);
  }
}

function isScalar(n: Node): boolean {
  return n.type === NUM || n.type === BOOL;
}

/** Whether a class of an object, or one above it, has a method or an accessor of a name. */
function isOfClass(o: Obj, name: string): boolean {
  for (let c = o.type; c !== undefined; c = c.base) if (c.methods.has(name) || c.getters.has(name) || c.setters.has(name)) return true;
  return false;
}

type Single = Exclude<Value, Choice | Variant>;

/** What is one of several values, by a condition or by what it is when the program runs. */
export const isSeveral = (v: Value): v is Choice | Variant => v instanceof Choice || v instanceof Variant;

/** What a comparison with == converts between. */
function kindOf(v: Single): string {
  return isNode(v) ? v.type.kind : v instanceof Text ? "text" : "object";
}

function typeName(v: Single): string {
  if (isNode(v)) return v.type === NUM ? "number" : v.type === BOOL ? "boolean" : "object";
  if (v instanceof Text) return "string";
  if (v instanceof Nothing) return v.name === "null" ? "object" : "undefined";
  return v instanceof Fn ? "function" : "object";
}
