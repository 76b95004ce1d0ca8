/** Classes: records with methods. */
import type { Node as Syntax } from "oxc-parser";
import { Calls } from "./calls.ts";
import { NEXT } from "./completion.ts";
import { keyText } from "./evaluator.ts";
import { declareIn, functionScopes } from "./loop-statements.ts";
import type { ModuleScope } from "./module.ts";
import { type ClassValue, type Closure, Fn, type FunctionSyntax, Obj, Scope, Text, UNDEFINED, type Value } from "./value.ts";

export abstract class Classes extends Calls {
  override classOf(syntax: Extract<Syntax, { type: "ClassDeclaration" | "ClassExpression" }>, scope: Scope): Value {
    const base = syntax.superClass ? this.evaluate(syntax.superClass, scope) : undefined;
    const methods = new Map<string, FunctionSyntax>();
    const getters = new Map<string, FunctionSyntax>();
    const setters = new Map<string, FunctionSyntax>();
    const statics = new Map<string, FunctionSyntax>();
    for (const m of syntax.body.body) {
      if (m.type === "StaticBlock")
        throw this.refuse("a static block of a class is not differentiated", "compute it outside of the class", m);
      if (m.type === "AccessorProperty") throw this.refuse("accessor fields are not differentiated", "write a plain field", m);
      if ("computed" in m && m.computed) throw this.refuse("a computed name in a class is not read", "write the name out", m);
      if (m.type !== "MethodDefinition" || m.kind === "constructor") continue;
      if (m.static && m.kind !== "method")
        throw this.refuse("static getters and setters are not differentiated", "write a static method", m);
      const table = m.static ? statics : { method: methods, get: getters, set: setters }[m.kind];
      table.set(keyText(m.key), m.value as unknown as FunctionSyntax);
    }
    if (base !== undefined && !(base instanceof Fn && base.code.kind === "class"))
      throw this.refuse(
        "this class extends what is not a class of the program",
        "extend a class that is declared in the program, or Error",
      );
    const value: ClassValue = {
      kind: "class",
      name: syntax.id?.name ?? "class",
      syntax,
      scope,
      module: this.module as ModuleScope,
      base: base === undefined ? undefined : ((base as Fn).code as ClassValue),
      methods,
      getters,
      setters,
      statics,
      fields: this.record(new Map()),
    };
    const fn = new Fn(value);
    for (const m of syntax.body.body) {
      if (m.type !== "PropertyDefinition" || !m.static || m.declare) continue;
      const inner = new Scope(scope);
      inner.self = fn;
      if (syntax.id) declareIn(inner, syntax.id.name).value = fn;
      this.setMember(value.fields, new Text(keyText(m.key)), m.value ? this.evaluate(m.value, inner) : UNDEFINED);
    }
    return fn;
  }

  override construct(fn: Value, args: readonly Value[], at: Syntax): Value {
    if (!(fn instanceof Fn)) throw this.mistake("what is constructed here is not a class", "declare a class, or call it without new", at);
    this.refuseSpread(args);
    if (fn.code.kind === "native") return fn.code.call(args, at);
    if (fn.code.kind !== "class") throw this.mistake("a function is constructed", "use a class", at);
    const instance = this.record(new Map(), fn.code);
    const { module } = fn.code;
    const before = module.site;
    // What a class of the library does is done where the program makes an instance.
    if (module.isLibrary) module.site = this.spanOf(at);
    try {
      this.initialise(fn.code, instance, args);
    } finally {
      module.site = before;
    }
    return instance;
  }

  protected initialise(type: ClassValue, instance: Obj, args: readonly Value[]): void {
    const definition = type.syntax.body.body.find((m) => m.type === "MethodDefinition" && m.kind === "constructor");
    const fields = () => {
      for (const m of type.syntax.body.body) {
        if (m.type !== "PropertyDefinition" || m.static || m.declare) continue;
        const scope = new Scope(type.scope);
        scope.self = instance;
        scope.home = type;
        this.within(type.module, () =>
          this.setMember(instance, new Text(keyText(m.key)), m.value ? this.evaluate(m.value, scope) : UNDEFINED),
        );
      }
    };
    if (definition === undefined || definition.type !== "MethodDefinition") {
      if (type.base) this.initialise(type.base, instance, args);
      fields();
      return;
    }
    const fn = definition.value as unknown as FunctionSyntax;
    this.within(type.module, () => {
      const scope = new Scope(type.scope);
      functionScopes.add(scope);
      scope.self = instance;
      scope.home = type;
      const given: [string, Value][] = [];
      (fn.params as readonly Syntax[]).forEach((p, i) => {
        const value = p.type === "RestElement" ? this.list(args.slice(i)) : (args[i] ?? UNDEFINED);
        const target = p.type === "RestElement" ? p.argument : p;
        this.bind(target, value, scope, (name) => declareIn(scope, name));
        if (p.type === "TSParameterProperty") {
          const inner = p.parameter.type === "AssignmentPattern" ? p.parameter.left : p.parameter;
          if (inner.type === "Identifier") given.push([inner.name, scope.find(inner.name)?.value as Value]);
        }
      });
      let statements = fn.body?.type === "BlockStatement" ? (fn.body.body as readonly Syntax[]) : [];
      const [first] = statements;
      if (type.base) {
        if (first?.type !== "ExpressionStatement" || first.expression.type !== "CallExpression" || first.expression.callee.type !== "Super")
          throw this.refuse(
            "the constructor of a derived class begins with super(...)",
            "move what stands before into arguments of it",
            fn,
          );
        this.initialise(type.base, instance, this.argumentsOf(first.expression.arguments, scope));
        statements = statements.slice(1);
      }
      fields();
      for (const [name, value] of given) this.setMember(instance, new Text(name), value);
      this.hoist(statements, scope);
      this.past(this.contained(() => this.statements(statements, 0, scope, () => NEXT)));
    });
  }

  /**
   * The method of an instance, or what its getter gives: of its class or a class above, beginning with `from`. `isBound`: it is
   * called on the instance whatever it is read from.
   */
  methodOf(of: Obj, name: string, from = of.type, isBound = false): Value | undefined {
    for (let c = from; c !== undefined; c = c.base) {
      const syntax = c.methods.get(name);
      if (syntax !== undefined) return new Fn(methodIn(c, name, syntax, isBound ? of : undefined));
      const getter = c.getters.get(name);
      if (getter !== undefined) return this.call(new Fn(methodIn(c, name, getter, of)), [], of, getter);
    }
    return undefined;
  }

  /** `super.name` of the method that is being run. */
  override above(name: string, scope: Scope): Value {
    const self = scope.thisValue();
    const home = scope.homeClass();
    if (!(self instanceof Obj) || home === undefined)
      throw this.refuse("super is read in methods of classes only", "call the function by its name");
    return (home.base && this.methodOf(self, name, home.base, true)) ?? UNDEFINED;
  }

  override setMember(of: Value, key: Value, value: Value): void {
    if (of instanceof Fn && of.code.kind === "class") {
      this.setMember(of.code.fields, key, value);
      return;
    }
    if (of instanceof Obj && key instanceof Text)
      for (let c = of.type; c !== undefined; c = c.base) {
        const setter = c.setters.get(key.text);
        if (setter !== undefined) {
          this.call(new Fn(methodIn(c, key.text, setter, of)), [value], of, setter);
          return;
        }
        if (c.getters.has(key.text))
          throw this.mistake(`${key.text} has a getter and no setter, and is written`, "write what its getter reads, or give it a setter");
      }
    super.setMember(of, key, value);
  }

  /** A static method or field of a class or of one above. */
  staticMember(of: Fn, type: ClassValue, name: string): Value | undefined {
    for (let c: ClassValue | undefined = type; c !== undefined; c = c.base) {
      const syntax = c.statics.get(name);
      if (syntax !== undefined) return new Fn({ kind: "closure", name, syntax, scope: c.scope, module: c.module, self: of });
      const { value: content } = c.fields.content;
      if (content.kind === "record" && content.fields.has(name)) return content.fields.get(name);
    }
    return undefined;
  }
}

function methodIn(type: ClassValue, name: string, syntax: FunctionSyntax, self: Obj | undefined): Closure {
  return { kind: "closure", name, syntax, scope: type.scope, module: type.module, self, home: type };
}
