/**
 * Reverse mode as nodes added to the graph: cotangents go from results to sources along the active nodes, and each rule adds what it
 * computes. Branches and loops have backward branches and loops beside them. What these read of the forward ones is shown by more
 * outputs there: a branch gives the value as a result, a loop pushes it to a list each turn, which the backward loop pops; what a
 * loop does not change is never kept. Lists are values, so backward loops are differentiated like all others.
 */
import { assert } from "../../../core/base/errors.ts";
import { conformTo, conformToNumber } from "../../../core/tensor/conform.ts";
import type { Value } from "../../../core/tensor/traced.ts";
import { valueOps } from "../../../core/tensor/values.ts";
import type { Site } from "../../../rules/rule.ts";
import {
  addLists,
  addResult,
  addState,
  emptyList,
  type If,
  openIf,
  openWhile,
  pack,
  pop,
  push,
  setNext,
  setTest,
  stack,
  unpack,
  unstack,
  type While,
} from "../control.ts";
import { currentGraph, differentiating, type Graph, inside, type Node, type OpOf, type Output } from "../graph.ts";
import { copyInto } from "../optimise/rebuild.ts";
import { from } from "../origin.ts";
import { avalOfType, type Type } from "../type.ts";
import { inOrder } from "../walk.ts";
import { activeInLoop, activeOutputs, isDifferentiable, ruleFor } from "./activity.ts";
import { type Call, cotangentsOf } from "./calls.ts";

/** The value that an output of the graph being differentiated has where the derivative is built. */
export type Primal = (v: Output) => Value;

/** As it stands, where the derivative goes to the same graph. */
export const itself: Primal = (v) => known(v) ?? v;

/** Constants, as a graph of their own may hold them. */
export function known(v: Output): Value | undefined {
  const { operation } = v.node;
  if (operation.op !== "constant") return undefined;
  return typeof operation.value === "number" ? operation.value : currentGraph().constant(operation.value);
}

/** No derivative, as a value. */
export function zero(t: Type): Value {
  if (t.kind === "list") return emptyList(t.of);
  if (t.kind === "frame") return currentGraph().add({ op: "unset" }, [], [t]).outputs[0] as Output;
  return t.kind === "number" ? 0 : valueOps.broadcastTo(valueOps.lift(0, t.aval.dtype), t.aval.shape);
}

function sum(a: Value, b: Value, t: Type): Value {
  return t.kind === "list" || t.kind === "frame" ? addLists(a, b) : valueOps.add(a, b);
}

/** A share of a derivative, as the value of this type that it is. */
export function conform(share: Value, t: Type): Value {
  if (t.kind === "list" || t.kind === "frame") return share;
  return t.kind === "number" ? conformToNumber(share) : conformTo(share, t.aval);
}

/** Cotangents of `sources` where those of `results` are `seeds`, all of one graph; undefined where nothing arrives; nothing passes `stop`. O(nodes). */
export function backward(
  results: readonly Output[],
  seeds: readonly (Value | undefined)[],
  sources: readonly Output[],
  primal: Primal,
  stop?: ReadonlySet<Output>,
): (Value | undefined)[] {
  return differentiating(() => {
    const walk = new Walk(activeOutputs(results, sources, stop), primal);
    for (const [i, r] of results.entries()) {
      const seed = seeds[i];
      if (seed !== undefined) walk.arrive(r, seed);
    }
    for (const n of inOrder(results).reverse()) from({ about: n }, () => walk.visit(n));
    return sources.map((s) => walk.cotangents.get(s));
  });
}

class Walk {
  readonly cotangents = new Map<Output, Value>();
  readonly active: ReadonlySet<Output>;
  readonly primal: Primal;

  constructor(active: ReadonlySet<Output>, primal: Primal) {
    this.active = active;
    this.primal = primal;
  }

  arrive(v: Output, share: Value): void {
    if (!this.active.has(v)) return;
    const ct = conform(share, v.type);
    const before = this.cotangents.get(v);
    if (before === undefined) this.cotangents.set(v, ct);
    else this.cotangents.set(v, sum(before, ct, v.type));
  }

  visit(n: Node): void {
    const { operation } = n;
    const cts = n.outputs.map((o) => this.cotangents.get(o));
    if (cts.every((ct) => ct === undefined)) return;
    const [ct] = cts as [Value];
    const [x, y] = n.inputs as [Output, Output];
    switch (operation.op) {
      case "apply": {
        const site = siteOf(n as Node<OpOf<"apply">>, this.primal);
        for (const [i, input] of n.inputs.entries())
          if (this.active.has(input)) {
            const rule = ruleFor(operation.primitive, i);
            if (rule !== null) this.arrive(input, rule.vjp(valueOps, ct, site));
          }
        return;
      }
      case "identity":
        this.arrive(x, ct);
        return;
      case "push": {
        const [rest, element] = pop(ct);
        this.arrive(x, rest);
        this.arrive(y, element);
        return;
      }
      case "pop": {
        const [list, element] = n.outputs as [Output, Output];
        this.arrive(x, push(cts[0] ?? zero(list.type), cts[1] ?? zero(element.type)));
        return;
      }
      case "addLists":
        this.arrive(x, ct);
        this.arrive(y, ct);
        return;
      case "unstack":
        this.arrive(x, stack(ct, x.aval.shape[0] as number, operation.reversed));
        return;
      case "stack":
        this.arrive(x, unstack(ct, operation.reversed));
        return;
      case "if":
        this.visitIf(n as If, cts);
        return;
      case "while":
        this.visitWhile(n as While, cts);
        return;
      case "custom": {
        const given = operation.pullback.parameters.map((p, i): [Output, Output] => [p, currentGraph().bring(cts[i] ?? zero(p.type))]);
        const captured = operation.pullback.captured.map((c, i): [Output, Output] => [
          c,
          currentGraph().bring(this.primal(n.captures[i] as Output)),
        ]);
        const map = new Map([...given, ...captured]);
        copyInto(currentGraph(), operation.pullback.results, map, () => undefined);
        for (const [i, r] of operation.pullback.results.entries()) this.arrive(n.inputs[i] as Output, map.get(r) as Output);
        return;
      }
      case "check":
        this.arrive(x, ct);
        return;
      case "parameter":
      case "constant":
      case "emptyList":
      case "unset":
        return;
      case "call":
        for (const [i, share] of cotangentsOf(n as Call, cts, this.primal).entries())
          if (share !== undefined) this.arrive(n.inputs[i] as Output, share);
        return;
      case "pack":
        for (const [i, field] of unpack(ct).entries()) this.arrive(n.inputs[i] as Output, field);
        return;
      case "unpack":
        this.arrive(
          x,
          pack(
            n.outputs.map((o, i) => cts[i] ?? zero(o.type)),
            x.type,
          ),
        );
        return;
      case "sumProducts":
        assert(false, "passes come after derivatives");
        return;
      default:
        operation satisfies never;
    }
  }

  private visitIf(n: If, cts: readonly (Value | undefined)[]): void {
    const wanted = n.captures.flatMap((c, i) => (this.active.has(c) && isDifferentiable(c.type) ? [i] : []));
    const back = openIf(this.primal(n.inputs[0] as Output));
    const shares = (branch: Graph, to: Graph) =>
      inside(to, () =>
        backward(
          branch.results,
          cts,
          wanted.map((i) => branch.captured[i] as Output),
          (v) => this.ofBranch(n, branch, v),
        ),
      );
    const { consequent, otherwise } = back.operation;
    const a = shares(n.operation.consequent, consequent);
    const b = shares(n.operation.otherwise, otherwise);
    for (const [k, i] of wanted.entries()) {
      if (a[k] === undefined && b[k] === undefined) continue;
      const capture = n.captures[i] as Output;
      const orZero = (ct: Value | undefined, to: Graph) => ct ?? inside(to, () => zero(capture.type));
      this.arrive(capture, addResult(back, orZero(a[k], consequent), orZero(b[k], otherwise)));
    }
  }

  /** A value of a branch, where its backward branch is built. */
  private ofBranch(n: If, branch: Graph, v: Output): Value {
    const constant = known(v);
    if (constant !== undefined) return constant;
    const captured = branch.capturedAt(v);
    if (captured !== undefined) return this.primal(n.captures[captured] as Output);
    let shown = n.shown.get(v);
    if (shown === undefined) {
      const unset = (g: Graph) => g.add({ op: "unset" }, [], [v.type]).outputs[0] as Output;
      const { consequent, otherwise } = n.operation;
      shown = branch === consequent ? addResult(n, v, unset(otherwise)) : addResult(n, unset(consequent), v);
      n.shown.set(v, shown);
    }
    return this.primal(shown);
  }

  /** A loop that turns as often as the forward one, from the last turn to the first. */
  private visitWhile(n: While, cts: readonly (Value | undefined)[]): void {
    const { body } = n.operation;
    const states = activeInLoop(n, this.active).states.flatMap((is, i) => (is ? [i] : []));
    const captures = n.captures.flatMap((c, i) => (this.active.has(c) && isDifferentiable(c.type) ? [i] : []));
    const results = states.map((i) => body.results[i] as Output);
    const sources = [...states.map((i) => body.parameters[i] as Output), ...captures.map((i) => body.captured[i] as Output)];
    const turns = this.primal(turnsOf(n));
    const back = openWhile();
    const to = back.operation.body;
    const left = addState(back, turns);
    const { test } = back.operation;
    inside(test, () => setTest(back, valueOps.gt(test.parameters[0] as Output, 0)));
    const cotangents = states.map((i) => addState(back, cts[i] ?? zero((n.outputs[i] as Output).type)));
    const sums = captures.map((i) => addState(back, zero((n.captures[i] as Output).type)));
    const seen = new Map<Output, Value>();
    inside(to, () => {
      setNext(back, left, valueOps.sub(left, 1));
      const shares = backward(results, cotangents, sources, (v) => {
        let value = seen.get(v);
        if (value === undefined) {
          value = this.ofTurn(n, back, v);
          seen.set(v, value);
        }
        return value;
      });
      for (const [k, state] of cotangents.entries()) setNext(back, state, shares[k] ?? zero(state.type));
      for (const [k, total] of sums.entries()) {
        const share = shares[states.length + k];
        if (share !== undefined) setNext(back, total, sum(total, share, total.type));
      }
    });
    for (const [k, i] of states.entries()) this.arrive(n.inputs[i] as Output, back.outputs[1 + k] as Output);
    for (const [k, i] of captures.entries()) this.arrive(n.captures[i] as Output, back.outputs[1 + states.length + k] as Output);
  }

  /** A value of a turn of the body, where the backward body is built. */
  private ofTurn(n: While, back: While, v: Output): Value {
    const { body } = n.operation;
    const to = back.operation.body;
    const constant = known(v);
    if (constant !== undefined) return constant;
    const captured = body.capturedAt(v);
    if (captured !== undefined) return this.primal(n.captures[captured] as Output);
    const state = body.parameters.indexOf(v);
    if (state >= 0 && body.results[state] === v) return this.primal(n.inputs[state] as Output);
    let shown = n.shown.get(v);
    if (shown === undefined) {
      const list = addState(
        n,
        inside(n.graph, () => emptyList(v.type)),
      );
      inside(body, () => setNext(n, list, push(list, v)));
      shown = n.outputs.at(-1) as Output;
      n.shown.set(v, shown);
    }
    const kept = addState(back, this.primal(shown));
    return inside(to, () => {
      const [rest, value] = pop(kept);
      setNext(back, kept, rest);
      return value;
    });
  }
}

/** How often a loop has turned, as an output of it. */
function turnsOf(n: While): Output {
  let turns = n.shown.get("turns");
  if (turns === undefined) {
    const count = addState(n, 0);
    inside(n.operation.body, () => setNext(n, count, valueOps.add(count, 1)));
    turns = n.outputs.at(-1) as Output;
    n.shown.set("turns", turns);
  }
  return turns;
}

/** What a rule looks at. */
export function siteOf({ operation, inputs, outputs }: Node<OpOf<"apply">>, primal: Primal): Site<Value> {
  return {
    params: operation.params,
    in: (i) => primal(inputs[i] as Output),
    get out() {
      return primal(outputs[0] as Output);
    },
    inAval: (i) => avalOfType((inputs[i] as Output).type),
    outAval: avalOfType((outputs[0] as Output).type),
  };
}
