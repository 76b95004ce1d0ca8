/** Expressions: what each gives, as far as it is known, and the nodes that compute the rest. */
import type { Node as Syntax } from "oxc-parser";
import type { BenchError } from "../../../core/base/errors.ts";
import type { Node } from "../ir/graph.ts";
import type { ModuleScope } from "./module.ts";
import { isSeveral } from "./operators.ts";
import { Structure } from "./structure.ts";
import {
  type Cell,
  type Closure,
  Fn,
  type FunctionSyntax,
  isNode,
  Nothing,
  NULL,
  type Scope,
  Text,
  UNDEFINED,
  type Value,
} from "./value.ts";

export abstract class Evaluator extends Structure {
  abstract construct(fn: Value, args: readonly Value[], at: Syntax): Value;
  abstract above(name: string, scope: Scope): Value;
  abstract classOf(syntax: Extract<Syntax, { type: "ClassDeclaration" | "ClassExpression" }>, scope: Scope): Value;

  evaluate(e: Syntax, scope: Scope): Value {
    const before = this.at;
    const { build } = this.frame;
    const { span } = build;
    this.at = e;
    build.span = this.spanOf(e);
    try {
      return this.fresh(this.expression(e, scope));
    } finally {
      this.at = before;
      build.span = span;
    }
  }

  protected expression(e: Syntax, scope: Scope): Value {
    switch (e.type) {
      case "Literal":
        if (typeof e.value === "number") return this.number(e.value);
        if (typeof e.value === "boolean") return this.truth(e.value);
        if (typeof e.value === "string") return new Text(e.value);
        if (e.value === null && !("regex" in e) && !("bigint" in e)) return NULL;
        throw this.refuse(
          "regex" in e ? "regular expressions are not read by this engine" : "bigint numbers are not differentiated",
          "regex" in e ? "compare strings with ===" : "write a number",
        );
      case "Identifier":
        return this.variable(e.name, scope);
      case "ThisExpression":
        return scope.thisValue() ?? UNDEFINED;
      case "ParenthesizedExpression":
      case "TSAsExpression":
      case "TSSatisfiesExpression":
      case "TSNonNullExpression":
      case "TSTypeAssertion":
      case "TSInstantiationExpression":
        return this.evaluate(e.expression, scope);
      case "TemplateLiteral":
        return this.worded(
          e.quasis.flatMap((q, i) => [
            new Text(q.value.cooked ?? ""),
            ...(i < e.expressions.length ? [this.evaluate(e.expressions[i] as Syntax, scope)] : []),
          ]),
        );
      case "UnaryExpression":
        return this.unary(e.operator, this.evaluate(e.argument, scope));
      case "BinaryExpression":
        return this.binary(e.operator, this.evaluate(e.left, scope), this.evaluate(e.right, scope));
      case "LogicalExpression":
        return this.logical(e.operator, this.evaluate(e.left, scope), () => this.evaluate(e.right, scope));
      case "ConditionalExpression":
        return this.choose(
          this.truthOf(this.evaluate(e.test, scope)),
          () => this.evaluate(e.consequent, scope),
          () => this.evaluate(e.alternate, scope),
        );
      case "SequenceExpression":
        return e.expressions.reduce<Value>((_, x) => this.evaluate(x, scope), UNDEFINED);
      case "AssignmentExpression":
        return this.assignment(e, scope);
      case "UpdateExpression": {
        const place = this.place(e.argument, scope);
        const old = this.numeric(place.read());
        const next = this.apply(e.operator === "++" ? "add" : "sub", old, this.number(1));
        place.write(next);
        return e.prefix ? next : old;
      }
      case "ChainExpression":
        return this.evaluate(e.expression, scope);
      case "MemberExpression": {
        if (e.object.type === "Super") return this.above(this.textOf(this.keyOf(e, scope)), scope);
        const of = this.evaluate(e.object, scope);
        if (e.optional || isInChain(e.object)) return this.unlessNothing(of, (o) => this.member(o, this.keyOf(e, scope)));
        return this.member(of, this.keyOf(e, scope));
      }
      case "CallExpression":
        return this.callExpression(e, scope);
      case "NewExpression":
        return this.construct(this.evaluate(e.callee, scope), this.argumentsOf(e.arguments, scope), e);
      case "ArrayExpression":
        return this.gathered(this.argumentsOf(e.elements, scope));
      case "ObjectExpression": {
        const fields = new Map<string, Value>();
        for (const p of e.properties) {
          if (p.type === "SpreadElement") {
            for (const [k, v] of this.fieldsOf(this.evaluate(p.argument, scope))) fields.set(k, v);
            continue;
          }
          const key = p.computed ? this.textOf(this.evaluate(p.key, scope)) : keyText(p.key);
          if (key === "__proto__" && !p.computed && !p.shorthand)
            throw this.refuse("__proto__ makes one object of another", "copy its fields: { ...o }", p);
          const value = this.evaluate(p.value, scope);
          fields.set(key, p.kind === "init" ? value : accessor(fields.get(key), p.kind, value));
        }
        return this.record(fields);
      }
      case "ArrowFunctionExpression":
      case "FunctionExpression":
        return this.closure(
          e as unknown as FunctionSyntax,
          this.captures.scopeOf(e, scope, (this.module as ModuleScope).parsed.body),
          undefined,
        );
      case "ClassExpression":
        return this.classOf(e, scope);
      default:
        throw this.refuse(`${e.type} is not differentiated by this engine`, "write it with functions, conditions and loops");
    }
  }

  closure(syntax: FunctionSyntax, scope: Scope, self: Value | undefined): Fn {
    const code: Closure = {
      kind: "closure",
      name: (syntax.id as { name: string } | null)?.name ?? "f",
      syntax,
      scope,
      module: this.module as never,
      self,
    };
    return new Fn(code);
  }

  /** A name that programs do not find, or that this engine does not read. */
  private unknownName(name: string): BenchError {
    if (name === "arguments") return this.refuse("arguments is not read by this engine", "declare a rest parameter: (...args: number[])");
    if (name in globalThis) return this.refuse(`${name} is not read by this engine`, "use numbers, arrays, records and functions");
    return this.mistake(`${name} is not defined`, "declare it, import it, or pass it as an argument");
  }

  variable(name: string, scope: Scope): Value {
    const cell = scope.find(name);
    if (cell === undefined) throw this.unknownName(name);
    if (cell.value === undefined)
      throw this.mistake(`${name} is read before it is given a value`, "declare and fill it above its first use");
    return cell.value;
  }

  keyOf(e: Extract<Syntax, { type: "MemberExpression" }>, scope: Scope): Value {
    if (!e.computed) return new Text(keyText(e.property));
    const key = this.evaluate(e.property, scope);
    return key instanceof Text || isNode(key) || isSeveral(key) ? key : new Text(this.textOf(key));
  }

  // Assignments.

  protected assignment(e: Extract<Syntax, { type: "AssignmentExpression" }>, scope: Scope): Value {
    if (e.operator === "=" && unwrapped(e.left as Syntax).type !== "MemberExpression") {
      const value = this.evaluate(e.right, scope);
      this.assign(e.left, value, scope);
      return value;
    }
    const place = this.place(e.left as Syntax, scope);
    if (e.operator === "=") {
      const value = this.evaluate(e.right, scope);
      place.write(value);
      return value;
    }
    const old = place.read();
    if (e.operator === "&&=" || e.operator === "||=" || e.operator === "??=") {
      const value = this.logical(e.operator.slice(0, -1), old, () => this.evaluate(e.right, scope));
      place.write(value);
      return value;
    }
    const value = this.binary(e.operator.slice(0, -1), old, this.evaluate(e.right, scope));
    place.write(value);
    return value;
  }

  /** A target that is read and written: its object and its key are evaluated once, before what it is given. */
  protected place(target: Syntax, scope: Scope): { read: () => Value; write: (value: Value) => void } {
    const e = unwrapped(target);
    if (e.type !== "MemberExpression") return { read: () => this.evaluate(e, scope), write: (value) => this.assign(e, value, scope) };
    const object = this.evaluate(e.object, scope);
    const key = this.keyOf(e, scope);
    return { read: () => this.member(object, key), write: (value) => this.setMember(object, key, value) };
  }

  /** Gives a value to a target that exists. */
  assign(target: Syntax, value: Value, scope: Scope): void {
    this.bind(target, value, scope, (name) => {
      const cell = scope.find(name);
      if (cell === undefined) throw this.mistake(`${name} is not defined`, "declare it with let");
      if (this.topLevels === 0 && this.isOfModule(cell))
        throw this.refuse(
          `${name} belongs to the module and is written while the function runs: the next call would find it changed`,
          "declare it in the function, or pass it and return the new value",
          target,
        );
      this.journal.write(cell, value);
      return cell;
    });
  }

  /** Gives a value to a pattern; `declare` gives the cell of a name. */
  bind(target: Syntax, value: Value, scope: Scope, declare: (name: string, value: Value) => Cell<Value | undefined>): void {
    switch (target.type) {
      case "Identifier": {
        const cell = declare(target.name, value);
        if (cell.value !== value) this.journal.write(cell, value);
        return;
      }
      case "ParenthesizedExpression":
      case "TSAsExpression":
      case "TSNonNullExpression":
        this.bind(target.expression, value, scope, declare);
        return;
      case "TSParameterProperty":
        this.bind(target.parameter, value, scope, declare);
        return;
      case "MemberExpression":
        this.setMember(this.evaluate(target.object, scope), this.keyOf(target, scope), value);
        return;
      case "AssignmentPattern": {
        const given = this.choose(
          this.isUndefined(value),
          () => this.evaluate(target.right, scope),
          () => value,
        );
        this.bind(target.left, given, scope, declare);
        return;
      }
      case "ArrayPattern": {
        target.elements.forEach((x, i) => {
          if (x === null) return;
          if (x.type === "RestElement") this.bind(x.argument, this.rest(value, i), scope, declare);
          else this.bind(x, this.member(value, this.number(i)), scope, declare);
        });
        return;
      }
      case "ObjectPattern": {
        const taken = new Set<string>();
        for (const p of target.properties) {
          if (p.type === "RestElement") {
            this.bind(p.argument, this.record(this.fieldsOf(value, taken)), scope, declare);
            continue;
          }
          const key = p.computed ? this.textOf(this.evaluate(p.key, scope)) : keyText(p.key);
          taken.add(key);
          this.bind(p.value, this.member(value, new Text(key)), scope, declare);
        }
        return;
      }
      default:
        throw this.refuse(`${target.type} cannot be assigned`, "assign to a variable, a field or an element");
    }
  }

  protected isUndefined(v: Value): Node {
    if (isSeveral(v)) return this.each(v, (x) => this.isUndefined(x)) as Node;
    return this.truth(v instanceof Nothing && v.name === "undefined");
  }

  // Calls.

  /** The values of arguments, or of the elements of an array; null is a hole. */
  argumentsOf(args: readonly (Syntax | null)[], scope: Scope): Value[] {
    return args.flatMap((a) => {
      if (a === null) return [UNDEFINED];
      return a.type === "SpreadElement" ? this.spread(this.evaluate(a.argument, scope)) : [this.evaluate(a, scope)];
    });
  }

  protected callExpression(e: Extract<Syntax, { type: "CallExpression" }>, scope: Scope): Value {
    if (e.callee.type === "Super") {
      throw this.refuse("super calls are read at the start of a constructor only", "make super(...) its first statement");
    }
    const callee = unwrapped(e.callee);
    if (callee.type === "MemberExpression" && callee.object.type !== "Super") {
      const self = this.evaluate(callee.object, scope);
      const go = (o: Value): Value => {
        if (isSeveral(o))
          return this.each(o, (x) => {
            if (x instanceof Nothing) throw this.thrownHere(`${describeKey(callee)} of ${x.name} is called`);
            return go(x);
          });
        const fn = this.member(o, this.keyOf(callee, scope));
        if (e.optional) return this.unlessNothing(fn, (f) => this.call(f, this.argumentsOf(e.arguments, scope), o, e));
        if (fn instanceof Nothing) throw this.mistake(`${describeKey(callee)} is not a function here`, "write the function, or a loop", e);
        return this.call(fn, this.argumentsOf(e.arguments, scope), o, e);
      };
      return callee.optional || isInChain(callee.object) ? this.unlessNothing(self, go) : go(self);
    }
    const fn = this.evaluate(callee, scope);
    if (e.optional) return this.unlessNothing(fn, (f) => this.call(f, this.argumentsOf(e.arguments, scope), undefined, e));
    return this.call(fn, this.argumentsOf(e.arguments, scope), undefined, e);
  }
}

function unwrapped(e: Syntax): Syntax {
  let n = e;
  while (n.type === "ParenthesizedExpression" || n.type === "TSNonNullExpression" || n.type === "TSAsExpression") n = n.expression;
  return n;
}

/** Whether an access is part of a chain whose start may be nothing. */
function isInChain(e: Syntax): boolean {
  let n = e;
  while (n.type === "MemberExpression" || n.type === "CallExpression") {
    if (n.optional) return true;
    n = n.type === "MemberExpression" ? n.object : n.callee;
  }
  return false;
}

export function keyText(key: Syntax): string {
  if (key.type === "PrivateIdentifier") return `#${key.name}`;
  if (key.type === "Identifier") return key.name;
  return String((key as { value?: unknown }).value);
}

/** A field that calls a function when it is read, or written; of one of this name that was there before, the other half stays. */
function accessor(before: Value | undefined, half: "get" | "set", value: Value): Fn {
  const known = before instanceof Fn && before.code.kind === "accessor" ? before.code : { get: undefined, set: undefined };
  return new Fn({ ...known, kind: "accessor", [half]: (value as Fn).code });
}

function describeKey(e: Extract<Syntax, { type: "MemberExpression" }>): string {
  return e.computed ? "an element" : keyText(e.property);
}
