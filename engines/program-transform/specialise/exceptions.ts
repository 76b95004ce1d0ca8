/**
 * What is thrown within a try block. There a `throw` is a way to end, like `return`: arms join it, loops leave by it. An expression has
 * no way to end but its value, so one that throws under a condition opens an arm instead: what is run from there on is run where
 * nothing was thrown, until the arm, the function or the block that it stands in comes to its end and the two are joined.
 * Outside of try blocks nobody can tell how far a program came: a throw ends it, and the arm that throws with it.
 */
import type { Node } from "../ir/graph.ts";
import { type Completion, isSameEnd, Unreachable } from "./completion.ts";
import { Frame, plainCondition } from "./frame.ts";
import { type Arm, Specialiser } from "./specialiser.ts";
import { cellsSoFar, Obj, Text, UNDEFINED, type Value } from "./value.ts";

/** An arm that was opened where something threw under a condition. */
interface Opened {
  readonly outer: Frame;
  readonly condition: Node;
  /** What the condition is where nothing was thrown. */
  readonly truth: boolean;
  /** What was thrown. */
  readonly end: Completion;
  readonly since: number;
  readonly notes: number;
}

type Thrown = Extract<Completion, { kind: "throw" }>;

export abstract class Exceptions extends Specialiser {
  /** How many try blocks are around what is run. */
  protected tries = 0;
  private readonly opened: Opened[] = [];

  /** The program throws a value. */
  protected thrown(value: Value, span = this.spanOf()): Completion {
    if (this.tries === 0) throw this.unreachable({ kind: "throw", value, span });
    return { kind: "throw", value, span };
  }

  private unreachable({ value, span }: Thrown): Unreachable {
    const message = value instanceof Obj && value.content.value.kind === "record" ? value.content.value.fields.get("message") : value;
    return new Unreachable(message instanceof Text ? message.shown : "an error was thrown", true, value, span ?? this.spanOf());
  }

  override fork(condition: Node, then: () => Completion, otherwise: () => Completion): Completion {
    if (this.tries === 0) return super.fork(condition, then, otherwise);
    return super.fork(
      condition,
      () => this.contained(then),
      () => this.contained(otherwise),
    );
  }

  /** Runs something that has an end: what is thrown in it is how it ends. */
  protected contained(run: () => Completion): Completion {
    if (this.tries === 0) return run();
    const [before, notes] = [this.opened.length, this.journal.depth];
    let end: Completion;
    try {
      end = run();
    } catch (error) {
      if (!(error instanceof Unreachable && error.isThrown)) {
        this.opened.length = before;
        throw error;
      }
      const value = error.value ?? this.errorOf(error.reason);
      end = { kind: "throw", value, span: error.span };
    }
    while (this.opened.length > before) end = this.closed(this.opened.pop() as Opened, end);
    // What was written before it threw stays written.
    while (this.journal.depth > notes) this.journal.commit();
    return end;
  }

  /** What JavaScript throws itself. */
  protected abstract errorOf(message: string): Value;

  /** Runs something that becomes a graph of its own, which cannot throw to a handler outside of it. */
  protected closedOff<T>(what: string, run: () => T): T {
    const before = this.opened.length;
    const result = run();
    if (this.opened.length === before) return result;
    this.opened.length = before;
    throw this.uncatchable(what);
  }

  protected uncatchable(what: string) {
    return this.refuse(
      `${what} within a try block throws or not by values that are not known`,
      "return a value that says so instead of throwing",
    );
  }

  /** Opens an arm: what is run from now on is run where the condition does not hold; where it does, this is the end. */
  private open(failed: Node, end: Completion): void {
    this.countFork();
    const outer = this.frame;
    const [condition, isNegated] = plainCondition(failed);
    const truth = isNegated;
    const frame = new Frame(outer);
    frame.build.span = outer.build.span;
    frame.learn(condition, truth);
    this.opened.push({ outer, condition, truth, end, since: cellsSoFar(), notes: this.journal.depth });
    this.frame = frame;
    this.journal.begin();
  }

  private closed({ outer, condition, truth, end: failure, since, notes }: Opened, end: Completion): Completion {
    while (this.journal.depth > notes + 1) this.journal.commit();
    const rest: Arm = { frame: this.frame, end, failure: undefined, writes: this.journal.revert(since) };
    this.frame = outer;
    const failing = new Frame(outer);
    failing.learn(condition, !truth);
    const thrown: Arm = { frame: failing, end: failure, failure: undefined, writes: new Map() };
    return truth ? this.joinedArms(condition, rest, thrown) : this.joinedArms(condition, thrown, rest);
  }

  /** Goes on where nothing was thrown; how it ended there. */
  protected past(end: Completion): Completion {
    if (!has(end, true)) return end;
    const failed = this.threw(end);
    const known = this.frame.truthOf(failed);
    if (known === true) throw this.unreachable(this.thrownBy(part(end, true)));
    if (known === undefined) this.open(failed, part(end, true));
    return part(end, false);
  }

  private thrownBy(end: Completion): Thrown {
    if (end.kind === "throw") return end;
    if (end.kind !== "mixed") throw new Error("what did not throw is taken for what did");
    const [a, b] = [this.thrownBy(end.consequent), this.thrownBy(end.otherwise)];
    return {
      ...a,
      value: this.choose(
        end.condition,
        () => a.value,
        () => b.value,
      ),
    };
  }

  /** Whether something threw. */
  private threw(end: Completion): Node {
    if (end.kind !== "mixed") return this.truth(end.kind === "throw");
    return this.select(end.condition, this.threw(end.consequent), this.threw(end.otherwise));
  }

  override valueOf(given: Completion): Value {
    const end = this.past(given);
    if (end.kind === "return") return end.value;
    if (end.kind !== "mixed") return UNDEFINED;
    return this.choose(
      end.condition,
      () => this.valueOf(end.consequent),
      () => this.valueOf(end.otherwise),
    );
  }
}

/** Whether some way of ending is a throw, or is none. */
function has(end: Completion, isThrow: boolean): boolean {
  return end.kind === "mixed" ? has(end.consequent, isThrow) || has(end.otherwise, isThrow) : (end.kind === "throw") === isThrow;
}

/** How something ended where it threw, or where it did not. */
function part(end: Completion, isThrow: boolean): Completion {
  if (end.kind !== "mixed") return end;
  if (!has(end.consequent, isThrow)) return part(end.otherwise, isThrow);
  if (!has(end.otherwise, isThrow)) return part(end.consequent, isThrow);
  const [consequent, otherwise] = [part(end.consequent, isThrow), part(end.otherwise, isThrow)];
  return isSameEnd(consequent, otherwise) ? consequent : { ...end, consequent, otherwise };
}
