/** Loop statements: turn by turn while it is known whether they go on, else as loops of the graph. */
import type { Node as Syntax } from "oxc-parser";
import { BenchError } from "../../../core/base/errors.ts";
import type { Node } from "../ir/graph.ts";
import { makesFunctions, writesOf } from "./captures.ts";
import { type Completion, NEXT } from "./completion.ts";
import { Evaluator } from "./evaluator.ts";
import { constantOf, MAX_UNROLLED } from "./specialiser.ts";
import { Cell, Obj, Scope, Text, type Value } from "./value.ts";

/** Longer lists are none that a program was given: something adds to them. */
const MOST_ITEMS = 100_000;

export abstract class LoopStatements extends Evaluator {
  abstract statement(s: Syntax, scope: Scope, k: () => Completion): Completion;

  protected loopStatement(s: LoopSyntax, scope: Scope, label: string | undefined): Completion {
    const isContinue = (l: string | undefined) => l === undefined || l === label;
    const end = this.loopOf(s, scope, isContinue);
    return end;
  }

  protected loopOf(s: LoopSyntax, scope: Scope, isContinue: (l: string | undefined) => boolean): Completion {
    if (s.type === "ForOfStatement") return this.forOf(s, scope, isContinue);
    if (s.type === "ForInStatement") {
      const keys = this.fieldNames(this.evaluate(s.right, scope)).map((key) => new Text(key));
      return this.over(keys, s, scope, isContinue);
    }
    const inner = new Scope(scope);
    if (s.type === "ForStatement" && s.init) {
      if (s.init.type === "VariableDeclaration") this.statement(s.init, inner, () => NEXT);
      else this.evaluate(s.init, inner);
    }
    const test = (): Node => (s.test ? this.truthOf(this.evaluate(s.test, inner)) : this.truth(true));
    // A function made in a turn keeps the variables of that turn.
    const names = s.type === "ForStatement" && makesFunctions(s) ? [...inner.cells.keys()] : [];
    if (s.type === "ForStatement" && names.length > 0) {
      const written = makesFunctions(s.test) ? writesOf(s.body) : new Set<string>();
      if (makesFunctions(s.update) || names.some((name) => written.has(name)))
        throw this.refuse("a function is made where a loop counts, whose variable it may see change", "make it in the body of the loop", s);
    }
    const body = () => {
      if (names.length === 0) return this.statement(s.body, inner, () => NEXT);
      const own = new Scope(inner);
      for (const name of names) declareIn(own, name).value = inner.cells.get(name)?.value;
      const end = this.statement(s.body, own, () => NEXT);
      for (const name of names) this.journal.write(inner.cells.get(name) as Cell<Value | undefined>, own.cells.get(name)?.value);
      return end;
    };
    const update = () => {
      if (s.type === "ForStatement" && s.update) this.evaluate(s.update, inner);
    };
    if (s.type === "DoWhileStatement") {
      const first = this.turn(body, update, isContinue);
      if (first.kind !== "next") return this.leave(first, isContinue, () => this.turns(test, body, update, isContinue));
    }
    return this.turns(test, body, update, isContinue);
  }

  protected turn(body: () => Completion, update: () => void, isContinue: (l: string | undefined) => boolean): Completion {
    const end = body();
    const on = this.goesOn(end, isContinue);
    this.past(
      this.fork(
        on,
        () => {
          update();
          return NEXT;
        },
        () => NEXT,
      ),
    );
    return constantOf(on) === true ? NEXT : end;
  }

  /** After a turn that may have left the loop. */
  protected leave(end: Completion, isContinue: (l: string | undefined) => boolean, rest: () => Completion): Completion {
    switch (end.kind) {
      case "next":
        return rest();
      case "continue":
        return isContinue(end.label) ? rest() : end;
      case "break":
        return isContinue(end.label) ? NEXT : end;
      case "mixed":
        return this.fork(
          end.condition,
          () => this.leave(end.consequent, isContinue, rest),
          () => this.leave(end.otherwise, isContinue, rest),
        );
      default:
        return end;
    }
  }

  /** A loop: turn by turn while its test is known and few turns have passed, else as a loop of the graph. */
  protected turns(
    test: () => Node,
    body: () => Completion,
    update: () => void,
    isContinue: (l: string | undefined) => boolean,
  ): Completion {
    this.journal.begin();
    let known = true;
    for (let count = 0; ; count++) {
      let on: unknown;
      const asked = this.contained(() => {
        on = constantOf(test());
        return NEXT;
      });
      if (asked.kind !== "next") on = undefined;
      if (on === false) {
        this.journal.commit();
        return NEXT;
      }
      known = on !== undefined;
      if (!known || count >= MAX_UNROLLED) break;
      const end = this.contained(() => this.turn(body, update, isContinue));
      if (end.kind === "mixed") break;
      if (end.kind !== "next") {
        this.journal.commit();
        return this.leave(end, isContinue, () => NEXT);
      }
    }
    this.journal.revert();
    const { frame, module } = this;
    const notes = this.journal.depth;
    this.journal.begin();
    try {
      const end = this.loop(test, () => this.turn(body, update, isContinue), isContinue);
      this.journal.commit();
      return this.leave(end, isContinue, () => NEXT);
    } catch (error) {
      // What needs the number of the turn (a place in a tensor, say) may still be known turn by turn.
      if (!known || this.isExhausted || !(error instanceof BenchError) || error.kind === "runtime") throw error;
      this.journal.unwind(notes);
      this.frame = frame;
      this.module = module;
      return this.unrolled(test, body, update, isContinue, 0, error);
    }
  }

  /**
   * Turn by turn, each in the arm where the one before goes on: a counter stays known there, though it is not known how the loop
   * ends. One fork a turn, however many ways there are through the body.
   */
  protected unrolled(
    test: () => Node,
    body: () => Completion,
    update: () => void,
    isContinue: (l: string | undefined) => boolean,
    count: number,
    refusal: BenchError,
  ): Completion {
    const on = constantOf(test());
    if (on === false) return NEXT;
    if (on === undefined || count >= MAX_UNROLLED) throw refusal;
    const end = body();
    return this.fork(
      this.goesOn(end, isContinue),
      () => {
        update();
        return this.unrolled(test, body, update, isContinue, count + 1, refusal);
      },
      () => this.leave(end, isContinue, () => NEXT),
    );
  }

  protected forOf(
    s: Extract<Syntax, { type: "ForOfStatement" }>,
    scope: Scope,
    isContinue: (l: string | undefined) => boolean,
  ): Completion {
    const of = this.something(this.evaluate(s.right, scope));
    if (of instanceof Obj && of.content.value.kind === "array") {
      const at = new Cell<Value | undefined>(this.number(0));
      const index = () => at.value as Node;
      const test = () => this.apply("lt", index(), this.member(this.fresh(of), new Text("length")) as Node);
      const body = () => {
        const inner = new Scope(scope);
        this.head(s.left, this.member(this.fresh(of), index()), inner);
        return this.statement(s.body, inner, () => NEXT);
      };
      return this.turns(test, body, () => this.journal.write(at, this.apply("add", index(), this.number(1))), isContinue);
    }
    if (!(of instanceof Obj)) return this.over(this.itemsOf(of), s, scope, isContinue);
    // What the array holds when its turn comes: the body may write it.
    const items = () => {
      const { value: now } = this.fresh(of).content;
      if (now.kind !== "list")
        throw this.refuse("the length of an array is changed while a loop goes over it", "make the new array beside it");
      return now.items;
    };
    return this.over(items, s, scope, isContinue);
  }

  protected over(
    given: readonly Value[] | (() => readonly Value[]),
    s: Extract<Syntax, { type: "ForOfStatement" | "ForInStatement" }>,
    scope: Scope,
    isContinue: (l: string | undefined) => boolean,
  ): Completion {
    const items = typeof given === "function" ? given : () => given;
    const from = (i: number): Completion => {
      for (let at = i; at < items().length; at++) {
        if (at > MOST_ITEMS) throw this.refuse("a loop goes over an array that grows in each turn", "write it with a counter");
        const inner = new Scope(scope);
        this.head(s.left, items()[at] as Value, inner);
        const end = this.statement(s.body, inner, () => NEXT);
        if (end.kind !== "next") return this.leave(end, isContinue, () => from(at + 1));
      }
      return NEXT;
    };
    return from(0);
  }

  protected head(left: Syntax, value: Value, inner: Scope): void {
    if (left.type === "VariableDeclaration") {
      const home = left.kind === "var" ? functionScope(inner) : inner;
      this.bind((left.declarations[0] as { id: Syntax }).id, value, inner, (name) => declareIn(home, name));
    } else this.assign(left, value, inner);
  }
}

export type LoopSyntax = Extract<
  Syntax,
  { type: "ForStatement" | "WhileStatement" | "DoWhileStatement" | "ForOfStatement" | "ForInStatement" }
>;
export const isLoop = (s: Syntax): s is LoopSyntax =>
  s.type === "ForStatement" ||
  s.type === "WhileStatement" ||
  s.type === "DoWhileStatement" ||
  s.type === "ForOfStatement" ||
  s.type === "ForInStatement";

export const functionScopes = new WeakSet<Scope>();

export function functionScope(scope: Scope): Scope {
  let s = scope;
  while (s.outer !== undefined && !functionScopes.has(s)) s = s.outer;
  return s;
}

export function declareIn(scope: Scope, name: string): Cell<Value | undefined> {
  const known = scope.cells.get(name);
  if (known !== undefined) return known;
  const cell = new Cell<Value | undefined>(undefined);
  scope.cells.set(name, cell);
  return cell;
}

/** The variable of a declaration that is run, perhaps once more in another arm. */
export function declareAnew(scope: Scope, name: string): Cell<Value | undefined> {
  const cell = new Cell<Value | undefined>(undefined);
  scope.cells.set(name, cell);
  return cell;
}
