/**
 * Forward mode as nodes added to the graph: tangents go from sources to results. A branch or a loop is not built again: it is given
 * the tangents as further results or states, and computes them beside the values.
 */
import { assert, unsupported } from "../../../core/base/errors.ts";
import type { Value } from "../../../core/tensor/traced.ts";
import { valueOps } from "../../../core/tensor/values.ts";
import { addLists, addResult, addState, type If, pack, pop, push, setNext, stack, unpack, unstack, type While } from "../control.ts";
import { differentiating, type Graph, inside, type Node, type OpOf, type Output } from "../graph.ts";
import { from } from "../origin.ts";
import { inOrder } from "../walk.ts";
import { activeInLoop, ruleFor } from "./activity.ts";
import { type Call, tangentsOfCall } from "./calls.ts";
import { conform, itself, siteOf, zero } from "./reverse.ts";

/** Tangents of `results` where those of the sources are given; undefined where there is none. O(nodes). */
export function forward(results: readonly Output[], given: ReadonlyMap<Output, Value>): (Value | undefined)[] {
  return differentiating(() => {
    const tangents = new Map(given);
    for (const n of inOrder(results)) {
      if (!n.needs.some((x) => tangents.has(x))) continue;
      const found = from({ about: n }, () => tangentsOf(n, tangents));
      for (const [i, t] of found.entries()) if (t !== undefined) tangents.set(n.outputs[i] as Output, t);
    }
    return results.map((r) => tangents.get(r));
  });
}

function tangentsOf(n: Node, tangents: ReadonlyMap<Output, Value>): readonly (Value | undefined)[] {
  const { operation } = n;
  const [x, y] = n.inputs as [Output, Output];
  const [out] = n.outputs as [Output];
  const orZero = (v: Output) => tangents.get(v) ?? zero(v.type);
  switch (operation.op) {
    case "apply": {
      const site = siteOf(n as Node<OpOf<"apply">>, itself);
      let sum: Value | undefined;
      for (const [i, input] of n.inputs.entries()) {
        const t = tangents.get(input);
        const rule = t === undefined ? null : ruleFor(operation.primitive, i);
        if (t === undefined || rule === null) continue;
        const share = conform(rule.jvp(valueOps, t, site), out.type);
        sum = sum === undefined ? share : valueOps.add(sum, share);
      }
      return [sum];
    }
    case "identity":
    case "check":
      return [tangents.get(x)];
    case "custom":
      if (!n.inputs.slice(0, operation.arguments).some((v) => tangents.has(v))) return [];
      throw unsupported(
        "a function with a gradient of its own has no derivative in forward mode",
        "take reverse mode, grad or vjp, which has it",
      );
    case "push":
      return [push(orZero(x), orZero(y))];
    case "pop":
      return pop(orZero(x));
    case "addLists":
      return [addLists(orZero(x), orZero(y))];
    case "unstack":
      return [unstack(orZero(x), operation.reversed)];
    case "stack":
      return [stack(orZero(x), out.aval.shape[0] as number, operation.reversed)];
    case "if":
      return ofIf(n as If, tangents);
    case "while":
      return ofWhile(n as While, tangents);
    case "parameter":
    case "constant":
    case "emptyList":
    case "unset":
      return [];
    case "call":
      return tangentsOfCall(n as Call, tangents);
    case "pack":
      return [pack(n.inputs.map(orZero), out.type)];
    case "unpack":
      return unpack(orZero(x));
    case "sumProducts":
      assert(false, "passes come after derivatives");
      return [];
    default:
      return operation satisfies never;
  }
}

/** Tangents of what a graph captures, of those that have one. */
function ofCaptures(n: Node, graph: Graph, tangents: ReadonlyMap<Output, Value>): [Output, Value][] {
  return n.captures.flatMap((c, i): [Output, Value][] => {
    const t = tangents.get(c);
    return t === undefined ? [] : [[graph.captured[i] as Output, t]];
  });
}

function ofIf(n: If, tangents: ReadonlyMap<Output, Value>): readonly (Value | undefined)[] {
  const { consequent, otherwise } = n.operation;
  const outputs = [...n.outputs];
  const [a, b] = [consequent, otherwise].map((g) => inside(g, () => forward([...g.results], new Map(ofCaptures(n, g, tangents))))) as [
    (Value | undefined)[],
    (Value | undefined)[],
  ];
  return outputs.map((o, i) => {
    if (a[i] === undefined && b[i] === undefined) return undefined;
    const orZero = (t: Value | undefined, g: Graph) => t ?? inside(g, () => zero(o.type));
    return addResult(n, orZero(a[i], consequent), orZero(b[i], otherwise));
  });
}

function ofWhile(n: While, tangents: ReadonlyMap<Output, Value>): readonly (Value | undefined)[] {
  const { body } = n.operation;
  const { states } = activeInLoop(n, new Set(tangents.keys()));
  const results = [...body.results];
  const given = new Map(ofCaptures(n, body, tangents));
  const added = states.map((is, i) => {
    if (!is) return undefined;
    const initial = n.inputs[i] as Output;
    const state = addState(n, tangents.get(initial) ?? inside(n.graph, () => zero(initial.type)));
    given.set(body.parameters[i] as Output, state);
    return { state, output: n.outputs.at(-1) as Output };
  });
  inside(body, () => {
    const next = forward(results, given);
    for (const [i, a] of added.entries()) if (a !== undefined) setNext(n, a.state, next[i] ?? zero(a.state.type));
  });
  return added.map((a) => a?.output);
}
