/**
 * Derivatives of functions, which may call themselves. Going back, a call needs what it was computed from, at its own depth: the function
 * is given one more result, a frame (an activation record) of the values that its way back reads, among them the frames of the calls that
 * it makes. The way back is a function of the frame and the cotangents of the results, which calls itself with the frames that it finds.
 * Forward, there is a function of arguments and tangents, which calls itself in place of the first. Both are functions like all others,
 * so they have derivatives too.
 */
import { unsupported } from "../../../core/base/errors.ts";
import type { Value } from "../../../core/tensor/traced.ts";
import { call, functionOf } from "../control.ts";
import { type GraphFunction, inside, type Node, type OpOf, type Output } from "../graph.ts";
import { copyInto } from "../optimise/rebuild.ts";
import type { Type } from "../type.ts";
import { inOrder } from "../walk.ts";
import { isDifferentiable } from "./activity.ts";
import { forward } from "./forward.ts";
import { backward, known, type Primal, zero } from "./reverse.ts";

export type Call = Node<OpOf<"call">>;

/** A derivative of the first so many results of a function; in reverse mode the result behind them is the frame. */
interface Derived {
  readonly results: number;
  readonly function: GraphFunction;
}

const backwards = new WeakMap<GraphFunction, Derived[]>();
const forwards = new WeakMap<GraphFunction, Derived[]>();

function derivedOf(table: WeakMap<GraphFunction, Derived[]>, callee: GraphFunction): Derived[] {
  const list = table.get(callee) ?? [];
  table.set(callee, list);
  return list;
}

/** Cotangents of the arguments of a call, from those of its outputs; undefined for what has none. */
export function cotangentsOf(n: Call, cts: readonly (Value | undefined)[], primal: Primal): readonly (Value | undefined)[] {
  const { callee } = n.operation;
  const needed = cts.reduce<number>((last, ct, i) => (ct === undefined ? last : i + 1), 0);
  const back = derivedOf(backwards, callee).find((b) => b.results >= needed) ?? backwardOf(callee);
  for (let i = n.outputs.length; i < callee.types.length; i++) n.addOutput(callee.types[i] as Type);
  const seeds = callee.types.slice(0, back.results).flatMap((t, i) => (isDifferentiable(t) ? [cts[i] ?? zero(t)] : []));
  const shares = call(back.function, [primal(n.outputs[back.results] as Output), ...seeds]).outputs;
  let next = 0;
  return n.inputs.map((x) => (isDifferentiable(x.type) ? shares[next++] : undefined));
}

/** Throws where a function is not built to its end. */
function whole({ graph, types }: GraphFunction): void {
  if (graph.results.length < types.length)
    throw unsupported(
      `the derivative of the function ${graph.name} is taken inside of it`,
      "take the derivative where the function is called from outside",
    );
}

function backwardOf(callee: GraphFunction): Derived {
  whole(callee);
  const { graph, types } = callee;
  const results = [...graph.results];
  const fields: Type[] = [];
  const frame: Type = { kind: "frame", fields };
  const kept = graph.add({ op: "pack" }, [], [frame]);
  graph.results.push(kept.outputs[0] as Output);
  types.push(frame);
  const sources = graph.parameters.filter((p) => isDifferentiable(p.type));
  const seeded = results.filter((r) => isDifferentiable(r.type));
  const back = functionOf(
    `${graph.name}, back`,
    [frame, ...seeded.map((r) => r.type)],
    sources.map((s) => s.type),
  );
  const made: Derived = { results: results.length, function: back };
  derivedOf(backwards, callee).push(made);
  inside(back.graph, () => {
    const [record, ...seeds] = back.graph.parameters as [Output, ...Output[]];
    const opened = back.graph.add({ op: "unpack" }, [record], []);
    const places = new Map<Output, Output>();
    const shares = backward(seeded, seeds, sources, (v) => {
      const constant = known(v);
      if (constant !== undefined) return constant;
      let place = places.get(v);
      if (place === undefined) {
        kept.inputs.push(v);
        fields.push(v.type);
        place = opened.addOutput(v.type);
        places.set(v, place);
      }
      return place;
    });
    back.graph.results.push(...sources.map((s, i) => back.graph.bring(shares[i] ?? zero(s.type))));
  });
  return made;
}

/** Calls whose results the derivative of the function that is being built computes as well. */
let computed: { readonly call: Call; readonly by: Call }[] = [];

/** Tangents of the outputs of a call; undefined for what has none. */
export function tangentsOfCall(n: Call, tangents: ReadonlyMap<Output, Value>): readonly (Value | undefined)[] {
  const { callee } = n.operation;
  const count = callee.types.length;
  const derived = derivedOf(forwards, callee).find((f) => f.results === count) ?? forwardOf(callee);
  const given = n.inputs.filter((x) => isDifferentiable(x.type)).map((x) => tangents.get(x) ?? zero(x.type));
  const made = call(derived.function, [...n.inputs, ...given]);
  computed.push({ call: n, by: made });
  let next = count;
  const all = callee.types.map((t) => (isDifferentiable(t) ? made.outputs[next++] : undefined));
  return all.slice(0, n.outputs.length);
}

function forwardOf(callee: GraphFunction): Derived {
  whole(callee);
  const { graph, types } = callee;
  const moving = graph.parameters.filter((p) => isDifferentiable(p.type));
  const made = functionOf(
    `${graph.name}, forward`,
    [...graph.parameters, ...moving].map((p) => p.type),
    [...types, ...types.filter(isDifferentiable)],
  );
  const derived: Derived = { results: types.length, function: made };
  derivedOf(forwards, callee).push(derived);
  const to = made.graph;
  const around = computed;
  computed = [];
  inside(to, () => {
    const map = new Map(graph.parameters.map((p, i) => [p, to.parameters[i] as Output]));
    const given = new Map(
      moving.map((p, k): [Output, Value] => [map.get(p) as Output, to.parameters[graph.parameters.length + k] as Output]),
    );
    copyInto(to, graph.results, map, () => undefined);
    const results = graph.results.map((r) => map.get(r) as Output);
    const found = forward(results, given);
    to.results.push(...results);
    for (const [i, r] of results.entries()) if (isDifferentiable(r.type)) to.results.push(to.bring(found[i] ?? zero(r.type)));
  });
  for (const { call: n, by } of computed) {
    const nodes = inOrder(n.graph.results).filter((m) => m !== (by as Node));
    const replaced = new Map(n.outputs.map((o, i) => [o, by.outputs[i] as Output]));
    for (const m of nodes) m.replaceNeeds(replaced);
    for (const [i, r] of n.graph.results.entries()) n.graph.results[i] = replaced.get(r) ?? r;
  }
  computed = around;
  return derived;
}
