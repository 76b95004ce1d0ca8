/**
 * Loops of which it is not known how often they turn: the carried state is what a turn is seen to write, found by running a turn
 * until no more is found.
 */
import { extract, makeLoop } from "../ir/extract.ts";
import type { Node } from "../ir/graph.ts";
import { numberOf } from "./captures.ts";
import { type Completion, isSameEnd, NEXT, Unreachable } from "./completion.ts";
import { Elements } from "./elements.ts";
import { type Form, keyOf, leafTypes, NONE } from "./form.ts";
import { Frame, noteMeaning } from "./frame.ts";
import { isContent } from "./join.ts";
import { constantOf } from "./specialiser.ts";
import { Cell, type Content, cellsSoFar, Obj, Text, type Value } from "./value.ts";

export abstract class Loops extends Elements {
  /**
   * A loop of which it is not known how often it turns. `test` is asked before each turn; `turn` runs the body and what follows
   * it. How the loop ended: `next` where the test failed, or what left it.
   */
  loop(test: () => Node, turn: () => Completion, isContinue: (label: string | undefined) => boolean): Completion {
    const outer = this.frame;
    const since = cellsSoFar();
    const carried: Cell<unknown>[] = [];
    const shapes = new Map<Cell<unknown>, Form>();
    /** Arrays of which each turn leaves the objects where they are. */
    const steady = new Set<Cell<unknown>>();
    const formOf = (v: unknown): Form =>
      v === undefined ? NONE : isContent(v) ? this.algebra.ofContent(v, since) : this.algebra.of(v as Value, since);
    const exit = new Cell<unknown>(this.number(0));
    const returned = new Cell<unknown>(undefined);
    /** What was thrown, where it is no constant. */
    const thrown = new Cell<unknown>(undefined);
    const kinds: Completion[] = [];
    for (let round = 0; ; round++) {
      if (round > 20)
        throw this.refuse("the state of this loop changes its form from turn to turn", "keep what the loop carries in one form");
      const [freezes, unsettled] = [this.frozen.length, this.unsettled];
      let asked: Completion = NEXT;
      const forTest = this.arm(outer, carried, shapes, steady, () => {
        let on = this.truth(true);
        asked = this.contained(() => {
          on = this.checked(test);
          return NEXT;
        });
        return asked === NEXT ? on : this.truth(true);
      });
      if (asked !== NEXT || [...forTest.writes].some(([c, value]) => c.number <= since && value !== c.value))
        // A test that writes or throws is the beginning of a turn, and where it fails the turn leaves the loop.
        return this.loop(
          () => this.truth(true),
          () => this.fork(test(), turn, () => ({ kind: "break", label: undefined })),
          isContinue,
        );
      const before = kinds.length;
      const notes = this.journal.depth;
      let forTurn: ReturnType<Loops["arm"]>;
      try {
        forTurn = this.arm(outer, carried, shapes, steady, () => {
          const end = this.contained(() => {
            this.frame.learn(this.unchecked(test), true);
            return turn();
          });
          const code = this.codeOf(end, kinds, isContinue);
          if (constantOf(code) !== 0 || carried.includes(exit)) this.journal.write(exit, code);
          this.keep(end, returned, (d) => (d.kind === "return" ? d.value : undefined));
          this.keep(end, thrown, (d) => (d.kind === "throw" && !isText(d.value) ? d.value : undefined));
          return this.truth(true);
        });
      } catch (error) {
        if (!(error instanceof Unreachable)) throw error;
        // No turn ends: the loop is a condition.
        this.journal.unwind(notes);
        return this.fork(test(), turn, () => NEXT);
      }
      const grown = [...forTurn.writes.keys()].filter(
        (c) => (c.number <= since || c === exit || c === returned || c === thrown) && !carried.includes(c),
      );
      let changed = grown.length > 0 || kinds.length !== before;
      for (const cell of grown) {
        if ((cell === returned || cell === thrown) && forTurn.writes.get(cell) === undefined) continue;
        carried.push(cell);
        if (isContent(cell.value) && cell.value.kind === "array") steady.add(cell);
      }
      for (const cell of carried) {
        const before = shapes.get(cell) ?? NONE;
        const form = [cell.value, forTurn.writes.get(cell)].map(formOf).reduce((a, b) => this.algebra.join(a, b), before);
        if (keyOf(before) === keyOf(form) && shapes.has(cell)) continue;
        shapes.set(cell, form);
        changed = true;
      }
      for (const cell of steady) {
        if (grown.includes(cell) || this.isOfOneLineage((forTurn.writes.has(cell) ? forTurn.writes : forTurn.own).get(cell), cell.value))
          continue;
        steady.delete(cell);
        changed = true;
      }
      for (const cell of carried)
        for (const value of [cell.value, forTurn.writes.get(cell)]) this.packedIn(shapes.get(cell) as Form, value, cell.owner);
      // What is frozen in the middle of a turn may have been written at its beginning.
      changed = changed || this.unsettled > unsettled || this.frozen.slice(freezes).some((n) => n <= since);
      this.unsettled = unsettled;
      if (changed) continue;
      const leaving = kinds.length > 0;
      this.finishLoop(outer, carried, shapes, steady, forTest, forTurn, leaving ? exit : undefined);
      const isEndless = constantOf(forTest.result) === true;
      if (!isEndless) this.learnEnd(leaving ? (exit.value as Node) : this.number(0), kinds.length, this.unchecked(test));
      if (!leaving) return NEXT;
      const ends = kinds.map((kind): Completion => {
        if (kind.kind === "return") return { kind: "return", value: returned.value as Value };
        return kind.kind === "throw" && !isText(kind.value) ? { ...kind, value: thrown.value as Value } : kind;
      });
      return this.dispatch(exit.value as Node, ends, isEndless);
    }
  }

  /** After a loop: its test does not hold, or one of `kinds` ways led out of a turn, as `code` says. */
  private learnEnd(code: Node, kinds: number, test: Node): void {
    let holds = this.not(test);
    for (let kind = kinds; kind > 0; kind--) {
      const [left, rest] = [this.apply("eq", code, this.number(kind)), holds];
      holds = this.select(left, this.truth(true), rest);
      noteMeaning(holds, left, [this.truth(true), rest]);
    }
    this.frame.learn(holds, true);
  }

  arm(
    outer: Frame,
    carried: readonly Cell<unknown>[],
    shapes: ReadonlyMap<Cell<unknown>, Form>,
    steady: ReadonlySet<Cell<unknown>>,
    run: () => Node,
  ) {
    const frame = new Frame(outer);
    const since = cellsSoFar();
    this.frame = frame;
    this.passes++;
    this.journal.begin();
    const params: Node[] = [];
    for (const cell of carried) {
      const own = leafTypes(shapes.get(cell) as Form).map((t) => frame.param(t));
      params.push(...own);
      this.journal.write(cell, this.carriedValue(shapes.get(cell) as Form, cell, [...own], steady));
    }
    const own = new Map(carried.map((c) => [c, c.value]));
    let result: Node;
    try {
      result = frame.local(run());
    } finally {
      this.passes--;
      this.frame = outer;
    }
    const writes = this.journal.revert(since);
    for (const [cell, value] of own) if (writes.get(cell) === value) writes.delete(cell);
    return { frame, params, own, result, writes };
  }

  protected finishLoop(
    outer: Frame,
    carried: readonly Cell<unknown>[],
    shapes: ReadonlyMap<Cell<unknown>, Form>,
    steady: ReadonlySet<Cell<unknown>>,
    forTest: ReturnType<Loops["arm"]>,
    forTurn: ReturnType<Loops["arm"]>,
    exit: Cell<unknown> | undefined,
  ): void {
    const initial: Node[] = [];
    const next: Node[] = [];
    for (const cell of carried) {
      const form = shapes.get(cell) as Form;
      this.leaves(outer, form, cell.value as Value, initial);
      this.leaves(forTurn.frame, form, (forTurn.writes.has(cell) ? forTurn.writes : forTurn.own).get(cell) as Value, next);
    }
    const outside = [...new Set([...forTest.frame.imports.keys(), ...forTurn.frame.imports.keys()])];
    const paramsOf = (f: typeof forTest) => [...f.params, ...outside.map((o) => f.frame.imports.get(o) ?? o.type)];
    let tested = forTest.result;
    if (exit !== undefined) {
      // The test comes after the reason to leave.
      const code = forTest.own.get(exit) as Node;
      const { ops } = forTest.frame.build;
      const stays = ops.eq(code, 0);
      tested = constantOf(tested) === true ? stays : ops.logicalAnd(stays, tested);
    }
    const test = extract("test", paramsOf(forTest), [tested], (_, [t]) => t as Node);
    const body = extract("body", paramsOf(forTurn), next, (b, results) => b.tuple(results));
    const end = outer.made((b) =>
      makeLoop(
        b,
        test,
        body,
        initial,
        outside.map((o) => outer.local(o)),
      ),
    );
    const results = initial.map((_, i) => outer.made((b) => b.get(end, i)));
    const queue = [...results];
    for (const cell of carried) this.journal.write(cell, this.carriedValue(shapes.get(cell) as Form, cell, queue, steady));
  }

  /** What a loop carries is known by what it holds from now on. */
  private packedIn(form: Form, value: unknown, owner: Obj | undefined): void {
    const isPacked = owner !== undefined && form.kind === "array" && isContent(value) && value.kind === "list";
    if (isPacked && (form.of.kind === "record" || form.of.kind === "list" || form.of.kind === "array")) {
      for (const x of value.items) if (x instanceof Obj && !x.home && !x.isJoined) this.frozen.push(x.content.number);
      this.packedAway(owner, form.of, value.items);
    } else this.freeze(form, value as Value | Content | undefined);
  }

  /** What a cell holds in a turn, or after the loop: what an object consists of, or a value. */
  private carriedValue(form: Form, cell: Cell<unknown>, queue: Node[], steady: ReadonlySet<Cell<unknown>>): unknown {
    if (!isContent(cell.value)) return this.rebuilt(form, queue, true);
    const content = this.rebuiltContent(form, queue, true);
    if (steady.has(cell)) this.inherit(cell.value, content);
    return content;
  }

  /** Which way a turn ended, as a number: 0 goes on. */
  protected codeOf(c: Completion, kinds: Completion[], isContinue: (label: string | undefined) => boolean): Node {
    if (c.kind === "mixed")
      return this.select(c.condition, this.codeOf(c.consequent, kinds, isContinue), this.codeOf(c.otherwise, kinds, isContinue));
    if (c.kind === "next" || (c.kind === "continue" && isContinue(c.label))) return this.number(0);
    let at = kinds.findIndex((k) => isSameEnd(k, c) || (k.kind === "return" && c.kind === "return") || throwsAlike(k, c));
    if (at < 0) at = kinds.push(c) - 1;
    return this.number(at + 1);
  }

  /** Lets a cell hold what `given` takes from the ways that a turn ended. */
  private keep(c: Completion, cell: Cell<unknown>, given: (d: Completion) => Value | undefined): void {
    const value = (d: Completion): Value | undefined => {
      if (d.kind !== "mixed") return given(d);
      const [a, b] = [value(d.consequent), value(d.otherwise)];
      if (a === undefined || b === undefined) return a ?? b;
      return this.choose(
        d.condition,
        () => a,
        () => b,
      );
    };
    const v = value(c);
    if (v !== undefined) this.journal.write(cell, v);
  }

  protected dispatch(code: Node, ends: Completion[], isEndless: boolean): Completion {
    // A loop without a test is left by one of these.
    const last = isEndless ? (ends.pop() as Completion) : NEXT;
    return ends.reduceRight<Completion>(
      (rest, consequent, i) => ({ kind: "mixed", condition: this.apply("eq", code, this.number(i + 1)), consequent, otherwise: rest }),
      last,
    );
  }
}

/** Each turn makes the error that it throws: those of one text are one, and those that are no constants are told apart by what is kept. */
function throwsAlike(a: Completion, b: Completion): boolean {
  return a.kind === "throw" && b.kind === "throw" && textIn(a.value) === textIn(b.value);
}

const isText = (v: Value): boolean => textIn(v) !== undefined;

/** What a string, or a record of strings, holds. */
function textIn(v: Value): string | undefined {
  if (v instanceof Text) return v.key;
  if (!(v instanceof Obj) || v.content.value.kind !== "record") return undefined;
  const fields = [...v.content.value.fields];
  if (!fields.every(([, f]) => f instanceof Text)) return undefined;
  const type = v.type === undefined ? "" : numberOf(v.type);
  return `${type}{${fields.map(([name, f]) => `${name}: ${(f as Text).key}`).join()}}`;
}
