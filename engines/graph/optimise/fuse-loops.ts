/**
 * Loops that turn equally often are one, where that is seen at once: both ask the same of a counter that begins at the same value and goes
 * on by the same operation, and neither needs the other.
 *
 *     while(i = 0, a): i < n …;  while(j = 0, b): j < n …          →      while(i = 0, a, b): i < n …
 */
import { addState, setNext, type While } from "../control.ts";
import { type Graph, inside, type Node, type Output } from "../graph.ts";
import { inOrder } from "../walk.ts";
import { changeGraphs, independentOf, replaceIn } from "./loops.ts";
import { copyInto } from "./rebuild.ts";

export function fuseLoops(graph: Graph): Graph {
  return changeGraphs(graph, (g) => {
    const numbers = new Map<unknown, number>();
    const byCounter = new Map<string, While[]>();
    let isChanged = false;
    for (const n of inOrder(g.results)) {
      if (n.op !== "while") continue;
      const loop = n as While;
      const key = counterKey(loop, numbers);
      if (key === undefined) continue;
      const earlier = byCounter.get(key) ?? [];
      byCounter.set(key, earlier);
      const first = independentOf(earlier as Node[], () => n.needs) as While | undefined;
      if (first === undefined) {
        earlier.push(loop);
        continue;
      }
      join(first, loop);
      isChanged = true;
    }
    return isChanged;
  });
}

/** Which state decides when a loop ends, where it is one that goes on by itself. */
function counterOf({ operation: { test } }: While): number | undefined {
  const asked = inOrder(test.results)
    .flatMap((n) => n.outputs.map((o) => test.parameters.indexOf(o)))
    .filter((i) => i >= 0);
  return asked.length === 1 ? asked[0] : undefined;
}

/** Equal for loops that turn equally often; undefined where it is not seen what decides. Values have equal numbers where they are one. */
function counterKey(loop: While, numbers: Map<unknown, number>): string | undefined {
  const { test, body } = loop.operation;
  const at = counterOf(loop);
  if (at === undefined) return undefined;
  const numberOf = (x: unknown) => {
    const n = numbers.get(x) ?? numbers.size;
    numbers.set(x, n);
    return n;
  };
  const value = (v: Output): string => {
    const { operation } = v.node;
    if (operation.op !== "constant") return `v${numberOf(v)}`;
    return typeof operation.value === "number"
      ? `n${Object.is(operation.value, -0) ? "-0" : operation.value}`
      : `t${numberOf(operation.value)}`;
  };
  const expression = (g: Graph): string | undefined => {
    const texts = new Map<Output, string>();
    const [result] = g === test ? test.results : [body.results[at]];
    for (const n of inOrder([result as Output])) {
      const { operation } = n;
      const [v] = n.outputs as [Output];
      const captured = g.capturedAt(v);
      if (v === g.parameters[at]) texts.set(v, "#");
      else if (captured !== undefined) texts.set(v, value(loop.captures[captured] as Output));
      else if (operation.op === "constant") texts.set(v, value(v));
      else if (operation.op === "apply") {
        const params = operation.params === undefined ? "" : operation.primitive.paramsKey(operation.params);
        texts.set(v, `e${numberOf(`${operation.primitive.name}{${params}}(${n.inputs.map((x) => texts.get(x)).join()})`)}`);
      } else return undefined;
    }
    return texts.get(result as Output);
  };
  const [asked, next] = [expression(test), expression(body)];
  return asked === undefined || next === undefined ? undefined : `${value(loop.inputs[at] as Output)};${asked};${next}`;
}

/** Lets `first` turn the states of `second` too, and all others read them there. */
function join(first: While, second: While): void {
  const { graph } = first;
  const nodes = inOrder(graph.results);
  const [to, from] = [first.operation.body, second.operation.body];
  const [mine, its] = [counterOf(first), counterOf(second)] as [number, number];
  const map = new Map(second.captures.map((c, i) => [from.captured[i] as Output, to.bring(c)]));
  const by = new Map<Output, Output>();
  const added = second.inputs.map((x, i) => {
    const state = i === its ? (to.parameters[mine] as Output) : addState(first, x);
    map.set(from.parameters[i] as Output, state);
    by.set(second.outputs[i] as Output, (i === its ? first.outputs[mine] : first.outputs.at(-1)) as Output);
    return state;
  });
  const results = from.results.filter((_, i) => i !== its);
  inside(to, () => copyInto(to, results, map, () => undefined));
  for (const [i, r] of from.results.entries()) if (i !== its) setNext(first, added[i] as Output, map.get(r) as Output);
  replaceIn(graph, nodes, by);
}
