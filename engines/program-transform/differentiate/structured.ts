/**
 * J on control flow: for an `if`, a loop or a call, the value together with what its reverse part needs, and the pullback that
 * builds the reverse part when the cotangent is known.
 */
import { assert } from "../../../core/base/errors.ts";
import { Builder, closeGraph, openGraph } from "../ir/build.ts";
import { copyInto, extract, makeIf, makeLoop, pack, unpack } from "../ir/extract.ts";
import type { Graph, IfNode, InvokeNode, LoopNode, Node } from "../ir/graph.ts";
import { arrayType, NUM, namedType, openName, resolveType, type Type, tangentType, tupleType, UNIT } from "../ir/type.ts";
import { activeCarried, type Demand } from "./activity.ts";
import { type Cotangent, fieldsOf, isDifferentiable, materialise } from "./cotangent.ts";
import { countersOf } from "./counters.ts";
import { partition } from "./partition.ts";
import { accumulates, joint } from "./reverse.ts";

export interface Contribution {
  readonly argument: number;
  readonly cotangent: Cotangent | undefined;
  /** True where it contains what had been accumulated for the argument before. */
  readonly contains: boolean;
}

/** From the cotangent of the value, and what arguments have accumulated so far, the contributions to the arguments. */
export type Pullback = (c: Cotangent, current: (argument: number) => Cotangent | undefined) => Contribution[];

export interface Forward {
  readonly value: Node;
  readonly pullback: Pullback;
}

export function forwardOf(
  build: Builder,
  n: IfNode | LoopNode | InvokeNode,
  args: readonly Node[],
  active: readonly boolean[],
  demand: Demand,
): Forward {
  switch (n.op) {
    case "if":
      return forwardIf(build, n, args, active, demand);
    case "loop":
      return forwardLoop(build, n, args, active);
    case "invoke":
      return forwardInvoke(build, n, args, active);
    default:
      return n satisfies never;
  }
}

/** Cotangents that enter a graph: of the whole result, or of some fields of it. */
interface Seeds {
  readonly types: readonly Type[];
  /** The cotangent made of the seed parameters. */
  join(seeds: readonly Node[]): Cotangent;
  /** The seeds taken from a cotangent of `value`. */
  split(build: Builder, c: Cotangent, value: Node): Node[];
}

function seedsOf(type: Type, demand: Demand): Seeds {
  if (demand === "all") {
    return { types: [tangentType(type)], join: ([seed]) => seed as Node, split: (build, c, value) => [materialise(build, c, value)] };
  }
  const tuple = resolveType(type);
  assert(tuple.kind === "tuple", "fields of what is no tuple receive cotangents");
  const fields = [...demand].filter((i) => isDifferentiable(tuple.items[i] as Type)).sort((a, b) => a - b);
  return {
    types: fields.map((i) => tangentType(tuple.items[i] as Type)),
    join: (seeds) => ({ fields: tuple.items.map((_, i) => (fields.includes(i) ? seeds[fields.indexOf(i)] : undefined)) }),
    split: (build, c, value) => {
      const given = fieldsOf(build, c);
      return fields.map((i) => materialise(build, given[i], build.get(value, i)));
    },
  };
}

/** One arm with its adjoint, before it is split. */
interface Arm {
  readonly params: readonly Node[];
  readonly seeds: readonly Node[];
  readonly accumulators: readonly (Node | undefined)[];
  readonly result: Node;
  readonly build: Builder;
  readonly adjoints: readonly (Cotangent | undefined)[];
}

function armOf(graph: Graph, active: readonly boolean[], demand: Demand, seeds: Seeds): Arm {
  const own = graph.params.map((p) => p.type);
  const handed = graph.params.map((p, i) => Boolean(active[i]) && accumulates(p.type));
  const open = openGraph(graph.name, [...own, ...seeds.types, ...own.filter((_, i) => handed[i]).map(tangentType)], UNIT);
  const build = new Builder();
  const params = open.params.slice(0, own.length);
  const seedParams = open.params.slice(own.length, own.length + seeds.types.length);
  const rest = open.params.slice(own.length + seeds.types.length);
  let next = 0;
  const accumulators = handed.map((h) => (h ? rest[next++] : undefined));
  const failing = graph.result?.op === "fail";
  const { result, adjoints } = joint(
    build,
    graph,
    params,
    active,
    demand,
    () => (failing ? undefined : seeds.join(seedParams)),
    accumulators,
  );
  return { params, seeds: seedParams, accumulators, result, build, adjoints };
}

function forwardIf(
  build: Builder,
  n: IfNode,
  [condition, ...args]: readonly Node[],
  [, ...active]: readonly boolean[],
  demand: Demand,
): Forward {
  const seeds = seedsOf(n.type, demand);
  const arms = [armOf(n.consequent, active, demand, seeds), armOf(n.otherwise, active, demand, seeds)] as const;
  const touched = args.map((_, i) => i).filter((i) => arms.some((arm) => arm.adjoints[i] !== undefined));
  const outputs = arms.map((arm) => touched.map((i) => materialise(arm.build, arm.adjoints[i], arm.params[i] as Node)));
  const residuals = arms.map((arm, k) => {
    const reverseOnly = new Set([...arm.seeds, ...arm.accumulators.flatMap((a) => (a ? [a] : []))]);
    return partition(outputs[k] as Node[], reverseOnly, new Set(arm.params)).residuals;
  });
  // Residuals of the two arms share a place where they are of one type.
  const places: Type[] = [];
  const placed = residuals.map((list) => {
    const taken = new Set<number>();
    return list.map((r) => {
      let at = places.findIndex((t, i) => t === r.type && !taken.has(i));
      if (at < 0) at = places.push(r.type) - 1;
      taken.add(at);
      return at;
    });
  });
  const forward = arms.map((arm, k) =>
    extract(`${n.consequent.name}▶`, arm.params, [arm.result, ...(residuals[k] as readonly Node[])], (b, [result, ...kept]) => {
      if (places.length === 0 || (result as Node).op === "fail") return result as Node;
      const slots = places.map((t, i) => kept[(placed[k] as number[]).indexOf(i)] ?? b.unset(t));
      return b.tuple([result as Node, ...slots]);
    }),
  ) as [Graph, Graph];
  const whole = makeIf(build, condition as Node, forward[0], forward[1], args);
  const value = places.length === 0 ? whole : build.get(whole, 0);
  const kept = places.map((_, i) => build.get(whole, i + 1));

  const pullback: Pullback = (c, current) => {
    if (touched.length === 0) return [];
    const handed = args.map((_, i) => i).filter((i) => arms[0].accumulators[i] !== undefined);
    const reverse = arms.map((arm, k) => {
      const params: (Node | Type)[] = [...arm.params, ...places, ...arm.seeds, ...handed.map((i) => arm.accumulators[i] as Node)];
      (residuals[k] as readonly Node[]).forEach((r, j) => {
        params[arm.params.length + ((placed[k] as number[])[j] as number)] = r;
      });
      return extract(`${n.consequent.name}◀`, params, outputs[k] as Node[], (b, results) => pack(b, results));
    }) as [Graph, Graph];
    const given = [
      ...args,
      ...kept,
      ...seeds.split(build, c, value),
      ...handed.map((i) => materialise(build, current(i + 1), args[i] as Node)),
    ];
    const adjoints = unpack(build, makeIf(build, condition as Node, reverse[0], reverse[1], given), touched.length);
    return touched.map((i, k) => ({ argument: i + 1, cotangent: adjoints[k], contains: handed.includes(i) }));
  };
  return { value, pullback };
}

/**
 * A loop runs forward with a stack per residual, pushing once a turn, and backward over the turns, reading them. What counts the
 * turns by a whole number is not kept.
 */
function forwardLoop(build: Builder, n: LoopNode, args: readonly Node[], active: readonly boolean[]): Forward {
  const { carried } = n;
  const moves = activeCarried(n, active);
  const body = n.body;
  const types = body.params.map((p) => p.type);
  const mask = types.map((_, i) => (i < carried ? Boolean(moves[i]) : Boolean(active[i])));
  const movers = moves.flatMap((m, i) => (m ? [i] : []));
  const pools = types.flatMap((_, i) => (i >= carried && mask[i] ? [i] : []));

  const seeds = seedsOf(n.type, new Set(movers));
  const open = openGraph(body.name, [...types, ...seeds.types, ...pools.map((i) => tangentType(types[i] as Type)), NUM], UNIT);
  const inner = new Builder();
  const params = open.params.slice(0, types.length);
  const seedParams = open.params.slice(types.length, types.length + seeds.types.length);
  const poolParams = open.params.slice(types.length + seeds.types.length, -1);
  const turn = open.params.at(-1) as Node;
  const accumulators = types.map((_, i) => (pools.includes(i) ? poolParams[pools.indexOf(i)] : undefined));
  const { result, adjoints } = joint(inner, body, params, mask, new Set(movers), () => seeds.join(seedParams), accumulators);
  const outputs = [...movers, ...pools].map((i) => materialise(inner, adjoints[i], params[i] as Node));

  const { counters, starts } = countersOf(inner, params, result, args.slice(0, carried), turn);
  const reverseOnly = new Set([...seedParams, ...poolParams]);
  const available = new Set([...params.slice(carried), ...counters.keys(), ...starts.keys()]);
  const { residuals } = partition(outputs, reverseOnly, available);

  const stacks = residuals.map((r) => arrayType(r.type));
  const counts = residuals.length === 0;
  const extra = counts ? [NUM] : stacks;
  const forwardParams = [...params.slice(0, carried), ...extra, ...params.slice(carried)];
  const forwardBody = extract(`${body.name}▶`, forwardParams, [result, ...residuals], (b, [next, ...kept], own) => {
    const pushed = counts ? [b.ops.add(own[carried] as Node, 1)] : kept.map((r, j) => b.update("arrayPush", [own[carried + j] as Node, r]));
    return b.tuple([...Array.from({ length: carried }, (_, i) => b.get(next as Node, i)), ...pushed]);
  });
  const testParams: (Node | Type)[] = [...n.test.params.slice(0, carried), ...extra, ...n.test.params.slice(carried)];
  const test = extract(n.test.name, testParams, [n.test.result as Node], (_, [r]) => r as Node);
  const empty = counts ? [build.constant(0)] : residuals.map((r) => build.arrayOf([], r.type));
  const whole = makeLoop(build, test, forwardBody, [...args.slice(0, carried), ...empty], args.slice(carried));
  const value = build.tuple(Array.from({ length: carried }, (_, i) => build.get(whole, i)));
  const kept = extra.map((_, j) => build.get(whole, carried + j));

  const pullback: Pullback = (c, current) => {
    const turns = counts ? (kept[0] as Node) : build.arrayLength(kept[0] as Node);
    const stackArgs = counts ? [] : kept;
    const state = [NUM, ...seeds.types, ...poolParams.map((p) => p.type)];
    const invariants = [...stackArgs.map((s) => s.type), ...types.slice(carried), ...[...starts].map(() => NUM)];
    const shell = openGraph(`${body.name}◀`, [...state, ...invariants], tupleType(state));
    const b = new Builder();
    const own = shell.params;
    const now = b.ops.sub(own[0] as Node, 1);
    const done = new Map<Node, Node>([[turn, now]]);
    for (const [j, seed] of seedParams.entries()) done.set(seed, own[1 + j] as Node);
    for (const [j, pool] of poolParams.entries()) done.set(pool, own[1 + seedParams.length + j] as Node);
    if (!counts) for (const [j, r] of residuals.entries()) done.set(r, b.arrayGet(own[state.length + j] as Node, now, true));
    for (const [j, p] of params.slice(carried).entries()) done.set(p, own[state.length + stackArgs.length + j] as Node);
    for (const [j, start] of [...starts.keys()].entries()) done.set(start, own[own.length - starts.size + j] as Node);
    for (const [param, counter] of counters) if (!done.has(param)) done.set(param, copyInto(b, [counter], done)[0] as Node);
    const back = closeGraph(shell, b.tuple([now, ...copyInto(b, outputs, done)]));
    const isLeft = extract("turns", [own[0] as Node, ...[...state.slice(1), ...invariants]], [own[0] as Node], (t, [left]) =>
      t.ops.gt(left as Node, 0),
    );
    const before = pools.map((i) => materialise(build, current(i), args[i] as Node));
    const initial = [turns, ...seeds.split(build, c, value), ...before];
    const end = makeLoop(build, isLeft, back, initial, [...stackArgs, ...args.slice(carried), ...starts.values()]);
    return [...movers, ...pools].map((i, k) => ({ argument: i, cotangent: build.get(end, k + 1), contains: pools.includes(i) }));
  };
  return { value, pullback };
}

interface Transformed {
  readonly forward: Graph;
  readonly reverse: Graph;
}

const transformed = new WeakMap<Graph, Map<string, Transformed>>();

/**
 * The two parts of a called graph, once per choice of active arguments: known before its body is visited, so recursion finds them.
 *
 *     forward(x…) → (y, residuals)      reverse(residuals, ȳ, accumulators…) → x̄… of the active arguments
 */
function transform(graph: Graph, active: readonly boolean[]): Transformed {
  const key = active.map(Number).join("");
  const known = transformed.get(graph) ?? new Map<string, Transformed>();
  transformed.set(graph, known);
  const before = known.get(key);
  if (before !== undefined) return before;
  const types = graph.params.map((p) => p.type);
  const name = openName();
  const residualType = namedType(name);
  const seeds = seedsOf(graph.resultType, "all");
  const chosen = types.flatMap((_, i) => (active[i] ? [i] : []));
  const handed = chosen.filter((i) => accumulates(types[i] as Type));
  const outTypes = chosen.map((i) => tangentType(types[i] as Type));
  const forward = openGraph(`${graph.name}▶`, types, tupleType([graph.resultType, residualType]), graph.span);
  const reverse = openGraph(
    `${graph.name}◀`,
    [residualType, ...seeds.types, ...handed.map((i) => tangentType(types[i] as Type))],
    outTypes.length === 1 ? (outTypes[0] as Type) : tupleType(outTypes),
    graph.span,
  );
  known.set(key, { forward, reverse });

  const arm = armOf(graph, active, "all", seeds);
  const outputs = chosen.map((i) => materialise(arm.build, arm.adjoints[i], arm.params[i] as Node));
  const reverseOnly = new Set([...arm.seeds, ...arm.accumulators.flatMap((a) => (a ? [a] : []))]);
  const { residuals } = partition(outputs, reverseOnly, new Set());
  name.definition = tupleType(residuals.map((r) => r.type));

  const f = new Builder();
  const [result, ...kept] = copyInto(f, [arm.result, ...residuals], new Map(arm.params.map((p, i) => [p, forward.params[i] as Node])));
  closeGraph(forward, f.tuple([result as Node, f.tuple(kept)]));
  const r = new Builder();
  const [given, ...rest] = reverse.params as [Node, ...Node[]];
  const done = new Map<Node, Node>(residuals.map((node, i) => [node, r.get(given, i)]));
  for (const [i, seed] of arm.seeds.entries()) done.set(seed, rest[i] as Node);
  for (const [k, i] of handed.entries()) done.set(arm.accumulators[i] as Node, rest[arm.seeds.length + k] as Node);
  closeGraph(reverse, pack(r, copyInto(r, outputs, done)));
  return { forward, reverse };
}

/** The reverse part of a graph that is computed again: `reverse(x…, ȳ, accumulators…) → x̄…` of the active arguments. */
function recomputed(graph: Graph, active: readonly boolean[]): Graph {
  const seeds = seedsOf(graph.resultType, "all");
  const arm = armOf(graph, active, "all", seeds);
  const outputs = arm.params.flatMap((p, i) => (active[i] ? [materialise(arm.build, arm.adjoints[i], p)] : []));
  const params = [...arm.params, ...arm.seeds, ...arm.accumulators.flatMap((a) => (a ? [a] : []))];
  return extract(`${graph.name}◀`, params, outputs, (b, results) => pack(b, results), graph.span);
}

function forwardCheckpoint(build: Builder, n: InvokeNode, args: readonly Node[], active: readonly boolean[]): Forward {
  const value = build.invoke(n.graph, args);
  const chosen = args.flatMap((_, i) => (active[i] ? [i] : []));
  const handed = chosen.filter((i) => accumulates((args[i] as Node).type));
  const pullback: Pullback = (c, current) => {
    const given = handed.map((i) => materialise(build, current(i), args[i] as Node));
    const back = build.invoke(recomputed(n.graph, active), [...args, materialise(build, c, value), ...given]);
    const adjoints = unpack(build, back, chosen.length);
    return chosen.map((i, k) => ({ argument: i, cotangent: adjoints[k], contains: handed.includes(i) }));
  };
  return { value, pullback };
}

function forwardInvoke(build: Builder, n: InvokeNode, args: readonly Node[], active: readonly boolean[]): Forward {
  if (n.graph.isCheckpoint) return forwardCheckpoint(build, n, args, active);
  const { forward, reverse } = transform(n.graph, active);
  const whole = build.invoke(forward, args);
  const value = build.get(whole, 0);
  const chosen = args.flatMap((_, i) => (active[i] ? [i] : []));
  const handed = chosen.filter((i) => accumulates((args[i] as Node).type));
  const pullback: Pullback = (c, current) => {
    const given = handed.map((i) => materialise(build, current(i), args[i] as Node));
    const back = build.invoke(reverse, [build.get(whole, 1), materialise(build, c, value), ...given]);
    const adjoints = unpack(build, back, chosen.length);
    return chosen.map((i, k) => ({ argument: i, cotangent: adjoints[k], contains: handed.includes(i) }));
  };
  return { value, pullback };
}
