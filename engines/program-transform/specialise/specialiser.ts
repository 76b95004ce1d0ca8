/**
 * The state of a specialisation, and control flow on values that are not known: forks, where both arms are run and joined, and
 * loops, whose carried state is what a turn is seen to write, found by running a turn until no more is found.
 */
import type { Node as Syntax } from "oxc-parser";
import { type BenchError, mismatch, unsupported } from "../../../core/base/errors.ts";
import type { AnyPrimitive } from "../../../core/primitive.ts";
import { primitives } from "../../../core/primitives/table.ts";
import { makeGraph } from "../ir/build.ts";
import type { Node } from "../ir/graph.ts";
import { type Completion, Unreachable } from "./completion.ts";
import type { Form, UnionForm } from "./form.ts";
import { Frame, plainCondition } from "./frame.ts";
import { isContent, Joiner, madeIn, type Packer, type Side } from "./join.ts";
import type { ModuleScope } from "./module.ts";
import { Cell, type ClassValue, type Content, cellsSoFar, type Home, Journal, Obj, type Value, type Variant } from "./value.ts";

/** Turns after which a loop over what is known is built as a loop all the same. */
export const MAX_UNROLLED = 64;

/** Nobody sees it: what the checks depend on throws first. */
const FAILED = "a check failed";

/** Conditions that a program may meet while it is specialised. */
const MOST_FORKS = 50_000;

/** What running an arm of a condition gave. */
export interface Arm extends Side {
  readonly end: Completion | undefined;
  /** Why it has no end. */
  readonly failure: Unreachable | undefined;
}

export abstract class Specialiser implements Packer {
  abstract arraysIn(
    sides: readonly [Side, Side],
    contents: readonly [Content, Content],
  ): { readonly nodes: readonly [Node, Node]; readonly of: Form };
  abstract variant(node: Node, form: UnionForm): Variant;

  readonly outermost = new Frame(undefined);
  frame: Frame = this.outermost;
  readonly journal = new Journal();
  module: ModuleScope | undefined;
  at: Syntax | undefined;

  // Nodes.

  number(value: number): Node {
    return this.frame.made((b) => b.constant(value));
  }

  truth(value: boolean): Node {
    return this.frame.made((b) => b.constant(value));
  }

  apply(name: keyof typeof primitives, ...args: Node[]): Node {
    return this.frame.apply(primitives[name] as AnyPrimitive, args, undefined);
  }

  object(content: Content, type?: ClassValue): Obj {
    const o = new Obj(content, type);
    madeIn.set(o, this.frame);
    o.isOfModule = this.topLevels > 0;
    return o;
  }

  /** How many top levels of modules are being run. */
  protected topLevels = 0;
  /** The numbers of the cells that top levels made: they outlive a call. */
  private readonly cellsOfModules: (readonly [first: number, last: number])[] = [];

  protected runTopLevel<T>(run: () => T): T {
    const first = cellsSoFar();
    this.topLevels++;
    try {
      return run();
    } finally {
      this.topLevels--;
      this.cellsOfModules.push([first, cellsSoFar()]);
    }
  }

  /** Whether a variable is a module's, or belongs to a function that its top level called. */
  protected isOfModule(cell: Cell<unknown>): boolean {
    return this.cellsOfModules.some(([first, last]) => cell.number > first && cell.number <= last);
  }

  /** Changes what an object consists of. */
  protected writeContent(o: Obj, content: Content): void {
    if (o.isJoined)
      throw this.refuse("which object is written depends on a condition", "write in each branch, or to a copy: { ...o } or [...a]");
    if (o.isOfModule && this.topLevels === 0)
      throw this.refuse(
        "an object of the module is written while the function runs: the next call would find it changed",
        "make it in the function, or pass it and return the new one",
      );
    if (o.isFrozen) throw this.mistake("an object that was frozen is written", "make a new one: { ...o, field: value }");
    if (o.isGiven)
      throw this.refuse(
        "an array or an object that the program is given is written: its caller would not see that",
        "write a copy: [...a], { ...o }",
      );
    if (o.home === undefined) this.journal.write(o.content, content);
    else this.writeThrough(o, o.home, content);
  }

  /** Two arms made one content of those that each of them left. */
  protected abstract joinedContent(value: unknown, sides: readonly unknown[]): void;
  protected abstract writeThrough(o: Obj, home: Home, content: Content): void;
  abstract copied(o: Obj): void;
  protected abstract packedAway(array: Obj, of: Form, items: readonly Value[]): void;

  list(items: readonly Value[]): Obj {
    return this.object({ kind: "list", items });
  }

  record(fields: ReadonlyMap<string, Value>, type?: ClassValue): Obj {
    return this.object({ kind: "record", fields }, type);
  }

  // Errors.

  refuse(message: string, advice: string, at = this.at): BenchError {
    return unsupported(message, advice, this.spanOf(at));
  }

  mistake(message: string, advice: string, at = this.at): BenchError {
    return mismatch(message, advice, this.spanOf(at));
  }

  /** The program throws here. `value`: what, where it says so. */
  thrownHere(reason: string, value?: Value): Unreachable {
    return new Unreachable(reason, true, value, this.spanOf());
  }

  spanOf(at = this.at) {
    return at && this.module?.spanOf(at);
  }

  // Checks.

  /**
   * True as a node that is computed only where nothing was thrown: a variable that no program sees, which arms join and loops carry
   * like any other. What a program, a test or a recursive function gives depends on it, so no check that throws is lost.
   */
  protected readonly checks = new Cell<Value>(this.truth(true));

  /** What `run` gives, computed only where it does not throw. */
  protected checked(run: () => Node): Node {
    const before = this.checks.value;
    this.journal.write(this.checks, this.truth(true));
    const result = this.guarded(run());
    this.journal.write(this.checks, before);
    return result;
  }

  /** What `run` gives where it has been checked already: in a turn of a loop, its test. */
  protected unchecked(run: () => Node): Node {
    const before = this.checks.value;
    const result = run();
    this.journal.write(this.checks, before);
    return result;
  }

  /** A node, computed after the checks so far. */
  guarded(node: Node): Node {
    const checks = this.checks.value as Node;
    if (checks.op === "const") return node;
    const { frame } = this;
    const kept = makeGraph("checked", [node.type], (_, [x]) => x as Node);
    const failing = makeGraph("failed", [node.type], (b) => b.structure("fail", [b.constant(FAILED)], node.type, 0, FAILED));
    return frame.made((b) => b.if(frame.local(checks), kept, failing, [frame.local(node)]));
  }

  // Forks.

  /** `condition ? then() : otherwise()` for values. */
  choose(condition: Node, then: () => Value, otherwise: () => Value): Value {
    return this.valueOf(
      this.fork(
        condition,
        () => ({ kind: "return", value: then() }),
        () => ({ kind: "return", value: otherwise() }),
      ),
    );
  }

  /** The value that something gives, by how it ended. */
  abstract valueOf(end: Completion): Value;

  /** Runs both arms of a condition and joins what they wrote and how they ended; one of them, where the condition is known. */
  fork(given: Node, then: () => Completion, otherwise: () => Completion): Completion {
    const known = this.frame.truthOf(given);
    if (known !== undefined) return known ? then() : otherwise();
    const [condition, isNegated] = plainCondition(given);
    return isNegated ? this.forkPlain(condition, otherwise, then) : this.forkPlain(condition, then, otherwise);
  }

  /** How many conditions have been met whose two arms were run. */
  private forks = 0;
  /** No way of running the program is tried again after that. */
  protected isExhausted = false;

  private forkPlain(condition: Node, then: () => Completion, otherwise: () => Completion): Completion {
    this.countFork();
    const outer = this.frame;
    const since = cellsSoFar();
    const run = (truth: boolean, arm: () => Completion): Arm => {
      const frame = new Frame(outer);
      frame.learn(condition, truth);
      this.frame = frame;
      this.journal.begin();
      const notes = this.journal.depth;
      let end: Completion | undefined;
      let failure: Unreachable | undefined;
      try {
        end = arm();
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        failure = error;
        // What was written before it threw; loops that it left had notes of their own.
        while (this.journal.depth > notes) this.journal.commit();
      } finally {
        this.frame = outer;
      }
      const writes = this.journal.revert(since);
      return { frame, end, failure, writes };
    };
    return this.joinedArms(condition, run(true, then), run(false, otherwise));
  }

  /** No program is tried in more ways than these. */
  protected countFork(): void {
    if (++this.forks <= MOST_FORKS) return;
    this.isExhausted = true;
    throw this.refuse("this program has too many cases to be transformed", "make its loops and conditions fewer, or smaller");
  }

  /** What two arms wrote, and how they ended, as what the condition chooses. */
  protected joinedArms(condition: Node, a: Arm, b: Arm): Completion {
    const outer = this.frame;
    if (a.failure !== undefined && b.failure !== undefined)
      throw new Unreachable(a.failure.reason, a.failure.isThrown && b.failure.isThrown, undefined, a.failure.span);
    const isThrowing = a.failure?.isThrown || b.failure?.isThrown || false;
    const joiner = new Joiner(this, condition, outer, [a, b], isThrowing);
    const written = new Set([...a.writes.keys(), ...b.writes.keys()]);
    const later = [...written].map((cell) => {
      const [x, y] = [a.writes.has(cell) ? a.writes.get(cell) : cell.value, b.writes.has(cell) ? b.writes.get(cell) : cell.value];
      const value = this.joined(joiner, x, y, a.end !== undefined, b.end !== undefined);
      // Objects of a list that becomes an array go on under names that nobody follows.
      if (cell.owner !== undefined && isPackedBy(x, y)) cell.owner.isCopied = true;
      return () => {
        const joined = value();
        this.joinedContent(
          joined,
          [x, y].filter((_, i) => [a, b][i]?.end !== undefined),
        );
        this.journal.write(cell, joined);
      };
    });
    const end =
      a.end !== undefined && b.end !== undefined
        ? joiner.completion(a.end, b.end)
        : a.end !== undefined
          ? joiner.completionOnly(0, a.end)
          : joiner.completionOnly(1, b.end as Completion);
    if (isThrowing && !written.has(this.checks as Cell<unknown>)) {
      const passed = joiner.only(a.end === undefined ? 1 : 0, this.checks.value);
      later.push(() => this.journal.write(this.checks, passed()));
    }
    joiner.finish([a.failure, b.failure]);
    for (const write of later) write();
    return end();
  }

  protected joined(joiner: Joiner, x: unknown, y: unknown, first: boolean, second: boolean): () => unknown {
    if (x === undefined || y === undefined) return () => (x === undefined ? y : x) as unknown;
    if (isContent(x) || isContent(y)) {
      if (!first) return joiner.contentOnly(1, y as Content);
      return second ? joiner.content(x as Content, y as Content) : joiner.contentOnly(0, x as Content);
    }
    if (!first) return joiner.only(1, y as Value);
    return second ? joiner.value(x as Value, y as Value) : joiner.only(0, x as Value);
  }

  /** True, by a node or known, where a completion is `next` (or `continue` of this loop). */
  goesOn(c: Completion, isContinue: (label: string | undefined) => boolean): Node {
    if (c.kind === "mixed") {
      const [a, b] = [this.goesOn(c.consequent, isContinue), this.goesOn(c.otherwise, isContinue)];
      return this.select(c.condition, a, b);
    }
    return this.truth(c.kind === "next" || (c.kind === "continue" && isContinue(c.label)));
  }

  /** `condition ? a : b` for truth values and numbers that are there already. */
  select(condition: Node, a: Node, b: Node): Node {
    if (a === b) return a;
    const [x, y] = [constantOf(a), constantOf(b)];
    if (x === true && y === false) return this.frame.local(condition);
    if (x === false && y === true) return this.not(condition);
    return this.choose(
      condition,
      () => a,
      () => b,
    ) as Node;
  }

  not(condition: Node): Node {
    if (condition.op === "const") return this.truth(!condition.value);
    return this.apply("logicalNot", condition);
  }
}

export function constantOf(n: Node): unknown {
  return n.op === "const" ? n.value : undefined;
}

/** Whether two contents of an array are joined to one that keeps its elements by what they hold. */
function isPackedBy(x: unknown, y: unknown): boolean {
  if (!isContent(x) || !isContent(y) || x.kind === "record" || y.kind === "record") return false;
  if (x.kind === "list" && y.kind === "list" && x.items.length === y.items.length) return false;
  return [x, y].some((c) => c.kind === "list" && c.items.some((v) => v instanceof Obj));
}
