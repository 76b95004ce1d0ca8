/** What programs find without declaring it: `Math`, array methods, the derivative operators, and the functions of the core. */
import type { Node as Syntax } from "oxc-parser";
import type { Aval } from "../../../core/base/aval.ts";
import type { Shape } from "../../../core/base/shape.ts";
import { normalizeAxis } from "../../../core/base/shape.ts";
import { cond, switchCase, whileLoop } from "../../../core/ops/control.ts";
import { select } from "../../../core/ops/movement.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { NUMBER } from "../../../core/primitives/host.ts";
import { primitives } from "../../../core/primitives/table.ts";
import { Tensor } from "../../../core/tensor/tensor.ts";
import { type Value as CoreValue, Traced } from "../../../core/tensor/traced.ts";
import { type Node, TensorConstant } from "../ir/graph.ts";
import { NUM } from "../ir/type.ts";
import { Derivatives } from "./derivatives.ts";
import { NUMBER_FORM } from "./form.ts";
import { ERRORS } from "./library.ts";
import { mathematics } from "./mathematics.ts";
import { lazyCell } from "./module.ts";
import { arrayOfNumbers, type Method } from "./open-arrays.ts";
import { isSeveral } from "./operators.ts";
import { constantOf } from "./specialiser.ts";
import { Cell, Fn, isNode, Nothing, NULL, Obj, Scope, Text, UNDEFINED, type Value } from "./value.ts";

/** A node in the hands of the core's functions: what they apply to it is built. */
class Known extends Traced {
  readonly level = 0;
  readonly node: Node;
  protected readonly host: Natives;

  constructor(host: Natives, node: Node) {
    super();
    this.host = host;
    this.node = node;
  }

  get primal(): CoreValue {
    throw this.host.refuse("the value of a number or a tensor is read before the program runs", "use the functions of core/ops on it");
  }
  override get aval(): Aval {
    return this.node.type.kind === "tensor" ? this.node.type.aval : NUMBER;
  }
  override get shape(): Shape | undefined {
    return this.node.type.kind === "tensor" ? this.node.type.aval.shape : undefined;
  }
  override get dtype() {
    return this.node.type.kind === "tensor" ? this.node.type.aval.dtype : undefined;
  }
  interpret(primitive: AnyPrimitive, inputs: readonly CoreValue[], params: unknown): CoreValue {
    const nodes = inputs.map((x) => this.host.nodeOf(x));
    return new Known(this.host, this.host.frame.apply(primitive, nodes, params));
  }
}

/** Functions of the core that decide by values: the library has them as statements. */
const CONTROL: ReadonlyMap<unknown, "cond" | "switchCase" | "whileLoop"> = new Map<unknown, "cond" | "switchCase" | "whileLoop">([
  [cond, "cond"],
  [switchCase, "switchCase"],
  [whileLoop, "whileLoop"],
]);

export class Natives extends Derivatives {
  readonly globals = new Scope(undefined);

  constructor() {
    super();
    const set = (name: string, value: Value) => this.globals.cells.set(name, new Cell<Value | undefined>(value));
    set("undefined", UNDEFINED);
    set("NaN", this.number(Number.NaN));
    set("Infinity", this.number(Number.POSITIVE_INFINITY));
    set("Math", this.record(mathematics(this)));
    set(
      "Number",
      this.native("Number", ([x]) => (x instanceof Text ? this.number(Number(x.text)) : this.numeric(x ?? this.number(0)))),
    );
    set(
      "Boolean",
      this.native("Boolean", (args) => this.truthOf(args[0] ?? UNDEFINED)),
    );
    set(
      "String",
      this.native("String", (args) => this.worded(args.slice(0, 1))),
    );
    for (const name of ERRORS)
      this.globals.cells.set(
        name,
        lazyCell(() => this.library?.().scope.find(name)?.value as Value),
      );
    set(
      "Array",
      this.native("Array", (args) => this.newArray(args)),
    );
    for (const name of ["Float64Array", "Float32Array"])
      set(
        name,
        this.native(name, (args) => this.filled(args)),
      );
    set(
      "Object",
      this.native("Object", (args) => args[0] ?? this.record(new Map())),
    );
    for (const [name, read] of Object.entries({ parseFloat, parseInt }))
      set(
        name,
        this.native(name, ([text, radix]) => {
          const by = radix === undefined ? undefined : (constantOf(this.numeric(radix)) as number);
          return this.number(read(this.textOf(text ?? UNDEFINED), by as never));
        }),
      );
    set(
      "isFinite",
      this.native("isFinite", (args) => this.apply("lt", this.apply("abs", this.numeric(args[0] as Value)), this.number(Infinity))),
    );
    set(
      "isNaN",
      this.native("isNaN", (args) => this.apply("ne", this.numeric(args[0] as Value), this.numeric(args[0] as Value))),
    );
    set(
      "grad",
      this.native("grad", ([f]) => this.native("gradient", (args) => this.gradient(f as Value, args)[1] as Value)),
    );
    set(
      "valueAndGrad",
      this.native("valueAndGrad", ([f]) => this.native("valueAndGradient", (args) => this.list(this.gradient(f as Value, args)))),
    );
    set(
      "vjp",
      this.native("vjp", ([f, x]) => this.vjp(f as Value, x as Value)),
    );
    set(
      "jvp",
      this.native("jvp", ([f, x, dx]) => this.jvp(f as Value, x as Value, dx as Value)),
    );
    set(
      "stopGradient",
      this.native("stopGradient", ([x]) => this.stopped(x as Value)),
    );
    set(
      "checkpoint",
      this.native("checkpoint", ([f]) => this.native("checkpointed", (args) => this.checkpointed(f as Value, args))),
    );
  }

  protected newArray(args: readonly Value[]): Value {
    const [n] = args;
    if (args.length !== 1 || !isNode(n)) return this.list(args);
    const length = constantOf(n);
    if (typeof length === "number") return this.list(Array.from({ length }, () => UNDEFINED));
    return this.object({
      kind: "array",
      node: this.frame.made((b) => b.structure("arrayFill", [this.frame.local(n), b.constant(0)], arrayOfNumbers, 0)),
      of: NUMBER_FORM,
    });
  }

  protected filled(args: readonly Value[]): Value {
    const [x] = args;
    if (x instanceof Obj) return this.list(this.itemsOf(x));
    const n = this.numeric(x ?? this.number(0));
    const length = constantOf(n);
    if (typeof length === "number" && length <= 64) return this.list(Array.from({ length }, () => this.number(0)));
    return this.object({
      kind: "array",
      node: this.frame.made((b) => b.structure("arrayFill", [this.frame.local(n), b.constant(0)], arrayOfNumbers, 0)),
      of: NUMBER_FORM,
    });
  }

  // Methods.

  override method(of: Value, name: string): Value | undefined {
    if (of instanceof Fn) return this.staticOf(of, name);
    if (isNode(of)) {
      if (name === "toFixed" || name === "toPrecision" || name === "toString")
        return this.native(name, (args) => {
          const n = constantOf(of);
          return typeof n === "number" ? new Text(Reflect.apply(n[name], n, this.integers(args))) : this.worded([of]);
        });
      if (name === "item" && of.type.kind === "tensor")
        return this.native(name, () => this.frame.apply(primitives.item as AnyPrimitive, [of], undefined));
      return undefined;
    }
    if (of instanceof Text) return this.textMethod(of, name);
    if (!(of instanceof Obj)) return undefined;
    const content = this.fresh(of).content.value;
    if (content.kind === "record") {
      const own = this.methodOf(of, name);
      if (own !== undefined || name !== "hasOwnProperty") return own;
      return this.native(name, ([k]) => this.truth(content.fields.has(this.textOf(k as Value))));
    }
    const isList = content.kind === "list";
    const found = (isList ? this.lists : this.arrays)[name];
    if (found === undefined) {
      if (content.kind === "array" && this.lists[name] !== undefined)
        throw this.refuse(`${name} of an array whose length is not known is not differentiated by this engine`, "use a loop");
      return undefined;
    }
    const call = (args: readonly Value[], at: Syntax) => {
      if (isList && this.isOpenCall(of, name, args)) return (this.arrays[name] as Method)(of, args, at);
      const result = found(of, args, at);
      if (isList && /^(some|every|find|filter)/.test(name)) this.refuseWritten(of, content);
      return result;
    };
    return new Fn({ kind: "native", name, call, takesSpread: name === "push" });
  }

  protected staticOf(of: Fn, name: string): Value | undefined {
    const { code } = of;
    if (code.kind === "class") return this.staticMember(of, code, name);
    if (code.kind === "accessor") return undefined;
    if (code.kind === "closure" || code.name === "gradient") {
      if (name === "call") return this.native(name, ([self, ...args], at) => this.call(of, args, self, at));
      if (name === "bind")
        return this.native(name, ([self, ...bound]) => this.native(name, (args, at) => this.call(of, [...bound, ...args], self, at)));
      if (name === "apply") return this.native(name, ([self, args], at) => this.call(of, this.itemsOf(args as Value), self, at));
      return undefined;
    }
    switch (`${code.name}.${name}`) {
      case "Array.from":
        return this.native(name, ([from, f], at) => {
          const length =
            from instanceof Obj && from.content.value.kind === "record"
              ? constantOf(this.numeric(this.member(from, new Text("length"))))
              : undefined;
          const items = typeof length === "number" ? Array.from({ length }, () => UNDEFINED as Value) : this.itemsOf(from as Value);
          return this.list(f === undefined ? items : items.map((x, i) => this.call(f, [x, this.number(i)], undefined, at)));
        });
      case "Array.isArray":
        return this.native(name, ([x]) => this.each(x as Value, (v) => this.truth(v instanceof Obj && v.content.value.kind !== "record")));
      case "Array.of":
        return this.native(name, (args) => this.list(args));
      case "Object.keys":
        return this.native(name, ([o]) => this.list(this.fieldNames(o as Value).map((k) => new Text(k))));
      case "Object.values":
        return this.native(name, ([o]) => this.list([...this.fieldsOf(o as Value).values()]));
      case "Object.entries":
        return this.native(name, ([o]) => this.list([...this.fieldsOf(o as Value)].map(([k, v]) => this.list([new Text(k), v]))));
      case "Object.assign":
        return this.native(name, ([to, ...from]) => {
          for (const f of from) for (const [k, v] of this.fieldsOf(f)) this.setMember(to as Value, new Text(k), v);
          return to as Value;
        });
      case "Object.fromEntries":
        return this.native(name, ([pairs]) => {
          const pair = (p: Value) => [this.textOf(this.member(p, this.number(0))), this.member(p, this.number(1))] as const;
          return this.record(new Map(this.itemsOf(pairs as Value).map(pair)));
        });
      case "Object.hasOwn":
        return this.native(name, ([o, k]) => this.truth(this.fieldNames(o as Value).includes(this.textOf(k as Value))));
      case "Object.freeze":
        return this.native(name, ([o]) => {
          if (o instanceof Obj) o.isFrozen = true;
          return o as Value;
        });
      case "Number.isFinite":
        return this.native(name, ([x]) =>
          this.apply("lt", this.apply("abs", this.numeric(x as Value)), this.number(Number.POSITIVE_INFINITY)),
        );
      case "Number.isNaN":
        return this.native(name, ([x]) => this.apply("ne", this.numeric(x as Value), this.numeric(x as Value)));
      case "Number.isInteger":
        return this.native(name, ([x]) => {
          const n = this.numeric(x as Value);
          return this.apply(
            "logicalAnd",
            this.apply("eq", this.apply("trunc", n), n),
            this.apply("lt", this.apply("abs", n), this.number(Infinity)),
          );
        });
      case "Number.EPSILON":
        return this.number(Number.EPSILON);
      case "Number.MAX_VALUE":
        return this.number(Number.MAX_VALUE);
      case "Number.POSITIVE_INFINITY":
        return this.number(Number.POSITIVE_INFINITY);
      case "Number.NEGATIVE_INFINITY":
        return this.number(Number.NEGATIVE_INFINITY);
      case "Number.MAX_SAFE_INTEGER":
        return this.number(Number.MAX_SAFE_INTEGER);
      default:
        return undefined;
    }
  }

  protected textMethod(of: Text, name: string): Value | undefined {
    const f = (of.text as unknown as Record<string, unknown>)[name];
    if (typeof f !== "function") return undefined;
    return this.native(name, (args) => {
      const plain = args.map((a) => {
        if (a instanceof Text) return a.text;
        const known = isNode(a) ? constantOf(a) : undefined;
        if (known === undefined && a !== UNDEFINED) throw this.refuse(`${name} of a string is given what is not known`, "use constants");
        return known;
      });
      const result = Reflect.apply(f as (...a: unknown[]) => unknown, of.text, plain) as unknown;
      if (typeof result === "string") return new Text(result);
      if (typeof result === "number") return this.number(result);
      if (typeof result === "boolean") return this.truth(result);
      if (Array.isArray(result)) return this.list(result.map((t) => new Text(String(t))));
      throw this.refuse(`${name} of a string is not differentiated`, "compare strings with ===, or use numbers");
    });
  }

  /** `select` of a place that is not known: the row is found when the program runs. */
  private selected(args: readonly Value[]): Value | undefined {
    const [x, axis, i] = args;
    if (!isNode(x) || !isNode(axis) || !isNode(i) || x.type.kind !== "tensor" || i.type !== NUM) return undefined;
    const a = constantOf(axis);
    if (typeof a !== "number" || constantOf(i) !== undefined) return undefined;
    const { shape } = x.type.aval;
    const at = normalizeAxis(a, shape.length);
    return this.frame.made(({ ops }) => {
      const index = ops.reshape(ops.lift(this.frame.local(i), "i32"), [1]);
      const row = ops.indexSelect(this.frame.local(x), index, at);
      return ops.reshape(
        row,
        shape.filter((_, k) => k !== at),
      );
    });
  }

  /** A value of the project's own modules as programs see it. */
  lift(value: unknown, name: string): Value {
    if (value === select)
      return this.native(
        name,
        (args) => this.selected(args) ?? this.lift(select(...(args.map((v) => this.lower(v)) as Parameters<typeof select>)), name),
      );
    const control = CONTROL.get(value);
    if (control !== undefined) return this.native(name, (args, at) => this.inLibrary(control, args, at));
    if (typeof value === "function")
      return this.native(name, (args) => this.lift((value as (...a: unknown[]) => unknown)(...args.map((a) => this.lower(a))), name));
    if (typeof value === "number") return this.number(value);
    if (typeof value === "boolean") return this.truth(value);
    if (typeof value === "string") return new Text(value);
    if (value === null) return NULL;
    if (value === undefined) return UNDEFINED;
    if (value instanceof Known) return this.frame.mine(this.frame.local(value.node));
    if (value instanceof Tensor) return this.frame.made((b) => b.constant(new TensorConstant(value.aval, value.toArray())));
    if (Array.isArray(value)) return this.list(value.map((x) => this.lift(x, name)));
    return this.record(new Map(Object.entries(value as object).map(([k, v]) => [k, this.lift(v, k)])));
  }

  /** A value of a program as the core's functions take it. */
  lower(given: Value): unknown {
    const v = this.single(given);
    if (isNode(v)) return v.op === "const" && !(v.value instanceof TensorConstant) ? v.value : new Known(this, v);
    if (v instanceof Text) return v.text;
    if (v instanceof Nothing) return v.name === "null" ? null : undefined;
    if (v instanceof Fn)
      return (...args: unknown[]) =>
        this.lower(
          this.call(
            v,
            args.map((a) => this.lift(a, "argument")),
            undefined,
            this.at as Syntax,
          ),
        );
    if (isSeveral(v))
      throw this.refuse("a function of the core is given a value whose form depends on a condition", "call it in each branch");
    const c = this.fresh(v).content.value;
    if (c.kind === "list") return c.items.map((x) => this.lower(x));
    if (c.kind === "record") return Object.fromEntries([...this.fieldsOf(v)].map(([k, x]) => [k, this.lower(x)]));
    throw this.refuse("a function of the core is given an array whose length is not known", "give it a list of known length, or a tensor");
  }

  nodeOf(x: CoreValue): Node {
    if (x instanceof Known) return x.node;
    return this.frame.made((b) => b.constant(x instanceof Tensor ? new TensorConstant(x.aval, x.toArray()) : (x as number)));
  }
}
