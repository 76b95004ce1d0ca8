/** Statements. What follows a statement that may leave is handed to it, so an arm that leaves does not run it. */
import type { Node as Syntax } from "oxc-parser";
import { assert } from "../../../core/base/errors.ts";
import type { Node } from "../ir/graph.ts";
import { type Completion, NEXT } from "./completion.ts";
import { declareAnew, declareIn, functionScope, isLoop, LoopStatements } from "./loop-statements.ts";
import { lazyCell, type ModuleScope } from "./module.ts";
import { Cell, type FunctionSyntax, Scope, UNDEFINED, type Value } from "./value.ts";

export abstract class Statements extends LoopStatements {
  /** What stands at a module's top level is computed when it is first read, before all control flow of the program. */
  topLevel(module: ModuleScope, statements: readonly Syntax[]): void {
    this.atTopLevel(module, () => {
      this.hoist(statements, module.scope);
      for (const s of statements) {
        if (s.type === "VariableDeclaration" && s.kind === "const" && s.declarations.every((d) => d.id.type === "Identifier" && d.init)) {
          for (const d of s.declarations)
            module.scope.cells.set(
              (d.id as { name: string }).name,
              lazyCell(() => this.valueIn(module, d.init as Syntax)),
            );
        } else this.statement(s, module.scope, () => NEXT);
      }
    });
  }

  namespace(exports: ReadonlyMap<string, () => Value>): Value {
    const inner = this.frame;
    this.frame = this.outermost;
    try {
      return this.runTopLevel(() => this.record(new Map([...exports].map(([name, get]) => [name, get()]))));
    } finally {
      this.frame = inner;
    }
  }

  valueIn(module: ModuleScope, expression: Syntax): Value {
    const inner = this.frame;
    this.frame = this.outermost;
    try {
      return this.atTopLevel(module, () => this.evaluate(expression, module.scope));
    } finally {
      this.frame = inner;
    }
  }

  private atTopLevel<T>(module: ModuleScope, run: () => T): T {
    const { tries } = this;
    this.tries = 0;
    try {
      return this.runTopLevel(() => this.within(module, run));
    } finally {
      this.tries = tries;
    }
  }

  within<T>(module: ModuleScope, run: () => T): T {
    const before = this.module;
    this.module = module;
    try {
      return run();
    } finally {
      this.module = before;
    }
  }

  // Statements. `k` is what follows within the function or the turn of a loop; an arm that leaves does not run it.

  protected hoist(list: readonly Syntax[], scope: Scope): void {
    for (const s of list) {
      if (s.type === "FunctionDeclaration" && s.id && s.body)
        scope.cells.set(s.id.name, new Cell<Value | undefined>(this.closure(s as unknown as FunctionSyntax, scope, undefined)));
    }
  }

  statements(list: readonly Syntax[], from: number, scope: Scope, k: () => Completion): Completion {
    for (let i = from; i < list.length; i++) {
      const s = list[i] as Syntax;
      if (!canLeave(s)) {
        const end = this.past(this.statement(s, scope, () => NEXT));
        assert(end.kind === "next", "a statement without a way to leave left");
      } else return this.statement(s, scope, () => this.statements(list, i + 1, scope, k));
    }
    return k();
  }

  override statement(s: Syntax, scope: Scope, k: () => Completion): Completion {
    this.at = s;
    switch (s.type) {
      case "EmptyStatement":
      case "FunctionDeclaration":
      case "TSTypeAliasDeclaration":
      case "TSInterfaceDeclaration":
      case "TSDeclareFunction":
        return k();
      case "ExpressionStatement":
        this.evaluate(s.expression, scope);
        return k();
      case "VariableDeclaration":
        for (const d of s.declarations) {
          if (s.kind === "var" && d.init === null) continue;
          const value = d.init ? this.evaluate(d.init, scope) : UNDEFINED;
          const home = s.kind === "var" ? functionScope(scope) : scope;
          this.bind(d.id, value, scope, (name) => (s.kind === "var" ? declareIn(home, name) : declareAnew(home, name)));
        }
        return k();
      case "ClassDeclaration":
        if (s.id) declareIn(scope, s.id.name).value = this.classOf(s, scope);
        return k();
      case "ReturnStatement":
        return { kind: "return", value: s.argument ? this.evaluate(s.argument, scope) : UNDEFINED };
      case "ThrowStatement":
        return this.thrown(this.evaluate(s.argument, scope));
      case "BreakStatement":
        return { kind: "break", label: s.label?.name };
      case "ContinueStatement":
        return { kind: "continue", label: s.label?.name };
      case "BlockStatement": {
        const inner = new Scope(scope);
        this.hoist(s.body, inner);
        return this.statements(s.body, 0, inner, k);
      }
      case "IfStatement": {
        const condition = this.truthOf(this.evaluate(s.test, scope));
        const otherwise = s.alternate;
        if (!canLeave(s)) {
          this.past(
            this.fork(
              condition,
              () => this.statement(s.consequent, scope, () => NEXT),
              () => (otherwise ? this.statement(otherwise, scope, () => NEXT) : NEXT),
            ),
          );
          return k();
        }
        return this.fork(
          condition,
          () => this.statement(s.consequent, scope, k),
          () => (otherwise ? this.statement(otherwise, scope, k) : k()),
        );
      }
      case "LabeledStatement": {
        const { body } = s;
        const label = s.label.name;
        if (isLoop(body)) return this.after(this.loopStatement(body, scope, label), label, k);
        return this.afterBlock(
          this.statement(body, scope, () => NEXT),
          label,
          k,
        );
      }
      case "ForStatement":
      case "WhileStatement":
      case "DoWhileStatement":
      case "ForOfStatement":
      case "ForInStatement":
        return this.after(this.loopStatement(s, scope, undefined), undefined, k);
      case "SwitchStatement":
        return this.after(this.switch(s, scope), undefined, k);
      case "TryStatement":
        return this.try(s, scope, k);
      default:
        throw this.refuse(`${s.type} is not differentiated by this engine`, "write it with functions, conditions and loops", s);
    }
  }

  /** Goes on after a loop or a labelled statement, where it was not left for good. */
  protected after(end: Completion, label: string | undefined, k: () => Completion): Completion {
    switch (end.kind) {
      case "next":
        return k();
      case "break":
        return end.label === label || end.label === undefined ? k() : end;
      case "mixed":
        return this.fork(
          end.condition,
          () => this.after(end.consequent, label, k),
          () => this.after(end.otherwise, label, k),
        );
      default:
        return end;
    }
  }

  /** Goes on after a labelled statement that is no loop: an unlabelled jump in it belongs to what is around. */
  protected afterBlock(end: Completion, label: string, k: () => Completion): Completion {
    if (end.kind === "next" || (end.kind === "break" && end.label === label)) return k();
    if (end.kind !== "mixed") return end;
    return this.fork(
      end.condition,
      () => this.afterBlock(end.consequent, label, k),
      () => this.afterBlock(end.otherwise, label, k),
    );
  }

  /** What the block throws, or what it calls, goes to the handler. */
  protected try(s: Extract<Syntax, { type: "TryStatement" }>, scope: Scope, k: () => Completion): Completion {
    const { handler, finalizer } = s;
    this.tries++;
    let end: Completion;
    try {
      end = this.contained(() => this.statement(s.block, scope, () => NEXT));
    } finally {
      this.tries--;
    }
    if (handler) end = this.handled(end, handler, scope);
    return finalizer ? this.finally(end, finalizer, scope, k) : this.goingOn(end, k);
  }

  /** Runs the handler where a block threw. */
  private handled(end: Completion, handler: { readonly param: Syntax | null; readonly body: Syntax }, scope: Scope): Completion {
    if (end.kind === "throw") {
      const inner = new Scope(scope);
      if (handler.param) this.bind(handler.param, end.value, inner, (name) => declareIn(inner, name));
      return this.statement(handler.body, inner, () => NEXT);
    }
    if (end.kind !== "mixed") return end;
    return this.fork(
      end.condition,
      () => this.handled(end.consequent, handler, scope),
      () => this.handled(end.otherwise, handler, scope),
    );
  }

  /** Runs `k` where a block went on. */
  protected goingOn(end: Completion, k: () => Completion): Completion {
    if (end.kind === "next") return k();
    if (end.kind === "throw") return this.thrown(end.value, end.span);
    if (end.kind !== "mixed") return end;
    return this.fork(
      end.condition,
      () => this.goingOn(end.consequent, k),
      () => this.goingOn(end.otherwise, k),
    );
  }

  /** The finalizer runs however its block ended, and has the last word where it leaves itself. */
  protected finally(end: Completion, finalizer: Syntax, scope: Scope, k: () => Completion): Completion {
    if (end.kind === "next") return this.statement(finalizer, scope, k);
    if (end.kind !== "mixed") return this.statement(finalizer, scope, () => this.goingOn(end, k));
    return this.fork(
      end.condition,
      () => this.finally(end.consequent, finalizer, scope, k),
      () => this.finally(end.otherwise, finalizer, scope, k),
    );
  }

  protected switch(s: Extract<Syntax, { type: "SwitchStatement" }>, scope: Scope): Completion {
    const subject = this.evaluate(s.discriminant, scope);
    const inner = new Scope(scope);
    this.hoist(
      s.cases.flatMap((c) => c.consequent),
      inner,
    );
    const bodies = s.cases.flatMap((c) => c.consequent);
    const starts = s.cases.map((_, i) => s.cases.slice(0, i).reduce((n, c) => n + c.consequent.length, 0));
    const run = (i: number) => this.statements(bodies, starts[i] as number, inner, () => NEXT);
    const fallback = s.cases.findIndex((c) => c.test === null);
    const tested = s.cases.flatMap((c, i) => (c.test === null ? [] : [i]));
    const from = (at: number): Completion => {
      const i = tested[at];
      if (i === undefined) return fallback < 0 ? NEXT : run(fallback);
      const same = this.binary("===", subject, this.evaluate((s.cases[i] as { test: Syntax }).test, inner)) as Node;
      return this.fork(
        same,
        () => run(i),
        () => from(at + 1),
      );
    };
    return from(0);
  }
}

const leaving = new WeakMap<Syntax, boolean>();

/** Whether a statement may end otherwise than by going on: it holds a return, a throw or a jump. */
function canLeave(s: Syntax): boolean {
  let known = leaving.get(s);
  if (known !== undefined) return known;
  known = false;
  const work: unknown[] = [s];
  while (work.length > 0 && !known) {
    const n = work.pop();
    if (Array.isArray(n)) {
      work.push(...n);
      continue;
    }
    if (typeof n !== "object" || n === null || !("type" in n)) continue;
    const { type } = n as Syntax;
    if (type === "ReturnStatement" || type === "ThrowStatement" || type === "BreakStatement" || type === "ContinueStatement") known = true;
    if (
      type === "FunctionDeclaration" ||
      type === "FunctionExpression" ||
      type === "ArrowFunctionExpression" ||
      type === "ClassDeclaration"
    )
      continue;
    for (const [key, value] of Object.entries(n)) if (key !== "parent" && typeof value === "object" && value !== null) work.push(value);
  }
  leaving.set(s, known);
  return known;
}
