/**
 * Less kept for the way back of loops: what a forward loop keeps of each turn and the backward loop can compute from what else is kept, or
 * from what no turn changes, by cheap elementwise operations, is computed there. A state that is kept both as a turn finds it and as it
 * leaves it is kept once: what it became in a turn is what the next one found.
 *
 *     back: pop(list of y), with y = tanh(x), and x kept          →      back: tanh(pop(list of x))
 */
import { primitives as p } from "../../../core/primitives/table.ts";
import { addState, setNext, type While } from "../control.ts";
import { type Graph, inside, type Output } from "../graph.ts";
import { from } from "../origin.ts";
import { inOrder } from "../walk.ts";
import { changeGraphs, invariantIn, replaceIn } from "./loops.ts";

/** A value of the forward body that is kept, and what the backward body pops it as. */
interface Kept {
  readonly value: Output;
  readonly popped: Output;
}

export function keepLess(graph: Graph): Graph {
  return changeGraphs(graph, (g) => {
    const loops = inOrder(g.results).filter((n) => n.op === "while") as While[];
    return loops.map((back) => changeLoop(back)).includes(true);
  });
}

/** What this loop pops, a value a turn, of what another one pushed, by the other one. */
function keptFor(back: While): ReadonlyMap<While, Kept[]> {
  const { body } = back.operation;
  const found = new Map<While, Kept[]>();
  for (const n of inOrder(body.results)) {
    if (n.op !== "pop") continue;
    const at = body.parameters.indexOf(n.inputs[0] as Output);
    const list = back.inputs[at];
    if (at < 0 || list?.node.op !== "while" || body.results[at] !== n.outputs[0]) continue;
    const loop = list.node as While;
    const next = (loop.operation.body.results[list.index] as Output).node;
    const isPushed = next.op === "push" && next.inputs[0] === loop.operation.body.parameters[list.index];
    if (!isPushed || loop.inputs[list.index]?.node.op !== "emptyList") continue;
    const others = found.get(loop) ?? [];
    others.push({ value: next.inputs[1] as Output, popped: n.outputs[1] as Output });
    found.set(loop, others);
  }
  return found;
}

function changeLoop(back: While): boolean {
  const to = back.operation.body;
  const nodes = inOrder(to.results);
  const by = new Map<Output, Output>();
  for (const [loop, kept] of keptFor(back)) {
    const body = loop.operation.body;
    /** What is at hand in the backward body, by values of the forward one. */
    const known = new Map<Output, Output>();
    for (const { value, popped } of kept) if (!isCheap(value)) known.set(value, popped);
    shiftStates(loop, back, kept, known, by);
    const popped = new Map(kept.map((k) => [k.value, k.popped]));
    for (const n of inOrder(body.results)) {
      const [v] = n.outputs as [Output];
      const own = popped.get(v);
      if (known.has(v) || !isCheap(v)) continue;
      const args = n.inputs.map((x) => known.get(x) ?? broughtTo(loop, to, x));
      if (args.includes(undefined)) {
        if (own !== undefined) known.set(v, own);
        continue;
      }
      const made = from(n.origin, () =>
        to.add(
          n.operation,
          args as Output[],
          n.outputs.map((o) => o.type),
        ),
      );
      known.set(v, made.outputs[0] as Output);
      if (own !== undefined) by.set(own, made.outputs[0] as Output);
    }
  }
  replaceIn(to, nodes, by);
  return by.size > 0;
}

/** Where a state is kept before and after each turn, the way back remembers the one before of the turn that it came from. */
function shiftStates(loop: While, back: While, kept: readonly Kept[], known: Map<Output, Output>, by: Map<Output, Output>): void {
  const { body } = loop.operation;
  for (const [i, state] of body.parameters.entries()) {
    const before = kept.find((k) => k.value === state);
    const next = body.results[i] as Output;
    const after = kept.find((k) => k.value === next);
    if (before === undefined || next === state || next.type.kind === "list") continue;
    // What is cheap is known from here too: later values may be computed of it.
    const remembered = addState(back, loop.outputs[i] as Output);
    inside(back.operation.body, () => setNext(back, remembered, before.popped));
    known.set(next, remembered);
    if (after !== undefined) by.set(after.popped, remembered);
  }
}

/** Elementwise operations on tensors or numbers, which cost about what it costs to keep the result. */
function isCheap({ node: { operation } }: Output): boolean {
  if (operation.op !== "apply") return false;
  const { primitive } = operation;
  return (
    (primitive.scalar !== undefined && operation.params === undefined) ||
    primitive === p.slice ||
    primitive === p.reshape ||
    primitive === p.lift
  );
}

/** What no turn of the forward loop changes, in the body of the backward one. */
function broughtTo(loop: While, to: Graph, v: Output): Output | undefined {
  const outer = invariantIn(loop, v);
  return outer === undefined ? undefined : inside(to, () => to.bring(outer));
}
