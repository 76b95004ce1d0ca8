/** Classes: records with methods. */
import type { Node as Syntax } from "oxc-parser";
import { Calls } from "./calls.ts";
import { NEXT } from "./completion.ts";
import { keyText } from "./evaluator.ts";
import { declareIn, functionScopes } from "./loop-statements.ts";
import type { ModuleScope } from "./module.ts";
import { type ClassValue, Fn, type FunctionSyntax, type Obj, Scope, Text, UNDEFINED, type Value } from "./value.ts";

export abstract class Classes extends Calls {
  override classOf(syntax: Extract<Syntax, { type: "ClassDeclaration" | "ClassExpression" }>, scope: Scope): Value {
    const base = syntax.superClass ? this.evaluate(syntax.superClass, scope) : undefined;
    const methods = new Map<string, FunctionSyntax>();
    const statics = new Map<string, FunctionSyntax>();
    for (const m of syntax.body.body) {
      if (m.type !== "MethodDefinition" || m.kind === "constructor") continue;
      if (m.kind !== "method") throw this.refuse("getters and setters are not differentiated", "write a method", m);
      (m.static ? statics : methods).set(keyText(m.key), m.value as unknown as FunctionSyntax);
    }
    if (base !== undefined && !(base instanceof Fn && base.code.kind === "class"))
      throw this.refuse("this class extends what is not a class of the program");
    const value: ClassValue = {
      kind: "class",
      name: syntax.id?.name ?? "class",
      syntax,
      scope,
      module: this.module as ModuleScope,
      base: base === undefined ? undefined : ((base as Fn).code as ClassValue),
      methods,
      statics,
    };
    return new Fn(value);
  }

  override construct(fn: Value, args: readonly Value[], at: Syntax): Value {
    if (!(fn instanceof Fn)) throw this.mistake("what is constructed here is not a class", undefined, at);
    if (fn.code.kind === "native") return fn.code.call(args, at);
    if (fn.code.kind !== "class") throw this.mistake("a function is constructed", "use a class", at);
    const instance = this.record(new Map(), fn.code);
    this.initialise(fn.code, instance, args);
    return instance;
  }

  protected initialise(type: ClassValue, instance: Obj, args: readonly Value[]): void {
    const definition = type.syntax.body.body.find((m) => m.type === "MethodDefinition" && m.kind === "constructor");
    const fields = () => {
      for (const m of type.syntax.body.body) {
        if (m.type !== "PropertyDefinition" || m.static || m.declare) continue;
        const scope = new Scope(type.scope);
        scope.self = instance;
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
          throw this.refuse("the constructor of a derived class begins with super(...)", undefined, fn);
        this.initialise(type.base, instance, this.argumentsOf(first.expression.arguments, scope));
        statements = statements.slice(1);
      }
      fields();
      for (const [name, value] of given) this.setMember(instance, new Text(name), value);
      this.hoist(statements, scope);
      this.statements(statements, 0, scope, () => NEXT);
    });
  }

  /** The method of an instance, of its class or a class above. */
  methodOf(of: Obj, name: string): Value | undefined {
    for (let c = of.type; c !== undefined; c = c.base) {
      const syntax = c.methods.get(name);
      if (syntax !== undefined) return new Fn({ kind: "closure", name, syntax, scope: c.scope, module: c.module, self: of });
    }
    return undefined;
  }
}
