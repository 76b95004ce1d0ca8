/**
 * Unrolling: a loop whose test depends on counters that are known turns a known number of times; a short one becomes its turns, one
 * after the other, which the compile service then fuses across.
 */

import type { While } from "../control.ts";
import { constantOf, type Graph, type Output } from "../graph.ts";
import { inTurn } from "../origin.ts";
import { countNodes } from "../walk.ts";
import { evaluate } from "./fold.ts";
import { capturedBy, rebuild } from "./rebuild.ts";

/** Turns of a loop that is unrolled, and nodes that it may become. */
const MAX_TURNS = 64;
const MAX_NODES = 2000;

export function unroll(graph: Graph): Graph {
  return rebuild(graph, (n, inputs, place) => {
    if (n.op !== "while") return undefined;
    const { body } = (n as While).operation;
    const turns = turnsOf(n as While, inputs);
    if (turns === undefined || turns * Math.max(1, countNodes(body)) > MAX_NODES) return undefined;
    const states = n.outputs.map((o) => place.live.has(o));
    const results = body.results.filter((_, i) => states[i]);
    const parameters = body.parameters.filter((_, i) => states[i]);
    const captured = capturedBy(n, body, place);
    let state: readonly Output[] = inputs.filter((_, i) => states[i]);
    for (let t = 0; t < turns; t++)
      state = inTurn(t, () => place.copy(results, new Map([...captured, ...parameters.map((p, i) => [p, state[i] as Output] as const)])));
    let k = 0;
    return states.map((is) => (is ? state[k++] : undefined));
  });
}

/** How often a loop turns, where that is known and at most {@link MAX_TURNS}. */
function turnsOf({ operation: { test, body } }: While, initial: readonly Output[]): number | undefined {
  const state = new Map(body.parameters.map((p, i) => [p, constantOf(initial[i])]));
  for (let t = 0; t <= MAX_TURNS; t++) {
    const go = evaluate(test.results[0] as Output, (v) => state.get(body.parameters[test.parameters.indexOf(v)] as Output));
    if (go === undefined) return undefined;
    if (go === 0) return t;
    const next = body.results.map((r, i) =>
      state.get(body.parameters[i] as Output) === undefined ? undefined : evaluate(r, (v) => state.get(v)),
    );
    for (const [i, p] of body.parameters.entries()) state.set(p, next[i]);
  }
  return undefined;
}
